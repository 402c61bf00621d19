package broker

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bongsu/bongsu/broker/account"
	"github.com/bongsu/bongsu/broker/admin"
	"github.com/bongsu/bongsu/broker/arbiter"
	"github.com/bongsu/bongsu/broker/audit"
	"github.com/bongsu/bongsu/broker/backchannel"
	"github.com/bongsu/bongsu/broker/borrow"
	"github.com/bongsu/bongsu/broker/ceiling"
	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/cluster"
	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/broker/consent"
	"github.com/bongsu/bongsu/broker/contact"
	"github.com/bongsu/bongsu/broker/continuation"
	"github.com/bongsu/bongsu/broker/cookie"
	"github.com/bongsu/bongsu/broker/coverage"
	"github.com/bongsu/bongsu/broker/credential"
	"github.com/bongsu/bongsu/broker/drill"
	"github.com/bongsu/bongsu/broker/fingerprint"
	"github.com/bongsu/bongsu/broker/habit"
	"github.com/bongsu/bongsu/broker/health"
	"github.com/bongsu/bongsu/broker/health/probe"
	"github.com/bongsu/bongsu/broker/hint"
	"github.com/bongsu/bongsu/broker/history"
	"github.com/bongsu/bongsu/broker/login"
	"github.com/bongsu/bongsu/broker/negative"
	"github.com/bongsu/bongsu/broker/outage"
	"github.com/bongsu/bongsu/broker/peer"
	"github.com/bongsu/bongsu/broker/roster"
	"github.com/bongsu/bongsu/broker/session"
	"github.com/bongsu/bongsu/broker/snapshot"
	"github.com/bongsu/bongsu/broker/status"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/broker/store/sqlstore"
	"github.com/bongsu/bongsu/broker/token"
	"github.com/bongsu/bongsu/broker/web"
	"github.com/bongsu/bongsu/keys"
	"github.com/bongsu/bongsu/keys/seal"
	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/fetch"
)

// Options is what the configuration file does not say.
type Options struct {
	Logger *slog.Logger     // default: discards
	Now    func() time.Time // default time.Now
	// Dev opens what only a loopback broker may have: any loopback host, and
	// pages that tell developers what was wrong.
	Dev bool
	// Clients loosens what is asked of clients; only dev and tests do.
	Clients []client.Option
	// OnEvent and OnStep see every audit event and every step of every leg;
	// they must not block. Either may be nil.
	OnEvent func(audit.Event)
	OnStep  func(login.Observation)
	// OnChange sees every change of what this node holds of a provider; it must
	// not block. Nil sees nothing.
	OnChange func(health.Transition)
	// OnServing is called when the listeners stand, and OnReload with every
	// configuration that a reload took over. Either may be nil.
	OnServing func()
	OnReload  func(*config.Config)
	// Fetch changes how outgoing requests are made, before the first one; tests
	// reach simulated providers with it that have names and certificates of their own.
	Fetch func(*fetch.Options)
	// Gossip and Peers change how this node speaks with others, if it does.
	Gossip func(*cluster.Options)
	Peers  func(*peer.Options)
	// Store changes how the store is opened; tests count with it what a login
	// asks of the driver.
	Store func(*sqlstore.Options)
	// Shared is a store that is open already, which several brokers of one
	// process use together; whoever opened it closes it, after them. Nil opens
	// the configured one.
	Shared *sqlstore.Store
}

// Broker is one node, as a value: [New] builds it, [Broker.Run] serves until its
// context ends, [Broker.Close] releases what New opened.
type Broker struct {
	config  *config.Config
	options Options
	logger  *slog.Logger

	store     *sqlstore.Store
	snapshot  *snapshot.Snapshot // nil: nothing is kept
	negative  *negative.Set
	board     *health.Board
	contact   *contact.Watch
	arbiter   *arbiter.Node
	shipper   *arbiter.Shipper // nil: there is no claim log
	hints     *hint.Hints
	peer      *cluster.Peer    // nil: this node speaks with no other
	wire      *peer.Wire       // nil: this node asks no other, nor is it asked
	borrow    *borrow.Exchange // nil with wire
	caughtUp  chan struct{}    // closed: peers were asked for what they were told, or the time for it is over
	probes    *probe.Schedule
	outages   *outage.Set
	coverage  *coverage.Ledger
	drills    *drill.Engine
	desk      *admin.Handler // operators'
	outgoing  *fetch.Client
	secrets   *credential.Set // of providers
	instances *fingerprint.Watch
	sealing   *seal.Ring
	signing   *keys.Ring
	clients   *client.Directory
	roster    *roster.Roster
	resources client.Resources
	providers []providers.Provider
	accounts  *account.Directory
	consents  *consent.Register
	history   *history.Chronicle
	sessions  *session.Keeper
	known     *continuation.Keeper // browsers that go on while no database answers
	pages     *web.Pages
	status    *status.Status
	login     *login.Handler
	websites  *backchannel.Notifier // who is told that a session has ended
	habits    *habit.Notes          // how websites ask
	logout    *session.Logout
	token     *token.Endpoint
	audit     *audit.Log
	limits    atomic.Pointer[limits]
	ceilings  *ceiling.Gate
	handoffs  handoffs

	reloading sync.Mutex
	taken     *config.Config // what the last reload took over
	draining  atomic.Bool    // the node is about to stop
	// contradicted says that the store, back again, holds other secrets than those
	// that this node started with.
	contradicted atomic.Bool

	jar         cookie.Jar
	discovery   token.Document
	metrics     *metrics
	crossOrigin *http.CrossOriginProtection
	needsProxy  bool

	cleanups []cleanup // last in, first out
	closing  sync.Once
}

