package sqlstore

import (
	"context"
	"errors"
	"time"

	"github.com/bongsu/bongsu/broker/store"
)

const (
	// The second alternative is this very attempt, whose outcome nobody knew.
	rotateRefresh query = `UPDATE grants SET refresh_count = $2, refresh_attempt = $3, refreshed_at = $4
		WHERE id = $1 AND refresh_key IS NOT NULL AND refresh_ended = 0
			AND (refresh_count = $5 AND refreshed_at > $6 AND (expires_at = 0 OR expires_at > $4)
				OR refresh_count = $2 AND refresh_attempt = $3)`
	selectFamily query = `SELECT ` + grantColumns + ` FROM grants WHERE grants.id = $1`
	endFamily    query = `UPDATE grants SET refresh_ended = $2 WHERE id = $1 AND refresh_ended = 0`
)

// RefreshFamily implements [store.Refreshes].
func (s *Store) RefreshFamily(ctx context.Context, grantID string, minCount int64) (store.Grant, store.Account, error) {
	const verb = "refresh family"
	g, a, err := s.grantedAccount(ctx, verb, grantID, minCount)
	if err == nil && g.Refresh.Key == nil {
		err = fact(verb, store.ErrNotFound)
	}
	if err != nil {
		return store.Grant{}, store.Account{}, err
	}
	return g, a, nil
}

// RotateRefresh implements [store.Refreshes].
func (s *Store) RotateRefresh(ctx context.Context, r store.Rotation) (graced bool, err error) {
	const verb = "rotate refresh"
	var c check
	c.rotation(r)
	if c.err != nil {
		return false, fact(verb, c.err)
	}
	err = s.verb(ctx, verb, func(ctx context.Context) (err error) {
		graced, err = s.rotate(ctx, r)
		return err
	})
	return graced, err
}

func (s *Store) rotate(ctx context.Context, r store.Rotation) (graced bool, err error) {
	wrote, err := s.execute(ctx, again, rotateRefresh, r.GrantID, r.Count+1, r.Attempt, micros(r.At), r.Count,
		micros(r.At.Add(-r.Idle)))
	if err != nil || wrote == 1 {
		return false, err
	}
	var g grantRow
	err = found(s.writer.read(ctx, func(ctx context.Context, q session) error {
		g = grantRow{}
		return q.row(ctx, selectFamily, []any{r.GrantID}, g.columns()...)
	}))
	if err != nil {
		return false, err
	}
	graced, err = judge(g.grant(), r)
	if errors.Is(err, store.ErrReplayed) && !r.Spares {
		if _, err := s.execute(ctx, again, endFamily, r.GrantID, micros(r.At)); err != nil {
			return false, err
		}
	}
	return graced, err
}

// judge decides about a token that is not, or no longer, the good one of its
// family. A number that the family has not reached is one too: it was given
// before the store was put back to an earlier state.
func judge(g store.Grant, r store.Rotation) (graced bool, err error) {
	f := g.Refresh
	switch {
	case f.Key == nil, !g.ExpiresAt.IsZero() && !g.ExpiresAt.After(r.At):
		return false, store.ErrNotFound
	case f.Count == r.Count && !f.EndedAt.IsZero():
		return false, store.ErrUsed
	case f.Count == r.Count: // it lay unused for too long, or becomes good only now
		return false, store.ErrNotFound
	case f.Count == r.Count+1 && f.EndedAt.IsZero() && within(r.Grace, f.UsedAt, r.At):
		return true, nil
	}
	return false, store.ErrReplayed
}

// within reports whether at is at most grace after used; another node's clock
// may be as much behind.
func within(grace time.Duration, used, at time.Time) bool {
	past := at.Sub(used)
	return grace > 0 && past <= grace && past >= -grace
}

func (c *check) rotation(r store.Rotation) {
	c.filled("grant id", r.GrantID, store.MaxID)
	c.filled("attempt", r.Attempt, store.MaxID)
	if r.Count < 1 || r.At.IsZero() || r.Idle <= 0 || r.Grace < 0 {
		c.fail("rotation", "has no number, time or bounds")
	}
}
