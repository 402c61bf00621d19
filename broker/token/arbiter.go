package token

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/oauth"
	"github.com/bongsu/bongsu/broker/store"
)

// shortLife is how long tokens live that are issued while there is no writer, or
// for a code that a node decided about: for so long who verifies by signature
// alone may not hear of what only the writer could have refused.
const shortLife = 5 * time.Minute

// Arbiters decides about codes that name a node, "site/node", and knows the grants
// that they gave.
type Arbiters interface {
	// Claim makes the code of g, which was issued at that time, used, by the rules
	// of [store.Grants].ClaimCode and with its errors. An arbiter that does not
	// answer, or that nobody knows, is store.ErrUnavailable.
	Claim(ctx context.Context, arbiter string, g store.Grant, issued time.Time) (grantID string, err error)
	// Grant returns a grant that an arbiter gave. store.ErrNotFound: it has none,
	// or the store has it for long. Anything else is store.ErrUnavailable.
	Grant(ctx context.Context, arbiter, grantID string) (store.Grant, error)
}

// noArbiters is a node that knows of no other arbiter than the writer.
type noArbiters struct{}

// Claim implements [Arbiters].
func (noArbiters) Claim(_ context.Context, arbiter string, _ store.Grant, _ time.Time) (string, error) {
	return "", fmt.Errorf("%w: there is no way to the arbiter %q", store.ErrUnavailable, arbiter)
}

// Grant implements [Arbiters].
func (noArbiters) Grant(_ context.Context, arbiter, _ string) (store.Grant, error) {
	return store.Grant{}, fmt.Errorf("%w: there is no way to the arbiter %q", store.ErrUnavailable, arbiter)
}

// node returns the node that is the arbiter; empty: the writer is.
func (a Arbiter) node() string {
	if a == Writer {
		return ""
	}
	return string(a)
}

// decide asks the arbiter that the code names, for ever, whether this is its first
// use. An unknown outcome is settled by asking again with the same grant.ID.
func (e *Endpoint) decide(ctx context.Context, code Code, grant store.Grant) (first string, err error) {
	if code.Arbiter == Writer {
		return e.Grants.ClaimCode(ctx, grant) // within the time of a verb
	}
	return e.Arbiters.Claim(ctx, string(code.Arbiter), grant, time.Unix(code.Issued, 0))
}

// granted is the scope that the code's arbiter can give: a node gives no refresh
// tokens, as only the writer can say that one was used.
func (c Code) granted() []string {
	if c.Arbiter.node() == "" {
		return c.Scope
	}
	return slices.DeleteFunc(slices.Clone(c.Scope), func(s string) bool { return s == oauth.ScopeOfflineAccess })
}

// lifeOf is how long a token may live that a code, or what is left of one, gives.
func (e *Endpoint) lifeOf(c Code, usual time.Duration) time.Duration {
	if c.Arbiter.node() != "" || e.WriterLost() {
		return min(usual, shortLife)
	}
	return usual
}

// grantOf returns the grant and the account that an access token rests on. What a
// node gave is asked of it first: the store may not have heard of it yet, and its
// writer's no would be none. store.ErrNotFound: nobody knows of such a grant.
func (e *Endpoint) grantOf(ctx context.Context, claims AccessClaims) (found granted, err error) {
	if claims.Arbiter == "" {
		found.grant, found.account, err = e.Grants.GrantedAccount(ctx, claims.Grant)
		return found, err
	}
	var silent error
	found.grant, err = e.Arbiters.Grant(ctx, claims.Arbiter, claims.Grant)
	if err == nil {
		found.account, err = e.Grants.Account(ctx, found.grant.AccountID, claims.Epoch)
		return found, err
	}
	if !errors.Is(err, store.ErrNotFound) {
		silent = err
	}
	found.grant, found.account, err = e.Grants.GrantedAccount(ctx, claims.Grant)
	if silent != nil && errors.Is(err, store.ErrNotFound) {
		return granted{}, silent // it may be on its way to the store
	}
	return found, err
}

// staysGood returns nil if a refresh token gives tokens without being used up: to
// a client that proved itself, as far as the replica says that it is the good
// token of a family that lives. What the replica denies may have changed since:
// nothing follows from it.
func staysGood(f family, known *client.Client, now time.Time) error {
	refresh := f.grant.Refresh
	switch {
	case known.Public:
		return oauth.TemporarilyUnavailable("Refresh tokens of public clients cannot be used right now; keep it and try again.")
	case f.token.count < refresh.Count, !refresh.EndedAt.IsZero(), !now.Before(refresh.UsedAt.Add(refreshIdle)):
		return oauth.TemporarilyUnavailable("Whether the refresh token is still good cannot be checked right now; keep it and try again.")
	}
	return nil
}
