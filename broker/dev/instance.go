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
	"github.com/bongsu/bongsu/broker/client"
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
	options   Options
	at        places
	broker    *broker.Broker
	upstreams *fakeidp.Server
	network   *fakenet.Network
	board     *switchboard.Board
	demo      *demo.Site
	teller    *teller

	listeners [3][]net.Listener // issuer, demo website, switchboard
	servers   []*http.Server
	cancel    context.CancelFunc // ends what runs; nil before Start
	running   sync.WaitGroup
	failed    chan error // the first server that fails

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
		teller: &teller{log: switchboard.NewLog(time.Now)},
	}
	for _, build := range []func(context.Context) error{i.listen, i.buildUpstreams, i.buildNetwork, i.buildBroker, i.buildDemo} {
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

// Broker returns the broker inside.
func (i *Instance) Broker() *broker.Broker { return i.broker }

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
		listeners, port, err := loopback.Listen(ctx, wanted)
		if errors.Is(err, loopback.ErrInUse) {
			return fmt.Errorf("port %d is taken by another program; choose three others with --port (N, N+1 and N+2 are used): %w", wanted, err)
		}
		if err != nil {
			return err
		}
		i.listeners[n], ports[n] = listeners, port
		for _, l := range listeners {
			i.onStop(func() error { return closed(l.Close()) })
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

func (i *Instance) buildUpstreams(context.Context) error {
	var err error
	i.upstreams, err = fakeidp.New(fakeidp.Options{
		BaseURL: i.at.upstreams, Upstreams: specs(), Network: true, SlowBy: i.options.SlowBy, HoldFor: i.options.HoldFor,
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
	i.board, err = switchboard.New(switchboard.Options{
		URL: i.at.switchboard, Issuer: i.at.issuer.String(), Demo: i.at.demo,
		Providers: switches, Upstreams: i.upstreams, Events: i.teller.log, Logger: i.options.Logger,
	})
	return err
}

// buildBroker builds the broker on a database of its own in a directory that
// goes when the instance stops.
func (i *Instance) buildBroker(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "bongsu-dev-")
	if err != nil {
		return fmt.Errorf("make a place for the database: %w", err)
	}
	i.onStop(func() error { return os.RemoveAll(dir) })
	cfg, err := settings(i.at, dir, i.upstreams)
	if err != nil {
		return err
	}
	if i.options.Configure != nil {
		i.options.Configure(cfg)
	}
	i.broker, err = broker.New(ctx, cfg, broker.Options{
		Logger: i.options.Logger, Dev: true,
		Clients: []client.Option{client.InsecureLoopback(), client.InsecureRedirects(client.LoopbackHTTP)},
		OnEvent: i.teller.audit, OnStep: i.teller.step, Fetch: i.network.From(siteName).Fetch,
	})
	if err != nil {
		return err
	}
	i.onStop(i.broker.Close)
	return seed(ctx, i.broker.Accounts(), i.upstreams, time.Now().UTC())
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
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	i.cancel = cancel
	i.running.Go(func() { i.broker.Background(run) })
	i.serve(broker.Server(loopback.Guard(i.broker.Handler())), i.listeners[0])
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
	for _, l := range listeners {
		i.running.Go(func() {
			if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				select {
				case i.failed <- fmt.Errorf("serve %s: %w", l.Addr(), err):
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
		if i.upstreams != nil {
			i.upstreams.Close() // or what a dark provider holds would be waited for
		}
		i.shutdown()
		if i.cancel != nil {
			i.cancel()
		}
		i.running.Wait()
		for _, cleanup := range slices.Backward(i.cleanups) {
			i.stopped = errors.Join(i.stopped, cleanup())
		}
	})
	return i.stopped
}

// shutdown ends all servers at once, what is still under way after
// stopWithin included.
func (i *Instance) shutdown() {
	within, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	var ending sync.WaitGroup
	for _, server := range i.servers {
		ending.Go(func() {
			if err := server.Shutdown(within); err != nil {
				_ = server.Close() // the listeners are closed already, the connections go
			}
		})
	}
	ending.Wait()
}

func (i *Instance) onStop(do func() error) { i.cleanups = append(i.cleanups, do) }

// closed takes it as done that a listener was closed by its server.
func closed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
