package health

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// walk drives a gate second by second.
type walk struct {
	gate

	now time.Time
}

func (w *walk) second(f finding, t tried) {
	w.now = w.now.Add(time.Second)
	w.advance(w.now, f, t, 0)
}

// until goes on until the gate is in a phase, and returns how long it took.
func (w *walk) until(t *testing.T, p phase, f finding, tr tried) time.Duration {
	t.Helper()
	began := w.now
	for range 3600 {
		if w.phase == p {
			return w.now.Sub(began)
		}
		w.second(f, tr)
	}
	t.Fatalf("an hour passed in %s, waiting for %s", phaseTexts[w.phase], phaseTexts[p])
	return 0
}

var (
	fails  = finding{Down, CauseProvider, "token", 0, byCalls}
	works  = finding{state: Up}
	passes = tried{calls: share{20, 0}}
)

func newWalk() *walk {
	return &walk{gate: gate{since: noon, aged: noon}, now: noon}
}

// The whole way back: held, tried, and trusted step by step.
func TestGateWalk(t *testing.T) {
	w := newWalk()
	w.second(fails, tried{})
	if w.phase != hold || w.state(w.now, works).state != Down {
		t.Fatalf("%s after a trip", phaseTexts[w.phase])
	}
	if took := w.until(t, trial, works, tried{}); took != 30*time.Second {
		t.Errorf("held for %v, want 30 s", took)
	}
	if w.state(w.now, works).state != Down || w.weight(50) != 0.02 || w.weight(1000) != 0.01 || w.weight(0) != 0.25 {
		t.Errorf("trial weights %v %v %v: one a second, 1 %%, at most a quarter", w.weight(50), w.weight(1000), w.weight(0))
	}
	w.second(works, passes)
	for i, want := range []float64{0.05, 0.25, 0.5} {
		if w.phase != ramp || w.weight(50) != want {
			t.Errorf("step %d: %s with %v, want ramp with %v", i, phaseTexts[w.phase], w.weight(50), want)
		}
		for range 30 {
			w.second(works, tried{})
		}
	}
	if w.phase != closed || w.weight(50) != 1 || w.state(w.now, works).state != Up {
		t.Errorf("%s with %v after the ramp", phaseTexts[w.phase], w.weight(50))
	}
}

// Each relapse doubles the hold up to five minutes; ten good minutes forgive.
func TestHoldDoubles(t *testing.T) {
	w := newWalk()
	w.second(fails, tried{})
	for _, want := range []time.Duration{30, 60, 120, 240, 300, 300} {
		if took := w.until(t, trial, works, tried{}); took != want*time.Second {
			t.Errorf("held for %v, want %v", took, want*time.Second)
		}
		w.second(works, tried{calls: share{10, 9}})
		if w.phase != hold {
			t.Fatal("failed trials did not end the trial")
		}
	}
	w.until(t, trial, works, tried{})
	w.second(works, passes)
	w.until(t, closed, works, tried{})
	for range 598 {
		w.second(works, tried{})
	}
	w.second(fails, tried{})
	if w.relapse == 0 {
		t.Error("a fall within ten minutes is no relapse")
	}
	w = newWalk()
	w.second(fails, tried{})
	w.until(t, trial, works, tried{})
	w.second(works, passes)
	w.until(t, closed, works, tried{})
	for range 601 {
		w.second(works, tried{})
	}
	w.second(fails, tried{})
	if w.relapse != 0 {
		t.Error("ten good minutes are not forgiven")
	}
}

// A fall on the ramp goes back to the start, with a longer hold.
func TestRelapseOnTheRamp(t *testing.T) {
	w := newWalk()
	w.second(fails, tried{})
	w.until(t, trial, works, tried{})
	w.second(works, passes)
	for range 40 {
		w.second(works, tried{})
	}
	w.second(fails, tried{})
	if w.phase != hold || w.length != time.Minute {
		t.Errorf("%s for %v, want a hold of a minute", phaseTexts[w.phase], w.length)
	}
}

// While probes fail nobody is sent to try, and the hold does not grow; but what
// people succeed in counts for more than probes.
func TestHoldWaitsForProbes(t *testing.T) {
	w := newWalk()
	w.second(fails, tried{})
	for range 600 {
		w.second(works, tried{failing: true})
	}
	if w.phase != hold || w.relapse != 0 {
		t.Errorf("%s, relapse %d", phaseTexts[w.phase], w.relapse)
	}
	w.second(works, tried{failing: true, calls: share{20, 0}})
	if w.phase != trial {
		t.Errorf("%s although twenty people came in", phaseTexts[w.phase])
	}
}

