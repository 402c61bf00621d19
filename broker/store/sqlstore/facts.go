package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/bongsu/bongsu/broker/store"
)

// revisionName is the counter of the feed of negative facts.
const revisionName = "facts"

// RecordFact implements [store.Facts].
func (s *Store) RecordFact(ctx context.Context, f store.Fact) (store.Fact, error) {
	recorded := f
	err := s.atomic(ctx, func(ctx context.Context, r runner) error {
		var err error
		recorded, err = recordFact(ctx, r, f)
		return err
	})
	return recorded, err
}

const selectFact = `SELECT kind, id, epoch, revision, lifted, said_at, until FROM facts WHERE kind = $1 AND id = $2`

// recordFact stores f unless it says nothing new. The counter's row is updated
// first: it is the lock that puts facts in the order of commit.
func recordFact(ctx context.Context, r runner, f store.Fact) (store.Fact, error) {
	if err := r.row(ctx, `UPDATE revision SET last = last + 1 WHERE name = $1 RETURNING last`, revisionName).Scan(&f.Revision); err != nil {
		return f, err
	}
	standing, err := scanFact(r.row(ctx, selectFact, string(f.Kind), f.ID))
	switch {
	case err == nil && saysNothingNew(standing, f):
		_, err := r.exec(ctx, `UPDATE revision SET last = last - 1 WHERE name = $1`, revisionName)
		return standing, err
	case err != nil && !errors.Is(err, sql.ErrNoRows):
		return f, err
	}
	_, err = r.exec(ctx, `INSERT INTO facts (kind, id, epoch, revision, lifted, said_at, until)
		VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (kind, id) DO UPDATE SET epoch = excluded.epoch, revision = excluded.revision,
		lifted = excluded.lifted, said_at = excluded.said_at, until = excluded.until`,
		string(f.Kind), f.ID, f.Epoch, f.Revision, f.Lifted, micros(f.At), micros(f.Until))
	return f, err
}

// saysNothingNew reports whether f only repeats what stands, or is older: a
// fact that was lifted at a higher epoch does not come back.
func saysNothingNew(standing, f store.Fact) bool {
	return f.Epoch <= standing.Epoch && f.Lifted == standing.Lifted
}

func scanFact(row scannable) (store.Fact, error) {
	var f store.Fact
	var kind string
	var at, until int64
	if err := row.Scan(&kind, &f.ID, &f.Epoch, &f.Revision, &f.Lifted, &at, &until); err != nil {
		return store.Fact{}, err
	}
	f.Kind, f.At, f.Until = store.FactKind(kind), moment(at), moment(until)
	return f, nil
}

// FactsSince implements [store.Facts]. It asks the writer: a replica that lags
// would only be slower to say so.
func (s *Store) FactsSince(ctx context.Context, revision int64, limit int) ([]store.Fact, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	facts, err := s.factsSince(ctx, revision, limit)
	return facts, s.engine.classify(err)
}

func (s *Store) factsSince(ctx context.Context, revision int64, limit int) ([]store.Fact, error) {
	rows, err := s.engine.writer().rows(ctx, `SELECT kind, id, epoch, revision, lifted, said_at, until FROM facts
		WHERE revision > $1 ORDER BY revision LIMIT $2`, revision, limit)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var facts []store.Fact
	for rows.Next() {
		f, err := scanFact(rows)
		if err != nil {
			return nil, err
		}
		facts = append(facts, f)
	}
	return facts, rows.Err()
}

// PurgeFacts implements [store.Facts].
func (s *Store) PurgeFacts(ctx context.Context, at time.Time, limit int) (int, error) {
	return s.purge(ctx, `DELETE FROM facts WHERE revision IN (SELECT revision FROM facts WHERE until > 0 AND until < $1 LIMIT $2)`, at, limit)
}
