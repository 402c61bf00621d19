package limit

import (
	"errors"
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// The bounds of a rate and of a table.
const (
	MaxRate    = 1_000_000 // per second
	MaxBurst   = 10_000_000
	MaxEntries = 1 << 20
)

// EntryBytes is what one key costs at most, in bytes, besides what its strings
// hold: a table of n entries takes n times that. A test measures it.
const EntryBytes = 384

// Rate is how often something may happen. The zero value sets no limit.
type Rate struct {
	PerSecond float64 // sustained; 0: no limit
	Burst     int     // at once; at least 1 where there is a limit
}

// Validate reports what is wrong with a rate.
func (r Rate) Validate() error {
	switch {
	case r == Rate{}:
		return nil
	case !(r.PerSecond > 0 && r.PerSecond <= MaxRate):
		return errors.New("limit: a rate is above 0 and up to a million a second")
	case r.Burst < 1 || r.Burst > MaxBurst:
		return errors.New("limit: a burst is from 1 to ten millions")
	}
	return nil
}

// Options says what a table holds.
type Options struct {
	Rate    Rate
	Entries int              // at most; from 1 to [MaxEntries]
	Now     func() time.Time // default time.Now
}

func (o Options) validate() error {
	if o.Entries < 1 || o.Entries > MaxEntries {
		return errors.New("limit: a table has from 1 to a million entries")
	}
	return o.Rate.Validate()
}

// Table holds a bucket for each key that was seen lately. When it is full, the
// key that was not seen for longest is forgotten, and begins anew when it comes
// again. It is safe for concurrent use.
type Table[K comparable] struct {
	rate    Rate
	entries int
	full    time.Duration // in which an empty bucket fills
	now     func() time.Time

	mu     sync.Mutex
	byKey  map[K]*entry[K]
	oldest *entry[K] // of a ring: oldest.before is the newest
}

// entry is a key's bucket, in the ring from the oldest to the newest.
type entry[K comparable] struct {
	key           K
	bucket        *rate.Limiter
	seen          time.Time
	before, after *entry[K]
}

// New returns an empty table.
func New[K comparable](o Options) (*Table[K], error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	t := &Table[K]{rate: o.Rate, entries: o.Entries, now: o.Now, byKey: make(map[K]*entry[K])}
	if o.Rate.PerSecond > 0 {
		t.full = seconds(float64(o.Rate.Burst) / o.Rate.PerSecond)
	}
	return t, nil
}

// Take counts one thing that key wants to do now. It returns 0 when key may, and
// else how long to wait, at least a millisecond; what was refused is not counted.
func (t *Table[K]) Take(key K) time.Duration {
	if t.rate.PerSecond == 0 {
		return 0
	}
	now := t.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.seen(key, now)
	if e.bucket.AllowN(now, 1) {
		return 0
	}
	return t.wait(e, now)
}

// Wait returns how long key must wait now before it may do one more thing: 0 when
// it may at once. It counts nothing and remembers nothing.
func (t *Table[K]) Wait(key K) time.Duration {
	if t.rate.PerSecond == 0 {
		return 0
	}
	now := t.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	e, ok := t.byKey[key]
	if !ok {
		return 0
	}
	return t.wait(e, now)
}

// Len is how many keys the table holds.
func (t *Table[K]) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.byKey)
}

func (t *Table[K]) wait(e *entry[K], now time.Time) time.Duration {
	missing := 1 - e.bucket.TokensAt(now)
	if missing <= 0 {
		return 0
	}
	return max(seconds(missing/t.rate.PerSecond), time.Millisecond)
}

// seen finds or makes the entry of key and makes it the newest.
func (t *Table[K]) seen(key K, now time.Time) *entry[K] {
	e, ok := t.byKey[key]
	if ok {
		t.unlink(e)
	} else {
		t.makeRoom(now)
		e = &entry[K]{key: key, bucket: rate.NewLimiter(rate.Limit(t.rate.PerSecond), t.rate.Burst)}
		t.byKey[key] = e
	}
	e.seen = now
	t.append(e)
	return e
}

// makeRoom forgets at most two keys whose buckets are full again, as if they had
// never been seen, and the oldest one if the table is full all the same.
func (t *Table[K]) makeRoom(now time.Time) {
	for range 2 {
		if t.oldest == nil || now.Sub(t.oldest.seen) < t.full {
			break
		}
		t.forget(t.oldest)
	}
	if len(t.byKey) >= t.entries {
		t.forget(t.oldest)
	}
}

func (t *Table[K]) forget(e *entry[K]) {
	t.unlink(e)
	delete(t.byKey, e.key)
}

func (t *Table[K]) append(e *entry[K]) {
	if t.oldest == nil {
		e.before, e.after = e, e
		t.oldest = e
		return
	}
	newest := t.oldest.before
	e.before, e.after = newest, t.oldest
	newest.after, t.oldest.before = e, e
}

func (t *Table[K]) unlink(e *entry[K]) {
	if e.after == e {
		t.oldest = nil
		return
	}
	e.before.after, e.after.before = e.after, e.before
	if t.oldest == e {
		t.oldest = e.after
	}
}

// seconds is a number of seconds as a duration, at most a year.
func seconds(s float64) time.Duration {
	const year = 365 * 24 * time.Hour
	return time.Duration(math.Ceil(min(s*float64(time.Second), float64(year))))
}
