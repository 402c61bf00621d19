package negative

import (
	"context"
	"iter"
	"log/slog"

	"github.com/bongsu/bongsu/broker/journal"
)

// openJournal reads the log into memory and opens it for what comes.
func (s *Set) openJournal(ctx context.Context, o Options) error {
	s.mu.Lock()
	s.reading = true
	opened, found, err := journal.Open(journal.Options{
		Path: o.Path, Name: "negative log", Read: s.restore, All: s.bodies, Disk: o.disk,
	})
	s.reading = false
	s.mu.Unlock()
	if err != nil {
		return err
	}
	s.journal = opened
	if found.Torn {
		s.logger.LogAttrs(ctx, slog.LevelInfo, "negative log ended in an unfinished write, which was cut off")
	}
	if found.Damaged > 0 {
		// What the damaged lines said is only in the store now.
		s.watermark.Store(0)
		s.logger.LogAttrs(ctx, slog.LevelError, "negative log is damaged; reading the feed from its start",
			slog.Int("lines", found.Damaged))
	}
	return nil
}

// restore merges a line of the log. The caller holds mu.
func (s *Set) restore(body []byte) bool {
	r, ok := decode(body)
	if ok && (r.Watermark != 0 || r.Incarnation != "" || wellFormed(r.fact())) {
		s.merge(r)
	}
	return ok
}

// announce tells OnFact what stands.
func (s *Set) announce() {
	if s.onFact == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, v := range s.entries.Range {
		if e := v.(*entry); e.stands() {
			s.onFact(e.fact(k.(key)))
		}
	}
}

// tidy keeps the log in proportion to what it says.
func (s *Set) tidy() error {
	if s.journal == nil {
		return nil
	}
	return s.journal.Tidy(s.Len() + s.Lent())
}

// bodies is all that the log must say, as its lines say it.
func (s *Set) bodies() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for r := range s.records() {
			if !yield(r.encode()) {
				return
			}
		}
	}
}

// records is all that the log must say: memory is always ahead of it.
func (s *Set) records() iter.Seq[record] {
	return func(yield func(record) bool) {
		reached := s.watermark.Load() // before the facts: those up to it are in memory
		for k, v := range s.entries.Range {
			k, e := k.(key), v.(*entry)
			if e.revision > 0 && !yield(e.record(k)) {
				return
			}
			if !e.unsent {
				continue
			}
			if r, ok := s.unsentRecord(k); ok && !yield(r) {
				return
			}
		}
		for _, r := range s.lentRecords() {
			if !yield(r) {
				return
			}
		}
		if reached > 0 && !yield(record{Watermark: reached}) {
			return
		}
		if name := s.Incarnation(); name != "" {
			yield(record{Incarnation: name})
		}
	}
}

func (s *Set) unsentRecord(k key) (record, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.unsent[k]
	return r, ok
}
