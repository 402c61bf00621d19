package broker_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/admin"
	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/broker/cluster"
	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/broker/health"
	"github.com/bongsu/bongsu/keys"
	"github.com/bongsu/bongsu/keys/keystest"
	"github.com/bongsu/bongsu/keys/wrap"
	"github.com/bongsu/bongsu/providers"
)

// gossipKey is a key of the pool, the same for the same name.
func gossipKey(name string) []byte {
	sum := sha256.Sum256([]byte(name))
	return sum[:]
}

// siteKeys are another site's keys, and what the site is known by.
func siteKeys(t *testing.T, site string) (*keys.Ring, ed25519.PublicKey) {
	t.Helper()
	text, err := wrap.Generate(rand.Reader)
	must(t, err)
	key, err := wrap.Parse(text)
	must(t, err)
	store := keystest.NewStore()
	ring, err := keys.Open(t.Context(), keys.Options{
		Issuer: "http://localhost", Site: site, Store: store, Wrap: key, Algorithms: []keys.Algorithm{keys.EdDSA},
	})
	must(t, err)
	records, err := store.SiteIdentities(t.Context(), site)
	must(t, err)
	return ring, records[0].Public
}

// threeSites configures the sites and gossip of seoul, whose other sites are
// busan and jeju.
func threeSites(busan, jeju ed25519.PublicKey) func(*config.Config) {
	return func(cfg *config.Config) {
		cfg.Sites = []config.Site{
			{Name: "seoul"}, {Name: "busan", Identities: []ed25519.PublicKey{busan}}, {Name: "jeju", Identities: []ed25519.PublicKey{jeju}},
		}
		cfg.Gossip = &config.Gossip{Listen: "127.0.0.1:0", Label: "bongsu", Keys: [][]byte{gossipKey("pool")}}
	}
}

// member is somebody who speaks with a node by gossip, rightly or not.
type member struct {
	*cluster.Peer

	health, hints *cluster.Channel
}

// ear is the owner of a channel who remembers what was heard and passes nothing on.
type ear struct {
	mu    sync.Mutex
	heard [][]byte
}

// Merge implements [cluster.State].
func (e *ear) Merge(message []byte) (bool, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.heard = append(e.heard, message)
	return false, nil
}

// Messages implements [cluster.State].
func (e *ear) Messages() [][]byte { return nil }

// joins opens a member that joins the node until the test ends.
func joins(t *testing.T, n *brokertest.Node, name string, changes ...func(*cluster.Options)) *member {
	t.Helper()
	o := cluster.Options{
		Name: name, Sites: []string{"seoul", "busan", "jeju", "osaka"}, Label: "bongsu", Keys: [][]byte{gossipKey("pool")},
		Listen: "127.0.0.1:0", Seeds: []string{n.Broker.GossipAddress()},
	}
	for _, change := range changes {
		change(&o)
	}
	peer, err := cluster.Open(o)
	must(t, err)
	m := &member{Peer: peer, health: peer.Add("health", &ear{}), hints: peer.Add("hints", &ear{})}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan struct{})
	go func() {
		defer close(done)
		peer.Run(ctx)
	}()
	t.Cleanup(func() {
		stop()
		<-done
		if err := peer.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// says is what a node of a site says of p, as one that has seen it: a signed
// record. The moment is when the clock of that node stands.
func says(t *testing.T, site, node string, state health.State, at time.Time, sign func([]byte) ([]byte, error)) []byte {
	t.Helper()
	var said []byte
	now := at.Add(-20 * time.Second)
	board, err := health.New(health.Options{
		Site: site, Node: node, Sites: []string{"seoul", "busan", "jeju", "osaka"},
		Providers: []health.ProviderInfo{{ID: "p", Domains: []string{"p"}}},
		Sign:      sign, Now: func() time.Time { return now }, Incarnation: uint64(at.UnixNano()),
	})
	must(t, err)
	board.SetBroadcast(func(message []byte) { said = message })
	outcome := providers.OK
	if state == health.Down {
		outcome = providers.Down
	}
	for range 4 {
		now = now.Add(5 * time.Second)
		board.Probed(providers.Probed{Provider: "p", Level: providers.LevelToken, Step: providers.StepToken, Outcome: outcome})
		board.Tick()
	}
	if got := board.Snapshot().Of("p").State; got != state || said == nil {
		t.Fatalf("the witness holds %s", got)
	}
	return said
}

// signedBy signs health records as a site does.
func signedBy(ring *keys.Ring) func([]byte) ([]byte, error) {
	return func(message []byte) ([]byte, error) { return ring.SignNews("health record", message) }
}

// tally is the value of a counter of the node, of the one series that has all
// of the labels, written label="value".
func tally(t *testing.T, n *brokertest.Node, name string, labels ...string) int {
	t.Helper()
	for line := range strings.Lines(string(n.AskAdmin("/metrics").Body)) {
		text, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if metric, rest, _ := strings.Cut(text, "{"); metric != name || !holdsAll(rest, labels) {
			continue
		}
		number, err := strconv.ParseFloat(value, 64)
		must(t, err)
		return int(number)
	}
	t.Fatalf("there is no %s with %v", name, labels)
	return 0
}

func holdsAll(text string, parts []string) bool {
	for _, part := range parts {
		if !strings.Contains(text, part) {
			return false
		}
	}
	return true
}

// heardOf is how the node sees a site's stand on p, and how many of its nodes
// say anything.
func heardOf(t *testing.T, operator *admin.Client, site string) (health.State, int) {
	t.Helper()
	for _, v := range held(t, operator, "p").Global.Votes {
		if v.Site == site {
			return v.State, len(v.Nodes)
		}
	}
	t.Fatalf("%s is no site", site)
	return 0, 0
}

// reason is a label of what gossip drops.
func reason(why string) string { return fmt.Sprintf("reason=%q", why) }

// result is a label of what becomes of health records.
func result(what string) string { return fmt.Sprintf("result=%q", what) }
