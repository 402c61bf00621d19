package token

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/bongsu/bongsu/broker/account"
	"github.com/bongsu/bongsu/broker/audit"
	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/id"
	"github.com/bongsu/bongsu/broker/oauth"
	"github.com/bongsu/bongsu/broker/store"
)

// errRefresh means that a text is no refresh token of ours, or of a family that
// is no more.
var errRefresh = errors.New("token: not a refresh token")

// family is what is known about a genuine refresh token.
type family struct {
	token   refreshToken
	key     []byte
	grant   store.Grant
	account store.Account
}

// refresh gives new tokens for a refresh token (RFC 6749 6). As for a code,
// everything is checked and signed before the token is used up.
func (e *Endpoint) refresh(ctx context.Context, known *client.Client, request oauth.TokenRequest) (response, error) {
	f, err := e.genuine(ctx, request.RefreshToken, 0)
	if errors.Is(err, errRefresh) {
		return response{}, invalidRefresh()
	}
	if err != nil {
		return response{}, err
	}
	if f.grant.ClientID != known.ID {
		e.Audit.Record(ctx, audit.Event{Name: audit.RefreshMisused, Client: known.ID, Account: f.account.ID, Login: f.grant.LoginID})
		return response{}, oauth.InvalidGrant("The refresh token was issued to another client.")
	}
	doubt := e.doubt(f.account.ID)
	if !e.granting(f.grant, f.account) {
		return response{}, invalidRefresh()
	}
	if doubt != nil {
		return response{}, doubt
	}
	code, err := e.narrowed(f, known, request.Scope)
	if err != nil {
		return response{}, err
	}
	now := e.Now()
	t, err := e.target(known, f.grant.Resources, code.Scope, request.Resources)
	if err != nil {
		return response{}, err
	}
	lost := e.WriterLost() // then nobody can note that the token was used: it stays the good one
	if lost {
		if err := staysGood(f, known, now); err != nil {
			return response{}, err
		}
	}
	answer, err := e.issue(code, known, f.grant.ID, t, now)
	if err != nil {
		return response{}, err
	}
	if lost {
		return answer, nil
	}
	answer.RefreshToken = f.token.successor(f.key)
	if err := e.rotate(ctx, f, known, now); err != nil {
		return response{}, err
	}
	return answer, nil
}

// genuine reads the family of a refresh token and checks that the token is one
// of it; whether it is the good one is not looked at. errRefresh: it is none.
// Any other error means that it could not be checked.
func (e *Endpoint) genuine(ctx context.Context, text string, minCount int64) (family, error) {
	token, ok := parseRefresh(text)
	if !ok {
		return family{}, errRefresh
	}
	grant, owner, err := e.Grants.RefreshFamily(ctx, token.grantID, min(minCount, token.count))
	if errors.Is(err, store.ErrNotFound) {
		return family{}, errRefresh
	}
	if err != nil {
		return family{}, fmt.Errorf("read refresh family: %w", err)
	}
	key, err := e.Wrap.Unwrap(wrappedFor(grant.ID), grant.Refresh.Key)
	if err != nil {
		return family{}, fmt.Errorf("unwrap key of refresh family: %w", err)
	}
	if !token.of(key) {
		return family{}, errRefresh
	}
	return family{token, key, grant, owner}, nil
}

// granting reports whether nothing speaks against a grant for offline access:
// neither a negative fact nor its account. The end of the session that began it
// does not (OpenID Connect Core 11).
func (e *Endpoint) granting(g store.Grant, a store.Account) bool {
	return e.holds(g, a, g.Epoch) && e.Now().Before(g.ExpiresAt)
}

// holds reports whether nothing speaks against what a grant gave while its
// account was at epoch.
func (e *Endpoint) holds(g store.Grant, a store.Account, epoch int64) bool {
	withdrawn := e.Negatives.Epoch(store.ConsentWithdrawn, store.WithdrawnConsent(a.ID, g.ClientID))
	return !a.Disabled && a.Epoch == epoch && e.stands(a.ID, "", epoch) &&
		!e.Negatives.Has(store.GrantRevoked, g.ID) &&
		!e.void(g.Provider, g.CreatedAt.Unix()) && g.CreatedAt.UnixMicro() > withdrawn
}

