package negative

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"strings"

	"github.com/bongsu/bongsu/broker/store"
)

// checkStore asks, before the feed is read for the first time and again after
// every trouble with it, whether the store is the one whose feed was read: it may
// have been set back to an earlier state, to a backup or to a copy that had not
// everything yet, or replaced by another. Such a store has forgotten facts, and
// gives revisions out again that were read already, so that facts below the
// watermark would be missed. Then the feed is read from its start, and what stands
// here is sent again. Who notices that a store was set back has it go by another
// name from then on: so everybody learns of it, however far it has come by the time
// they ask. Only the writer knows its name and its newest revision; while it is away
// the feed is read all the same, and it is asked with the next reading.
func (s *Set) checkStore(ctx context.Context) error {
	if s.checked.Load() && !s.fewer.Load() {
		return nil
	}
	reached, known := s.Revision(), s.Incarnation()
	back, err := s.renumbered(ctx, reached)
	if err != nil {
		return err
	}
	name, newest, err := s.identify(ctx)
	if err != nil && !back {
		return nil //nolint:nilerr // see above
	}
	other := known != "" && name != "" && name != known
	if err == nil {
		// What the beats have shown is used up now, but not if others have dealt with it.
		back = s.fewer.Swap(false) && !other || back || newest < reached
		s.checked.Store(true)
	}
	if back && !other && name != "" {
		name = s.rename(ctx, name)
	}
	return s.begin(ctx, reached, back || other, known, name)
}

// begin keeps what the store is called, and has its feed read from the start if it
// is not the one whose feed was read.
func (s *Set) begin(ctx context.Context, reached int64, anew bool, known, name string) error {
	var records []record
	if anew {
		s.logger.LogAttrs(ctx, slog.LevelWarn, "the store was set back to an earlier state or replaced; what no longer holds is entered in it again",
			slog.Int64("revision", reached))
		records = append(records, record{Watermark: -1})
	}
	if name != "" && name != known {
		records = append(records, record{Incarnation: name})
	}
	if len(records) == 0 {
		return nil
	}
	return s.keep(records...)
}

// rename gives a store that was set back another name and returns the one that
// stands. If that fails the others find out by themselves.
func (s *Set) rename(ctx context.Context, name string) string {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	stands, err := s.store.RenewIncarnation(ctx, name, strings.ToLower(rand.Text()))
	if err != nil {
		s.logger.LogAttrs(ctx, slog.LevelWarn, "other nodes are not told that the store was set back", slog.Any("error", err))
		return name
	}
	return stands
}

// Heard takes note of a beat that the store's writer has just given this node. One
// that counts no more than the one before, or is of another name, is of a store
// that is not what it was: the next reading of the feed looks into it. It asks
// nobody.
func (s *Set) Heard(b store.Beat) {
	last := s.beat.Swap(&b)
	switch {
	case last == nil:
		if known := s.Incarnation(); known == "" || known == b.Incarnation {
			return
		}
	case last.Incarnation == b.Incarnation && last.Count < b.Count:
		return
	case last.Incarnation == b.Incarnation:
		s.fewer.Store(true)
	}
	s.checked.Store(false)
	s.Hurry()
}

// Incarnation is what the store is called whose feed was read; empty if nobody said.
func (s *Set) Incarnation() string {
	if name := s.incarnation.Load(); name != nil {
		return *name
	}
	return ""
}

// renumbered reports whether the store has, at the revision that was reached,
// another fact than the one that was read there.
func (s *Set) renumbered(ctx context.Context, reached int64) (bool, error) {
	page, err := s.page(ctx, max(reached-1, 0), 1)
	if err != nil || reached == 0 || len(page) == 0 || page[0].Revision != reached || !wellFormed(page[0]) {
		return false, err
	}
	if until := page[0].Until; !until.IsZero() && until.Before(s.now()) { // swept here, perhaps
		return false, nil
	}
	known, _ := s.load(key{page[0].Kind, page[0].ID})
	return known.revision < reached, nil
}

func (s *Set) newest(ctx context.Context) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	newest, err := s.store.FeedRevision(ctx)
	if err != nil {
		return 0, fmt.Errorf("read the feed's revision: %w", err)
	}
	return newest, nil
}

// identify returns the writer's word on what the store is called, and on its newest
// revision.
func (s *Set) identify(ctx context.Context) (name string, newest int64, err error) {
	if newest, err = s.newest(ctx); err != nil {
		return "", 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	if name, err = s.store.Incarnation(ctx); err != nil {
		return "", 0, fmt.Errorf("read the store's name: %w", err)
	}
	return name, newest, nil
}