// What is enough to come back.
func TestTrials(t *testing.T) {
	const usual = 0.3
	tests := []struct {
		name       string
		by         evidence
		tried      tried
		after      time.Duration
		pass, fail bool
	}{
		{"twenty of twenty", byCalls, tried{calls: share{20, 0}}, 0, true, false},
		{"nineteen of twenty", byCalls, tried{calls: share{20, 1}}, 0, true, false},
		{"seventeen of twenty are not surely above 70 %", byCalls, tried{calls: share{20, 3}}, 0, false, false},
		{"nineteen are too few", byCalls, tried{calls: share{19, 0}}, 0, false, false},
		{"five of five fail", byCalls, tried{calls: share{5, 5}}, 0, false, true},
		{"four failures are too few", byCalls, tried{calls: share{4, 4}}, 0, false, false},
		{"a quiet site: three good deep probes", byProbes, tried{good: 3, quiet: true}, 0, true, false},
		{"a quiet site: one stranger's failure among four keeps nobody out", byCalls, tried{good: 3, quiet: true, calls: share{4, 1}}, 0, true, false},
		{"a quiet site: one of three is too much", byCalls, tried{good: 3, quiet: true, calls: share{3, 1}}, 0, false, false},
		{"a quiet site: two good deep probes", byProbes, tried{good: 2, quiet: true}, 0, false, false},
		{"a quiet site, and a trial failed", byProbes, tried{good: 3, quiet: true, calls: share{1, 1}}, 0, false, false},
		{"a busy site waits for trials", byCalls, tried{good: 9}, 30 * time.Second, false, false},
		{"no trials in a minute: probes are enough", byCalls, tried{good: 3, calls: share{2, 0}}, time.Minute, true, false},
		{"a silent page is not cleared by probes", byReturns, tried{good: 9, quiet: true}, time.Minute, false, false},
		{"a silent page: as many return as ever", byReturns, tried{due: share{30, 9}, usual: usual}, 0, true, false},
		{"a silent page: nobody returns", byReturns, tried{due: share{20, 20}, usual: usual}, 0, false, true},
		{"a silent page that nobody tried for five minutes", byReturns, tried{good: 3}, 5 * time.Minute, true, false},
		{"another node of the site found it works", byCalls, tried{passed: true}, 0, true, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.tried.pass(tt.by, tt.after); got != tt.pass {
				t.Errorf("pass = %t", got)
			}
			if got := tt.tried.fail(tt.by); got != tt.fail {
				t.Errorf("fail = %t", got)
			}
		})
	}
}

// Three falls within minutes damp: at most a quarter until the penalty is gone.
func TestFlapDamping(t *testing.T) {
	w := newWalk()
	for range 3 {
		w.second(fails, tried{})
		w.until(t, trial, works, passes)
		w.second(works, passes)
		w.second(works, tried{})
	}
	if !w.damped || w.penalty < flapEnter-600 {
		t.Fatalf("penalty %.0f, damped %t", w.penalty, w.damped)
	}
	w.until(t, closed, works, tried{})
	if got := w.state(w.now, works); got.state != Degraded || got.cause != CauseFlapping || w.weight(1) != 0.25 {
		t.Errorf("%s %q with %v", got.state, got.cause, w.weight(1))
	}
	took := time.Duration(0)
	for w.damped {
		w.second(works, tried{})
		took += time.Second
	}
	if w.penalty >= flapLeave || took > 15*time.Minute {
		t.Errorf("damped for %v, penalty %.0f", took, w.penalty)
	}
	if w.state(w.now, works).state != Up || w.weight(1) != 1 {
		t.Error("still held back")
	}
}

// A degraded provider does not flicker: it stays that for half a minute.
func TestDegradedDwells(t *testing.T) {
	w := newWalk()
	slow := finding{state: Degraded, cause: CauseSlow}
	w.second(slow, tried{})
	for range 29 {
		w.second(works, tried{})
		if got := w.state(w.now, works); got.cause != CauseSlow {
			t.Fatalf("%s %q after %v", got.state, got.cause, w.now.Sub(noon))
		}
	}
	w.second(works, tried{})
	if got := w.state(w.now, works); got.state != Up {
		t.Errorf("%s after half a minute", got.state)
	}
}

// Whatever happens, no weight is 0, a fall holds for at least 24 s, and holds are
// never longer than six minutes.
func TestGateBounds(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWalk()
		for range rapid.IntRange(1, 400).Draw(rt, "seconds") {
			f := rapid.SampledFrom([]finding{works, fails, {}, {state: Degraded}}).Draw(rt, "finding")
			tr := rapid.SampledFrom([]tried{{}, passes, {calls: share{10, 10}}, {failing: true}, {good: 3, quiet: true}}).Draw(rt, "tried")
			step := rapid.SampledFrom([]time.Duration{time.Second, 20 * time.Second}).Draw(rt, "step")
			w.now = w.now.Add(step)
			before, since := w.phase, w.since
			w.advance(w.now, f, tr, rapid.Float64Range(-1, 1).Draw(rt, "jitter"))
			if before == hold && w.phase != hold && w.now.Sub(since) < 24*time.Second {
				rt.Fatalf("held for %v", w.now.Sub(since))
			}
			if w.phase == hold && w.length > 6*time.Minute {
				rt.Fatalf("a hold of %v", w.length)
			}
			demand := rapid.Float64Range(0, 5000).Draw(rt, "demand")
			if weight := w.weight(demand); weight <= 0 || weight > 1 {
				rt.Fatalf("weight %v", weight)
			}
		}
	})
}
