package health

import (
	"hash/maphash"
	"sync/atomic"
	"time"
)

// voices bounds how much may be said against a provider from one neighbourhood
// of addresses. Our own calls answer truly, but what they carry comes from a
// browser: a code that makes an endpoint stumble, an account that its owner
// knows to be broken. One person with such a thing is one voice, however often
// they come back with it.
type voices struct {
	seed   maphash.Seed
	next   [voiceSlots]atomic.Int64 // when the neighbourhood's next failure counts, nanoseconds since the board began
	lately [lanes]atomic.Int64      // our calls of the last minute
	muted  atomic.Uint64            // failures that did not count
}

const (
	voiceSlots = 256 // neighbourhoods that fall together share a voice
	voicePart  = 20  // one neighbourhood's failures are at most one in so many calls of the last minute; one a minute at least
)

func newVoices() *voices { return &voices{seed: maphash.MakeSeed()} }

// counts tells whether one more failure from a neighbourhood counts at a time
// since the board began, and takes note of it.
func (v *voices) counts(lane int, prefix string, at time.Duration) bool {
	slot := &v.next[maphash.String(v.seed, prefix)%voiceSlots]
	next := slot.Load()
	pause := time.Minute / time.Duration(max(1, v.lately[lane].Load()/voicePart))
	if int64(at) < next || !slot.CompareAndSwap(next, int64(at+pause)) {
		v.muted.Add(1)
		return false
	}
	return true
}

// heard takes note of what the last minute brought.
func (v *voices) heard(minute *sample) {
	for lane := range lanes {
		v.lately[lane].Store(int64(minute.lane(lane).n))
	}
}
