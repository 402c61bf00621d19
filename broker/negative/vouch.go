package negative

import (
	"context"
	"math/rand/v2"
	"time"
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
	asked time.Time     // when it was looked into last
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
	if since := now.Sub(s.vouching.asked); s.store == nil || since >= 0 && since < s.poll/2 { // something was said here
		return nil
	}
	s.vouching.asked = now
	due := s.orphans(now)
	if len(due) == 0 {
		s.vouching = vouching{asked: now}
		return nil
	}
	if _, err := s.newest(ctx); err != nil {
		s.vouching = vouching{asked: now}
		return nil //nolint:nilerr // who said it does not reach the writer either, and sending what was said here tells of it
	}
	if s.vouching.since.IsZero() {
		s.vouching = vouching{asked: now, since: now, after: vouchAfter + rand.N(vouchSpread)}
	}
	if now.Sub(s.vouching.since) < s.vouching.after {
		return nil
	}
	return s.sendEach(ctx, due)
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
