package sqlstore

import (
	"bytes"
	"context"

	"github.com/bongsu/bongsu/broker/store"
)

const (
	insertSecret query = `INSERT INTO secrets (name, wrapped) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`
	selectSecret query = `SELECT wrapped FROM secrets WHERE name = $1`
)

// EnsureSecret implements [store.Secrets].
func (s *Store) EnsureSecret(ctx context.Context, name string, wrapped []byte) ([]byte, error) {
	const verb = "ensure secret"
	var c check
	c.filled("name", name, maxName)
	c.bytes("secret", wrapped, store.MaxSecret)
	if c.err != nil {
		return nil, fact(verb, c.err)
	}
	wrapped = bytes.Clone(wrapped)
	var stored []byte
	err := s.verb(ctx, verb, func(ctx context.Context) error {
		if _, err := s.execute(ctx, again, insertSecret, name, wrapped); err != nil {
			return err
		}
		return s.writer.read(ctx, func(ctx context.Context, q session) error {
			return q.row(ctx, selectSecret, []any{name}, &stored)
		})
	})
	if err != nil {
		return nil, err
	}
	return stored, nil
}
