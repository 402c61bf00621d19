package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/bongsu/bongsu/broker/store"
)

const (
	// The row stays locked until the transaction ends, so that whoever comes
	// next gets the next revision and commits later. It is the first lock of
	// every transaction about facts.
	nextRevision   query = `UPDATE feed SET revision = revision + 1 WHERE id = 1 RETURNING revision`
	selectRevision query = `SELECT revision FROM feed WHERE id = 1`
	selectFact     query = `SELECT epoch, revision, lifted, said_at, until_at FROM facts WHERE kind = $1 AND id = $2`
	selectEpoch    query = `SELECT epoch, disabled, deleted_at FROM accounts WHERE id = $1`
	updateAccount  query = `UPDATE accounts SET epoch = $2, disabled = $3 WHERE id = $1`
	upsertFact     query = `INSERT INTO facts (kind, id, epoch, revision, lifted, said_at, until_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (kind, id) DO UPDATE SET epoch = excluded.epoch, revision = excluded.revision,
			lifted = excluded.lifted, said_at = excluded.said_at, until_at = excluded.until_at`
	selectFacts query = `SELECT kind, id, epoch, revision, lifted, said_at, until_at FROM facts
		WHERE revision > $1 ORDER BY revision LIMIT $2`
	deleteFacts query = `DELETE FROM facts WHERE (kind, id) IN (SELECT kind, id FROM facts
		WHERE until_at <> 0 AND until_at < $1 ORDER BY until_at LIMIT $2)`
)

// maxFacts bounds one answer of FactsSince.
const maxFacts = 10_000

// standing is what the store holds about a fact before it is decided.
type standing struct {
	account account    // whom it is about, if about anyone
	fact    store.Fact // Revision is 0 if there is none
}

// account is what of an account facts change.
type account struct {
	known    bool
	epoch    int64
	disabled bool
	deleted  int64 // when; 0: it was not
}

// change is a transaction about one fact.
type change struct {
	verb   string
	fact   store.Fact // as it was said
	effort effort
	known  bool // there must be such an account
	gone   bool // it may be one that was deleted

	// before runs in the same transaction, once it is known what stands; nil:
	// nothing to do. [errStands] ends the transaction, an earlier attempt has
	// done all of it.
	before func(ctx context.Context, q session, stands standing) error

	// decide returns what is to be stored and the account with it; news is
	// false if what stands already says it.
	decide func(stands standing, f store.Fact) (next store.Fact, then account, news bool)
}

// errStands ends a transaction that has nothing to write, so that no revision
// is spent.
var errStands = errors.New("sqlstore: nothing new")

// RecordFact implements [store.Facts].
func (s *Store) RecordFact(ctx context.Context, f store.Fact) (store.Fact, error) {
	var c check
	c.fact(f)
	said := change{verb: "record fact", fact: f, effort: again, decide: recorded}
	if f.Kind == store.ConsentWithdrawn {
		said.before = withdraw(f)
	}
	return s.change(ctx, c, said)
}

// LiftFact implements [store.Facts].
func (s *Store) LiftFact(ctx context.Context, kind store.FactKind, id string, at time.Time) (store.Fact, error) {
	f := store.Fact{Kind: kind, ID: id, At: at}
	var c check
	c.fact(f)
	if !kind.Liftable() {
		c.fail("kind", "is one that LiftFact does not lift")
	}
	return s.change(ctx, c, change{verb: "lift fact", fact: f, effort: again, decide: lifted})
}

// decide makes a fact about an account.
func (s *Store) decide(ctx context.Context, about change) (store.Fact, error) {
	var c check
	c.filled("account id", about.fact.ID, store.MaxID)
	about.known = true
	return s.change(ctx, c, about)
}

