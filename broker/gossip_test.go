package broker

import (
	"slices"
	"testing"

	"github.com/bongsu/bongsu/broker/cluster"
)

// Of the nodes of a site one asks for all: the first by name of those that its
// site vouches for. Who holds the gossip key alone cannot take its place and be
// silent (AB-62).
func TestWhoLeads(t *testing.T) {
	tests := []struct {
		name    string
		members []string // "site/node"
		heard   []string // whose signed records are fresh
		want    bool
	}{
		{"alone", []string{"seoul/b"}, nil, true},
		{"the first of two", []string{"seoul/b", "seoul/c"}, []string{"seoul/c"}, true},
		{"the second of two", []string{"seoul/a", "seoul/b"}, []string{"seoul/a"}, false},
		{"a first that has said nothing yet", []string{"seoul/a", "seoul/b"}, nil, true},
		{"a first that is gone", []string{"seoul/b"}, []string{"seoul/a"}, true},
		{"the first of another site", []string{"busan/a", "seoul/b"}, []string{"busan/a"}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var members []cluster.Member
			for _, name := range tt.members {
				members = append(members, cluster.Member{Name: name, Site: name[:5], Node: name[6:]})
			}
			hears := func(site, node string) bool { return slices.Contains(tt.heard, site+"/"+node) }
			if got := first("seoul", "b", members, hears); got != tt.want {
				t.Errorf("leads: %v", got)
			}
		})
	}
}
