package health

import (
	"time"

	"github.com/bongsu/bongsu/providers"
)

// Observe takes note of one step of a real login. It waits for nobody: it adds
// to atomic numbers, and for the comings and goings of marked browsers holds a
// lock for a few map look-ups.
func (b *Board) Observe(o Observation) {
	b.observe(o, 1, false)
}

// ObserveMany takes note of n steps like o, each by a browser and from an
// address prefix of its own. It is for replays, in which people are rates.
func (b *Board) ObserveMany(o Observation, n int) {
	if n > 0 {
		b.observe(o, uint64(n), true)
	}
}

func (b *Board) observe(o Observation, n uint64, apart bool) {
	w := b.byID[o.Provider]
	if w == nil || o.Drill {
		return
	}
	switch o.Step {
	case providers.StepAuthorize:
		b.sentAway(w, o, n, apart)
	case providers.StepCallback:
		b.cameBack(w, o, n, apart)
	default:
		if lane := laneOf(o.Step); lane >= 0 {
			b.called(w, lane, o, n, apart)
		}
	}
}

// called counts one of our own calls. What the person did, what was our mistake
// and what nobody can tell never counts against the provider, nor for it. What
// one neighbourhood says beyond its voice hurries probes and no more.
func (b *Board) called(w *watch, lane int, o Observation, n uint64, apart bool) {
	theirs := o.Outcome.Theirs()
	if (theirs || o.Outcome == providers.Ours) && !apart && !w.voices.counts(lane, o.Prefix, b.o.Now().Sub(b.began)) {
		if theirs {
			b.hurry(w, false)
		}
		return
	}
	dev := deviceOf(o.Device)
	s := w.stripes.pick()
	switch {
	case theirs, o.Outcome == providers.OK && o.Took > patience:
		s.cells[callCell(lane, dev)].Add(n)
		s.cells[callCell(lane, dev)+1].Add(n)
		if !theirs || o.Outcome == providers.Slow {
			s.cells[cellSlow].Add(n)
		}
		b.hurry(w, true)
	case o.Outcome == providers.OK:
		s.cells[callCell(lane, dev)].Add(n)
		s.cells[cellTook+tookOf(o.Took)].Add(n)
	case o.Outcome == providers.Ours:
		s.cells[cellOurs].Add(n)
		w.ours.Add(n)
		w.oursAt.Store(b.o.Now().Sub(b.began).Nanoseconds())
	}
}

// sentAway counts a login that was sent away. It counts toward a verdict only for
// browsers we know, once a minute each and for each address prefix.
func (b *Board) sentAway(w *watch, o Observation, n uint64, apart bool) {
	if o.Outcome.Theirs() {
		b.hurry(w, false)
		return
	}
	w.stripes.pick().cells[cellBegun].Add(n)
	if !o.Marked {
		return
	}
	at := o.Started
	if at.IsZero() {
		at = b.o.Now()
	}
	sec := b.second(at)
	if apart || b.once.begin(o.Provider, o.Browser, o.Prefix, sec) {
		w.funnel.begin(sec, deviceOf(o.Device), uint32(n))
	}
}

// cameBack counts a browser that returned, whatever it brought: even a refusal
// says that the login page lives. That it brought an error of the provider's
// counts against it, under the same conditions.
func (b *Board) cameBack(w *watch, o Observation, n uint64, apart bool) {
	theirs := o.Outcome.Theirs()
	if !o.Marked || o.Started.IsZero() {
		if theirs {
			b.hurry(w, false)
		}
		return
	}
	now := b.o.Now()
	sec, counts := b.second(o.Started), true
	if !apart {
		sec, counts = b.once.back(o.Provider, o.Browser, o.Prefix, sec, b.second(now))
	}
	if !counts {
		if theirs {
			b.hurry(w, false)
		}
		return
	}
	dev := deviceOf(o.Device)
	w.funnel.back(sec, dev, now.Sub(o.Started), uint32(n))
	s := w.stripes.pick()
	switch {
	case theirs:
		s.cells[callCell(laneCallback, dev)].Add(n)
		s.cells[callCell(laneCallback, dev)+1].Add(n)
		b.hurry(w, true)
	case o.Outcome == providers.OK:
		s.cells[callCell(laneCallback, dev)].Add(n)
	}
}

const (
	hurryAgain  = time.Second      // evidence
	hurrySteady = 30 * time.Second // one failure among many successes
	hurryRumour = 5 * time.Second  // what anybody can send us
)

// hurry asks for probes. evidence says that the reason cannot be forged.
func (b *Board) hurry(w *watch, evidence bool) {
	wait := hurryRumour
	if evidence {
		wait = hurryAgain
	}
	if w.steady.Load() {
		wait = hurrySteady
	}
	if b.mayHurry(w, b.o.Now(), wait) {
		b.o.Suspect(w.info.ID)
	}
}

// mayHurry tells whether probes may be asked for again, and takes note of it.
func (b *Board) mayHurry(w *watch, now time.Time, wait time.Duration) bool {
	at := now.Sub(b.began)
	last := w.hurried.Load()
	if last != 0 && at-time.Duration(last) < wait {
		return false
	}
	return w.hurried.CompareAndSwap(last, max(int64(at), 1))
}
