package broker_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"sync"
	"testing"

	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/broker/cluster"
	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/broker/peer"
	"github.com/bongsu/bongsu/keys"
	"github.com/bongsu/bongsu/keys/keystest"
	"github.com/bongsu/bongsu/keys/wrap"
)

// withPeers has the nodes of threeSites ask each other things.
func withPeers(cfg *config.Config) { cfg.Peers = &config.Peers{Listen: "127.0.0.1:0"} }

// telephones opens the wire of a node of another site until the test ends. It
// finds others by the member, who tells where it is.
func telephones(t *testing.T, n *brokertest.Node, ring *keys.Ring, self peer.Node, handlers map[string]peer.Handler) *peer.Wire {
	t.Helper()
	var by *member
	wire, err := peer.Open(t.Context(), peer.Options{Self: self, Listen: "127.0.0.1:0", Keys: ring, Address: func(node string) (string, bool) {
		m, ok := by.Member(node)
		if !ok {
			return "", false
		}
		var said struct{ Peers string }
		must(t, json.Unmarshal(m.Meta, &said))
		return said.Peers, true
	}})
	must(t, err)
	for name, h := range handlers {
		wire.Handle(name, h)
	}
	by = joins(t, n, self.String(), func(o *cluster.Options) { o.Meta = []byte(`{"peers":"` + wire.Address() + `","more":1}`) })
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	running.Go(func() { wire.Run(ctx) })
	t.Cleanup(func() {
		stop()
		running.Wait()
		must(t, wire.Close())
	})
	return wire
}

// elsewhere is a site whose nodes are played.
type elsewhere struct {
	site  string
	store *keystest.Store
	wrap  *wrap.Key
}

func another(t *testing.T, site string) *elsewhere {
	t.Helper()
	text, err := wrap.Generate(rand.Reader)
	must(t, err)
	key, err := wrap.Parse(text)
	must(t, err)
	return &elsewhere{site: site, store: keystest.NewStore(), wrap: key}
}

// ring opens the ring of a node that believes the given sites.
func (e *elsewhere) ring(t *testing.T, known map[string][]ed25519.PublicKey) *keys.Ring {
	t.Helper()
	ring, err := keys.Open(t.Context(), keys.Options{
		Issuer: "http://localhost", Site: e.site, Store: e.store, Wrap: e.wrap, Algorithms: []keys.Algorithm{keys.EdDSA},
		SiteIdentities: known,
	})
	must(t, err)
	return ring
}

func (e *elsewhere) public(t *testing.T) ed25519.PublicKey {
	t.Helper()
	return e.ring(t, nil).Identity()
}

// Nodes of different sites find each other by gossip and ask each other things,
// when the identities of their sites say that it is they.
func TestNodesAskEachOther(t *testing.T) {
	busan := another(t, "busan")
	_, jeju := siteKeys(t, "jeju")
	n, _ := operated(t, threeSites(busan.public(t), jeju), withPeers)
	asked := make(chan peer.Node, 1)
	echo := map[string]peer.Handler{"echo": func(_ context.Context, from peer.Node, body []byte) ([]byte, error) {
		asked <- from
		return body, nil
	}}
	wire := telephones(t, n, busan.ring(t, n.Broker.Identities()), peer.Node{Site: "busan", Node: "b-1"}, echo)
	eventually(t, "the node knows where to ask", func() bool { _, ok := n.Broker.PeerAddress("busan/b-1"); return ok })
	answer, err := n.Broker.Wire().Ask(t.Context(), "busan/b-1", "echo", []byte("hello"))
	if err != nil || string(answer) != "hello" {
		t.Fatalf("asked: %q, %v", answer, err)
	}
	from := <-asked
	if from.String() != "seoul/seoul-1" {
		t.Errorf("asked by %s", from)
	}
	_, err = wire.Ask(t.Context(), from.String(), "echo", nil)
	if !errors.Is(err, peer.ErrUndelivered) {
		t.Errorf("a question that the node does not take: %v", err)
	}
}
