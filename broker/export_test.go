package broker

import "github.com/bongsu/bongsu/broker/health"

// GossipAddress is where this node listens to others, UDP and TCP.
func (b *Broker) GossipAddress() string {
	for _, m := range b.peer.Members() {
		if m.Self {
			return m.Addr.String()
		}
	}
	return ""
}

// Board is what this node knows of its providers.
func (b *Broker) Board() *health.Board { return b.board }
