package health

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
)

// once lets a browser, and an address prefix, count once a minute for each
// provider: whoever owns a thousand browsers behind one address is one voice.
// It is bounded; when it is full, nothing more counts until the minute is over.
type once struct {
	seed   maphash.Seed
	shards [onceShards]onceShard
	full   atomic.Uint64 // how often there was no room
}

const (
	onceShards  = 16
	onceEntries = 8192 // of a shard and generation: 1,092 starts a second in all
	onceSeconds = 60
	onceTurn    = 64 // seconds after which the older generation is forgotten
)

type onceShard struct {
	mu       sync.Mutex // held for two map look-ups
	now, old map[uint64]seen
	turned   int64
}

// seen is when something counted last.
type seen struct {
	sec   int64 // second of the start, or of the return
	state uint8
}

const (
	seenPassing uint8 = iota // it began, but did not count
	seenCounted              // it began and counts
	seenBack                 // it counted and came back
)

func newOnce() *once { return &once{seed: maphash.MakeSeed()} }

func (o *once) key(kind, provider, text string) uint64 {
	var h maphash.Hash
	h.SetSeed(o.seed)
	for _, part := range [...]string{kind, provider, text} {
		_, _ = h.WriteString(part)
		_ = h.WriteByte(0)
	}
	return h.Sum64()
}

// begin tells whether a start in second sec counts.
func (o *once) begin(provider, browser, prefix string, sec int64) bool {
	key := o.key("browser", provider, browser)
	if !o.claim(key, sec) {
		return false
	}
	if !o.claim(o.key("prefix", provider, prefix), sec) {
		return false
	}
	o.mark(key, seen{sec, seenCounted})
	return true
}

// back tells whether the return of a start in second started counts, and for
// which second. Where this node saw the start it is known; otherwise returns
// count once a minute, as starts do where they were seen.
func (o *once) back(provider, browser, prefix string, started, sec int64) (int64, bool) {
	key := o.key("browser", provider, browser)
	s := &o.shards[key%onceShards]
	s.mu.Lock()
	e, known := s.find(key, sec)
	if known && started-e.sec < onceSeconds {
		match := e.state == seenCounted && started-e.sec <= 1 && e.sec-started <= 1
		if match {
			s.now[key] = seen{e.sec, seenBack}
		}
		s.mu.Unlock()
		return e.sec, match
	}
	s.mu.Unlock()
	return started, o.claim(o.key("returned", provider, browser), sec) && o.claim(o.key("from", provider, prefix), sec)
}

// claim tells whether key has not been seen for a minute, and takes note of it.
func (o *once) claim(key uint64, sec int64) bool {
	s := &o.shards[key%onceShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	if e, known := s.find(key, sec); known && sec-e.sec < onceSeconds {
		return false
	}
	if len(s.now) >= onceEntries {
		o.full.Add(1)
		return false
	}
	s.now[key] = seen{sec, seenPassing}
	return true
}

func (o *once) mark(key uint64, e seen) {
	s := &o.shards[key%onceShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.find(key, e.sec); known {
		s.now[key] = e
	}
}

// find looks in both generations. The caller holds mu.
func (s *onceShard) find(key uint64, sec int64) (seen, bool) {
	if s.now == nil || sec-s.turned >= onceTurn {
		s.now, s.old, s.turned = make(map[uint64]seen), s.now, sec
	}
	if e, ok := s.now[key]; ok {
		return e, true
	}
	e, ok := s.old[key]
	return e, ok
}
