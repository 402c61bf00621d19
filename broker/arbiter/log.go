package arbiter

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/bongsu/bongsu/broker/journal"
	"github.com/bongsu/bongsu/broker/store"
)

// The bounds of a log.
const (
	// keepFor is for how long a claim that was shipped is remembered, on the
	// monotonic clock of each run: much longer than a code or a token of this mode
	// lives, so that clocks that are set do not matter.
	keepFor = time.Hour
	// maxClaims bounds how many are remembered; about 1 KiB each in memory and on disk.
	maxClaims = 200_000
)

// ErrLocked means that another process keeps this log. Test it with [errors.Is].
var ErrLocked = journal.ErrLocked

// LogOptions is what a Log is made of. Path is required.
type LogOptions struct {
	Path   string           // its directory is made with mode 0700
	Now    func() time.Time // nil is time.Now
	Logger *slog.Logger     // nil discards

	disk journal.Disk // tests; zero is the real one
	max  int          // tests; zero is maxClaims
}

// Log is the claim log of this node. It is safe for concurrent use.
type Log struct {
	now     func() time.Time
	logger  *slog.Logger
	journal *journal.Journal
	max     int

	mu      sync.Mutex
	logins  map[string]*claim // by login id
	grants  map[string]*claim // the same, by grant id
	waiting []*claim          // on disk and not shipped, oldest first
	horizon int64             // codes issued until then, in Unix microseconds, are not decided any more
}

// claim is what became of a login's code.
type claim struct {
	claimed

	batch *journal.Batch // it goes to disk with; nil: it is there
	seen  time.Time      // in this run; has the monotonic clock
}

// OpenLog reads the log. A torn end is cut off: what stood there was not
// acknowledged. Of a log that is new, or damaged in the middle, nobody knows
// which codes were used before: those that were issued until now are not decided
// any more. Errors: [ErrLocked] and those of the file system.
func OpenLog(ctx context.Context, o LogOptions) (*Log, error) {
	l := &Log{now: o.Now, logger: o.Logger, max: o.max, logins: make(map[string]*claim), grants: make(map[string]*claim)}
	if l.now == nil {
		l.now = time.Now
	}
	if l.logger == nil {
		l.logger = slog.New(slog.DiscardHandler)
	}
	if l.max == 0 {
		l.max = maxClaims
	}
	opened, found, err := journal.Open(journal.Options{
		Path: o.Path, Name: "claim log", Read: l.restore, All: l.bodies, Disk: o.disk,
	})
	if err != nil {
		return nil, fmt.Errorf("open claim log: %w", err)
	}
	l.journal = opened
	if found.Torn {
		l.logger.LogAttrs(ctx, slog.LevelInfo, "claim log ended in an unfinished write, which was cut off")
	}
	if found.Damaged > 0 {
		l.logger.LogAttrs(ctx, slog.LevelError, "claim log is damaged; codes that this node issued until now are not taken",
			slog.Int("lines", found.Damaged))
	}
	if found.Damaged > 0 || found.Lines == 0 {
		l.begin(ctx)
	}
	for _, c := range l.logins {
		if !c.Shipped {
			l.waiting = append(l.waiting, c)
		}
	}
	slices.SortFunc(l.waiting, older)
	return l, nil
}

// begin refuses to decide about codes of the past, and says so in the log.
func (l *Log) begin(ctx context.Context) {
	l.horizon = journal.Micros(l.now().Truncate(time.Second)) - 1 // codes are dated in seconds
	body, _ := line{Horizon: l.horizon}.encode()                  // a number fits
	if err := l.journal.Commit(l.journal.Append(body)); err != nil {
		// No claim is acknowledged before this is on disk: the log is written anew.
		l.logger.LogAttrs(ctx, slog.LevelError, "claim log cannot be written", slog.Any("error", err))
	}
}

func older(a, b *claim) int { return int(a.Created - b.Created) }

// restore takes a line of the log into memory.
func (l *Log) restore(body []byte) bool {
	var read line
	if json.Unmarshal(body, &read) != nil {
		return false
	}
	l.horizon = max(l.horizon, read.Horizon)
	if c, known := l.grants[read.Shipped]; known {
		c.Shipped = true
	}
	if read.Claimed == nil {
		return true
	}
	if read.Claimed.check() != nil {
		return false
	}
	if former, known := l.logins[read.Claimed.Login]; known {
		l.drop(former) // it was never acknowledged, or it is this one
	}
	l.keep(&claim{claimed: *read.Claimed, seen: l.now()})
	return true
}

func (l *Log) keep(c *claim) {
	l.logins[c.Login], l.grants[c.ID] = c, c
}

func (l *Log) drop(c *claim) {
	delete(l.logins, c.Login)
	delete(l.grants, c.ID)
}

