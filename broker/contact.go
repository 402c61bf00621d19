package broker

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/broker/contact"
	"github.com/bongsu/bongsu/broker/continuation"
	"github.com/bongsu/bongsu/broker/store"
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

// errServesNobody says that no website's people can log in at this node.
var errServesNobody = fmt.Errorf("what is left of the deployment lets nobody log in here: %w", store.ErrUnavailable)

// serves is the state in which this node can let somebody log in: the writer takes
// writes, or else this node decides about its codes itself, and what is left is
// enough for one website at least. It asks the database only about what the watch
// holds to be there.
func (b *Broker) serves(ctx context.Context) (contact.State, error) {
	state := b.contact.State()
	if state.Mode == contact.Full || b.arbiter.Log == nil {
		err := within(ctx, b.store.Ping)
		if err == nil {
			return contact.State{Mode: contact.Full}, nil
		}
		if b.arbiter.Log == nil {
			return state, err
		}
		state.Mode = contact.WriterLost // it was there a moment ago
	}
	if state.Mode != contact.Alone {
		err := within(ctx, func(ctx context.Context) error {
			_, err := b.store.ReplicaBeat(ctx)
			return err
		})
		if err != nil {
			state = contact.State{Mode: contact.Alone}
		}
	}
	if !b.servesSomebody(state) {
		return state, errServesNobody
	}
	return state, nil
}

// servesSomebody reports whether what the table promises in a state is more than
// nothing: for one website, at least.
func (b *Broker) servesSomebody(s contact.State) bool {
	switch {
	case s.Mode == contact.Alone:
		read := b.factsRead()
		return !read.IsZero() && b.options.Now().Sub(read) <= continuation.Life &&
			slices.ContainsFunc(b.clients.All(), func(c *client.Client) bool { return c.Continuation })
	case s.Serves(false):
		return true
	}
	return slices.ContainsFunc(b.clients.All(), func(c *client.Client) bool { return s.Serves(c.StaleAllowed) })
}

// within asks with the time that a load balancer's question has.
func within(ctx context.Context, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	return ask(ctx)
}
