package broker

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync/atomic"

	"github.com/bongsu/bongsu/broker/handoff"
	"github.com/bongsu/bongsu/broker/health"
	"github.com/bongsu/bongsu/broker/peer"
)

// handoffs is how logins go on at another site, and come from one.
type handoffs struct {
	desk *handoff.Desk // nil: none does
	log  *handoff.Log
	seen atomic.Pointer[neighbours]
}

// neighbours are the other sites that live, as of one picture of the board: it is
// made anew every second.
type neighbours struct {
	snapshot *health.Snapshot
	targets  []handoff.Target
}

// openHandoffs opens the log of the handoffs that this node decides about. Logins go
// on elsewhere only where every site can be told apart from outside, and where a
// browser is known at all of them.
func (b *Broker) openHandoffs(ctx context.Context) error {
	if len(b.config.Sites) < 2 || b.config.Origin(b.config.Site) == nil || !b.config.MarkShared() {
		return nil
	}
	o := handoff.LogOptions{Now: b.options.Now, Logger: b.logger}
	if b.config.DataDir != "" {
		o.Path = filepath.Join(b.config.DataDir, "handoffs.log")
	}
	var err error
	if b.handoffs.log, err = handoff.OpenLog(ctx, o); err != nil {
		return err
	}
	b.onClose("close handoff log", b.handoffs.log.Close)
	judge := &handoff.Arbiters{Self: b.config.Site + "/" + b.node(), Log: b.handoffs.log, Writer: b.store}
	if b.wire != nil {
		b.wire.Handle(handoffQuestion, b.answerHandoff)
		judge.Ask = b.askHandoff
	}
	b.handoffs.desk, err = handoff.New(handoff.Options{
		Site: b.config.Site, Seal: b.sealing, Rand: rand.Reader, Now: b.options.Now, Judge: judge,
	})
	return err
}

// handoffQuestion names the question whether a handoff may be used, which a node
// asks the one of its site that decides about it.
const handoffQuestion = "handoff"

// The answers: what is not known is none of them.
var (
	handoffFirst = []byte("first")
	handoffUsed  = []byte("used")
)

// askHandoff asks another node about a handoff. Where its answer was lost it is
// asked once more: the same attempt is the same claim.
func (b *Broker) askHandoff(ctx context.Context, node string, c handoff.Claim) error {
	body, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("encode claim: %w", err)
	}
	said, err := b.wire.Ask(ctx, node, handoffQuestion, body)
	if err != nil {
		said, err = b.wire.Ask(ctx, node, handoffQuestion, body)
	}
	switch {
	case err != nil:
		return err
	case bytes.Equal(said, handoffUsed):
		return handoff.ErrUsed
	case bytes.Equal(said, handoffFirst):
		return nil
	}
	return fmt.Errorf("%s gave no answer that is one", node)
}

// answerHandoff decides for another node of this site about a handoff that names
// this one.
func (b *Broker) answerHandoff(_ context.Context, from peer.Node, body []byte) ([]byte, error) {
	var c handoff.Claim
	if from.Site != b.config.Site || json.Unmarshal(body, &c) != nil || c.ID == "" || c.Attempt == "" {
		return nil, errors.New("handoff: no question for this node")
	}
	switch err := b.handoffs.log.Claim(c); {
	case err == nil:
		return handoffFirst, nil
	case errors.Is(err, handoff.ErrUsed):
		return handoffUsed, nil
	default:
		return nil, err
	}
}

// elsewhere is [Broker.neighbours] where logins go on at other sites; nil: they do
// not.
func (b *Broker) elsewhere() func() []handoff.Target {
	if b.handoffs.desk == nil {
		return nil
	}
	return b.neighbours
}

// neighbours returns the other sites that live: of which gossip knows a node, and
// the board a record that the site has signed and that has not expired.
func (b *Broker) neighbours() []handoff.Target {
	snapshot := b.board.Snapshot()
	if known := b.handoffs.seen.Load(); known != nil && known.snapshot == snapshot {
		return known.targets
	}
	nodes := b.livingNodes()
	found := &neighbours{snapshot: snapshot}
	for _, site := range b.config.Sites {
		if living := nodes[site.Name]; living != nil && site.Origin != nil {
			found.targets = append(found.targets, handoff.Target{
				Site: site.Name, Origin: site.Origin, Arbiter: arbiterOf(site.Name, living),
			})
		}
	}
	b.handoffs.seen.Store(found)
	return found.targets
}

// living are the nodes of one other site that live, and whether each of them can
// be asked by the others.
type living struct {
	nodes []string
	asked bool
}

// livingNodes are the nodes of the other sites that live, by site.
func (b *Broker) livingNodes() map[string]*living {
	if b.peer == nil {
		return nil
	}
	found := make(map[string]*living)
	for _, m := range b.peer.Members() {
		if m.Site == b.config.Site || !b.board.Hears(m.Site, m.Node) {
			continue
		}
		if found[m.Site] == nil {
			found[m.Site] = &living{asked: true}
		}
		_, asked := askedAt(m)
		found[m.Site].nodes = append(found[m.Site].nodes, m.Node)
		found[m.Site].asked = found[m.Site].asked && asked
	}
	return found
}

// arbiterOf names who decides about handoffs to a site: a node of it, so that no
// database is needed; the writer where a balancer may take the browser to another
// node than the one named, and that one cannot ask it.
func arbiterOf(site string, l *living) string {
	if len(l.nodes) > 1 && !l.asked {
		return handoff.Writer
	}
	return site + "/" + slices.Min(l.nodes)
}
