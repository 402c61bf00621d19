package sqlstore

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// missed is a writer's engine that remembers for a moment that it did not answer.
// Whoever may do with a replica's word asks the replica first then: while a writer
// is lost, those who need it fill its pool with waiting, and nobody else should
// wait among them.
type missed struct {
	engine

	now   func() time.Time
	began time.Time
	lasts time.Duration
	until atomic.Int64 // nanoseconds since began; 0: it answered last
}

func newMissed(e engine, o Options) *missed {
	return &missed{engine: e, now: o.Now, began: o.Now(), lasts: o.Timeout}
}

// away reports whether the engine did not answer a moment ago, and has not since.
func (m *missed) away() bool {
	until := m.until.Load()
	return until != 0 && int64(m.now().Sub(m.began)) < until
}

// writerAway reports whether the writer did not answer a moment ago, and there is a
// reader.
func (s *Store) writerAway() bool {
	m, ok := s.writer.(*missed)
	return ok && m.away()
}

// note keeps what the outcome of a question shows. One that was given up by whoever
// asked shows nothing.
func (m *missed) note(err error) error {
	switch {
	case err == nil || isFact(err):
		if m.until.Load() != 0 {
			m.until.Store(0)
		}
	case !errors.Is(err, context.Canceled):
		m.until.Store(int64(m.now().Sub(m.began) + m.lasts))
	}
	return err
}

// read implements engine.
func (m *missed) read(ctx context.Context, f work) error { return m.note(m.engine.read(ctx, f)) }

// write implements engine.
func (m *missed) write(ctx context.Context, e effort, f work) error {
	return m.note(m.engine.write(ctx, e, f))
}

// transact implements engine.
func (m *missed) transact(ctx context.Context, e effort, f work) error {
	return m.note(m.engine.transact(ctx, e, f))
}
