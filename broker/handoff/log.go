package handoff

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"sync"
	"time"

	"github.com/bongsu/bongsu/broker/journal"
)

// The bounds of a log.
const (
	// keepFor is for how long a claim is remembered, on the monotonic clock of each
	// run: twice what a handoff may live, so that clocks that are set do not matter.
	keepFor = 2 * Longest
	// maxClaims bounds how many are remembered, about 200 bytes each.
	maxClaims = 100_000
)

// LogOptions is what a Log is made of.
type LogOptions struct {
	Path   string           // empty: in memory alone; nothing of before the start is decided
	Now    func() time.Time // nil is time.Now
	Logger *slog.Logger     // nil discards

	disk journal.Disk // tests; zero is the real one
}

// Log is which handoffs this node has let be used. It is safe for concurrent use.
type Log struct {
	now     func() time.Time
	logger  *slog.Logger
	journal *journal.Journal // nil: memory alone

	mu      sync.Mutex
	used    map[string]*entry
	horizon int64 // handoffs made until then, in Unix seconds, are not decided
}

// entry is one handoff that was used.
type entry struct {
	attempt string
	batch   *journal.Batch // it goes to disk with; nil: it is there
	seen    time.Time      // in this run; has the monotonic clock
}

// line is one line of the log.
type line struct {
	ID      string `json:"i,omitempty"`
	Attempt string `json:"a,omitempty"`
	Horizon int64  `json:"h,omitempty"`
}

// OpenLog reads the log. Of one that is new, or damaged, nobody knows what was used
// before: handoffs that were made until now are not decided. Errors are those of
// the file system, and that another process keeps the log.
func OpenLog(ctx context.Context, o LogOptions) (*Log, error) {
	l := &Log{now: o.Now, logger: o.Logger, used: make(map[string]*entry)}
	if l.now == nil {
		l.now = time.Now
	}
	if l.logger == nil {
		l.logger = slog.New(slog.DiscardHandler)
	}
	if o.Path == "" {
		l.horizon = l.now().Unix() - 1
		return l, nil
	}
	opened, found, err := journal.Open(journal.Options{Path: o.Path, Name: "handoff log", Read: l.restore, All: l.bodies, Disk: o.disk})
	if err != nil {
		return nil, fmt.Errorf("open handoff log: %w", err)
	}
	l.journal = opened
	if found.Damaged > 0 {
		l.logger.LogAttrs(ctx, slog.LevelError, "handoff log is damaged; handoffs that were made until now are not taken",
			slog.Int("lines", found.Damaged))
	}
	if found.Damaged > 0 || found.Lines == 0 {
		l.horizon = l.now().Unix() - 1
		if err := opened.Commit(opened.Append(encode(line{Horizon: l.horizon}))); err != nil {
			return nil, fmt.Errorf("open handoff log: %w", errors.Join(err, opened.Close()))
		}
	}
	return l, nil
}

func encode(l line) []byte {
	body, _ := json.Marshal(l) // strings and a number
	return body
}

func (l *Log) restore(body []byte) bool {
	var read line
	if json.Unmarshal(body, &read) != nil {
		return false
	}
	l.horizon = max(l.horizon, read.Horizon)
	if read.ID != "" {
		l.used[read.ID] = &entry{attempt: read.Attempt, seen: l.now()}
	}
	return true
}

// bodies is all that the log must say.
func (l *Log) bodies() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		l.mu.Lock()
		lines := []line{{Horizon: l.horizon}}
		for name, e := range l.used {
			lines = append(lines, line{ID: name, Attempt: e.attempt})
		}
		l.mu.Unlock()
		for _, each := range lines {
			if !yield(encode(each)) {
				return
			}
		}
	}
}

// Claim uses a handoff: of any number of racing calls for one exactly one succeeds,
// and that attempt again. It returns nil once that is on disk. [ErrUsed];
// [ErrUnavailable]: the disk did not take it, the log is full, or the handoff is of
// a time that this log knows nothing of.
func (l *Log) Claim(c Claim) error {
	e, err := l.enter(c)
	if err != nil {
		return err
	}
	if err := l.settle(c.ID, e); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if e.attempt != c.Attempt {
		return ErrUsed
	}
	return nil
}

// enter finds the entry of a handoff, or makes it.
func (l *Log) enter(c Claim) (*entry, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if e, used := l.used[c.ID]; used {
		return e, nil
	}
	switch {
	case c.Made <= l.horizon:
		return nil, fmt.Errorf("%w: what was used until its time was forgotten", ErrUnavailable)
	case len(l.used) >= maxClaims:
		return nil, fmt.Errorf("%w: the log is full", ErrUnavailable)
	}
	e := &entry{attempt: c.Attempt, seen: now}
	if l.journal != nil {
		e.batch = l.journal.Append(encode(line{ID: c.ID, Attempt: c.Attempt}))
	}
	l.used[c.ID] = e
	return e, nil
}

// settle waits until an entry is on disk. One that did not get there was given to
// nobody, and is forgotten: the log is written anew without it before anything
// else is.
func (l *Log) settle(name string, e *entry) error {
	l.mu.Lock()
	batch := e.batch
	l.mu.Unlock()
	if batch == nil {
		return nil
	}
	err := l.journal.Commit(batch)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err == nil:
		e.batch = nil
	case l.used[name] == e:
		delete(l.used, name)
	}
	return err
}

// Run forgets, once a minute until ctx ends, what nobody can use any more.
func (l *Log) Run(ctx context.Context) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := l.tidy(); err != nil {
				l.logger.LogAttrs(ctx, slog.LevelWarn, "handoff log could not be written anew", slog.Any("error", err))
			}
		}
	}
}

func (l *Log) tidy() error {
	l.mu.Lock()
	now := l.now()
	for name, e := range l.used {
		if e.batch == nil && now.Sub(e.seen) > keepFor {
			delete(l.used, name)
		}
	}
	must := len(l.used) + 1
	l.mu.Unlock()
	if l.journal == nil {
		return nil
	}
	return l.journal.Tidy(must)
}

// Close ends the log. It may be called twice.
func (l *Log) Close() error {
	if l.journal == nil {
		return nil
	}
	return l.journal.Close()
}
