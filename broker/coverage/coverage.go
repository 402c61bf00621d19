package coverage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bongsu/bongsu/broker/store"
)

// ActiveFor is how many days an account counts after it was last seen.
const ActiveFor = 90

// Errors of [Ledger.Measure]. Test them with [errors.Is].
var (
	ErrClient   = errors.New("coverage: no such client")
	ErrProvider = errors.New("coverage: no such provider")
)

// Store keeps activity and counts with it.
type Store interface {
	NoteActivity(ctx context.Context, batch []store.Activity) error
	Coverage(ctx context.Context, q store.CoverageQuery) (active, covered int64, err error)
	WaysIn(ctx context.Context, q store.WaysQuery) ([]store.WaysCount, error)
}

// Provider is a configured way to log in.
type Provider struct {
	ID      string
	Domains []string // what it shares its fate with; never empty
	OnlyFor []string // the clients that alone may use it; nil is all
}

// Client is a website.
type Client struct {
	ID        string
	Providers []string // those it permits; nil is all
}

// Options is what a Ledger is made of. Store, Providers and Clients are required.
type Options struct {
	Store     Store
	Providers []Provider      // in the operator's order
	Clients   func() []Client // as they are now
	// Out reports whether an operator switched a provider off or retired it; nil:
	// none.
	Out func(provider string) bool
	// Lead reports whether this node counts for the metric: counting is dear, and
	// one node of a site is enough. nil: it does.
	Lead func() bool

	Now        func() time.Time      // nil is time.Now
	Logger     *slog.Logger          // nil discards
	Registerer prometheus.Registerer // nil registers nothing
}

func (o *Options) validate() error {
	if o.Store == nil || len(o.Providers) == 0 || o.Clients == nil {
		return errors.New("coverage: store, providers and clients are required")
	}
	for _, p := range o.Providers {
		if len(p.Domains) == 0 {
			return fmt.Errorf("coverage: provider %s names no failure domain", p.ID)
		}
	}
	if o.Out == nil {
		o.Out = func(string) bool { return false }
	}
	if o.Lead == nil {
		o.Lead = func() bool { return true }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}

// Ledger notes who was here and counts who could come back. It is safe for
// concurrent use.
type Ledger struct {
	o      Options
	ratios *prometheus.GaugeVec
	ways   *waysGauge
	lost   prometheus.Counter

	published []string // clients whose ratio was published; publish alone uses it

	mu      sync.Mutex
	day     int64
	seen    map[key]struct{} // noted today
	pending []store.Activity // not in the store yet
}

// New returns a ledger that has seen nobody.
func New(o Options) (*Ledger, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	l := &Ledger{
		o: o, seen: map[key]struct{}{}, ways: newWaysGauge(),
		ratios: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "bongsu_accounts_covered_ratio",
			Help: "Share of a client's accounts, active in 90 days, that could still log in if the provider died now.",
		}, []string{"client", "provider"}),
		lost: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "bongsu_activity_lost_total",
			Help: "Logins not noted for coverage, because the store was away for too long.",
		}),
	}
	if o.Registerer != nil {
		o.Registerer.MustRegister(l.ratios, l.ways, l.lost)
	}
	return l, nil
}

// Coverage is who could still come in to a client if a provider died.
type Coverage struct {
	Client  string // empty: all clients together, each account once
	Without string // the provider that dies; empty: none
	Active  int64
	Covered int64
}

// Ratio is the covered share; false when nobody was active.
func (c Coverage) Ratio() (float64, bool) {
	if c.Active == 0 {
		return 0, false
	}
	return float64(c.Covered) / float64(c.Active), true
}

// Measure counts the coverage of a client, or of all together if client is
// empty, without one provider, or with all if without is empty. [ErrClient],
// [ErrProvider], [store.ErrUnavailable].
func (l *Ledger) Measure(ctx context.Context, client, without string) (Coverage, error) {
	permitted, ok := l.permitted(client)
	if !ok {
		return Coverage{}, fmt.Errorf("%w: %q", ErrClient, client)
	}
	lost, ok := l.provider(without)
	if !ok && without != "" {
		return Coverage{}, fmt.Errorf("%w: %q", ErrProvider, without)
	}
	active, covered, err := l.o.Store.Coverage(ctx, store.CoverageQuery{
		Client: client, Surviving: l.surviving(client, permitted, lost), SinceDay: dayOf(l.o.Now()) - ActiveFor,
	})
	if err != nil {
		return Coverage{}, fmt.Errorf("measure coverage: %w", err)
	}
	return Coverage{Client: client, Without: without, Active: active, Covered: covered}, nil
}

// Clients returns the ids of all clients, in the order of configuration.
func (l *Ledger) Clients() []string {
	clients := l.o.Clients()
	ids := make([]string, len(clients))
	for i, c := range clients {
		ids[i] = c.ID
	}
	return ids
}

// Permits returns the providers that a client permits and nobody retired or
// switched off, in the operator's order: those whose loss is a question.
func (l *Ledger) Permits(client string) []string {
	permitted, ok := l.permitted(client)
	if !ok {
		return nil
	}
	return l.surviving(client, permitted, Provider{})
}

// permitted returns what a client permits; nil is all.
func (l *Ledger) permitted(client string) (providers []string, ok bool) {
	if client == "" {
		return nil, true
	}
	for _, c := range l.o.Clients() {
		if c.ID == client {
			return c.Providers, true
		}
	}
	return nil, false
}

func (l *Ledger) provider(id string) (Provider, bool) {
	for _, p := range l.o.Providers {
		if p.ID == id {
			return p, true
		}
	}
	return Provider{}, false
}

// surviving are the ways that do not share the fate of the lost one. For all
// clients together those count, too, that belong to one.
func (l *Ledger) surviving(client string, permitted []string, lost Provider) []string {
	var ids []string
	for _, p := range l.o.Providers {
		shares := p.ID == lost.ID || slices.ContainsFunc(p.Domains, func(d string) bool { return slices.Contains(lost.Domains, d) })
		foreign := client != "" && len(p.OnlyFor) > 0 && !slices.Contains(p.OnlyFor, client)
		if shares || foreign || l.o.Out(p.ID) || permitted != nil && !slices.Contains(permitted, p.ID) {
			continue
		}
		ids = append(ids, p.ID)
	}
	return ids
}

// dayOf is the day of t: days since 1970, UTC.
func dayOf(t time.Time) int64 { return t.Unix() / (24 * 60 * 60) }
