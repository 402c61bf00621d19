package broker

import (
	"context"
	"fmt"
	"log/slog"
	"slices"

	"github.com/bongsu/bongsu/broker/cluster"
	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/broker/hint"
	"github.com/bongsu/bongsu/broker/store"
)

// newsHint is the purpose that the site's identity signs hints for.
const newsHint = "hint"

// openGossip lets this node tell others what it sees, and hear them. A node that
// is to speak with no other runs the same code and is heard by nobody.
func (b *Broker) openGossip(context.Context) error {
	hints, err := hint.New(hint.Options{
		Site: b.config.Site,
		Sign: func(message []byte) ([]byte, error) { return b.signing.SignNews(newsHint, message) },
		Verify: func(site string, message, signature []byte) bool {
			return b.signing.VerifyNews(site, newsHint, message, signature)
		},
		Doubter: doubter{b}, Waiting: b.negative.Waiting,
		Now: b.options.Now, Logger: b.logger, Registerer: b.metrics.registry,
	})
	if err != nil {
		return err
	}
	b.hints = hints
	how := b.config.Gossip
	if how == nil {
		return nil
	}
	meta, err := b.tidings()
	if err != nil {
		return err
	}
	o := cluster.Options{
		Name: b.config.Site + "/" + b.node(), Sites: b.siteNames(), Label: how.Label,
		Listen: how.Listen, Advertise: how.Advertise, Seeds: how.Seeds, Allow: how.Allow, Keys: how.Keys,
		Meta: meta, Logger: b.logger, Registerer: b.metrics.registry,
	}
	if b.options.Gossip != nil {
		b.options.Gossip(&o)
	}
	peer, err := cluster.Open(o)
	if err != nil {
		return err
	}
	b.peer = peer
	b.onClose("leave gossip", peer.Close)
	b.board.SetBroadcast(peer.Add("health", b.board).Broadcast)
	b.hints.SetBroadcast(peer.Add("hints", b.hints).Broadcast)
	return nil
}

// admitsGossipKeys returns nil if the node may encrypt gossip with the keys of another
// configuration, as far as the other nodes are known to follow.
func (b *Broker) admitsGossipKeys(next *config.Gossip) error {
	if b.peer == nil || next == nil {
		return nil
	}
	if err := b.peer.Admits(next.Keys); err != nil {
		return fmt.Errorf("gossip.keys: a new key goes last at every node, then first at every node, then alone: %w", err)
	}
	return nil
}

// holdGossipKeys takes the keys over that were admitted. Where that fails, another node
// has changed its own in between, and the next reload does it; or no other took note,
// and hears of it with the next exchange of everything.
func (b *Broker) holdGossipKeys(ctx context.Context, next *config.Gossip) {
	if b.peer == nil || next == nil {
		return
	}
	if err := b.peer.Hold(ctx, next.Keys); err != nil {
		b.logger.LogAttrs(ctx, slog.LevelWarn, "gossip keys are not changed yet, or no other node has taken note",
			slog.String("event", "gossip.keys_untold"), slog.Any("error", err))
	}
}

// doubter is who obeys hints. What the store has not heard of it does not tell
// either: those who know are asked.
type doubter struct{ b *Broker }

// Doubt implements [hint.Doubter].
func (d doubter) Doubt(kind store.FactKind, id string, revision int64) {
	d.b.negative.Doubt(kind, id, revision)
	if revision == 0 && d.b.borrow != nil {
		d.b.borrow.Hurry()
	}
}

// Hurry implements [hint.Doubter].
func (d doubter) Hurry() {
	d.b.negative.Hurry()
	if d.b.borrow != nil {
		d.b.borrow.Hurry()
	}
}

// hinted tells the other nodes of a negative fact that was said here.
func (b *Broker) hinted(f store.Fact) {
	if b.hints != nil {
		b.hints.Say(f)
	}
}

// siteNames are the configured sites; none means this one alone.
func (b *Broker) siteNames() []string {
	names := make([]string, len(b.config.Sites))
	for i, s := range b.config.Sites {
		names[i] = s.Name
	}
	return names
}

// node is this process's name in its site. One without a name is alone there,
// and called after it.
func (b *Broker) node() string {
	if b.config.Node == "" {
		return b.config.Site
	}
	return b.config.Node
}

// leads reports whether this node speaks for its site in what needs to be done
// once. Two nodes that do not hear each other both do it.
func (b *Broker) leads() bool {
	return b.peer == nil || first(b.config.Site, b.node(), b.peer.Members(), b.board.Hears)
}

// first reports whether of the living nodes of a site none has a name before
// node. To be among the members takes no more than the gossip key; whoever says
// nothing that the site has signed silences nobody.
func first(site, node string, members []cluster.Member, hears func(site, node string) bool) bool {
	return !slices.ContainsFunc(members, func(m cluster.Member) bool {
		return m.Site == site && m.Node < node && hears(m.Site, m.Node)
	})
}

// livingSites are the sites whose signed records have not expired, and this one.
func (b *Broker) livingSites() []string {
	var living []string
	for _, s := range b.board.Snapshot().Sites() {
		if s.Own || s.Nodes > 0 {
			living = append(living, s.Site)
		}
	}
	return living
}
