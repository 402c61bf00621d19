package sqlstore

import (
	"bytes"
	"cmp"
	"context"
	"slices"

	"github.com/bongsu/bongsu/broker/store"
)

const (
	upsertSecretUse query = `INSERT INTO client_secret_uses (client_id, hash, hour) VALUES ($1, $2, $3)
		ON CONFLICT (client_id, hash) DO UPDATE SET hour = excluded.hour WHERE excluded.hour > client_secret_uses.hour`
	selectSecretUses query = `SELECT hash, hour FROM client_secret_uses WHERE client_id = $1 ORDER BY hash`
	selectSecretUse  query = `SELECT hour FROM client_secret_uses WHERE client_id = $1 AND hash = $2`
	deleteSecretUse  query = `DELETE FROM client_secret_uses WHERE client_id = $1 AND hash = $2`
	// No index serves it: the table has a row for each secret.
	deleteSecretUses query = `DELETE FROM client_secret_uses WHERE (client_id, hash) IN (SELECT client_id, hash
		FROM client_secret_uses WHERE hour < $1 ORDER BY client_id, hash LIMIT $2)`
)

// NoteSecretUses implements [store.Clients].
func (s *Store) NoteSecretUses(ctx context.Context, batch []store.SecretUse) error {
	const verb = "note secret uses"
	var c check
	if len(batch) > store.MaxUses {
		c.fail("batch", "is of more than %d records", store.MaxUses)
	}
	for _, u := range batch {
		c.filled("client id", u.ClientID, store.MaxClientID)
		c.hash("hash", u.Hash)
	}
	if c.err != nil {
		return fact(verb, c.err)
	}
	// In one order: that in which rows are locked.
	sorted := slices.SortedFunc(slices.Values(batch), func(a, b store.SecretUse) int {
		return cmp.Or(cmp.Compare(a.ClientID, b.ClientID), bytes.Compare(a.Hash, b.Hash))
	})
	for i := range sorted {
		sorted[i].Hash = bytes.Clone(sorted[i].Hash)
	}
	return s.verb(ctx, verb, func(ctx context.Context) error {
		if len(sorted) == 0 {
			return nil
		}
		return s.writer.transact(ctx, again, func(ctx context.Context, q session) error {
			for _, u := range sorted {
				if _, err := q.exec(ctx, upsertSecretUse, u.ClientID, u.Hash, u.Hour); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// SecretUses implements [store.Clients].
func (s *Store) SecretUses(ctx context.Context, id string) ([]store.SecretUse, error) {
	const verb = "secret uses"
	var c check
	c.filled("client id", id, store.MaxClientID)
	if c.err != nil {
		return nil, fact(verb, c.err)
	}
	var uses []store.SecretUse
	err := s.verb(ctx, verb, func(ctx context.Context) error {
		return s.writer.read(ctx, func(ctx context.Context, q session) error {
			uses = nil
			return q.rows(ctx, selectSecretUses, []any{id}, func(scan scan) error {
				u := store.SecretUse{ClientID: id}
				if err := scan(&u.Hash, &u.Hour); err != nil {
					return err
				}
				uses = append(uses, u)
				return nil
			})
		})
	})
	if err != nil {
		return nil, err
	}
	return uses, nil
}

// PurgeSecretUses implements [store.Clients].
func (s *Store) PurgeSecretUses(ctx context.Context, hour int64, limit int) (int, error) {
	var gone int64
	err := s.verb(ctx, "purge secret uses", func(ctx context.Context) (err error) {
		if limit > 0 {
			gone, err = s.execute(ctx, once, deleteSecretUses, hour, limit)
		}
		return err
	})
	return int(gone), err
}
