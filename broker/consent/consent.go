package consent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bongsu/bongsu/broker/store"
)

// maxListed bounds how many consents and grants of one account are read at once.
const maxListed = 1000

// factLife is how long a withdrawal is kept as a fact: far longer than any
// replica lags. The consent itself went with it at the writer.
const factLife = 90 * 24 * time.Hour

// Records is what the package needs of the store.
type Records interface {
	GiveConsent(ctx context.Context, c store.Consent) error
	Consent(ctx context.Context, accountID, clientID string, scope []string) (store.Consent, error)
	ConsentsOf(ctx context.Context, accountID string, limit int) ([]store.Consent, error)
	GrantsOfAccount(ctx context.Context, accountID string, at time.Time, limit int) ([]store.Grant, error)
}

// Negatives is what is known here to hold no longer, and takes note of more.
type Negatives interface {
	Has(kind store.FactKind, id string) bool
	Epoch(kind store.FactKind, id string) int64
	Apply(ctx context.Context, f store.Fact) error
}

// Options says what a register works with. All fields but Now are required.
type Options struct {
	Records   Records
	Negatives Negatives
	Now       func() time.Time // default time.Now
}

// Register keeps consents. It is safe for concurrent use.
type Register struct{ o Options }

// New returns a register.
func New(o Options) (*Register, error) {
	if o.Records == nil || o.Negatives == nil {
		return nil, errors.New("consent: records and negatives are required")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Register{o: o}, nil
}

// Of returns what the account consented to for a client; the zero Consent if
// nothing. What is wanted is a word about each of scope, or the latest word of all
// if that is empty. An error means that it could not be read.
func (r *Register) Of(ctx context.Context, accountID, clientID string, scope []string) (store.Consent, error) {
	given, err := r.o.Records.Consent(ctx, accountID, clientID, scope)
	if errors.Is(err, store.ErrNotFound) {
		return store.Consent{}, nil
	}
	if err != nil {
		return store.Consent{}, fmt.Errorf("read consent: %w", err)
	}
	if !r.holds(given) {
		return store.Consent{}, nil
	}
	return given, nil
}

// holds reports whether a consent was given after its last withdrawal.
func (r *Register) holds(c store.Consent) bool {
	return c.GivenAt.UnixMicro() > r.withdrawn(c.AccountID, c.ClientID)
}

func (r *Register) withdrawn(accountID, clientID string) int64 {
	return r.o.Negatives.Epoch(store.ConsentWithdrawn, store.WithdrawnConsent(accountID, clientID))
}

// Give remembers a yes to scope, and a no to declined, beside what was said
// before. An error means that it is not remembered: it counts for this login
// alone.
func (r *Register) Give(ctx context.Context, accountID, clientID string, scope, declined []string) error {
	before, err := r.Of(ctx, accountID, clientID, nil)
	if err != nil {
		return err
	}
	yes := union(before.Scope, scope)
	no := slices.DeleteFunc(union(before.Declined, declined), func(s string) bool { return slices.Contains(scope, s) })
	yes = slices.DeleteFunc(yes, func(s string) bool { return slices.Contains(no, s) })
	at := max(r.o.Now().UnixMicro(), r.withdrawn(accountID, clientID)+1, before.GivenAt.UnixMicro()+1)
	given := store.Consent{
		AccountID: accountID, ClientID: clientID, Scope: yes, Declined: no, GivenAt: time.UnixMicro(at).UTC(),
	}
	if err := r.o.Records.GiveConsent(ctx, given); err != nil {
		return fmt.Errorf("give consent: %w", err)
	}
	return nil
}

// Missing are those of the asked scopes about which nothing was said yet.
func Missing(given store.Consent, asked []string) []string {
	var missing []string
	for _, s := range asked {
		if !slices.Contains(given.Scope, s) && !slices.Contains(given.Declined, s) {
			missing = append(missing, s)
		}
	}
	return missing
}

// Service is a client that an account gave something to.
type Service struct {
	ClientID string
	Scope    []string  // consented to, or else granted
	Since    time.Time // when it last got something
}

// Services are the clients that an account consented to or that hold a grant of
// it, latest first. An error means that they could not be read.
func (r *Register) Services(ctx context.Context, accountID string) ([]Service, error) {
	given, err := r.o.Records.ConsentsOf(ctx, accountID, maxListed)
	if err != nil {
		return nil, fmt.Errorf("list consents: %w", err)
	}
	grants, err := r.Grants(ctx, accountID)
	if err != nil {
		return nil, err
	}
	var services []Service
	add := func(s Service) {
		i := slices.IndexFunc(services, func(known Service) bool { return known.ClientID == s.ClientID })
		if i < 0 {
			services = append(services, s)
			return
		}
		if s.Since.After(services[i].Since) {
			services[i].Since = s.Since
		}
		services[i].Scope = union(services[i].Scope, s.Scope)
	}
	for _, c := range given {
		if r.holds(c) {
			add(Service{ClientID: c.ClientID, Scope: c.Scope, Since: c.GivenAt})
		}
	}
	for _, g := range grants {
		add(Service{ClientID: g.ClientID, Scope: g.Scope, Since: g.CreatedAt})
	}
	slices.SortStableFunc(services, func(a, b Service) int { return b.Since.Compare(a.Since) })
	return services, nil
}

// Grants are those of an account that were not revoked and whose sessions go on,
// newest first. An error means that they could not be read.
func (r *Register) Grants(ctx context.Context, accountID string) ([]store.Grant, error) {
	grants, err := r.o.Records.GrantsOfAccount(ctx, accountID, r.o.Now(), maxListed)
	if err != nil {
		return nil, fmt.Errorf("list grants: %w", err)
	}
	return slices.DeleteFunc(grants, func(g store.Grant) bool {
		return r.o.Negatives.Has(store.GrantRevoked, g.ID) || g.SID != "" && r.o.Negatives.Has(store.SessionEnded, g.SID)
	}), nil
}

// TakeAway ends what a client may see of an account: the consent and every grant
// end here before it returns, and everywhere within R. An error means that
// something of it could not be read or kept; what was said so far is obeyed.
func (r *Register) TakeAway(ctx context.Context, accountID, clientID string) error {
	now := r.o.Now().UTC()
	// A node whose clock is ahead may have noted the yes: what is withdrawn is that
	// yes, whenever it was.
	given, unread := r.Of(ctx, accountID, clientID, nil)
	err := r.o.Negatives.Apply(ctx, store.Fact{
		Kind: store.ConsentWithdrawn, ID: store.WithdrawnConsent(accountID, clientID),
		Epoch: max(now.UnixMicro(), given.GivenAt.UnixMicro()), At: now, Until: now.Add(factLife),
	})
	if err != nil {
		return fmt.Errorf("withdraw consent: %w", err)
	}
	if unread != nil {
		return unread
	}
	grants, err := r.o.Records.GrantsOfAccount(ctx, accountID, now, maxListed)
	if err != nil {
		return fmt.Errorf("list grants: %w", err)
	}
	for _, g := range grants {
		if g.ClientID != clientID || r.o.Negatives.Has(store.GrantRevoked, g.ID) {
			continue
		}
		fact := store.Fact{Kind: store.GrantRevoked, ID: g.ID, At: now, Until: g.ExpiresAt}
		if err := r.o.Negatives.Apply(ctx, fact); err != nil {
			return fmt.Errorf("revoke grant: %w", err)
		}
	}
	return nil
}

// union is a, and what b adds to it.
func union(a, b []string) []string {
	all := slices.Clone(a)
	for _, s := range b {
		if !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return all
}