func (s *Store) change(ctx context.Context, c check, ch change) (store.Fact, error) {
	if c.err != nil {
		return store.Fact{}, fact(ch.verb, c.err)
	}
	ch.fact.At, ch.fact.Until = timeOf(micros(ch.fact.At)), timeOf(micros(ch.fact.Until))
	var answer store.Fact
	err := s.verb(ctx, ch.verb, func(ctx context.Context) error {
		err := s.writer.transact(ctx, ch.effort, func(ctx context.Context, q session) error {
			next, err := ch.write(ctx, q)
			answer = next
			return err
		})
		if errors.Is(err, errStands) {
			return nil
		}
		return err
	})
	if err != nil {
		return store.Fact{}, err
	}
	return answer, nil
}

// write is the transaction. It returns what stands at its end.
func (ch change) write(ctx context.Context, q session) (store.Fact, error) {
	var revision int64
	if err := q.row(ctx, nextRevision, nil, &revision); err != nil {
		return store.Fact{}, err
	}
	stands, err := read(ctx, q, ch.fact)
	if err != nil {
		return store.Fact{}, err
	}
	if ch.known && (!stands.account.known || stands.account.deleted != 0 && !ch.gone) {
		return store.Fact{}, store.ErrNotFound
	}
	if ch.before != nil {
		if err := ch.before(ctx, q, stands); err != nil {
			return stands.fact, err
		}
	}
	next, then, news := ch.decide(stands, ch.fact)
	if !news {
		return stands.fact, errStands
	}
	next.Revision = revision
	if then.known && then != stands.account {
		if _, err := q.exec(ctx, updateAccount, next.ID, then.epoch, then.disabled); err != nil {
			return store.Fact{}, err
		}
	}
	_, err = q.exec(ctx, upsertFact, string(next.Kind), next.ID, next.Epoch, next.Revision, next.Lifted,
		micros(next.At), micros(next.Until))
	return next, err
}

// read returns what stands about f.
func read(ctx context.Context, q session, f store.Fact) (standing, error) {
	var stands standing
	if f.Kind == store.AccountDisabled || f.Kind == store.AccountEpoch {
		err := q.row(ctx, selectEpoch, []any{f.ID}, &stands.account.epoch, &stands.account.disabled,
			&stands.account.deleted)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return standing{}, err
		}
		stands.account.known = err == nil
	}
	fact := store.Fact{Kind: f.Kind, ID: f.ID}
	var said, until int64
	err := q.row(ctx, selectFact, []any{string(f.Kind), f.ID}, &fact.Epoch, &fact.Revision, &fact.Lifted, &said, &until)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return standing{}, err
	}
	fact.At, fact.Until = timeOf(said), timeOf(until)
	stands.fact = fact
	return stands, nil
}

// FactsSince implements [store.Facts].
func (s *Store) FactsSince(ctx context.Context, revision int64, limit int) ([]store.Fact, error) {
	var facts []store.Fact
	page := func(ctx context.Context, q session) error {
		facts = nil
		return q.rows(ctx, selectFacts, []any{revision, min(limit, maxFacts)}, func(scan scan) error {
			var f store.Fact
			var said, until int64
			if err := scan(&f.Kind, &f.ID, &f.Epoch, &f.Revision, &f.Lifted, &said, &until); err != nil {
				return err
			}
			f.At, f.Until = timeOf(said), timeOf(until)
			facts = append(facts, f)
			return nil
		})
	}
	err := s.verb(ctx, "facts since", func(ctx context.Context) error {
		if limit <= 0 {
			return nil
		}
		// What a replica shows was committed: a negative fact needs no writer
		// to be obeyed.
		return s.askWriterFirst(ctx, page)
	})
	if err != nil {
		return nil, err
	}
	return facts, nil
}

// FeedRevision implements [store.Facts].
func (s *Store) FeedRevision(ctx context.Context) (int64, error) {
	var revision int64
	err := s.verb(ctx, "feed revision", func(ctx context.Context) error {
		return s.writer.read(ctx, func(ctx context.Context, q session) error {
			return q.row(ctx, selectRevision, nil, &revision)
		})
	})
	return revision, err
}

// PurgeFacts implements [store.Facts].
func (s *Store) PurgeFacts(ctx context.Context, at time.Time, limit int) (int, error) {
	return s.purge(ctx, "purge facts", deleteFacts, at, limit)
}
