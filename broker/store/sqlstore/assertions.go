package sqlstore

import (
	"bytes"
	"context"
	"time"

	"github.com/bongsu/bongsu/broker/store"
)

const (
	// A row is written, for the first time or over itself, exactly if this
	// attempt holds the assertion.
	claimAssertion query = `INSERT INTO assertions (client_id, token_id, attempt, expires_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (client_id, token_id) DO UPDATE SET attempt = excluded.attempt
		WHERE assertions.attempt = excluded.attempt`
	deleteAssertions query = `DELETE FROM assertions WHERE (client_id, token_id) IN (SELECT client_id, token_id FROM assertions
		WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)`
)

// ClaimAssertion implements [store.Assertions].
func (s *Store) ClaimAssertion(ctx context.Context, a store.Assertion) error {
	const verb = "claim assertion"
	var c check
	c.filled("client id", a.ClientID, store.MaxClientID)
	c.hash("token id", a.TokenID)
	c.filled("attempt", a.Attempt, store.MaxID)
	if a.ExpiresAt.IsZero() {
		c.fail("assertion", "has no end")
	}
	if c.err != nil {
		return fact(verb, c.err)
	}
	args := []any{a.ClientID, bytes.Clone(a.TokenID), a.Attempt, micros(a.ExpiresAt)}
	return s.verb(ctx, verb, func(ctx context.Context) error {
		wrote, err := s.execute(ctx, again, claimAssertion, args...)
		if err == nil && wrote == 0 {
			return store.ErrUsed
		}
		return err
	})
}

// PurgeAssertions implements [store.Assertions].
func (s *Store) PurgeAssertions(ctx context.Context, at time.Time, limit int) (int, error) {
	return s.purge(ctx, "purge assertions", deleteAssertions, at, limit)
}
