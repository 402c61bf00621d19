package broker

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/broker/contact"
	"github.com/bongsu/bongsu/broker/web"
)

// boardLate is how old the board's picture of the other sites may be. It is made
// every second; a process that was stopped has heard nobody since.
const boardLate = 5 * time.Second

// openContact finds out who of writer, replica and sites is there, and looks once:
// the first request meets a state that is so.
func (b *Broker) openContact(ctx context.Context) error {
	watch, err := contact.New(contact.Options{
		Beats: b.store, StaleAfter: cmp.Or(b.config.Contact.StaleAfter, config.DefaultStaleAfter),
		Contact: b.sitesHeard, OnBeat: b.negative.Heard,
		// What is aged here is what this machine saw: its monotonic clock says when,
		// wherever the node's clock has been set to.
		Now: time.Now, Logger: b.logger, Registerer: b.metrics.registry,
	})
	if err != nil {
		return err
	}
	b.contact = watch
	watch.Look(ctx)
	return nil
}

// sitesHeard counts the configured sites, and those of them that have signed a
// record that has not expired. This site hears itself.
func (b *Broker) sitesHeard() (sites, heard int) {
	s := b.board.Snapshot()
	late := b.options.Now().Sub(s.At) > boardLate
	for _, site := range s.Sites() {
		if site.Own || site.Nodes > 0 && !late {
			heard++
		}
	}
	return len(s.Sites()), heard
}

// Contact gives operators' tools and tests the mode of this node.
func (b *Broker) Contact() contact.State { return b.contact.State() }

// limitsIn is what the mode means for everybody who reads the status page.
func limitsIn(s contact.State) web.StatusLimits {
	switch {
	case s.Writer():
		return web.LimitNone
	case s.Serves(false):
		return web.LimitAccounts
	}
	return web.LimitWebsites
}

// storeServes returns nil if the writer takes writes, or else if this node can do
// without it: then the replica answers, and the words say what people cannot do.
func (b *Broker) storeServes(ctx context.Context) (but []string, err error) {
	state := b.contact.State()
	if state.Mode == contact.Full || state.Mode == contact.Alone || b.arbiter.Log == nil {
		if err = within(ctx, b.store.Ping); err == nil || b.arbiter.Log == nil {
			return nil, err
		}
		if state.Mode == contact.Full { // it was there a moment ago
			state.Mode = contact.WriterLost
		}
	}
	replica := within(ctx, func(ctx context.Context) error {
		_, err := b.store.ReplicaBeat(ctx)
		return err
	})
	if replica != nil {
		return nil, errors.Join(err, replica)
	}
	return []string{"contact " + state.Mode.String() + ": " + state.Means()}, nil
}

// within asks with the time that a load balancer's question has.
func within(ctx context.Context, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	return ask(ctx)
}
