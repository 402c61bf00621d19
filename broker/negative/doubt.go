package negative

import (
	"context"
	"log/slog"
	"time"

	"github.com/bongsu/bongsu/broker/store"
)

// maxDoubts bounds the hints that are obeyed at a time. Those beyond it only
// hurry the feed.
const maxDoubts = 10_000

// wideFor is how long a hint that touches everybody is obeyed at most, however
// often it is said meanwhile: the word of one site moves nobody for longer.
const wideFor = 5 * time.Second

// doubt is a fact that a peer says the store holds, and this node has not seen
// there. It never changes once readers see it.
type doubt struct {
	revision int64 // the feed settles it when it was read so far; 0: the peer knows none yet
	until    int64 // Unix microseconds; afterwards it is not obeyed any more
}

// wide reports whether a fact of that kind touches more than one account.
func wide(kind store.FactKind) bool {
	switch kind {
	case store.AccountDisabled, store.AccountEpoch, store.SessionEnded, store.GrantRevoked:
		return false
	}
	return true
}

// Doubt takes a peer's hint that a fact stands. It is obeyed as if it stood
// until the feed has been read past revision, and the feed is read at once; a
// revision that the writer says there is not ends it too. Revision 0 says that
// the store has not heard of the fact either: then it is obeyed until the feed
// brings it. Neither is obeyed longer than [Options.DoubtFor] after the latest
// hint, for a peer may be wrong and the store away, and what touches more than
// one account no longer than five seconds after the first. What the feed has
// shown already needs no doubt. A hint is not written to the log and never lifts
// anything.
func (s *Set) Doubt(kind store.FactKind, id string, revision int64) {
	if revision < 0 || !wellFormed(store.Fact{Kind: kind, ID: id}) || revision > 0 && revision <= s.Revision() {
		return
	}
	s.doubt(key{kind, id}, revision)
	s.Hurry()
}

// Hurry has the feed read now instead of with the next poll, at most ten times
// a second. It returns at once.
func (s *Set) Hurry() {
	select {
	case s.hurry <- struct{}{}:
	default:
	}
}

// Doubts returns how many hints are being obeyed.
func (s *Set) Doubts() int { return int(s.doubted.Load()) }

func (s *Set) doubt(k key, revision int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := &doubt{revision: revision, until: s.now().Add(s.doubtFor).UnixMicro()}
	if wide(k.kind) {
		d.until = s.now().Add(min(s.doubtFor, wideFor)).UnixMicro()
	}
	if v, known := s.doubts.Load(k); known {
		old := v.(*doubt)
		d.revision = max(d.revision, old.revision)
		if wide(k.kind) {
			d.until = old.until
		}
	} else {
		if s.doubted.Load() >= maxDoubts {
			return
		}
		s.doubted.Add(1)
	}
	s.doubts.Store(k, d)
	if s.answered(k, d) { // the feed was read past it a moment ago
		s.doubts.Delete(k)
		s.doubted.Add(-1)
	}
}

// inDoubt reports whether a hint of a fact is obeyed.
func (s *Set) inDoubt(k key) bool { return s.doubtOf(k) != nil }

// doubtOf returns the doubt of a fact, if it is obeyed.
func (s *Set) doubtOf(k key) *doubt {
	if s.doubted.Load() == 0 {
		return nil
	}
	v, ok := s.doubts.Load(k)
	if !ok || s.now().UnixMicro() >= v.(*doubt).until {
		return nil
	}
	return v.(*doubt)
}

// EpochInDoubt reports whether a hint says that sessions of the account were ended.
// It does not say up to which epoch: a session may have ended or have begun
// afterwards, so nobody is let in by one and nobody is told that it has ended before
// the writer was asked. stored reports whether the writer has the fact, as the hint
// says: then its word settles it. Whoever asks for [Set.MinEpoch], too, does so
// afterwards: a doubt ends when what settles it can be seen there.
func (s *Set) EpochInDoubt(account string) (doubted, stored bool) {
	d := s.doubtOf(key{store.AccountEpoch, account})
	return d != nil, d != nil && d.revision > 0
}

// settleDoubts ends the doubts that the feed has answered, whatever it said, and
// those that lasted too long.
func (s *Set) settleDoubts() {
	if s.doubted.Load() == 0 {
		return
	}
	now, unanswered := s.now().UnixMicro(), 0
	s.mu.Lock()
	for k, v := range s.doubts.Range {
		k, d := k.(key), v.(*doubt)
		answered := s.answered(k, d)
		if !answered && now < d.until {
			continue
		}
		s.doubts.Delete(k)
		s.doubted.Add(-1)
		if !answered {
			unanswered++
		}
	}
	s.mu.Unlock()
	if unanswered > 0 {
		s.logger.LogAttrs(context.Background(), slog.LevelWarn, "hints of negative facts were not confirmed in time and are no longer obeyed",
			slog.Int("count", unanswered))
	}
}

// answered reports whether the feed has said what it says about k: it was read
// past the doubt's revision or, where there is none, brought the fact, or the node
// that said it did.
func (s *Set) answered(k key, d *doubt) bool {
	if d.revision > 0 {
		return d.revision <= s.Revision()
	}
	e, ok := s.load(k)
	return ok && (e.lent || e.revision > 0 && !e.lifted)
}

// disproveDoubts asks the writer whether there are such revisions as hints speak
// of, when the feed was read to its end and some are not settled. What came after
// the question is left for the next.
func (s *Set) disproveDoubts(ctx context.Context) error {
	if s.doubted.Load() == 0 {
		return nil
	}
	ahead := make(map[key]*doubt)
	for k, v := range s.doubts.Range {
		if d := v.(*doubt); d.revision > s.Revision() {
			ahead[k.(key)] = d
		}
	}
	if len(ahead) == 0 {
		return nil
	}
	newest, err := s.newest(ctx)
	if err != nil {
		return err
	}
	disproved := 0
	s.mu.Lock()
	for k, d := range ahead {
		if d.revision > newest && s.doubts.CompareAndDelete(k, d) {
			s.doubted.Add(-1)
			disproved++
		}
	}
	s.mu.Unlock()
	if disproved > 0 {
		s.logger.LogAttrs(ctx, slog.LevelWarn, "hints of negative facts spoke of what the store does not have and are no longer obeyed",
			slog.Int("count", disproved))
	}
	return nil
}
