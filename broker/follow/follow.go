// Package follow reads something that stands in the store again and again, so
// that a node knows within seconds what another one wrote there.
//
// It neither reads nor keeps anything itself, and does not say what holds while
// the store is away: who reads decides that.
package follow

import (
	"context"
	"log/slog"
	"time"
)

// Every calls read at once and then with every period until ctx ends. When it
// begins to fail, and when it works again, that is logged under what is read,
// not every time in between.
func Every(ctx context.Context, period time.Duration, logger *slog.Logger, what string, read func(context.Context) error) {
	tick := time.NewTicker(period)
	defer tick.Stop()
	failing := false
	for {
		err := read(ctx)
		if failed := err != nil && ctx.Err() == nil; failed != failing {
			failing = failed
			logger.LogAttrs(ctx, slog.LevelInfo, "following the store", slog.String("what", what), slog.Bool("readable", !failing), slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
