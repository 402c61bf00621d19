package broker

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/broker/limit"
	"github.com/bongsu/bongsu/broker/login"
	"github.com/bongsu/bongsu/broker/web"
)

// The limits, as metrics name them.
const (
	limitStarts         = "starts_per_address"
	limitStartsOfClient = "starts_per_client"
	limitFailures       = "failures_per_address"
	limitGuesses        = "failures_per_client"
	limitTokens         = "tokens_per_address"
	limitTokensOfClient = "tokens_per_client"
)

// limits is how often strangers and clients may ask this node. A reload replaces
// it whole.
type limits struct {
	settings config.Limits

	starts   *limit.Table[netip.Prefix] // logins begun
	clients  *limit.Table[string]       // the same, by client
	failures *limit.Table[netip.Prefix] // clients not proved
	guesses  *limit.Table[guess]        // the same, by client
	tokens   *limit.Table[netip.Prefix] // token requests of clients that have no secret
	proved   *limit.Table[string]       // those of the others
}

// guess is who claims to be which client. Clients that do not exist are one.
type guess struct {
	from   netip.Prefix
	client string
}

// newLimits makes empty tables, but keeps those of before whose rate stays, with
// what they have counted.
func newLimits(s config.Limits, now func() time.Time, before *limits) (*limits, error) {
	made := &limits{settings: s}
	var was limits
	if before != nil {
		was = *before
	}
	same := before != nil && before.settings.Entries == s.Entries
	for _, build := range []error{
		table(&made.starts, was.starts, s.Starts, was.settings.Starts, same, s.Entries, now),
		table(&made.clients, was.clients, s.StartsOfClient, was.settings.StartsOfClient, same, s.Entries, now),
		table(&made.failures, was.failures, s.Failures, was.settings.Failures, same, s.Entries, now),
		table(&made.guesses, was.guesses, s.Guesses, was.settings.Guesses, same, s.Entries, now),
		table(&made.tokens, was.tokens, s.Tokens, was.settings.Tokens, same, s.Entries, now),
		table(&made.proved, was.proved, s.TokensOfClient, was.settings.TokensOfClient, same, s.Entries, now),
	} {
		if build != nil {
			return nil, fmt.Errorf("limits: %w", build)
		}
	}
	return made, nil
}

func table[K comparable](to **limit.Table[K], before *limit.Table[K], rate, was limit.Rate, same bool, entries int, now func() time.Time) error {
	if same && rate == was {
		*to = before
		return nil
	}
	made, err := limit.New[K](limit.Options{Rate: rate, Entries: max(1, entries), Now: now})
	*to = made
	return err
}

// exempt reports whether an address is never made to wait.
func (l *limits) exempt(at netip.Addr) bool {
	for _, prefix := range l.settings.Exempt {
		if prefix.Contains(at) {
			return true
		}
	}
	return false
}

func (b *Broker) buildLimits(context.Context) error {
	made, err := newLimits(b.config.Limits, b.options.Now, nil)
	if err != nil {
		return err
	}
	b.limits.Store(made)
	return nil
}

// mayStart stands in front of what begins a login: too many from one address
// wait. The page leads on to the same request.
func (b *Broker) mayStart(handle func(http.ResponseWriter, *http.Request) error) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		at, now := addressOf(r.Context()), b.limits.Load()
		if now.exempt(at) {
			return handle(w, r)
		}
		if wait := now.starts.Take(limit.Neighbours(at)); wait > 0 {
			return b.slowDown(limitStarts, r, nil, wait)
		}
		return handle(w, r)
	}
}

// mayStartAt is asked when the client of a login is known.
func (b *Broker) mayStartAt(r *http.Request, c *client.Client) error {
	now := b.limits.Load()
	if now.exempt(addressOf(r.Context())) {
		return nil
	}
	if wait := now.clients.Take(c.ID); wait > 0 {
		return b.slowDown(limitStartsOfClient, r, c, wait)
	}
	return nil
}

// slowDown is the page for people who are asked to wait.
func (b *Broker) slowDown(which string, r *http.Request, c *client.Client, wait time.Duration) error {
	b.metrics.limited.WithLabelValues(which).Inc()
	problem := &login.Problem{
		Kind: web.ProblemTooMany, Status: http.StatusTooManyRequests, Client: c,
		RetryAfter: int((wait + time.Second - 1) / time.Second),
	}
	if r.Method == http.MethodGet {
		problem.RetryHref = r.URL.RequestURI()
	}
	return problem
}

// Attempt implements [token.Limits]: whoever was wrong too often waits, before
// what they say is looked at.
func (b *Broker) Attempt(ctx context.Context, clientID string) time.Duration {
	at, now := addressOf(ctx), b.limits.Load()
	if now.exempt(at) {
		return 0
	}
	from := limit.Neighbours(at)
	if wait := now.guesses.Wait(guess{from, b.knownID(clientID)}); wait > 0 {
		return b.limited(limitGuesses, wait)
	}
	return b.limited(limitFailures, now.failures.Wait(from))
}

// Failed implements [token.Limits].
func (b *Broker) Failed(ctx context.Context, clientID string) {
	now, from := b.limits.Load(), limit.Neighbours(addressOf(ctx))
	now.guesses.Take(guess{from, b.knownID(clientID)})
	now.failures.Take(from)
}

// Enter implements [token.Limits]. A client that has proved who it is has a limit of
// its own, which nobody else can use up; of one that cannot, each address has one.
func (b *Broker) Enter(ctx context.Context, c *client.Client) time.Duration {
	at, now := addressOf(ctx), b.limits.Load()
	switch {
	case now.exempt(at):
		return 0
	case c.Public:
		return b.limited(limitTokens, now.tokens.Take(limit.Neighbours(at)))
	default:
		return b.limited(limitTokensOfClient, now.proved.Take(c.ID))
	}
}

// limited counts a refusal.
func (b *Broker) limited(which string, wait time.Duration) time.Duration {
	if wait > 0 {
		b.metrics.limited.WithLabelValues(which).Inc()
	}
	return wait
}

// knownID is the id of a client that exists; strangers must not fill the table with
// names of their own.
func (b *Broker) knownID(clientID string) string {
	if _, ok := b.clients.Client(clientID); ok {
		return clientID
	}
	return ""
}
