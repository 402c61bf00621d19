package sqlstore

import (
	"context"
	"database/sql"
	"testing"
	"time"
)

// says is an engine that ends with the same error each time.
type says struct {
	engine

	err error
}

func (s *says) read(context.Context, work) error             { return s.err }
func (s *says) write(context.Context, effort, work) error    { return s.err }
func (s *says) transact(context.Context, effort, work) error { return s.err }

func TestAWriterThatDidNotAnswerIsRemembered(t *testing.T) {
	now, e := noon, &says{}
	m := newMissed(e, Options{Timeout: 2 * time.Second, Now: func() time.Time { return now }})
	for _, tt := range []struct {
		name string
		err  error
		away bool
	}{
		{"it answers", nil, false},
		{"there is no such row", sql.ErrNoRows, false},
		{"nobody waited for the answer", fault(nil, context.Canceled), false},
		{"it does not answer", errAway, true},
		{"nobody waited for the answer, and it did not answer before", fault(nil, context.Canceled), true},
		{"the row is taken, which is an answer", errTaken, false},
	} {
		e.err = tt.err
		for _, ask := range []func() error{
			func() error { return m.read(t.Context(), nil) },
			func() error { return m.write(t.Context(), once, nil) },
			func() error { return m.transact(t.Context(), once, nil) },
		} {
			_ = ask()
			if m.away() != tt.away {
				t.Errorf("%s: away is %t", tt.name, m.away())
			}
		}
	}
	e.err = errAway
	_ = m.read(t.Context(), nil)
	if now = now.Add(2 * time.Second); m.away() {
		t.Error("it is remembered for ever")
	}
}
