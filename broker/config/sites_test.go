package config

import (
	"crypto/ed25519"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/keys"
)

const (
	seoulOld = "ed25519:CEWkqaDgXKIcAuWWSONT4sL8QdCYZfZK5wOnwvqs1u8"
	seoulNew = "ed25519:11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
	busanKey = "ed25519:mFiAMgNHdyuwBzMWvuQKrvSKdG7OLSU_F8YQd6G6nQw"
)

// What several sites are told about each other is taken over as it is written.
func TestSeveralSites(t *testing.T) {
	text := strings.Replace(minimal, "{id: kakao,", "{domains: [kakao, pangyo], ceiling: 2.5, probes: [], id: kakao,", 1)
	c, err := loadText(t, text+`
node: seoul-1.example.kr
admin: 127.0.0.1:9090
sites:
  - name: busan
    identities: [`+busanKey+`]
  - name: seoul
    identities: [`+seoulOld+`, `+seoulNew+`]
gossip:
  listen: "[::]:7947"
  advertise: seoul-1.example.kr:7947
  label: trial
  seeds: [busan-1.example.kr:7946, "[2001:db8::1]:7946", srv:_bongsu._udp.example.kr]
  allow: [10.0.0.0/8, "2001:db8::/32"]
  keys: |
    Z29zc2lwLWtleS1udW1iZXItb25lLW9mLTMyYnl0ZXM=

    Z29zc2lwLWtleS1udW1iZXItdHdvLW9mLTMyYnl0ZXM=
peers:
  advertise: seoul-1.example.kr:7948
operators:
  - name: ops
    secret_file: secrets/shop.secret
    secret_hashes: ["sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"]
health:
  canaries: [https://www.example.org/]
  probes: false
sessions: {outage_ceiling: 1d}
`)
	if err != nil {
		t.Fatal(err)
	}
	hash, err := client.ParseHash("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")
	if err != nil {
		t.Fatal(err)
	}
	type part struct {
		Node      string
		Sites     []Site
		Gossip    *Gossip
		Peers     *Peers
		Operators []Operator
		Health    Health
		Sessions  Sessions
		Domains   []string
		Ceiling   float64
		Probes    []string
	}
	p := c.Providers[0]
	got := part{c.Node, c.Sites, c.Gossip, c.Peers, c.Operators, c.Health, c.Sessions, p.Domains, p.Ceiling, p.Probes}
	want := part{
		Node: "seoul-1.example.kr",
		Sites: []Site{
			{"busan", nil, []ed25519.PublicKey{identityOf(t, busanKey)}},
			{"seoul", nil, []ed25519.PublicKey{identityOf(t, seoulOld), identityOf(t, seoulNew)}},
		},
		Gossip: &Gossip{
			Listen: "[::]:7947", Advertise: "seoul-1.example.kr:7947", Label: "trial",
			Seeds: []string{"busan-1.example.kr:7946", "[2001:db8::1]:7946", "srv:_bongsu._udp.example.kr"},
			Allow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")},
			Keys:  [][]byte{[]byte("gossip-key-number-one-of-32bytes"), []byte("gossip-key-number-two-of-32bytes")},
		},
		Peers:     &Peers{Listen: "0.0.0.0:7947", Advertise: "seoul-1.example.kr:7948"},
		Operators: []Operator{{"ops", [][32]byte{client.HashSecret(shopSecret), hash}}},
		Health:    Health{Canaries: []string{"https://www.example.org/"}},
		Sessions:  Sessions{Idle: 12 * time.Hour, Lifetime: 168 * time.Hour, OutageCeiling: 24 * time.Hour},
		Domains:   []string{"kakao", "pangyo"}, Ceiling: 2.5, Probes: []string{},
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Of the sites only those of others must be known by an identity: this one's is
// in the store, and has to be read from there before it can be written down.
func TestSitesBeforeTheyKnowEachOther(t *testing.T) {
	tests := []struct {
		name, sites string
		ok          bool
	}{
		{"none listed", "", true},
		{"this site alone, without an identity", "sites: [{name: seoul}]", true},
		{"this site without an identity among others", "sites: [{name: seoul}, {name: busan, identities: [" + busanKey + "]}]", true},
		{"another site without an identity", "sites: [{name: seoul, identities: [" + seoulOld + "]}, {name: busan}]", false},
		{"only another site", "sites: [{name: busan, identities: [" + busanKey + "]}]", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := loadText(t, minimal+tt.sites); (err == nil) != tt.ok {
				t.Errorf("Load: %v", err)
			}
		})
	}
}

// A provider of somebody's own shares its fate with no other of its kind.
func TestDomains(t *testing.T) {
	c, err := loadText(t, minimal+`  - {id: company, kind: openid, issuer: https://id.example.kr, client_id: a, client_secret_file: secrets/company.secret}
`)
	if err != nil {
		t.Fatal(err)
	}
	got := [][]string{c.Providers[0].Domains, c.Providers[1].Domains}
	if diff := cmp.Diff([][]string{{"kakao"}, {"company"}}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if c.Providers[0].Probes != nil || c.Providers[0].Ceiling != 0 {
		t.Errorf("probes %v, ceiling %v, want all and none", c.Providers[0].Probes, c.Providers[0].Ceiling)
	}
}

// named is a machine with a name of its own.
type named struct {
	nowhere

	host string
}

func (n named) hostname() (string, error) {
	if n.host == "" {
		return "", os.ErrNotExist
	}
	return n.host, nil
}

// A node is called as its machine is, if that is a name for a node.
func TestNodeName(t *testing.T) {
	tests := []struct {
		host, written, want string // want is empty if there is no such name
	}{
		{"seoul-1", "", "seoul-1"},
		{"Seoul-1.example.kr", "", "seoul-1.example.kr"},
		{"seoul-1", "seoul-2", "seoul-2"},
		{"seoul_1", "", ""},
		{"", "", ""},
		{"seoul-1", "Seoul-2", ""},
		{"seoul-1", strings.Repeat("a", 65), ""},
		{"seoul-1", "seoul/2", ""},
	}
	for _, tt := range tests {
		doc, err := parse("bongsu.yaml", nil)
		if err != nil {
			t.Fatal(err)
		}
		c := checker{document: doc, file: &file{Node: tt.written}, outside: named{host: tt.host}, config: &Config{}}
		c.node()
		if got := c.config.Node; len(doc.problems) == 0 && got != tt.want || len(doc.problems) != 0 && tt.want != "" {
			t.Errorf("on %q, written %q: %q, %v", tt.host, tt.written, got, doc.problems)
		}
	}
}

func identityOf(t *testing.T, text string) ed25519.PublicKey {
	t.Helper()
	public, err := keys.ParseIdentity(text)
	if err != nil {
		t.Fatal(err)
	}
	return public
}
