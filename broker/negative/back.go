package negative

import (
	"context"
	"fmt"
	"log/slog"
)

// checkStore asks, before the feed is read for the first time and again after
// every trouble with it, whether the store was set back to an earlier state: to
// a backup, or to a copy that had not everything yet. Such a store has forgotten
// facts, and gives revisions out again that were read already, so that facts
// below the watermark would be missed. Then the feed is read from its start, and
// what stands here is sent again. Only the writer knows its newest revision; while
// it is away the feed is read all the same, and it is asked with the next reading.
func (s *Set) checkStore(ctx context.Context) error {
	reached := s.Revision()
	if reached == 0 || s.checked.Load() {
		return nil
	}
	back, err := s.renumbered(ctx, reached)
	if err != nil {
		return err
	}
	if !back {
		newest, err := s.newest(ctx)
		if err != nil {
			return nil //nolint:nilerr // see above
		}
		back = newest < reached
	}
	s.checked.Store(true)
	if !back {
		return nil
	}
	s.logger.LogAttrs(ctx, slog.LevelWarn, "the store was set back to an earlier state; what no longer holds is entered in it again",
		slog.Int64("revision", reached))
	return s.keep(record{Watermark: -1})
}

// renumbered reports whether the store has, at the revision that was reached,
// another fact than the one that was read there.
func (s *Set) renumbered(ctx context.Context, reached int64) (bool, error) {
	page, err := s.page(ctx, reached-1, 1)
	if err != nil || len(page) == 0 || page[0].Revision != reached || !wellFormed(page[0]) {
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