// cleanup releases one thing that New opened.
type cleanup struct {
	name string
	do   func() error
}

// New builds a node: it opens the store, the rings and the negative log, and
// asks no provider and no peer anything (P10).
func New(ctx context.Context, cfg *config.Config, o Options) (*Broker, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.Logger = slog.New(supported{o.Logger.Handler()})
	if o.Now == nil {
		o.Now = time.Now
	}
	b := &Broker{
		config: cfg, taken: cfg, options: o, logger: o.Logger,
		jar: cookie.NewJar(cfg.Issuer), metrics: newMetrics(cfg, o.Now),
		crossOrigin: http.NewCrossOriginProtection(),
		needsProxy:  cfg.TLS == nil && len(cfg.TrustedProxies) > 0 && !o.Dev, // dev has no TLS anywhere
		habits:      habit.New(o.Now),
	}
	for _, build := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"open store", b.openStore},
		{"open snapshot", b.openSnapshot},
		{"open rings", b.openRings},
		{"keep what passkeys belong to", b.keepRPID},
		{"open negative log", b.openNegative},
		{"read clients", b.readClients},
		{"build limits", b.buildLimits},
		{"build ceilings", b.buildCeilings},
		{"build providers", b.buildProviders},
		{"open health board", b.openBoard},
		{"open peers", b.openPeers},
		{"open gossip", b.openGossip},
		{"ask peers for negative facts", b.openBorrow},
		{"open contact", b.openContact},
		{"open claim log", b.openArbiter},
		{"open handoff log", b.openHandoffs},
		{"build probes", b.buildProbes},
		{"build operations", b.buildOperations},
		{"build continuation", b.buildContinuation},
		{"build leaves", b.buildLeaves},
		{"build websites", b.buildWebsites},
		{"build operators' desk", b.buildDesk},
		{"build status", b.buildStatus},
		{"register gauges", b.registerGauges},
		{"register standing", b.registerStanding},
		{"build walk", b.buildWalk},
		{"close snapshot", b.closeSnapshot},
	} {
		if err := build.do(ctx); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", build.name, err), b.Close())
		}
	}
	b.metrics.reloaded(true, o.Now())
	return b, nil
}

// Close releases what New opened, in reverse order. It may be called twice.
func (b *Broker) Close() error {
	var failed error
	b.closing.Do(func() {
		for _, c := range slices.Backward(b.cleanups) {
			if err := c.do(); err != nil {
				failed = errors.Join(failed, fmt.Errorf("%s: %w", c.name, err))
			}
		}
	})
	return failed
}

func (b *Broker) onClose(name string, do func() error) {
	b.cleanups = append(b.cleanups, cleanup{name, do})
}

// Accounts gives operators' tools and dev the account verbs of the store.
func (b *Broker) Accounts() store.Accounts { return b.store }

// Websites gives operators' tools what tells websites that a session has ended.
func (b *Broker) Websites() *backchannel.Notifier { return b.websites }

// Negative gives operators' tools and tests the set of negative facts.
func (b *Broker) Negative() *negative.Set { return b.negative }

// Handler is the public listener's handler.
func (b *Broker) Handler() http.Handler { return b.gate(b.mux(b.routes())) }

// AdminHandler is the admin listener's handler.
func (b *Broker) AdminHandler() http.Handler { return b.mux(b.adminRoutes()) }

// jwks is the key set as a prepared document.
func (b *Broker) jwks() token.Document {
	document := b.signing.JWKS()
	return token.Document{Body: document.Body, ETag: document.ETag}
}

// secret returns a random secret of the deployment, made once and kept wrapped
// in the store under name.
func (b *Broker) secret(ctx context.Context, name string) ([]byte, error) {
	fresh := make([]byte, 32)
	if _, err := io.ReadFull(rand.Reader, fresh); err != nil {
		return nil, fmt.Errorf("read randomness: %w", err)
	}
	wrapped, err := b.config.ClusterKey.Wrap("secret "+name, fresh)
	if err != nil {
		return nil, err
	}
	kept, err := b.keptSecrets().EnsureSecret(ctx, name, wrapped)
	if err != nil {
		return nil, err
	}
	return b.config.ClusterKey.Unwrap("secret "+name, kept)
}
