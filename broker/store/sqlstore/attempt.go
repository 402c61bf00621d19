package sqlstore

import (
	"context"
	"errors"
	"time"

	"github.com/bongsu/bongsu/broker/store"
)

const (
	firstPause = 10 * time.Millisecond
	maxPause   = 160 * time.Millisecond
)

// attempts runs f until the outcome is known or the deadline has come, each time
// with patience. What was never sent is sent once more; while an earlier
// attempt's outcome is unknown, as often as it takes, so that writing again
// settles it.
func (p *postgres) attempts(ctx context.Context, e effort, f func(context.Context) error) error {
	unknown, written := false, false
	for n, pause := 1, firstPause; ; n, pause = n+1, min(2*pause, maxPause) {
		attempt, cancel := context.WithTimeout(ctx, p.patience)
		err := f(attempt)
		if written && (err == nil || outcomeOf(err) == said) {
			err = p.settled(attempt, err)
		}
		cancel()
		if err == nil || ctx.Err() != nil {
			return err
		}
		switch outcomeOf(err) {
		case said:
			return err
		case unsent:
			if !unknown && n > 1 {
				return err
			}
		case raced, lost:
			if e == once {
				return err
			}
			unknown = true
			written = written || e == again && outcomeOf(err) == lost
		}
		if !wait(ctx, pause) {
			return err
		}
	}
}

// settled returns the answer that came after an attempt of unknown outcome once a
// write that follows it has been committed. What that attempt wrote may be all that
// the answer rests on, and writes nothing itself then: it is shown by a primary that
// was started anew, or by a standby that has just taken over, before any other server
// has it, and would go with that one. A commit is acknowledged when another server has
// it, with all that came before.
func (p *postgres) settled(ctx context.Context, answer error) error {
	_, err := plainSession{p.pool, postgresFault}.exec(ctx, countBeat)
	if err != nil {
		return err
	}
	return answer
}

// wait reports whether ctx outlasted d.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// isFact reports whether err is an answer and no failure.
func isFact(err error) bool { return !errors.Is(err, store.ErrUnavailable) }
