package dev

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/bongsu/bongsu/broker"
	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/broker/dev/loopback"
)

// The states of a site.
const (
	siteOK   = "ok"
	siteDead = "dead"
)

// Site is one site of an instance: a broker with keys, identity, negative log
// and gossip of its own, on a store that all sites share.
type Site struct {
	name      string
	url       string // "http://localhost:8427"
	address   string // "127.0.0.1:8427"
	listeners []net.Listener
	config    *config.Config
	broker    *broker.Broker

	admin          string // where operators give orders: "http://localhost:52100"
	adminListeners []net.Listener

	servers  []*http.Server
	cancel   context.CancelFunc // ends what runs beside requests; nil before it started
	running  sync.WaitGroup
	stopping sync.Once
	stopped  error
	dead     atomic.Bool
}

// Name returns the site's name, "seoul".
func (s *Site) Name() string { return s.name }

// URL returns where the site listens itself, "http://localhost:8427".
func (s *Site) URL() string { return s.url }

// Admin returns where the site's admin listener stands, "http://localhost:52100".
func (s *Site) Admin() string { return s.admin }

// Broker returns the site's broker.
func (s *Site) Broker() *broker.Broker { return s.broker }

// State returns how the site fares: "ok", or "dead" once it was stopped.
func (s *Site) State() string {
	if s.dead.Load() {
		return siteDead
	}
	return siteOK
}

// start serves the site until it is stopped.
func (s *Site) start(ctx context.Context, failed chan<- error) {
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.cancel = cancel
	s.running.Go(func() { s.broker.Background(run) })
	s.serve(s.broker.Handler(), s.listeners, failed)
	s.serve(s.broker.AdminHandler(), s.adminListeners, failed)
}

func (s *Site) serve(h http.Handler, listeners []net.Listener, failed chan<- error) {
	server := broker.Server(loopback.Guard(h))
	s.servers = append(s.servers, server)
	serve(server, listeners, &s.running, failed)
}

// Stop ends the site and leaves the others alone: it takes no connection any
// more, lets requests under way finish for at most 1 s, and says goodbye to the
// other sites. It may be called more than once.
func (s *Site) Stop() error {
	s.stopping.Do(func() {
		s.dead.Store(true)
		for _, server := range s.servers {
			shutdown(server)
		}
		if s.cancel != nil {
			s.cancel()
		}
		s.running.Wait()
		for _, l := range slices.Concat(s.listeners, s.adminListeners) {
			s.stopped = errors.Join(s.stopped, closed(l.Close()))
		}
		if s.broker != nil {
			s.stopped = errors.Join(s.stopped, s.broker.Close())
		}
	})
	return s.stopped
}
