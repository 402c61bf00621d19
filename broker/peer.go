package broker

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"

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
	wire, err := peer.Open(ctx, peer.Options{
		Self: peer.Node{Site: b.config.Site, Node: b.node()}, Listen: how.Listen, Allow: allow,
		Keys: b.signing, Address: b.peerAddress,
		Now: b.options.Now, Logger: b.logger, Registerer: b.metrics.registry,
	})
	if err != nil {
		return err
	}
	b.wire = wire
	b.onClose("hang up on other nodes", wire.Close)
	return nil
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
