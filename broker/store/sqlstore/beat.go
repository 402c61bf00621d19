package sqlstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/bongsu/bongsu/broker/store"
)

const (
	writeBeat query = `UPDATE beat SET count = count + 1 WHERE id = 1
		RETURNING count, (SELECT name FROM incarnation WHERE incarnation.id = 1)`
	selectBeat query = `SELECT beat.count, incarnation.name FROM beat, incarnation
		WHERE beat.id = 1 AND incarnation.id = 1`
	selectIncarnation query = `SELECT name FROM incarnation WHERE id = 1`
	renewIncarnation  query = `UPDATE incarnation SET name = $2 WHERE id = 1 AND name = $1`
)

// WriteBeat implements [store.Beats]. On SQLite it shares its commit with whatever
// else is written at that moment, and is synced like it: a disk that keeps no
// claim gives no beat either.
func (s *Store) WriteBeat(ctx context.Context) (store.Beat, error) {
	var b store.Beat
	err := s.verb(ctx, "write beat", func(ctx context.Context) error {
		return s.writer.write(ctx, again, func(ctx context.Context, q session) error {
			return q.row(ctx, writeBeat, nil, &b.Count, &b.Incarnation)
		})
	})
	if err != nil {
		return store.Beat{}, err // the writer may still be running, and writing to b
	}
	return b, nil
}

var errNoReader = errors.New("sqlstore: no reader is configured")

// ReplicaBeat implements [store.Beats].
func (s *Store) ReplicaBeat(ctx context.Context) (store.Beat, error) {
	var b store.Beat
	err := s.verb(ctx, "replica's beat", func(ctx context.Context) error {
		if s.replica == nil {
			return fault(nil, errNoReader)
		}
		return s.replica.read(ctx, func(ctx context.Context, q session) error {
			return q.row(ctx, selectBeat, nil, &b.Count, &b.Incarnation)
		})
	})
	if err != nil {
		return store.Beat{}, err
	}
	return b, nil
}

// Incarnation implements [store.Beats].
func (s *Store) Incarnation(ctx context.Context) (string, error) {
	var name string
	err := s.verb(ctx, "incarnation", func(ctx context.Context) error {
		return s.writer.read(ctx, func(ctx context.Context, q session) error {
			return q.row(ctx, selectIncarnation, nil, &name)
		})
	})
	if err != nil {
		return "", err
	}
	return name, nil
}

// RenewIncarnation implements [store.Beats].
func (s *Store) RenewIncarnation(ctx context.Context, was, next string) (string, error) {
	const verb = "renew incarnation"
	var c check
	c.text("incarnation", was, store.MaxIncarnation)
	c.filled("incarnation", next, store.MaxIncarnation)
	if was == next {
		c.fail("incarnation", "is the one that was")
	}
	if c.err != nil {
		return "", fact(verb, c.err)
	}
	err := s.verb(ctx, verb, func(ctx context.Context) error {
		_, err := s.execute(ctx, again, renewIncarnation, was, next)
		return err
	})
	if err != nil {
		return "", err
	}
	stands, err := s.Incarnation(ctx)
	if err != nil {
		return "", fmt.Errorf("%s: %w", verb, err)
	}
	return stands, nil
}
