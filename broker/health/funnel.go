package health

import (
	"sync"
	"time"
)

// funnel matches returns to the second of their start. A start is asked twice
// whether it came back, when it is 20 and when it is 60 seconds old; what comes
// later is lost to both.
type funnel struct {
	mu      sync.Mutex // held for a few nanoseconds
	ring    [funnelSeconds][devices]cohort
	matured int64 // the latest second that was asked at the first age
}

// funnelSeconds is a power of two that holds the older age with room for a tick
// that came late.
const funnelSeconds = 128

// cohort is what began in one second.
type cohort struct {
	starts uint32
	back   [ages]uint32 // came back within each age
}

// newFunnel returns a funnel in whose first second nothing has matured yet.
func newFunnel() *funnel { return &funnel{matured: -1 - int64(ageLimits[0]/time.Second)} }

func (f *funnel) slot(sec int64, dev int) *cohort {
	return &f.ring[uint64(sec)%funnelSeconds][dev]
}

// oldest returns the oldest second that is still kept.
func (f *funnel) oldest() int64 { return f.matured - int64((ageLimits[1]-ageLimits[0])/time.Second) }

func (f *funnel) begin(sec int64, dev int, n uint32) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if sec > f.oldest() && sec < f.oldest()+funnelSeconds {
		f.slot(sec, dev).starts += n
	}
}

// back takes note of n returns of starts in second sec, when they were age old.
func (f *funnel) back(sec int64, dev int, age time.Duration, n uint32) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if sec <= f.oldest() || sec >= f.oldest()+funnelSeconds {
		return
	}
	c := f.slot(sec, dev)
	for i, limit := range ageLimits {
		if age <= limit {
			c.back[i] += n
		}
	}
}

// mature moves on to the end of second now, and adds to s what came of the
// seconds that reached an age.
func (f *funnel) mature(now int64, s *sample) {
	f.mu.Lock()
	defer f.mu.Unlock()
	first := now - int64(ageLimits[0]/time.Second)
	if first-f.matured > funnelSeconds/2 || first < f.matured { // nobody asked for a minute
		f.ring, f.matured = [funnelSeconds][devices]cohort{}, first
		return
	}
	for f.matured < first {
		f.matured++
		for dev := range devices {
			f.slot(f.matured, dev).due(0, dev, s)
			old := f.slot(f.oldest(), dev)
			old.due(1, dev, s)
			*old = cohort{}
		}
	}
}

// due adds the cohort to s as what it is at an age. What is lost may be less than
// nothing here, where more came back than were sent away: another node sent them,
// and lacks them in its own numbers. Only a site's sum is whole.
func (c *cohort) due(age, dev int, s *sample) {
	s[dueCell(age, dev)] += c.starts
	s[dueCell(age, dev)+1] += c.starts - c.back[age]
}
