package admin

import (
	"context"
	"errors"
	"time"

	"github.com/bongsu/bongsu/broker/audit"
	"github.com/bongsu/bongsu/broker/contact"
	"github.com/bongsu/bongsu/broker/coverage"
	"github.com/bongsu/bongsu/broker/credential"
	"github.com/bongsu/bongsu/broker/drill"
	"github.com/bongsu/bongsu/broker/health"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/providers"
)

// Operator is somebody who may give orders.
type Operator struct {
	Name         string
	SecretHashes [][32]byte // SHA-256 of the credential; two while it changes
}

// Provider is a configured provider, as operators see it.
type Provider struct {
	ID      string
	Kind    string
	Name    string
	Domains []string
	// Metadata is what the provider says about itself; nil where there is
	// nothing that could change.
	Metadata Metadata
	// Trial is how the provider is asked, and what it is.
	Trial Trial
	// Foreign returns what the id stands for where that is something else than
	// this node was built with; nil: never.
	Foreign func() (store.Fingerprint, bool)
}

// Trial is how operators ask a provider.
type Trial struct {
	Fingerprint store.Fingerprint
	Prober      providers.Prober // nil: it cannot be asked
	// With returns the provider with another secret of ours, for asking alone;
	// nil where it takes none.
	With func(secret string) (providers.Prober, error)
}

// Instances keeps what provider instances are.
type Instances interface {
	Fingerprint(ctx context.Context, provider string) (store.Fingerprint, error)
	MigrateFingerprint(ctx context.Context, from, to store.Fingerprint) error
	CountLinks(ctx context.Context, provider string) (links, alone int64, err error)
	SetLinksAside(ctx context.Context, provider, as string, limit int) (int, error)
}

// Credentials keeps what we prove ourselves with to providers.
type Credentials interface {
	Secrets(provider string) []string
	Standing(provider string) credential.Standing
	Replace(ctx context.Context, provider, secret, by string) error
	Drop(ctx context.Context, provider string) error
	Forget(ctx context.Context, provider string) error
}

// Metadata is what a provider says about itself. What has changed waits until an
// operator adopts it.
type Metadata interface {
	Pending() (changed any, waits bool)
	// Adopt believes what waits, here at once and everywhere else as soon as it
	// is read.
	Adopt(ctx context.Context) error
}

// ErrNothingWaits is returned by [Metadata].Adopt when there is nothing to adopt.
var ErrNothingWaits = errors.New("admin: nothing waits to be adopted")

// Board is what this node knows of providers.
type Board interface {
	Snapshot() *health.Snapshot
	Explain(provider string) (health.Explanation, bool)
}

// Negatives is what no longer holds.
type Negatives interface {
	Has(kind store.FactKind, id string) bool
	Epoch(kind store.FactKind, id string) int64
	MinEpoch(account string) int64
	Apply(ctx context.Context, f store.Fact) error
}

// Facts is the writer's part in facts.
type Facts interface {
	RecordFact(ctx context.Context, f store.Fact) (store.Fact, error)
	LiftFact(ctx context.Context, kind store.FactKind, id string, at time.Time) (store.Fact, error)
}

// Outages keeps what was declared.
type Outages interface {
	DeclareOutage(ctx context.Context, o store.Outage) error
	EndOutage(ctx context.Context, provider string, at time.Time) error
	Outages(ctx context.Context, at time.Time) ([]store.Outage, error)
}

// Ledger counts who could still come in.
type Ledger interface {
	Clients() []string
	Permits(client string) []string
	Measure(ctx context.Context, client, without string) (coverage.Coverage, error)
}

// Drills is this node's part in drills.
type Drills interface {
	Start(ctx context.Context, r drill.Request) (store.Drill, error)
	Stop(ctx context.Context, id, reason string) error
	List(ctx context.Context, limit int) ([]store.Drill, error)
	Report(ctx context.Context, id string) (drill.Report, error)
}

// Options says what the handler works with. All fields but Operators, Reread and
// Now are required.
type Options struct {
	Site, Node string
	Operators  []Operator // none: every order is refused
	Providers  []Provider // in the operator's order

	Board     Board
	Contact   func() contact.State
	Negatives Negatives
	Facts     Facts
	Outages   Outages
	Coverage  Ledger
	Drills    Drills

	Instances   Instances
	Credentials Credentials
	Websites    Websites
	People      People
	Audit       *audit.Log

	// Reread makes this node obey at once what was declared; nil: nothing does.
	Reread func(ctx context.Context) error
	Now    func() time.Time // nil is time.Now
}

func (o *Options) validate() error {
	if o.Site == "" || o.Node == "" || len(o.Providers) == 0 || o.Board == nil || o.Contact == nil || o.Negatives == nil || o.Facts == nil ||
		o.Outages == nil || o.Coverage == nil || o.Drills == nil || o.Instances == nil || o.Credentials == nil || o.Audit == nil ||
		!o.Websites.complete() || !o.People.complete() {
		return errors.New("admin: every option but Operators, Reread and Now is required")
	}
	if o.Reread == nil {
		o.Reread = func(context.Context) error { return nil }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return nil
}
