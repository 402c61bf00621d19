package broker

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/bongsu/bongsu/broker/borrow"
	"github.com/bongsu/bongsu/broker/cluster"
	"github.com/bongsu/bongsu/broker/peer"
)

// tidings are what this node tells of itself beside its name, as JSON. Whoever
// reads it passes over what it does not know.
type tidings struct {
	// Peers is where the node can be asked, "host:port"; without a host it is
	// where gossip reaches it.
	Peers string `json:"peers,omitempty"`
}

// openPeers lets other nodes ask this one, and it them. Whoever is to answer
// something adds its handler to the wire before the node runs.
func (b *Broker) openPeers(ctx context.Context) error {
	how := b.config.Peers
	if how == nil || b.config.Gossip == nil {
		return nil
	}
	allow := b.config.Gossip.Allow
	if len(allow) == 0 {
		allow = cluster.Private()
	}
	o := peer.Options{
		Self: peer.Node{Site: b.config.Site, Node: b.node()}, Listen: how.Listen, Allow: allow,
		Keys: b.signing, Address: b.peerAddress,
		Now: b.options.Now, Logger: b.logger, Registerer: b.metrics.registry,
	}
	if b.options.Peers != nil {
		b.options.Peers(&o)
	}
	wire, err := peer.Open(ctx, o)
	if err != nil {
		return err
	}
	b.wire = wire
	b.onClose("hang up on other nodes", wire.Close)
	wire.Handle(servedQuestion, b.answerServed)
	return nil
}

// catchUpWithin bounds how long a node that starts is not ready because it asks
// its peers what they were told while it was away.
const catchUpWithin = 2 * time.Second

// openBorrow has the nodes ask each other for negative facts that the store has
// not heard of.
func (b *Broker) openBorrow(context.Context) error {
	b.caughtUp = make(chan struct{})
	if b.wire == nil {
		close(b.caughtUp)
		return nil
	}
	var err error
	b.borrow, err = borrow.New(borrow.Options{
		Facts: b.negative, Nodes: b.others, Logger: b.logger,
		Ask: func(ctx context.Context, node string, body []byte) ([]byte, error) {
			return b.wire.Ask(ctx, node, borrow.Question, body)
		},
	})
	if err != nil {
		return err
	}
	b.wire.Handle(borrow.Question, func(ctx context.Context, _ peer.Node, body []byte) ([]byte, error) {
		return b.borrow.Answer(ctx, body)
	})
	if len(b.config.Gossip.Seeds) == 0 {
		close(b.caughtUp) // it knows nobody whom it could ask
	}
	return nil
}

// others are the nodes that this one can ask.
func (b *Broker) others() []borrow.Node {
	var nodes []borrow.Node
	for _, m := range b.peer.Members() {
		if _, ok := askedAt(m); ok && !m.Self {
			nodes = append(nodes, borrow.Node{Name: m.Name, Site: m.Site})
		}
	}
	return nodes
}

// catchUp asks the peers once what they were told while this node was away, as
// soon as gossip has found any. Until then the node is not ready: what it would
// serve could be void everywhere else. It waits for nobody: when two seconds have
// passed it is ready, with what its own log and the store say, so that no peer
// keeps a node from serving (P10).
func (b *Broker) catchUp(ctx context.Context) {
	select {
	case <-b.caughtUp:
		return
	default:
	}
	defer close(b.caughtUp)
	ctx, cancel := context.WithTimeout(ctx, catchUpWithin)
	defer cancel()
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for len(b.others()) == 0 {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
	}
	b.borrow.Once(ctx)
}

// isCaughtUp reports whether peers were asked since the start, or the time for it
// is over.
func (b *Broker) isCaughtUp() bool {
	select {
	case <-b.caughtUp:
		return true
	default:
		return false
	}
}

// tidings is what gossip tells the others of this node.
func (b *Broker) tidings() ([]byte, error) {
	if b.wire == nil {
		return nil, nil
	}
	at := b.config.Peers.Advertise
	if at == "" {
		at = b.wire.Address()
		if listening, err := netip.ParseAddrPort(at); err == nil && listening.Addr().IsUnspecified() {
			at = fmt.Sprintf(":%d", listening.Port())
		}
	}
	return json.Marshal(tidings{Peers: at})
}

// peerAddress returns where a node says that it can be asked; false: gossip does
// not know it, or it cannot be. Nobody is believed to be there before they have
// shown who they are.
func (b *Broker) peerAddress(node string) (string, bool) {
	if b.peer == nil {
		return "", false
	}
	m, ok := b.peer.Member(node)
	if !ok {
		return "", false
	}
	return askedAt(m)
}

func askedAt(m cluster.Member) (string, bool) {
	var said tidings
	if err := json.Unmarshal(m.Meta, &said); err != nil {
		return "", false
	}
	host, port, err := net.SplitHostPort(said.Peers)
	if err != nil || port == "" {
		return "", false
	}
	if host == "" {
		host = m.Addr.Addr().String()
	}
	return net.JoinHostPort(host, port), true
}
