package health

import (
	"math"
	"time"
)

// phase is where a provider stands between down and fully trusted.
type phase uint8

const (
	closed phase = iota // its evidence is its state
	hold                // down, and not even tried for a while
	trial               // down, but a small share of logins tries it
	ramp                // it passed; its share grows
)

var phaseTexts = [...]string{"closed", "hold", "trial", "ramp"}

const (
	firstHold   = 30 * time.Second
	longestHold = 5 * time.Minute
	holdJitter  = 0.20
	forgetAfter = 10 * time.Minute // a fall this long after the last recovery is no relapse
	dwell       = 30 * time.Second // a degraded provider stays it for so long after the last sign

	trialEnough   = 20
	trialSuccess  = 0.70
	trialPatience = time.Minute     // without so many trials, good probes are enough
	trialSilence  = 5 * time.Minute // the same where only people can tell
	trialMatures  = 21              // seconds until starts of the phase come of age

	rampStep = 30 * time.Second

	flapPenalty = 1000
	flapHalf    = 5 * time.Minute
	flapEnter   = 2500
	flapLeave   = 800
)

var rampShares = [...]float64{0.05, 0.25, 0.50}

// Shares of logins while a provider is not trusted with all of them.
const (
	shareHeld     = 0.01 // it is last anyway; no weight is ever 0
	shareTrial    = 0.01 // of starts, or one a second
	shareTrialMax = 0.25
	shareDamped   = 0.25
	shareDegraded = 0.50
)

// gate is the hysteresis of one provider at this node.
type gate struct {
	phase   phase
	since   time.Time // of the phase
	until   time.Time // of a hold, or of a step of the ramp
	step    int       // of the ramp
	length  time.Duration
	relapse int
	left    time.Time // when it was last trusted again
	fell    finding   // why it is down
	penalty float64
	aged    time.Time // up to when penalty has been aged
	damped  bool
	soft    finding // the latest degradation
	softAt  time.Time
}

// tried is what came of letting some try.
type tried struct {
	calls   share // our calls since the phase began, of the lane that fails most
	due     share // starts that reached the first age, begun since then
	usual   float64
	good    int  // good deep probes in a row since then
	failing bool // the latest probes fail
	quiet   bool // too few logins to wait for trials
	passed  bool // another node of this site found it works
}

// advance moves the gate on to now, given what the evidence says. jitter is in
// [-1, 1]. It reports whether the phase changed.
func (g *gate) advance(now time.Time, f finding, t tried, jitter float64) bool {
	before := g.phase
	g.age(now)
	switch g.phase {
	case closed, ramp:
		if f.state == Down {
			g.penalty += flapPenalty
			g.damped = g.damped || g.penalty > flapEnter
			g.fall(now, f, jitter)
			return true
		}
		if g.phase == ramp && !now.Before(g.until) {
			g.climb(now)
		}
	case hold:
		if !now.Before(g.until) && (!t.failing || t.pass(g.fell.by, now.Sub(g.since))) {
			g.enter(trial, now)
		}
	case trial:
		switch {
		case f.state == Down || t.fail(g.fell.by) || t.failing && t.good == 0:
			g.fall(now, g.fell.worse(f), jitter)
		case t.pass(g.fell.by, now.Sub(g.since)):
			g.step, g.until = 0, now.Add(rampStep)
			g.enter(ramp, now)
		}
	}
	if f.state == Degraded {
		g.soft, g.softAt = f, now
	}
	return g.phase != before
}

func (g *gate) enter(p phase, now time.Time) { g.phase, g.since = p, now }

// fall begins a hold: the first is short, each relapse doubles it.
func (g *gate) fall(now time.Time, f finding, jitter float64) {
	again := g.phase != closed || !g.left.IsZero() && now.Sub(g.left) < forgetAfter
	if again {
		g.relapse++
	} else {
		g.relapse = 0
	}
	length := min(firstHold<<min(g.relapse, 10), longestHold)
	g.length = time.Duration(float64(length) * (1 + holdJitter*jitter))
	g.fell = f
	g.until = now.Add(g.length)
	g.enter(hold, now)
}

// climb takes the next step of the ramp, or leaves it.
func (g *gate) climb(now time.Time) {
	g.step++
	g.until = now.Add(rampStep)
	if g.step == len(rampShares) {
		g.left = now
		g.enter(closed, now)
	}
}

// age lets the penalty of earlier falls fade.
func (g *gate) age(now time.Time) {
	if g.penalty > 0 {
		g.penalty *= math.Exp2(-now.Sub(g.aged).Seconds() / flapHalf.Seconds())
		if g.penalty < 1 {
			g.penalty = 0
		}
		g.damped = g.damped && g.penalty >= flapLeave
	}
	g.aged = now
}

// state is what the gate makes of a finding.
func (g *gate) state(now time.Time, f finding) finding {
	switch g.phase {
	case hold, trial:
		return g.fell
	case ramp:
		return finding{state: Degraded, cause: CauseRamp, step: g.fell.step}
	case closed:
	}
	if f.state < Degraded && g.soft.state == Degraded && now.Sub(g.softAt) < dwell {
		return g.soft
	}
	if g.damped && f.state < Degraded {
		return finding{state: Degraded, cause: CauseFlapping, step: g.fell.step}
	}
	return f
}

// weight is the share of logins that the phase allows, given how many logins
// begin by this provider per second at the whole site when all is well.
func (g *gate) weight(demand float64) float64 {
	w := 1.0
	switch g.phase {
	case hold:
		return shareHeld
	case trial:
		return trialShare(demand)
	case ramp:
		w = rampShares[min(g.step, len(rampShares)-1)]
	case closed:
	}
	if g.damped {
		w = min(w, shareDamped)
	}
	return w
}

// trialShare is one trial a second, or one in a hundred if that is more.
func trialShare(demand float64) float64 {
	if demand <= 0 {
		return shareTrialMax
	}
	return min(max(1/demand, shareTrial), shareTrialMax)
}

// success is the 95 % lower bound of the trials' success.
func (s share) success() float64 { return share{s.n, s.n - s.failed}.lower(z95) }

// pass tells whether the provider may come back, after so long in the phase.
// What only people could see, only people can clear.
func (t tried) pass(by evidence, after time.Duration) bool {
	if t.passed {
		return true
	}
	if by == byReturns {
		if t.due.n >= trialEnough {
			return t.due.success() > trialSuccess*(1-t.usual)
		}
		return after >= trialSilence && t.good >= probesGood && t.due.part() <= t.usual+lossMargin
	}
	if t.calls.n >= trialEnough {
		return t.calls.success() > trialSuccess
	}
	return t.good >= probesGood && t.calls.part() <= callsLimit && (t.quiet || after >= trialPatience)
}

// fail tells whether the trials showed that it is too early.
func (t tried) fail(by evidence) bool {
	if by == byReturns && t.due.n >= trialEnough {
		return t.due.lower(z95) > 1-trialSuccess*(1-t.usual)
	}
	return t.calls.n >= 5 && t.calls.lower(z95) > 1-trialSuccess
}
