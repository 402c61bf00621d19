package broker

import (
	"context"
	"crypto/ed25519"
	"encoding/json"

	"github.com/bongsu/bongsu/broker/handoff"
	"github.com/bongsu/bongsu/broker/health"
	"github.com/bongsu/bongsu/broker/peer"
	"github.com/bongsu/bongsu/keys"
)

// GossipAddress is where this node listens to others, UDP and TCP.
func (b *Broker) GossipAddress() string {
	for _, m := range b.peer.Members() {
		if m.Self {
			return m.Addr.String()
		}
	}
	return ""
}

// CountUnfinished counts the logins whose time is over, as the node does once a
// minute.
func (b *Broker) CountUnfinished() { b.metrics.unfinished.count() }

// Wire is how this node asks others.
func (b *Broker) Wire() *peer.Wire { return b.wire }

// KeepKeys does once what the node does every half minute with its signing keys.
func (b *Broker) KeepKeys(ctx context.Context) error { return b.signing.Keep(ctx) }

// SignsWith is an ID token of the node.
func (b *Broker) SignsWith(a keys.Algorithm) (string, error) {
	return b.signing.Sign(keys.IDToken, a, []byte(`{"iss":"https://login.nation.test"}`))
}

// Takes reports whether the node takes an ID token for one of ours.
func (b *Broker) Takes(token string) bool {
	_, err := b.signing.Verify(keys.IDToken, token)
	return err == nil
}

// SigningKeys are the kids of the keys that this node knows.
func (b *Broker) SigningKeys() []string {
	var kids []string
	for _, k := range b.signing.Keys() {
		kids = append(kids, k.KeyID)
	}
	return kids
}

// PeerAddress is where a node says that it can be asked.
func (b *Broker) PeerAddress(node string) (string, bool) { return b.peerAddress(node) }

// Identities are those of all sites, this one's included.
func (b *Broker) Identities() map[string][]ed25519.PublicKey {
	all := b.config.Identities()
	all[b.config.Site] = []ed25519.PublicKey{b.signing.Identity()}
	return all
}

// Board is what this node knows of its providers.
func (b *Broker) Board() *health.Board { return b.board }

// Explain returns every number behind the verdict on a provider, as JSON; false
// when there is no such provider.
func (b *Broker) Explain(provider string) (string, bool) {
	found, ok := b.board.Explain(provider)
	if !ok {
		return "", false
	}
	text, err := json.Marshal(found)
	return string(text), err == nil
}

// Neighbours are the other sites that this node believes to live, and where they are.
func (b *Broker) Neighbours() []handoff.Target { return b.neighbours() }
