package sqlstore

import (
	"context"
	"fmt"
	"time"

	"github.com/bongsu/bongsu/broker/store"
)

const (
	logoutColumns = `cause, client_id, sid, account_id, subject, state, attempts, next_at, created_at, changed_at, expires_at`

	insertLogout query = `INSERT INTO logouts (` + logoutColumns + `)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
		ON CONFLICT (cause, client_id, sid) DO NOTHING`
	selectLogouts query = `SELECT ` + logoutColumns + ` FROM logouts WHERE cause = $1 ORDER BY client_id, sid LIMIT 1000`
	selectDue     query = `SELECT count(*) FROM (SELECT 1 FROM logouts WHERE state = 'trying' AND next_at <= $1 LIMIT 1) AS due`
	// Whoever waited for a row that another one took finds its time no longer come.
	takeLogouts query = `UPDATE logouts SET attempts = attempts + 1, next_at = $2, changed_at = $1
		WHERE state = 'trying' AND next_at <= $1 AND (cause, client_id, sid) IN (SELECT cause, client_id, sid FROM logouts
			WHERE state = 'trying' AND next_at <= $1 ORDER BY next_at LIMIT $3)
		RETURNING ` + logoutColumns
	settleLogout query = `UPDATE logouts SET state = $5, next_at = $6, changed_at = $7
		WHERE cause = $1 AND client_id = $2 AND sid = $3 AND attempts = $4 AND state IN ('trying', $5)`
	countLogout   query = `SELECT count(*) FROM logouts WHERE cause = $1 AND client_id = $2 AND sid = $3`
	selectFeed    query = `SELECT revision FROM logout_feed WHERE id = 1`
	advanceFeed   query = `UPDATE logout_feed SET revision = $1 WHERE id = 1 AND revision < $1`
	deleteLogouts query = `DELETE FROM logouts WHERE (cause, client_id, sid) IN (SELECT cause, client_id, sid FROM logouts
		WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)`
)

