package fakeidp

import (
	"sync"
	"time"
)

// maxEntries bounds what one ledger remembers; the oldest entry goes first.
const maxEntries = 1 << 16

// ledger remembers values under secret keys, for a while. Entries of one
// ledger should live about equally long: they are dropped in the order they came.
type ledger[V any] struct {
	now func() time.Time

	mu      sync.Mutex
	entries map[string]entry[V]
	queue   []string // keys as they came, those taken since included
	head    int
}

type entry[V any] struct {
	value   V
	expires time.Time
}

func newLedger[V any](now func() time.Time) *ledger[V] {
	return &ledger[V]{now: now, entries: map[string]entry[V]{}}
}

// put remembers v until lifetime has passed.
func (l *ledger[V]) put(key string, v V, lifetime time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	for l.head < len(l.queue) {
		oldest := l.queue[l.head]
		e, ok := l.entries[oldest]
		if ok && now.Before(e.expires) && len(l.queue)-l.head < maxEntries {
			break
		}
		delete(l.entries, oldest)
		l.head++
	}
	if l.head > len(l.queue)/2 {
		l.queue = append(l.queue[:0], l.queue[l.head:]...)
		l.head = 0
	}
	l.entries[key] = entry[V]{value: v, expires: now.Add(lifetime)}
	l.queue = append(l.queue, key)
}

// find returns what is remembered under key, if it has not expired.
func (l *ledger[V]) find(key string) (V, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e, ok := l.entries[key]
	if !ok || !l.now().Before(e.expires) {
		var none V
		return none, false
	}
	return e.value, true
}

// take is find, once: of several callers with one key, one finds it.
func (l *ledger[V]) take(key string) (V, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e, ok := l.entries[key]
	delete(l.entries, key)
	if !ok || !l.now().Before(e.expires) {
		var none V
		return none, false
	}
	return e.value, true
}
