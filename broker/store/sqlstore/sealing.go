package sqlstore

import (
	"bytes"
	"context"
	"time"

	"github.com/bongsu/bongsu/keys/seal"
)

const (
	selectSealingKeys query = `SELECT id, generation, wrapped, created_at, expires_at FROM sealing_keys ORDER BY generation`
	insertSealingKey  query = `INSERT INTO sealing_keys (id, generation, wrapped, created_at, expires_at)
		VALUES ($1, $2, $3, $4, $5) ON CONFLICT (generation) DO NOTHING`
	deleteSealingKeys query = `DELETE FROM sealing_keys WHERE expires_at < $1`
)

// SealingKeys implements [seal.Store].
func (s *Store) SealingKeys(ctx context.Context) ([]seal.Record, error) {
	return s.sealingKeys(ctx, s.writer)
}

// ReplicaSealingKeys is what the replica shows of them, which may lag behind. Without
// one, and where it does not answer, [store.ErrUnavailable].
func (s *Store) ReplicaSealingKeys(ctx context.Context) ([]seal.Record, error) {
	return s.sealingKeys(ctx, s.replica)
}

func (s *Store) sealingKeys(ctx context.Context, from engine) ([]seal.Record, error) {
	var records []seal.Record
	err := s.verb(ctx, "sealing keys", func(ctx context.Context) error {
		if from == nil {
			return fault(nil, errNoReader)
		}
		return from.read(ctx, func(ctx context.Context, q session) error {
			records = nil
			return q.rows(ctx, selectSealingKeys, nil, func(scan scan) error {
				var r seal.Record
				var created, expires int64
				err := scan(&r.ID, &r.Generation, &r.Wrapped, &created, &expires)
				r.CreatedAt, r.ExpiresAt = timeOf(created), timeOf(expires)
				records = append(records, r)
				return err
			})
		})
	})
	if err != nil {
		return nil, err
	}
	return records, nil
}

// InsertSealingKey implements [seal.Store]. When the outcome is not known it is
// an error, and the next look at the keys tells.
func (s *Store) InsertSealingKey(ctx context.Context, r seal.Record) (bool, error) {
	const verb = "insert sealing key"
	var c check
	c.filled("key id", r.ID, maxKeyID)
	c.bytes("wrapped key", r.Wrapped, maxWrapped)
	if c.err != nil {
		return false, fact(verb, c.err)
	}
	args := []any{r.ID, r.Generation, bytes.Clone(r.Wrapped), micros(r.CreatedAt), micros(r.ExpiresAt)}
	return s.insertAbsent(ctx, verb, insertSealingKey, args)
}

// DeleteSealingKeys implements [seal.Store].
func (s *Store) DeleteSealingKeys(ctx context.Context, expiredBefore time.Time) error {
	return s.verb(ctx, "delete sealing keys", func(ctx context.Context) error {
		_, err := s.execute(ctx, again, deleteSealingKeys, micros(expiredBefore))
		return err
	})
}
