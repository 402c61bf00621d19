package backchannel

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/keys"
)

// Store is what the package reads and writes.
type Store interface {
	store.Logouts
	Account(ctx context.Context, id string, minEpoch int64) (store.Account, error)
	GrantsOfSession(ctx context.Context, sid string, at time.Time, limit int) ([]store.Grant, error)
	GrantsOfAccount(ctx context.Context, accountID string, at time.Time, limit int) ([]store.Grant, error)
	GrantedAccount(ctx context.Context, grantID string) (store.Grant, store.Account, error)
	FactsSince(ctx context.Context, revision int64, limit int) ([]store.Fact, error)
}

// Clients finds registered clients.
type Clients interface {
	Client(id string) (*client.Client, bool)
}

// Subjects knows an account by the name that a client knows it by.
type Subjects interface {
	Subject(a store.Account, c *client.Client) string
}

// Signer signs logout tokens.
type Signer interface {
	Sign(k keys.Kind, a keys.Algorithm, claims []byte) (string, error)
}

// Options is what a notifier works with. All fields but Revision, Told,
// Registerer, Logger and Now are required.
type Options struct {
	Issuer   string
	Store    Store
	Clients  Clients
	Subjects Subjects
	Keys     Signer
	// HTTP makes the requests: bounded, without redirects, to no inside address.
	HTTP *http.Client
	Rand io.Reader
	// Revision is up to where the feed of facts is known here, so that the store
	// is asked only when there is news; nil always asks.
	Revision func() int64
	// Told hears how every attempt to tell a registered website went; err is nil if it
	// took it. It must not block. Nil hears nothing.
	Told       func(client string, err error)
	Registerer prometheus.Registerer // nil counts nothing
	Logger     *slog.Logger          // nil discards
	Now        func() time.Time      // nil is time.Now
}

// Notifier tells websites that sessions have ended. It is safe for concurrent
// use.
type Notifier struct {
	o       Options
	metrics *metrics
	wake    chan struct{} // something is to be told now
	seats   chan struct{} // of calls of Ended that tell by themselves
	running sync.WaitGroup
}

// New returns a notifier. It tells nobody before [Notifier.Run] or
// [Notifier.Ended].
func New(o Options) (*Notifier, error) {
	if o.Issuer == "" || o.Store == nil || o.Clients == nil || o.Subjects == nil || o.Keys == nil || o.HTTP == nil || o.Rand == nil {
		return nil, errors.New("backchannel: issuer, store, clients, subjects, keys, HTTP client and randomness are required")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Told == nil {
		o.Told = func(string, error) {}
	}
	if o.Revision == nil {
		o.Revision = func() int64 { return unknown }
	}
	return &Notifier{
		o: o, metrics: newMetrics(o.Registerer), wake: make(chan struct{}, 1), seats: make(chan struct{}, maxSeats),
	}, nil
}

// Close waits for what Ended has begun. Nobody may call Ended any more.
func (n *Notifier) Close() error {
	n.running.Wait()
	return nil
}

// State is what became of telling a website.
type State string

// The states. The first is no state of the queue: nobody was to be told.
const (
	NotRegistered State = "none"      // the website takes no word: its session ends by itself
	Trying        State = "trying"    // it has not answered yet, and is told again
	Delivered     State = "delivered" // it said that it ended the session
	Refused       State = "refused"   // it said that it would not
	Unreached     State = "unreached" // it never answered, and nobody tries any more
)

// Result is what became of telling one website.
type Result struct {
	Client string // client id
	State  State
	At     time.Time // when the state last changed; zero for NotRegistered
}

// The bounds of what one call of Ended does.
const (
	// patience is how long Ended waits for websites to answer.
	patience = 2 * time.Second
	// maxSeats bounds how many calls of Ended tell websites by themselves; the
	// others leave it to Run.
	maxSeats = 32
	// maxGrants bounds how many logins of an account are looked at, the latest
	// first.
	maxGrants = 1000
)

// Ended tells the websites of what a fact has ended, waits for their answers for
// at most two seconds, and returns what is known then, one result per website,
// by client id. The fact must be obeyed already: Ended itself ends nothing.
// Whoever has not answered is told again later, and so is everybody if an error
// says that the store could not be asked, because the fact itself is on its way
// there. Facts that end nobody's session have no results.
func (n *Notifier) Ended(ctx context.Context, f store.Fact) ([]Result, error) {
	p, err := n.queue(ctx, f)
	if err != nil || len(p.told) == 0 {
		return p.results(p.told), err
	}
	n.tellNow(ctx)
	stands, err := n.o.Store.LogoutsOf(ctx, causeOf(f))
	if err != nil {
		return p.results(p.told), nil //nolint:nilerr // they are queued: that is what is known
	}
	return p.results(stands), nil
}

// Begin is Ended for callers that wait for nothing.
func (n *Notifier) Begin(ctx context.Context, f store.Fact) {
	n.apart(ctx, func(ctx context.Context) {
		if _, err := n.queue(ctx, f); err != nil {
			n.complain(ctx, "queue logouts", err) // the feed will bring it
			return
		}
		n.tell(ctx)
	})
}

// apart runs do beside the caller, who may leave, and returns what is closed
// when it has ended. While too many do so already it is left to Run: nil.
func (n *Notifier) apart(ctx context.Context, do func(ctx context.Context)) <-chan struct{} {
	select {
	case n.seats <- struct{}{}:
	default:
		n.Wake()
		return nil
	}
	done := make(chan struct{})
	n.running.Go(func() {
		defer func() { <-n.seats; close(done) }()
		do(context.WithoutCancel(ctx))
	})
	return done
}

// tellNow tells whatever is due and waits for a while. What takes longer goes
// on without the caller.
func (n *Notifier) tellNow(ctx context.Context) {
	done := n.apart(ctx, n.tell)
	if done == nil {
		return
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// Results returns what is known now of what Ended was told before.
func (n *Notifier) Results(ctx context.Context, f store.Fact) ([]Result, error) {
	plan, err := n.plan(ctx, f)
	if err != nil {
		return nil, err
	}
	stands, err := n.o.Store.LogoutsOf(ctx, causeOf(f))
	if err != nil {
		return nil, err
	}
	return plan.results(stands), nil
}
