package dev

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bongsu/bongsu/broker"
	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/broker/dev/hull"
	"github.com/bongsu/bongsu/broker/dev/loopback"
	"github.com/bongsu/bongsu/broker/dev/switchboard"
	"github.com/bongsu/bongsu/broker/store/sqlstore"
)

// Site is one site of an instance: a broker with keys, identity, negative log
// and gossip of its own, on a store that all sites share. Everything that goes in
// or out of it passes its hull.
type Site struct {
	name    string
	url     string // "http://localhost:8427"
	address string // "127.0.0.1:8427"
	admin   string // where operators give orders: "http://localhost:52100"
	config  *config.Config
	options broker.Options
	hull    hull.Hull
	turns   turner // has it fare as it is told

	shared *sqlstore.Store                // the one of all sites
	copied atomic.Pointer[sqlstore.Store] // what the site still has of it while it is cut off
	closes func() error                   // gives the copy back; nil: there is none

	starting atomic.Bool // it is not what its hull says yet
	broker   atomic.Pointer[broker.Broker]

	ports          [2]int // public, admin
	listeners      []net.Listener
	adminListeners []net.Listener
	servers        []*http.Server
	cancel         context.CancelFunc // ends what runs beside requests; nil before it started
	running        sync.WaitGroup
}

// turner changes how sites fare, one at a time.
type turner interface {
	turn(ctx context.Context, s *Site, to switchboard.State) error
	writesAt(s *Site) bool
}

// Name returns the site's name, "seoul".
func (s *Site) Name() string { return s.name }

// URL returns where the site listens itself, "http://localhost:8427".
func (s *Site) URL() string { return s.url }

// Admin returns where the site's admin listener stands, "http://localhost:52100".
func (s *Site) Admin() string { return s.admin }

// Broker returns the site's broker; of a dead site the last one.
func (s *Site) Broker() *broker.Broker { return s.broker.Load() }

// State returns how the site fares.
func (s *Site) State() switchboard.State {
	if s.starting.Load() {
		return switchboard.SiteDead
	}
	switch s.hull.State() {
	case hull.Cut:
		return switchboard.SiteCut
	case hull.Frozen:
		return switchboard.SiteFrozen
	case hull.Gone:
		return switchboard.SiteDead
	default:
		return switchboard.SiteOK
	}
}

// Writes reports whether the writer of the database stands in this site, and
// the site is well.
func (s *Site) Writes() bool { return s.turns.writesAt(s) }

// Turn has the site fare so, whatever it did before, and returns when it does. A
// dead one is started first. Errors: [switchboard.ErrState] for the only site
// there is, and for a cut where the database cannot be copied;
// [switchboard.ErrNotNow] for a site that did not start, which stays dead.
func (s *Site) Turn(ctx context.Context, to switchboard.State) error { return s.turns.turn(ctx, s, to) }

// build builds the broker of the site; nothing is served yet.
func (s *Site) build(ctx context.Context) error {
	built, err := broker.New(ctx, s.config, s.options)
	if err != nil {
		return err
	}
	s.broker.Store(built)
	return nil
}

// start serves the site until it is ended.
func (s *Site) start(ctx context.Context, failed chan<- error) {
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.cancel = cancel
	b := s.Broker()
	s.running.Go(func() { b.Background(run) })
	s.serve(b.Handler(), s.listeners, failed)
	s.serve(b.AdminHandler(), s.adminListeners, failed)
}

func (s *Site) serve(h http.Handler, listeners []net.Listener, failed chan<- error) {
	server := broker.Server(loopback.Guard(h))
	s.servers = append(s.servers, server)
	held := make([]net.Listener, len(listeners))
	for n, l := range listeners {
		held[n] = s.hull.Listener(l)
	}
	serve(server, held, &s.running, failed)
}

// listen takes the site's ports again. They were its own until it died; whoever
// lets go of one of them is waited for.
func (s *Site) listen(ctx context.Context) error {
	const patience = 2 * time.Second
	for n, listeners := range []*[]net.Listener{&s.listeners, &s.adminListeners} {
		for began := time.Now(); ; {
			taken, _, err := loopback.Listen(ctx, s.ports[n])
			if err == nil {
				*listeners = taken
				break
			}
			if !errors.Is(err, loopback.ErrInUse) || time.Since(began) > patience {
				return err
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
	return nil
}

// live starts a dead site anew, from what it has on its disk and in the store.
func (s *Site) live(ctx context.Context, failed chan<- error) error {
	err := s.listen(ctx)
	if err == nil {
		err = s.build(ctx)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("start %s: %w", s.name, err), s.release())
	}
	s.start(ctx, failed)
	return nil
}

// kill ends a site that is gone at once: connections break, and nobody hears a
// goodbye.
func (s *Site) kill() error {
	return s.end(func(server *http.Server) { _ = server.Close() })
}

// stop ends the site as a service manager does, which lets requests under way
// finish for at most 1 s and says goodbye to the other sites.
func (s *Site) stop() error {
	if s.hull.State() == hull.Frozen {
		s.hull.Turn(hull.Gone) // or what waits would be waited for
	}
	err := s.end(shutdown)
	s.hull.Turn(hull.Gone) // and with it what it had open to the providers
	return err
}

func (s *Site) end(by func(*http.Server)) error {
	for _, server := range s.servers {
		by(server)
	}
	if s.cancel != nil {
		s.cancel()
	}
	s.running.Wait()
	return s.release()
}

// release gives back what a life of the site had.
func (s *Site) release() error {
	var err error
	for _, l := range slices.Concat(s.listeners, s.adminListeners) {
		err = errors.Join(err, closed(l.Close()))
	}
	if b := s.Broker(); b != nil {
		err = errors.Join(err, b.Close())
	}
	s.listeners, s.adminListeners, s.servers, s.cancel = nil, nil, nil, nil
	return errors.Join(err, s.reconnect())
}

// reconnect has the site see the database again as it is now.
func (s *Site) reconnect() error {
	if s.closes == nil {
		return nil
	}
	s.copied.Store(nil)
	closes := s.closes
	s.closes = nil
	return closes()
}

// replica is the store that answers the site's reads: its own replica, which
// is up to date, or as old as the cut.
func (s *Site) replica(context.Context) (*sqlstore.Store, error) {
	if err := s.hull.Local(); err != nil {
		return nil, err
	}
	if old := s.copied.Load(); old != nil {
		return old, nil
	}
	return s.shared, nil
}
