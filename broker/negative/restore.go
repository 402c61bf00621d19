package negative

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
)

// openJournal reads the log into memory and opens it for what comes.
func (s *Set) openJournal(ctx context.Context, o Options) (err error) {
	if o.disk.create == nil {
		o.disk = osDisk
	}
	if err := os.MkdirAll(filepath.Dir(o.Path), 0o700); err != nil {
		return err
	}
	if s.locked, err = lock(o.Path + ".lock"); err != nil {
		return err
	}
	found, err := s.restore(o.Path)
	if err != nil {
		return errors.Join(err, s.locked.Close())
	}
	out, err := o.disk.append(o.Path, found.end)
	if err != nil {
		return errors.Join(err, s.locked.Close())
	}
	s.journal = &journal{path: o.Path, disk: o.disk, state: s.records, out: out, lines: found.lines}
	if found.torn {
		s.logger.LogAttrs(ctx, slog.LevelInfo, "negative log ended in an unfinished write, which was cut off")
	}
	if found.damaged > 0 {
		// What the damaged lines said is only in the store now.
		s.watermark.Store(0)
		s.journal.suspect = true
		s.logger.LogAttrs(ctx, slog.LevelError, "negative log is damaged; reading the feed from its start",
			slog.Int("lines", found.damaged))
	}
	return nil
}

// restore merges the log at path. One that does not exist is empty.
func (s *Set) restore(path string) (condition, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return condition{}, nil
	}
	if err != nil {
		return condition{}, err
	}
	return s.merged(f)
}

func (s *Set) merged(log io.ReadCloser) (condition, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reading = true
	defer func() { s.reading = false }()
	found, err := readLog(log, func(r record) {
		if r.Watermark != 0 || wellFormed(r.fact()) {
			s.merge(r)
		}
	})
	if err = errors.Join(err, log.Close()); err != nil {
		return condition{}, fmt.Errorf("read: %w", err)
	}
	return found, nil
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
	return s.journal.tidy(s.Len())
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
		if reached > 0 {
			yield(record{Watermark: reached})
		}
	}
}

func (s *Set) unsentRecord(k key) (record, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.unsent[k]
	return r, ok
}
