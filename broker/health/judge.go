package health

import (
	"github.com/bongsu/bongsu/providers"
)

// The thresholds of a trip (sites.md calls them by the same numbers; DESIGN.md
// argues them).
const (
	callsLimit   = 0.25 // failure share of our own calls
	callsEnough  = 10
	lossMargin   = 0.20 // above the loss that is usual
	lossEnough   = 20
	lossShared   = 100  // the same for one device at one of several nodes: not all come back to where they left
	lateLimit    = 0.05 // more than that later than lateness: the p95 is
	lateEnough   = 20
	deviceEnough = 20 // samples by which another device is cleared

	suspectCalls = 0.05
	suspectLoss  = 0.10
)

// reading is what is judged: the site's sums, and this node's per device.
type reading struct {
	calls   [lanes]share
	callsBy [lanes][devices]share
	due     [ages]share
	dueBy   [ages][devices]share
	limit   [ages]float64 // of the loss
	limitBy [ages][devices]float64
	slow    int   // of the failed calls
	late    share // answers later than lateness
	ours    share // of n answered calls, refused for our mistakes
	shared  bool  // other nodes of the site send people away and get them back too
}

// read fills in this node's own numbers. The site's are added by whoever knows them.
func (r *reading) read(calls, dues *sample, u *usual) {
	for lane := range lanes {
		var all share
		for dev := range devices {
			s := calls.at(callCell(lane, dev))
			r.callsBy[lane][dev] = s
			all = all.add(s)
		}
		r.calls[lane] = all
	}
	for age := range ages {
		var all share
		for dev := range devices {
			s := dues.at(dueCell(age, dev))
			r.dueBy[age][dev] = s
			all = all.add(s)
			r.limitBy[age][dev] = u.limit(age, dev)
		}
		r.due[age] = all
		r.limit[age] = mean(age, dues, u.limit)
	}
	r.slow = int(calls[cellSlow])
	r.late = calls.late()
	token := r.calls[laneToken]
	r.ours = share{token.n - token.failed + int(calls[cellOurs]), int(calls[cellOurs])}
}

// trips is a set of tests that a reading failed, a bit each.
type trips uint64

const (
	tripDevices = devices + 1 // every device, and all of them together
	tripAll     = devices
	tripReturns = lanes * tripDevices
	tripLate    = tripReturns + ages*tripDevices
	tripOurs    = tripLate + 1
)

func callTrip(lane, dev int) trips  { return 1 << (lane*tripDevices + dev) }
func returnTrip(age, dev int) trips { return 1 << (tripReturns + age*tripDevices + dev) }

// tests returns which tests the reading fails.
func (r *reading) tests() trips {
	var t trips
	for lane := range lanes {
		if r.calls[lane].exceeds(callsLimit, callsEnough, z999) {
			t |= callTrip(lane, tripAll)
		}
		for dev := range devices {
			if r.callsBy[lane][dev].exceeds(callsLimit, callsEnough, z999) {
				t |= callTrip(lane, dev)
			}
		}
	}
	enough, z := lossEnough, z999
	if r.shared {
		enough, z = lossShared, zSum
	}
	for age := range ages {
		if r.due[age].exceeds(r.limit[age], lossEnough, z) {
			t |= returnTrip(age, tripAll)
		}
		for dev := range devices {
			if r.dueBy[age][dev].exceeds(r.limitBy[age][dev], enough, z) {
				t |= returnTrip(age, dev)
			}
		}
	}
	if r.late.exceeds(lateLimit, lateEnough, z999) {
		t |= 1 << tripLate
	}
	if r.ours.exceeds(callsLimit, callsEnough, z999) {
		t |= 1 << tripOurs
	}
	return t
}

// failing tells whether calls speak against the provider, well before it is
// enough for a verdict.
func (r *reading) failing() bool {
	for _, s := range r.calls {
		if s.failed > 0 && s.n < callsEnough || s.exceeds(suspectCalls, callsEnough, z99) {
			return true
		}
	}
	return false
}

// losing tells whether more people stay away than usual, well before it is
// enough for a verdict.
func (r *reading) losing() bool {
	for age, s := range r.due {
		if s.exceeds(r.limit[age]-lossMargin+suspectLoss, lossEnough, z99) {
			return true
		}
	}
	return false
}

// evidence is by what sort of evidence a finding was reached.
type evidence uint8

const (
	byNothing evidence = iota
	byCalls
	byReturns
	byProbes
)

// finding is what this site's evidence says by itself.
type finding struct {
	state   State
	cause   Cause
	step    providers.Step
	devices deviceSet
	by      evidence
}

// worse returns the graver of two findings, the first when they are equal.
func (f finding) worse(o finding) finding {
	if o.state > f.state {
		return o
	}
	if o.state == f.state && f.devices != 0 && o.devices != 0 {
		f.devices |= o.devices
	}
	return f
}

// find says what the tests mean that failed twice running. optional tells that
// logins do without the profile.
func (r *reading) find(t trips, optional bool) finding {
	var f finding
	if t == 0 {
		return f
	}
	for age := range ages {
		f = f.worse(r.findIn(t>>(tripReturns+age*tripDevices), r.dueBy[age], func(dev int) float64 {
			return r.limitBy[age][dev]
		}, finding{Down, CauseProvider, providers.StepAuthorize, 0, byReturns}))
	}
	for lane := range lanes {
		down := finding{Down, CauseProvider, laneSteps[lane], 0, byCalls}
		if r.slow*2 > r.calls[lane].failed {
			down.cause = CauseSlow
		}
		if lane == laneUserinfo && optional {
			down.state, down.cause = Degraded, CausePartial
		}
		f = f.worse(r.findIn(t>>(lane*tripDevices), r.callsBy[lane], func(int) float64 { return callsLimit }, down))
	}
	if t&(1<<tripLate) != 0 {
		f = f.worse(finding{Degraded, CauseSlow, providers.StepToken, 0, byCalls})
	}
	if t&(1<<tripOurs) != 0 {
		f = f.worse(finding{Degraded, CauseOurs, providers.StepToken, 0, byCalls})
	}
	return f
}

// findIn reads the tests of one lane or age: bits of devices, and above them
// that of all together. When some device surely works, the rest is partial.
func (r *reading) findIn(t trips, by [devices]share, limit func(dev int) float64, down finding) finding {
	tripped := deviceSet(t) & (1<<devices - 1)
	all := t&(1<<tripAll) != 0
	if tripped == 0 && !all {
		return finding{}
	}
	for dev, s := range by {
		works := s.n >= deviceEnough && s.upper(z99) < limit(dev)
		if works && tripped != 0 && tripped&(1<<dev) == 0 {
			down.state, down.cause, down.devices = Degraded, CausePartial, tripped
			return down
		}
	}
	if !all {
		down.state, down.cause, down.devices = Degraded, CausePartial, tripped
	}
	return down
}

// works tells whether people just now log in by the provider.
func (r *reading) works() bool { return r.calls[laneToken].works() }

// works tells whether so many calls of logins went well that the provider works.
func (s share) works() bool { return s.n-s.failed >= callsEnough && s.part() < 0.1 }
