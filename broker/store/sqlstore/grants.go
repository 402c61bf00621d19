package sqlstore

import (
	"bytes"
	"context"
	"crypto/subtle"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bongsu/bongsu/broker/store"
)

const grantColumns = `grants.id, grants.login_id, grants.code_hash, grants.account_id, grants.client_id, grants.sid,
	grants.scope, grants.provider, grants.acr, grants.amr, grants.auth_time, grants.created_at, grants.expires_at,
	grants.epoch, grants.resources, grants.refresh_key, grants.refresh_count, grants.refresh_attempt,
	grants.refreshed_at, grants.refresh_ended`

const (
	// A row is written, for the first time or over itself, exactly if this
	// grant holds the login.
	claimCode query = `INSERT INTO grants (id, login_id, code_hash, account_id, client_id, sid, scope, provider, acr, amr,
			auth_time, created_at, expires_at, epoch, resources, refresh_key, refresh_count, refreshed_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
		ON CONFLICT (login_id) DO UPDATE SET login_id = excluded.login_id WHERE grants.id = excluded.id`
	selectClaim        query = `SELECT id, code_hash FROM grants WHERE login_id = $1`
	selectGrantAccount query = `SELECT ` + grantColumns + `, ` + accountColumns + `
		FROM grants JOIN accounts ON accounts.id = grants.account_id WHERE grants.id = $1`
	selectGrantsOfAccount query = `SELECT ` + grantColumns + ` FROM grants
		WHERE account_id = $1 AND (expires_at = 0 OR expires_at > $2) ORDER BY created_at DESC, id DESC LIMIT $3`
	deleteGrants query = `DELETE FROM grants WHERE id IN (SELECT id FROM grants
		WHERE expires_at <> 0 AND expires_at < $1 ORDER BY expires_at LIMIT $2)`
)

// grantRow scans a grant.
type grantRow struct {
	store.Grant
	scope, amr, resources      string
	authTime, created, expires int64
	used, ended                int64
}

// columns are where grantColumns go.
func (r *grantRow) columns() []any {
	return []any{
		&r.ID, &r.LoginID, &r.CodeHash, &r.AccountID, &r.ClientID, &r.SID, &r.scope, &r.Provider, &r.ACR, &r.amr,
		&r.authTime, &r.created, &r.expires, &r.Epoch, &r.resources, &r.Refresh.Key, &r.Refresh.Count,
		&r.Refresh.Attempt, &r.used, &r.ended,
	}
}

func (r *grantRow) grant() store.Grant {
	g := r.Grant
	g.Scope, g.Claims = scopeOf(r.scope)
	g.AMR, g.Resources = listOf(r.amr), listOf(r.resources)
	g.AuthTime, g.CreatedAt, g.ExpiresAt = timeOf(r.authTime), timeOf(r.created), timeOf(r.expires)
	g.Refresh.UsedAt, g.Refresh.EndedAt = timeOf(r.used), timeOf(r.ended)
	return g
}

// ClaimCode implements [store.Grants].
func (s *Store) ClaimCode(ctx context.Context, g store.Grant) (grantID string, err error) {
	const verb = "claim code"
	var c check
	c.grant(g)
	if c.err != nil {
		return "", fact(verb, c.err)
	}
	args := []any{
		g.ID, g.LoginID, bytes.Clone(g.CodeHash), g.AccountID, g.ClientID, g.SID, words(scopeWords(g)), g.Provider, g.ACR,
		words(g.AMR), micros(g.AuthTime), micros(g.CreatedAt), micros(g.ExpiresAt), g.Epoch, words(g.Resources),
		blob(g.Refresh.Key), g.Refresh.Count, micros(g.Refresh.UsedAt),
	}
	err = s.verb(ctx, verb, func(ctx context.Context) (err error) {
		grantID, err = s.claim(ctx, g, args)
		return err
	})
	return grantID, err
}

func (s *Store) claim(ctx context.Context, g store.Grant, args []any) (string, error) {
	wrote, err := s.execute(ctx, again, claimCode, args...)
	if errors.Is(err, errTaken) {
		// Two calls with the same id at the same moment may meet at the id
		// instead of the login. The other one is through by now.
		wrote, err = s.execute(ctx, again, claimCode, args...)
	}
	if err != nil {
		return "", err
	}
	if wrote == 1 {
		return g.ID, nil
	}
	return s.claimedBefore(ctx, g)
}

