package coverage

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bongsu/bongsu/broker/store"
)

const (
	flushEvery   = 5 * time.Second
	measureEvery = 5 * time.Minute
	firstMeasure = 30 * time.Second // after the start, when the feeds were read
	answerWithin = 5 * time.Second  // one batch, or one count

	// What waits for the store, and what is remembered of today so that a person
	// who logs in often is written once.
	maxPending = 20_000
	maxSeen    = 100_000
)

// key is who was where.
type key struct{ client, account string }

// Note takes note that an account signed in to a client. It never blocks on
// anybody.
func (l *Ledger) Note(client, account string) {
	if client == "" || account == "" {
		return
	}
	day, k := dayOf(l.o.Now()), key{client, account}
	l.mu.Lock()
	defer l.mu.Unlock()
	if day != l.day || len(l.seen) >= maxSeen {
		l.day = day
		clear(l.seen)
	}
	if _, known := l.seen[k]; known {
		return
	}
	if len(l.pending) >= maxPending {
		l.lost.Inc()
		return
	}
	l.seen[k] = struct{}{}
	l.pending = append(l.pending, store.Activity{Client: client, Account: account, Day: day})
}

// flush writes what waits, until the store does not answer.
func (l *Ledger) flush(ctx context.Context) error {
	for {
		l.mu.Lock()
		batch := l.pending[:min(len(l.pending), store.MaxActivity)]
		l.mu.Unlock()
		if len(batch) == 0 {
			return nil
		}
		limited, cancel := context.WithTimeout(ctx, answerWithin)
		err := l.o.Store.NoteActivity(limited, batch)
		cancel()
		// What the store calls wrong would be wrong the next time too.
		if err != nil && !errors.Is(err, store.ErrInvalid) {
			return err
		}
		l.mu.Lock()
		l.pending = append([]store.Activity(nil), l.pending[len(batch):]...)
		l.mu.Unlock()
	}
}

// Run writes what was noted every few seconds and counts coverage every few
// minutes, until ctx ends and a last attempt to write was made.
func (l *Ledger) Run(ctx context.Context) {
	flush, measure := time.NewTicker(flushEvery), time.NewTimer(firstMeasure)
	defer flush.Stop()
	defer measure.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			_ = l.flush(last) // what it could not write is lost, as the package says
			return
		case <-flush.C:
			err := l.flush(ctx)
			if failed := err != nil && ctx.Err() == nil; failed != failing {
				failing = failed
				l.o.Logger.LogAttrs(ctx, slog.LevelInfo, "activity", slog.Bool("writable", !failing), slog.Any("error", err))
			}
		case <-measure.C:
			l.publish(ctx)
			measure.Reset(measureEvery)
		}
	}
}

// publish counts for the metric, one question at a time. What could not be
// counted keeps its last value; of a client that nobody was active at there is
// none, and at a node that does not count there are none at all.
func (l *Ledger) publish(ctx context.Context) {
	if !l.o.Lead() {
		l.ratios.Reset()
		l.ways.show(nil)
		return
	}
	if err := l.publishWays(ctx); err != nil {
		l.o.Logger.LogAttrs(ctx, slog.LevelInfo, "ways in could not be counted", slog.Any("error", err))
	}
	clients := l.Clients()
	for _, gone := range l.published {
		if !slices.Contains(clients, gone) {
			l.ratios.DeletePartialMatch(prometheus.Labels{"client": gone})
		}
	}
	l.published = clients
	for _, client := range clients {
		for _, p := range l.o.Providers {
			limited, cancel := context.WithTimeout(ctx, answerWithin)
			got, err := l.Measure(limited, client, p.ID)
			cancel()
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				l.o.Logger.LogAttrs(ctx, slog.LevelInfo, "coverage could not be counted", slog.Any("error", err))
				return
			}
			if ratio, ok := got.Ratio(); ok {
				l.ratios.WithLabelValues(client, p.ID).Set(ratio)
			} else {
				l.ratios.DeleteLabelValues(client, p.ID)
			}
		}
	}
}