// Claim makes the code of g, which was issued at that time, used, and answers
// whether this caller was first, as [store.Grants].ClaimCode does and with its
// errors: of any number of racing calls for one login exactly one is; the same
// g.ID is the same attempt. It returns nil once the claim is on disk. After
// ErrUnavailable nothing may be given; a call with the same g.ID settles it. It
// is also returned while the log is full. ctx does not cancel: a claim that is
// being written is written.
func (l *Log) Claim(ctx context.Context, g store.Grant, issued time.Time) (grantID string, err error) {
	c, mine, err := l.enter(g, issued)
	if err != nil {
		return "", err
	}
	if err := l.settle(c, mine); err != nil {
		l.logger.LogAttrs(ctx, slog.LevelError, "claim of a code is not on disk; nothing was given", slog.Any("error", err))
		return "", fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	switch {
	case c.ID == g.ID:
		return c.ID, nil
	case subtle.ConstantTimeCompare(c.Hash, g.CodeHash) == 1:
		return c.ID, store.ErrReplayed
	default:
		return "", store.ErrUsed
	}
}

// enter finds the claim of g's login, or makes g it.
func (l *Log) enter(g store.Grant, issued time.Time) (c *claim, mine bool, err error) {
	fresh := claimedOf(g, issued)
	if err := fresh.check(); err != nil {
		return nil, false, err
	}
	if g.Refresh.Key != nil {
		return nil, false, fmt.Errorf("%w: a node gives no refresh tokens", store.ErrInvalid)
	}
	body, err := line{Claimed: &fresh}.encode()
	if err != nil {
		return nil, false, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if c, known := l.logins[g.LoginID]; known {
		return c, false, nil
	}
	switch _, taken := l.grants[g.ID]; {
	case taken:
		return nil, false, store.ErrConflict
	case fresh.Issued <= l.horizon:
		return nil, false, fmt.Errorf("%w: claims of that time were forgotten", store.ErrUnavailable)
	case len(l.logins) >= l.max:
		return nil, false, fmt.Errorf("%w: the claim log is full", store.ErrUnavailable)
	}
	c = &claim{claimed: fresh, batch: l.journal.Append(body), seen: l.now()}
	l.keep(c)
	return c, true, nil
}

// errSlow means that a disk has not answered in time: what was written to it may
// be there or not.
var errSlow = errors.New("arbiter: the disk does not answer")

// settle returns when a claim is on disk, or the disk has had its time. One that
// is not there is no claim.
func (l *Log) settle(c *claim, mine bool) error {
	l.mu.Lock()
	batch := c.batch
	l.mu.Unlock()
	if batch == nil {
		return nil
	}
	done := make(chan error, 1)
	go func() { done <- l.commit(c, batch, mine) }()
	late := time.NewTimer(claimWithin)
	defer late.Stop()
	select {
	case err := <-done:
		return err
	case <-late.C:
		return errSlow
	}
}

// commit writes a claim. Whoever made it keeps or drops it.
func (l *Log) commit(c *claim, batch *journal.Batch, mine bool) error {
	err := l.journal.Commit(batch)
	if !mine {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.drop(c) // before the file is trusted again it is written anew, without it
		return err
	}
	c.batch = nil
	l.waiting = append(l.waiting, c)
	return nil
}

// Grant returns a grant that was claimed here. store.ErrNotFound: there is none,
// or it was shipped and forgotten.
func (l *Log) Grant(grantID string) (store.Grant, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, known := l.grants[grantID]
	if !known || c.batch != nil {
		return store.Grant{}, store.ErrNotFound
	}
	return c.grant(), nil
}

// Waiting returns how many claims the store has not heard of.
func (l *Log) Waiting() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.waiting)
}

// Len returns how many claims are remembered.
func (l *Log) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.logins)
}

// oldest returns at most n claims that wait for the store.
func (l *Log) oldest(n int) []*claim {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.waiting[:min(n, len(l.waiting))])
}

// shipped marks the first of what waits as what the store has. What the disk
// refuses is shipped once more after a restart, which changes nothing.
func (l *Log) shipped(first []*claim) error {
	if len(first) == 0 {
		return nil
	}
	l.mu.Lock()
	var batch *journal.Batch
	for _, c := range first {
		c.Shipped = true
		body, _ := line{Shipped: c.ID}.encode() // an id fits
		batch = l.journal.Append(body)
	}
	l.waiting = slices.Delete(l.waiting, 0, len(first))
	l.mu.Unlock()
	return l.journal.Commit(batch)
}

// sweep forgets what was shipped long ago and keeps the file in proportion.
func (l *Log) sweep() error {
	now := l.now()
	l.mu.Lock()
	for _, c := range l.logins {
		if c.Shipped && c.batch == nil && now.Sub(c.seen) >= keepFor {
			l.horizon = max(l.horizon, c.Issued)
			l.drop(c)
		}
	}
	must := len(l.logins)
	l.mu.Unlock()
	return l.journal.Tidy(must)
}

// bodies is all that the log must say: memory is always ahead of it.
func (l *Log) bodies() iter.Seq[[]byte] {
	l.mu.Lock()
	all := make([]claimed, 0, len(l.logins))
	for _, c := range l.logins {
		all = append(all, c.claimed)
	}
	horizon := l.horizon
	l.mu.Unlock()
	return func(yield func([]byte) bool) {
		if horizon > 0 {
			if body, err := (line{Horizon: horizon}).encode(); err == nil && !yield(body) {
				return
			}
		}
		for i := range all {
			if body, err := (line{Claimed: &all[i]}).encode(); err == nil && !yield(body) {
				return
			}
		}
	}
}

// Close releases the log. Claims made afterwards are refused with
// store.ErrUnavailable. It may be called twice.
func (l *Log) Close() error { return l.journal.Close() }