// narrowed is what is left of the code in its grant, with the account as it is
// now and no more scope than is asked for.
func (e *Endpoint) narrowed(f family, known *client.Client, scope []string) (Code, error) {
	g := f.grant
	if len(scope) == 0 {
		scope = g.Scope
	}
	for _, s := range scope {
		if !slices.Contains(g.Scope, s) {
			return Code{}, oauth.InvalidScope("The scope is wider than what was granted: leave it out, or ask for less.")
		}
	}
	return Code{
		Login: g.LoginID, Client: g.ClientID, Scope: scope, Resources: g.Resources,
		Account: f.account.ID, Epoch: f.account.Epoch, Subject: e.Subjects.Subject(f.account, known),
		Claims: account.ClaimsOf(f.account, scope), SID: g.SID, Way: g.Provider,
		ACR: g.ACR, AMR: g.AMR, AuthTime: g.AuthTime.Unix(),
	}, nil
}

// rotate uses the token up. One that was used before ends its family, and with
// it what the grant gave: either its owner or a thief comes second.
func (e *Endpoint) rotate(ctx context.Context, f family, known *client.Client, now time.Time) error {
	name := []byte(f.token.name())
	try, again := e.unrotated.take(name)
	if !again {
		var err error
		if try.id, err = id.New(e.Rand); err != nil {
			return err
		}
	}
	rotation := store.Rotation{
		GrantID: f.grant.ID, Count: f.token.count, Attempt: try.id, At: now.UTC(), Idle: refreshIdle, Spares: true,
	}
	if !known.Public {
		rotation.Grace = refreshGrace
	}
	_, err := e.Grants.RotateRefresh(ctx, rotation)
	if errors.Is(err, store.ErrReplayed) {
		err = e.usedBefore(ctx, name, &rotation)
		try.id = rotation.Attempt
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, store.ErrReplayed):
		e.Audit.Record(ctx, audit.Event{Name: audit.RefreshReplayed, Client: known.ID, Account: f.account.ID, Login: f.grant.LoginID})
		if err := e.revokeGrant(ctx, f.grant); err != nil {
			return err
		}
		return oauth.InvalidGrant("The refresh token was used before; what the login gave is revoked.")
	case errors.Is(err, store.ErrUsed), errors.Is(err, store.ErrNotFound):
		return invalidRefresh()
	}
	try.until = now.Add(retryLife)
	e.unrotated.keep(name, try, now)
	return fmt.Errorf("use refresh token: %w", err)
}

// usedBefore decides about a token that was used before. If that use was the one
// attempt whose outcome another node was left without, the website was told to try
// again and does so here: it goes on, and r names it from now on. Otherwise the family
// ends with this call. [store.ErrReplayed], and what [store.Refreshes] says.
func (e *Endpoint) usedBefore(ctx context.Context, name []byte, r *store.Rotation) error {
	r.Spares = false
	stands, _, err := e.Grants.RefreshFamily(ctx, r.GrantID, math.MaxInt64)
	if err != nil {
		return err
	}
	if stands.Refresh.Count == r.Count+1 && stands.Refresh.EndedAt.IsZero() {
		_, found, err := e.elsewhere(ctx, name, stands.Refresh.Attempt)
		if err != nil {
			return fmt.Errorf("ask who used a refresh token: %w", err)
		}
		if found {
			r.Attempt = stands.Refresh.Attempt
		}
	}
	_, err = e.Grants.RotateRefresh(ctx, *r)
	return err
}

// revokeGrant ends what a grant gave: here before it returns nil, everywhere
// within R.
func (e *Endpoint) revokeGrant(ctx context.Context, g store.Grant) error {
	fact := store.Fact{Kind: store.GrantRevoked, ID: g.ID, At: e.Now().UTC(), Until: g.ExpiresAt}
	if err := e.Negatives.Apply(ctx, fact); err != nil {
		return fmt.Errorf("revoke grant: %w", err)
	}
	return nil
}

func invalidRefresh() *oauth.Error {
	return oauth.InvalidGrant("The refresh token is unknown, has expired or was revoked.")
}
