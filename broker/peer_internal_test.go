package broker

import (
	"net/netip"
	"testing"

	"github.com/bongsu/bongsu/broker/cluster"
)

// Where a node can be asked is what it says, at its address of gossip if it names
// no other, and nowhere if it says nothing that can be understood.
func TestWhereANodeIsAsked(t *testing.T) {
	for meta, want := range map[string]string{
		`{"peers":"10.0.0.1:7947"}`:              "10.0.0.1:7947",
		`{"peers":"seoul-1.example.kr:7947"}`:    "seoul-1.example.kr:7947",
		`{"peers":":7947"}`:                      "10.9.9.9:7947",
		`{"peers":"[2001:db8::1]:1","more":[1]}`: "[2001:db8::1]:1",
		`{"peers":"10.0.0.1"}`:                   "",
		`{"peers":"10.0.0.1:"}`:                  "",
		`{"peers":""}`:                           "",
		`{"peers":7947}`:                         "",
		`{}`:                                     "",
		`nonsense`:                               "",
		``:                                       "",
	} {
		got, ok := askedAt(cluster.Member{Meta: []byte(meta), Addr: netip.MustParseAddrPort("10.9.9.9:7946")})
		if got != want || ok != (want != "") {
			t.Errorf("%s: %q, %v, want %q", meta, got, ok, want)
		}
	}
}
