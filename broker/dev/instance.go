package dev

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/bongsu/bongsu/broker"
	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/broker/dev/demo"
	"github.com/bongsu/bongsu/broker/dev/loopback"
	"github.com/bongsu/bongsu/broker/dev/switchboard"
	"github.com/bongsu/bongsu/providers/fakeidp"
	"github.com/bongsu/bongsu/providers/fakeidp/fakenet"
)

// stopWithin bounds how long requests under way may take when an instance
// stops. It is short because a browser keeps connections open that it never
// used, which a server would wait 5 s for.
const stopWithin = time.Second

// Instance is dev mode as a value: [New] listens and builds, [Instance.Start]
// serves and returns when a login would succeed, [Instance.Stop] ends and
// forgets everything.
type Instance struct {
	options Options
	at      places
	dir     string  // what is forgotten with the instance
	file    string  // the database; empty: it is no file
	sites   []*Site // in the order in which they are asked; at least one
	seat    *seat   // where the writer of the database stands

	turning sync.Mutex // sites turn one at a time
	over    bool       // none turns any more
	life    context.Context
	die     context.CancelFunc

	credential string // of the operator: its file

	upstreams *fakeidp.Server
	network   *fakenet.Network
	board     *switchboard.Board
	demo      *demo.Site
	teller    *teller

	listeners [3][]net.Listener // issuer, demo website, switchboard
	servers   []*http.Server
	running   sync.WaitGroup // the servers that no site has
	failed    chan error     // the first server that fails

	cleanups []func() error // last in, first out
	stopping sync.Once
	stopped  error
}

// New takes the ports and builds everything; nothing is served yet. Whoever
// gets an instance must [Instance.Stop] it. The error matches
// [loopback.ErrInUse] when a port is taken and [ErrPublicIssuer] when the issuer
// is not loopback.
func New(ctx context.Context, o Options) (*Instance, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	i := &Instance{
		options: o, failed: make(chan error, 1),
		teller: newTeller(),
	}
	i.life, i.die = context.WithCancel(context.WithoutCancel(ctx))
	for _, build := range []func(context.Context) error{i.listen, i.listenSites, i.listenAdmin, i.buildUpstreams, i.buildNetwork, i.buildSites, i.seed, i.buildDemo} {
		if err := build(ctx); err != nil {
			return nil, errors.Join(err, i.Stop())
		}
	}
	return i, nil
}

// Issuer returns the issuer's URL, "http://localhost:8417".
func (i *Instance) Issuer() string { return i.at.issuer.String() }

// Demo returns the demo website's URL.
func (i *Instance) Demo() string { return i.at.demo }

// Switchboard returns the switchboard's URL; the simulated providers stand at
// the same port of 127.0.0.1.
func (i *Instance) Switchboard() string { return i.at.switchboard }

// Broker returns the broker inside; of several the first site's.
func (i *Instance) Broker() *broker.Broker { return i.sites[0].Broker() }

// Sites returns the sites in the order in which the issuer's address asks them.
// Without [Options.Sites] there is one, called "dev".
func (i *Instance) Sites() []*Site { return slices.Clone(i.sites) }

// Site returns the site called name; nil: there is none.
func (i *Instance) Site(name string) *Site {
	n := slices.IndexFunc(i.sites, func(s *Site) bool { return s.name == name })
	if n < 0 {
		return nil
	}
	return i.sites[n]
}

// Upstreams returns the simulated providers.
func (i *Instance) Upstreams() *fakeidp.Server { return i.upstreams }

// Events returns what the switchboard tells.
func (i *Instance) Events() *switchboard.Log { return i.teller.log }

// listen takes the three ports and says where everything will stand.
func (i *Instance) listen(ctx context.Context) error {
	var ports [3]int
	for n := range ports {
		wanted := 0
		if i.options.Port != 0 {
			wanted = i.options.Port + n
		}
		var err error
		if i.listeners[n], ports[n], err = i.take(ctx, wanted); err != nil {
			return err
		}
	}
	issuer, err := i.options.issuer(ports[0])
	if err != nil {
		return err
	}
	i.at = places{
		issuer: issuer, demo: "http://localhost:" + strconv.Itoa(ports[1]),
		switchboard: "http://localhost:" + strconv.Itoa(ports[2]),
		upstreams:   "http://127.0.0.1:" + strconv.Itoa(ports[2]),
	}
	return nil
}

// take takes one port, or any free one for 0, until the instance stops.
func (i *Instance) take(ctx context.Context, wanted int) ([]net.Listener, int, error) {
	listeners, port, err := i.port(ctx, wanted)
	if err != nil {
		return nil, 0, err
	}
	for _, l := range listeners {
		i.onStop(func() error { return closed(l.Close()) })
	}
	return listeners, port, nil
}

// port takes one port, or any free one for 0. Whoever asked gives it back.
func (i *Instance) port(ctx context.Context, wanted int) ([]net.Listener, int, error) {
	listeners, port, err := loopback.Listen(ctx, wanted)
	if errors.Is(err, loopback.ErrInUse) {
		return nil, 0, fmt.Errorf("port %d is taken by another program; choose others with --port (%s are used): %w", wanted, i.options.ports(), err)
	}
	return listeners, port, err
}