// claimedBefore tells by which code g's login was claimed.
func (s *Store) claimedBefore(ctx context.Context, g store.Grant) (string, error) {
	var first string
	var hash []byte
	err := s.writer.read(ctx, func(ctx context.Context, q session) error {
		return q.row(ctx, selectClaim, []any{g.LoginID}, &first, &hash)
	})
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return "", fmt.Errorf("%w: the claim was purged meanwhile", store.ErrUnavailable)
	case err != nil:
		return "", err
	case subtle.ConstantTimeCompare(hash, g.CodeHash) == 1:
		return first, store.ErrReplayed
	}
	return "", store.ErrUsed
}

// GrantedAccount implements [store.Grants].
func (s *Store) GrantedAccount(ctx context.Context, grantID string) (store.Grant, store.Account, error) {
	return s.grantedAccount(ctx, "granted account", grantID, 0)
}

// grantedAccount reads a grant and its account. A replica is not believed that
// says disabled, whose account is of an epoch before the grant's, or whose refresh
// family counts less than minCount.
func (s *Store) grantedAccount(ctx context.Context, verb, grantID string, minCount int64) (store.Grant, store.Account, error) {
	var c check
	c.filled("grant id", grantID, store.MaxID)
	if c.err != nil {
		return store.Grant{}, store.Account{}, fact(verb, c.err)
	}
	var g grantRow
	var a accountRow
	err := s.verb(ctx, verb, func(ctx context.Context) error {
		return found(s.ask(ctx, func(ctx context.Context, q session) error {
			g, a = grantRow{}, accountRow{}
			return q.row(ctx, selectGrantAccount, []any{grantID}, append(g.columns(), a.columns()...)...)
		}, func() bool { return !a.Disabled && a.Epoch >= g.Epoch && g.Refresh.Count >= minCount }))
	})
	if err != nil {
		return store.Grant{}, store.Account{}, err
	}
	return g.grant(), a.account(), nil
}

// GrantsOfAccount implements [store.Grants].
func (s *Store) GrantsOfAccount(ctx context.Context, accountID string, at time.Time, limit int) ([]store.Grant, error) {
	const verb = "grants of account"
	var c check
	c.filled("account id", accountID, store.MaxID)
	if c.err != nil {
		return nil, fact(verb, c.err)
	}
	return listed(ctx, s, verb, limit, (*grantRow).columns, (*grantRow).grant,
		selectGrantsOfAccount, accountID, micros(at), min(limit, maxListed))
}

// maxListed bounds one answer.
const maxListed = 1000

// listed reads rows, at the writer first. A limit below 1 is nothing to read.
func listed[Row, Record any](ctx context.Context, s *Store, verb string, limit int,
	columns func(*Row) []any, record func(*Row) Record, q query, args ...any,
) ([]Record, error) {
	var all []Record
	err := s.verb(ctx, verb, func(ctx context.Context) error {
		if limit <= 0 {
			return nil
		}
		return s.askWriterFirst(ctx, func(ctx context.Context, on session) error {
			all = nil
			return on.rows(ctx, q, args, func(scan scan) error {
				var r Row
				if err := scan(columns(&r)...); err != nil {
					return err
				}
				all = append(all, record(&r))
				return nil
			})
		})
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// PurgeGrants implements [store.Grants].
func (s *Store) PurgeGrants(ctx context.Context, at time.Time, limit int) (int, error) {
	return s.purge(ctx, "purge grants", deleteGrants, at, limit)
}

// purge deletes at most limit rows that ended before at. A purge whose outcome
// is not known is not repeated: it would not know how many rows went.
func (s *Store) purge(ctx context.Context, verb string, q query, at time.Time, limit int) (int, error) {
	var gone int64
	err := s.verb(ctx, verb, func(ctx context.Context) (err error) {
		if limit > 0 {
			gone, err = s.execute(ctx, once, q, micros(at), limit)
		}
		return err
	})
	return int(gone), err
}

// claimWord marks a claim among the words of a scope: both stand in one column,
// and a program that knows no claims reads scopes that it does not know.
const claimWord = "claim:"

// scopeWords are the scope and the claims of a grant as they are stored.
func scopeWords(g store.Grant) []string {
	all := slices.Clone(g.Scope)
	for _, claim := range g.Claims {
		all = append(all, claimWord+claim)
	}
	return all
}

// scopeOf reads what scopeWords wrote.
func scopeOf(text string) (scope, claims []string) {
	for _, word := range listOf(text) {
		if claim, ok := strings.CutPrefix(word, claimWord); ok {
			claims = append(claims, claim)
		} else {
			scope = append(scope, word)
		}
	}
	return scope, claims
}