// AddLogouts implements [store.Logouts].
func (s *Store) AddLogouts(ctx context.Context, batch []store.Logout) error {
	const verb = "add logouts"
	var c check
	if len(batch) > store.MaxLogouts {
		c.fail("batch", "is more than %d", store.MaxLogouts)
	}
	rows := make([][]any, len(batch))
	for i, l := range batch {
		c.logout(l)
		rows[i] = []any{
			l.Cause, l.ClientID, l.SID, l.AccountID, l.Subject, string(l.State), l.Attempts,
			micros(l.NextAt), micros(l.CreatedAt), micros(l.ChangedAt), micros(l.ExpiresAt),
		}
	}
	if c.err != nil {
		return fact(verb, c.err)
	}
	return s.verb(ctx, verb, func(ctx context.Context) error {
		if len(rows) == 0 {
			return nil
		}
		return s.writer.transact(ctx, again, func(ctx context.Context, q session) error {
			for _, row := range rows {
				if _, err := q.exec(ctx, insertLogout, row...); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

func (c *check) logout(l store.Logout) {
	c.logoutName(l)
	c.text("account id", l.AccountID, store.MaxID)
	c.text("subject", l.Subject, store.MaxSubject)
	if l.Attempts < 0 {
		c.fail("attempts", "are negative")
	}
	if l.CreatedAt.IsZero() || l.ExpiresAt.IsZero() {
		c.fail("logout", "has no beginning or no end")
	}
}

// logoutName checks what names a logout, and its state.
func (c *check) logoutName(l store.Logout) {
	c.filled("cause", l.Cause, store.MaxCause)
	c.filled("client id", l.ClientID, store.MaxClientID)
	c.text("sid", l.SID, store.MaxID)
	switch l.State {
	case store.LogoutTrying, store.LogoutDelivered, store.LogoutRefused, store.LogoutUnreached:
	default:
		c.fail("state", "is none")
	}
}

// LogoutsOf implements [store.Logouts].
func (s *Store) LogoutsOf(ctx context.Context, cause string) ([]store.Logout, error) {
	const verb = "logouts of"
	var c check
	c.filled("cause", cause, store.MaxCause)
	if c.err != nil {
		return nil, fact(verb, c.err)
	}
	var logouts []store.Logout
	err := s.verb(ctx, verb, func(ctx context.Context) error {
		return s.writer.read(ctx, func(ctx context.Context, q session) error {
			logouts = nil
			return q.rows(ctx, selectLogouts, []any{cause}, logoutsInto(&logouts))
		})
	})
	if err != nil {
		return nil, err
	}
	return logouts, nil
}

// logoutsInto scans rows of logoutColumns.
func logoutsInto(all *[]store.Logout) func(scan) error {
	return func(scan scan) error {
		var l store.Logout
		var state string
		var next, created, changed, expires int64
		err := scan(&l.Cause, &l.ClientID, &l.SID, &l.AccountID, &l.Subject, &state, &l.Attempts,
			&next, &created, &changed, &expires)
		if err != nil {
			return err
		}
		l.State = store.LogoutState(state)
		l.NextAt, l.CreatedAt, l.ChangedAt, l.ExpiresAt = timeOf(next), timeOf(created), timeOf(changed), timeOf(expires)
		*all = append(*all, l)
		return nil
	}
}

// TakeLogouts implements [store.Logouts]. It writes only when something waits.
func (s *Store) TakeLogouts(ctx context.Context, at, until time.Time, limit int) ([]store.Logout, error) {
	const verb = "take logouts"
	var c check
	if at.IsZero() || !until.After(at) {
		c.fail("attempt", "does not end after it begins")
	}
	if c.err != nil {
		return nil, fact(verb, c.err)
	}
	var taken []store.Logout
	err := s.verb(ctx, verb, func(ctx context.Context) error {
		if limit <= 0 {
			return nil
		}
		var due int
		err := s.writer.read(ctx, func(ctx context.Context, q session) error {
			return q.row(ctx, selectDue, []any{micros(at)}, &due)
		})
		if err != nil || due == 0 {
			return err
		}
		args := []any{micros(at), micros(until), min(limit, store.MaxLogouts)}
		return s.writer.write(ctx, once, func(ctx context.Context, q session) error {
			taken = nil
			return q.rows(ctx, takeLogouts, args, logoutsInto(&taken))
		})
	})
	if err != nil {
		return nil, err // the writer may still be running, and writing to taken
	}
	return taken, nil
}

// SettleLogout implements [store.Logouts].
func (s *Store) SettleLogout(ctx context.Context, l store.Logout) error {
	const verb = "settle logout"
	var c check
	c.logoutName(l)
	if c.err != nil {
		return fact(verb, c.err)
	}
	args := []any{l.Cause, l.ClientID, l.SID, l.Attempts, string(l.State), micros(l.NextAt), micros(l.ChangedAt)}
	return s.verb(ctx, verb, func(ctx context.Context) error {
		wrote, err := s.execute(ctx, again, settleLogout, args...)
		if err != nil || wrote == 1 {
			return err
		}
		var stands int
		err = s.writer.read(ctx, func(ctx context.Context, q session) error {
			return q.row(ctx, countLogout, []any{l.Cause, l.ClientID, l.SID}, &stands)
		})
		switch {
		case err != nil:
			return err
		case stands == 0:
			return store.ErrNotFound
		}
		return fmt.Errorf("%w: another attempt has begun, or this one has ended", store.ErrConflict)
	})
}

// LogoutFeed implements [store.Logouts].
func (s *Store) LogoutFeed(ctx context.Context) (int64, error) {
	var revision int64
	err := s.verb(ctx, "logout feed", func(ctx context.Context) error {
		return s.writer.read(ctx, func(ctx context.Context, q session) error {
			return q.row(ctx, selectFeed, nil, &revision)
		})
	})
	return revision, err
}

// AdvanceLogoutFeed implements [store.Logouts].
func (s *Store) AdvanceLogoutFeed(ctx context.Context, revision int64) error {
	return s.verb(ctx, "advance logout feed", func(ctx context.Context) error {
		_, err := s.execute(ctx, again, advanceFeed, revision)
		return err
	})
}

// PurgeLogouts implements [store.Logouts].
func (s *Store) PurgeLogouts(ctx context.Context, at time.Time, limit int) (int, error) {
	return s.purge(ctx, "purge logouts", deleteLogouts, at, limit)
}