func (i *Instance) buildUpstreams(context.Context) error {
	wanted, err := specsOf(i.options.Providers)
	if err != nil {
		return err
	}
	i.upstreams, err = fakeidp.New(fakeidp.Options{
		BaseURL: i.at.upstreams, Upstreams: wanted, Network: true, SlowBy: i.options.SlowBy, HoldFor: i.options.HoldFor,
		OnEvent: i.teller.upstream, Logger: i.options.Logger,
	})
	if err != nil {
		return err
	}
	switches := make([]switchboard.Provider, 0, len(i.upstreams.Names()))
	for _, name := range i.upstreams.Names() {
		upstream, _ := i.upstreams.Upstream(name)
		switches = append(switches, switchboard.Provider{ID: name, Upstream: upstream})
	}
	sites := make([]switchboard.Site, len(i.sites))
	for n, site := range i.sites {
		sites[n] = site
	}
	i.board, err = switchboard.New(switchboard.Options{
		URL: i.at.switchboard, Issuer: i.at.issuer.String(), Demo: i.at.demo,
		Providers: switches, Sites: sites, Upstreams: i.upstreams, Events: i.teller.log, Logger: i.options.Logger,
	})
	return err
}

// settings are those of the one broker, or what those of several sites have in
// common. The database lies in a directory that goes when the instance stops.
func (i *Instance) settings() (*config.Config, error) {
	dir, err := os.MkdirTemp("", "bongsu-dev-")
	if err != nil {
		return nil, fmt.Errorf("make a place for the database: %w", err)
	}
	i.dir = dir
	i.onStop(func() error { return os.RemoveAll(dir) })
	cfg, err := settings(i.at, dir, i.upstreams)
	if err != nil {
		return nil, err
	}
	operator, err := i.buildOperator()
	if err != nil {
		return nil, err
	}
	cfg.Operators = []config.Operator{operator}
	if i.options.Configure != nil {
		i.options.Configure(cfg)
	}
	return cfg, nil
}

func (i *Instance) seed(ctx context.Context) error {
	return seed(ctx, i.Broker().Accounts(), i.upstreams, time.Now().UTC())
}

func (i *Instance) buildDemo(context.Context) error {
	var err error
	i.demo, err = demo.New(demo.Options{
		URL: i.at.demo, Issuer: i.at.issuer.String(), ClientID: clientDemo, ClientSecret: secretDemo,
		Switchboard: i.at.switchboard, Logger: i.options.Logger, Down: i.board.Down, OnLogin: i.teller.login,
	})
	if err != nil {
		return err
	}
	i.onStop(func() error { i.demo.Close(); return nil })
	return nil
}

// Start serves until [Instance.Stop] and returns once a login would succeed.
// The error says what kept it from that; the instance must still be stopped.
func (i *Instance) Start(ctx context.Context) error {
	began := time.Now()
	for _, site := range i.sites {
		site.start(ctx, i.failed)
	}
	if len(i.sites) > 1 {
		door := newFrontDoor(i.sites)
		i.onStop(func() error { door.close(); return nil })
		i.serve(patient(loopback.Guard(door)), i.listeners[0])
	}
	i.serve(patient(loopback.Guard(i.demo)), i.listeners[1])
	i.serve(patient(loopback.Guard(i.board)), i.listeners[2])
	if err := i.check(ctx); err != nil {
		return err
	}
	i.teller.ready.Store(true)
	i.teller.add(switchboard.Event{Kind: switchboard.Ready, Detail: seconds(time.Since(began))})
	return nil
}

func (i *Instance) serve(server *http.Server, listeners []net.Listener) {
	i.servers = append(i.servers, server)
	serve(server, listeners, &i.running, i.failed)
}

// serve serves listeners beside running until the server is shut down; failed
// takes the first error.
func serve(server *http.Server, listeners []net.Listener, running *sync.WaitGroup, failed chan<- error) {
	for _, l := range listeners {
		running.Go(func() {
			if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				select {
				case failed <- fmt.Errorf("serve %s: %w", l.Addr(), err):
				default:
				}
			}
		})
	}
}

// patient returns a server for pages that may take long on purpose: a dark
// provider holds its requests for a minute. Whoever is slow in asking is still
// cut off.
func patient(h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, MaxHeaderBytes: 32 << 10,
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 2 * time.Minute,
		WriteTimeout: 2 * time.Minute, IdleTimeout: 90 * time.Second,
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug),
	}
}

// Stop ends what runs, lets requests under way finish for at most 1 s and
// forgets everything. It may be called more than once.
func (i *Instance) Stop() error {
	i.stopping.Do(func() {
		i.die()
		if i.upstreams != nil {
			i.upstreams.Close() // or what a dark provider holds would be waited for
		}
		i.end()
		i.running.Wait()
		for _, cleanup := range slices.Backward(i.cleanups) {
			i.stopped = errors.Join(i.stopped, cleanup())
		}
	})
	return i.stopped
}

// end ends all servers and sites at once.
func (i *Instance) end() {
	i.turning.Lock()
	defer i.turning.Unlock()
	i.over = true
	var ending sync.WaitGroup
	for _, server := range i.servers {
		ending.Go(func() { shutdown(server) })
	}
	failed := make([]error, len(i.sites))
	for n, site := range i.sites {
		ending.Go(func() { failed[n] = site.stop() })
	}
	ending.Wait()
	i.stopped = errors.Join(failed...)
}

// shutdown ends a server, what is still under way after stopWithin included.
func shutdown(server *http.Server) {
	within, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	if err := server.Shutdown(within); err != nil {
		_ = server.Close() // the listeners are closed already, the connections go
	}
}

func (i *Instance) onStop(do func() error) { i.cleanups = append(i.cleanups, do) }

// closed takes it as done that a listener was closed by its server.
func closed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
