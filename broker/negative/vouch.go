package negative

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/bongsu/bongsu/broker/store"
)

// vouchAfter is how long a fact of another node may be missing from a store that
// takes writes before this node enters it, and vouchSpread is drawn on top of it,
// so that of many nodes one does.
const (
	vouchAfter  = 20 * time.Second
	vouchSpread = 20 * time.Second
)

// vouching is what is known of the writer by those who wait to vouch.
type vouching struct {
	since time.Time     // since when it has answered; zero: it does not
	after time.Duration // drawn for this time
}

// vouch enters what another node said and has not entered itself, though it could
// have for a while: it died, or is cut off, and what it acknowledged must not be
// forgotten with it. Entering a fact twice changes nothing, and one that the writer
// has undone with a higher epoch meanwhile stays undone; the answer says so and
// ends the loan.
func (s *Set) vouch(ctx context.Context) error {
	now := s.now()
	due := s.orphans(now)
	if len(due) == 0 || s.store == nil {
		s.vouching = vouching{}
		return nil
	}
	if _, err := s.newest(ctx); err != nil {
		s.vouching = vouching{}
		return nil //nolint:nilerr // who said it does not reach the writer either, and sending what was said here tells of it
	}
	if s.vouching.since.IsZero() {
		s.vouching = vouching{since: now, after: vouchAfter + rand.N(vouchSpread)}
	}
	if now.Sub(s.vouching.since) < s.vouching.after {
		return nil
	}
	var failed error
	for _, r := range due {
		err := s.sendOne(ctx, r)
		if err != nil {
			failed = err
		}
		if errors.Is(err, store.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
			return failed
		}
	}
	return failed
}

// orphans are the believed facts of other nodes that have waited for long.
func (s *Set) orphans(now time.Time) []record {
	s.mu.Lock()
	defer s.mu.Unlock()
	var due []record
	for k, loans := range s.loans {
		e, _ := s.load(k)
		if e.unsent || !e.lent || now.Sub(loans[0].since) < vouchAfter {
			continue
		}
		due = append(due, record{Kind: k.kind, ID: k.id, Epoch: e.lentEpoch, At: loans[0].at, Until: e.lentUntil})
	}
	return due
}
