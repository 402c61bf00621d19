package sqlstore

import (
	"context"

	"github.com/bongsu/bongsu/broker/store"
)

const (
	selectSeeds         query = `SELECT id, seed FROM accounts WHERE id > $1 ORDER BY id LIMIT $2`
	selectSeedsOfClient query = `SELECT accounts.id, accounts.seed FROM activity JOIN accounts ON accounts.id = activity.account_id
		WHERE activity.account_id > $1 AND activity.client_id = $3 ORDER BY activity.account_id LIMIT $2`
)

// AccountSeeds implements [store.Seeds].
func (s *Store) AccountSeeds(ctx context.Context, client, after string, limit int) ([]store.AccountSeed, error) {
	const verb = "account seeds"
	var c check
	c.text("client id", client, store.MaxClientID)
	c.text("account id", after, store.MaxID)
	if c.err != nil {
		return nil, fact(verb, c.err)
	}
	statement, args := selectSeeds, []any{after, min(limit, store.MaxSeeds)}
	if client != "" {
		statement, args = selectSeedsOfClient, append(args, client)
	}
	var seeds []store.AccountSeed
	err := s.verb(ctx, verb, func(ctx context.Context) error {
		if limit <= 0 {
			return nil
		}
		return s.writer.read(ctx, func(ctx context.Context, q session) error {
			seeds = nil
			return q.rows(ctx, statement, args, func(scan scan) error {
				var a store.AccountSeed
				if err := scan(&a.AccountID, &a.Seed); err != nil {
					return err
				}
				seeds = append(seeds, a)
				return nil
			})
		})
	})
	if err != nil {
		return nil, err
	}
	return seeds, nil
}
