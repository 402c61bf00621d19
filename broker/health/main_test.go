package health

import (
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bongsu/bongsu/broker/device"
	"github.com/bongsu/bongsu/providers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// clock is virtual time.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

// identities are the keys that were asked for: they are for every message.
var identities sync.Map

// identity is a site's key, the same for the same name.
func identity(site string) ed25519.PrivateKey {
	if made, ok := identities.Load(site); ok {
		return made.(ed25519.PrivateKey)
	}
	seed := sha256.Sum256([]byte("identity of " + site))
	made, _ := identities.LoadOrStore(site, ed25519.NewKeyFromSeed(seed[:]))
	return made.(ed25519.PrivateKey)
}

func signBy(site string) func([]byte) ([]byte, error) {
	return func(m []byte) ([]byte, error) { return ed25519.Sign(identity(site), m), nil }
}

func verify(site string, message, signature []byte) bool {
	return ed25519.Verify(identity(site).Public().(ed25519.PublicKey), message, signature)
}

// node is a board in virtual time.
type node struct {
	*Board
	*clock
	t        testing.TB
	hurried  map[string]int
	changes  []Transition
	sent     [][]byte
	infos    []ProviderInfo
	peers    []*node // whoever hears its broadcasts at once
	deafness bool    // it neither hears nor is heard
}

func infos(ids ...string) []ProviderInfo {
	var list []ProviderInfo
	for _, id := range ids {
		list = append(list, ProviderInfo{ID: id, Domains: []string{id}})
	}
	return list
}

// at returns a board of one node of a site, among sites, with Kakao and Naver.
func at(t testing.TB, c *clock, site, name string, sites ...string) *node {
	t.Helper()
	return with(t, c, Options{Site: site, Node: name, Sites: sites, Providers: infos("kakao", "naver")})
}

func with(t testing.TB, c *clock, o Options) *node {
	t.Helper()
	n := &node{clock: c, t: t, hurried: make(map[string]int), infos: o.Providers}
	o.Now = c.Now
	o.Sign, o.Verify = signBy(o.Site), verify
	o.Suspect = func(p string) { n.hurried[p]++ }
	o.Changed = func(tr Transition) { n.changes = append(n.changes, tr) }
	b, err := New(o)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	n.Board = b
	b.SetBroadcast(func(m []byte) {
		n.sent = append(n.sent, m)
		for _, p := range n.peers {
			if !n.deafness && !p.deafness {
				if _, err := p.Merge(m); err != nil {
					t.Errorf("%s refuses a record of %s: %v", p.o.Node, n.o.Node, err)
				}
			}
		}
	})
	return n
}

// connect lets nodes hear each other.
func connect(nodes ...*node) []*node {
	for _, n := range nodes {
		for _, p := range nodes {
			if p != n {
				n.peers = append(n.peers, p)
			}
		}
	}
	return nodes
}

// pass lets seconds go by for nodes with one clock; each is called before every
// evaluation.
func pass(nodes []*node, seconds int, each func(second int)) {
	for i := range seconds {
		nodes[0].now = nodes[0].now.Add(time.Second)
		if each != nil {
			each(i)
		}
		for _, n := range nodes {
			n.Tick()
		}
	}
}

// settle passes seconds in which n logins a second at one node have an outcome.
func (n *node) pass(seconds int, each func(second int)) { pass([]*node{n}, seconds, each) }

// called is n token calls.
func (n *node) called(provider string, outcome providers.Outcome, calls int) {
	n.ObserveMany(Observation{
		Provider: provider, Step: providers.StepToken, Outcome: outcome,
		Took: 120 * time.Millisecond, Device: device.Mobile,
	}, calls)
}

// probe is one probe's answer.
func (n *node) probe(provider string, level providers.Level, outcome providers.Outcome) {
	step := map[providers.Level]providers.Step{
		providers.LevelReach: providers.StepReach, providers.LevelMetadata: providers.StepMetadata,
		providers.LevelAuthorize: providers.StepAuthorize, providers.LevelToken: providers.StepToken,
	}[level]
	n.Probed(providers.Probed{Provider: provider, Level: level, Step: step, Outcome: outcome, Took: 80 * time.Millisecond})
}

// holds fails unless the node's verdict is what is wanted.
func (n *node) holds(provider string, state State, cause Cause) {
	n.t.Helper()
	v := n.Snapshot().Of(provider)
	if v.State != state || v.Cause != cause {
		n.t.Errorf("%s/%s at %s holds %s to be %s %q (weight %.2f), want %s %q",
			n.o.Site, n.o.Node, n.now.Format(time.TimeOnly), provider, v.State, v.Cause, v.Weight, state, cause)
	}
	if v.Weight <= 0 || v.Weight > 1 {
		n.t.Errorf("%s has weight %v", provider, v.Weight)
	}
}

// rumour is a signed record of a node elsewhere that says a state of providers.
type rumour struct {
	site, node  string
	incarnation uint64
	sequence    uint64
	issued      time.Time
	states      map[string]State
	key         ed25519.PrivateKey // nil: the site's own
	change      func(*record)
}

func (r rumour) message() []byte {
	rec := record{site: r.site, node: r.node, incarnation: r.incarnation, sequence: r.sequence, issued: uint32(r.issued.Unix())}
	for id, state := range r.states {
		rec.entries = append(rec.entries, entry{name: nameOf(id), state: state})
	}
	slices.SortFunc(rec.entries, func(a, b entry) int { return int(int64(a.name) - int64(b.name)) })
	if r.change != nil {
		r.change(&rec)
	}
	body := rec.append(nil)
	key := r.key
	if key == nil {
		key = identity(r.site)
	}
	return append(body, ed25519.Sign(key, body)...)
}

// hears merges a rumour that must be news.
func (n *node) hears(r rumour) {
	n.t.Helper()
	if r.issued.IsZero() {
		r.issued = n.now
	}
	if news, err := n.Merge(r.message()); err != nil || !news {
		n.t.Errorf("Merge of %s/%s %d.%d: news %t, %v", r.site, r.node, r.incarnation, r.sequence, news, err)
	}
}

func numbered(i int) string { return fmt.Sprintf("%04d", i) }
