package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/bongsu/bongsu/broker/store"
)

const (
	selectLink query = `SELECT account_id, created_at FROM links WHERE provider = $1 AND subject = $2`
	deleteLink query = `DELETE FROM links WHERE provider = $1 AND subject = $2 AND account_id = $3`
	countLinks query = `SELECT COUNT(*) FROM links WHERE account_id = $1`
)

// LinkIdentityEndSessions implements [store.Accounts]. When the outcome is not
// known it is written again: the link's own time tells the first attempt from
// somebody else's.
func (s *Store) LinkIdentityEndSessions(ctx context.Context, l store.Link, epoch int64, at time.Time) (store.Fact, error) {
	const verb = "link identity and end sessions"
	var c check
	c.key(l.IdentityKey)
	if c.err != nil {
		return store.Fact{}, fact(verb, c.err)
	}
	created := micros(l.CreatedAt)
	return s.decide(ctx, change{
		verb: verb, fact: store.Fact{Kind: store.AccountEpoch, ID: l.AccountID, At: at}, effort: again, decide: ended,
		before: func(ctx context.Context, q session, stands standing) error {
			owner, since, err := linkOf(ctx, q, l.IdentityKey)
			switch {
			case errors.Is(err, sql.ErrNoRows) && stands.moved(epoch):
				return store.ErrNotFound
			case errors.Is(err, sql.ErrNoRows):
				_, err := q.exec(ctx, insertLink, l.Provider, l.Subject, l.AccountID, created)
				return err
			case err != nil:
				return err
			case owner == l.AccountID && since == created:
				return errStands
			default:
				return store.ErrConflict
			}
		},
	})
}

// UnlinkIdentity implements [store.Accounts]. Links are counted behind the lock
// that every transaction about facts takes first: two callers never both see
// the other one's link.
func (s *Store) UnlinkIdentity(ctx context.Context, key store.IdentityKey, accountID string, epoch int64, at time.Time) (store.Fact, error) {
	const verb = "unlink identity"
	var c check
	c.key(key)
	if c.err != nil {
		return store.Fact{}, fact(verb, c.err)
	}
	said := micros(at)
	return s.decide(ctx, change{
		verb: verb, fact: store.Fact{Kind: store.AccountEpoch, ID: accountID, At: at}, effort: again, decide: ended,
		before: func(ctx context.Context, q session, stands standing) error {
			owner, _, err := linkOf(ctx, q, key)
			switch {
			case errors.Is(err, sql.ErrNoRows) && stands.fact.Revision != 0 && micros(stands.fact.At) == said:
				return errStands
			case errors.Is(err, sql.ErrNoRows):
				return store.ErrNotFound
			case err != nil:
				return err
			case owner != accountID, stands.moved(epoch):
				return store.ErrNotFound
			}
			return unlink(ctx, q, key, accountID)
		},
	})
}

// moved reports whether the account's epoch is no longer the one a caller saw.
func (s standing) moved(seen int64) bool { return seen != 0 && s.account.epoch != seen }

// unlink deletes a link that is not the account's last.
func unlink(ctx context.Context, q session, key store.IdentityKey, accountID string) error {
	var links int64
	if err := q.row(ctx, countLinks, []any{accountID}, &links); err != nil {
		return err
	}
	if links < 2 {
		return store.ErrLast
	}
	_, err := q.exec(ctx, deleteLink, key.Provider, key.Subject, accountID)
	return err
}

// linkOf returns whose a link is and since when; [sql.ErrNoRows].
func linkOf(ctx context.Context, q session, key store.IdentityKey) (owner string, created int64, err error) {
	err = q.row(ctx, selectLink, []any{key.Provider, key.Subject}, &owner, &created)
	return owner, created, err
}
