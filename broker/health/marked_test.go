package health

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/bongsu/bongsu/broker/device"
	"github.com/bongsu/bongsu/providers"
)

// person is one browser's login.
func person(step providers.Step, outcome providers.Outcome, browser, prefix string, started time.Time) Observation {
	return Observation{
		Provider: "kakao", Step: step, Outcome: outcome, Device: device.Mobile,
		Marked: browser != "", Browser: browser, Prefix: prefix, Started: started,
	}
}

// counted is what has come of age, and what callbacks counted, so far.
func (n *node) counted() (due, callbacks share) {
	w := n.byID["kakao"]
	for dev := range devices {
		due = due.add(w.window.long.at(dueCell(0, dev)))
	}
	return due, w.window.long.lane(laneCallback)
}

// AB-53: three hundred forged callbacks hurry a probe now and then; the verdict,
// the weight and what is told to others stay as they were.
func TestForgedCallbacks(t *testing.T) {
	tests := []struct {
		name string
		o    func(i int, now time.Time) Observation
	}{
		{"without a login", func(int, time.Time) Observation {
			return person(providers.StepCallback, providers.Down, "", "203.0.113.0", time.Time{})
		}},
		{"with logins of their own that nobody marked", func(i int, now time.Time) Observation {
			return person(providers.StepCallback, providers.Down, "", fmt.Sprintf("203.0.%d.0", i), now)
		}},
		{"from one marked browser", func(i int, now time.Time) Observation {
			return person(providers.StepCallback, providers.Down, "mallory", fmt.Sprintf("203.0.%d.0", i), now.Add(-time.Second))
		}},
		{"from marked browsers behind one prefix", func(i int, now time.Time) Observation {
			return person(providers.StepCallback, providers.Down, "mallory"+numbered(i), "203.0.113.0", now.Add(-time.Second))
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n := alone(t)
			busy([]*node{n}, 30, 5)
			before := n.hurried["kakao"]
			n.pass(60, func(int) {
				n.called("kakao", providers.OK, 5)
				for i := range 5 {
					n.Observe(tt.o(i, n.now))
				}
			})
			n.holds("kakao", Up, CauseNone)
			if v := n.Snapshot().Of("kakao"); v.Weight != 1 {
				t.Errorf("weight %v", v.Weight)
			}
			if hurried := n.hurried["kakao"] - before; hurried > 14 {
				t.Errorf("probes were hurried %d times in a minute", hurried)
			}
			if _, callbacks := n.counted(); callbacks.failed > 1 {
				t.Errorf("%d forged callbacks count", callbacks.failed)
			}
		})
	}
}

// Starts that never return count once a minute for each browser and each prefix,
// and only for browsers we know.
func TestStartsCountOnce(t *testing.T) {
	tests := []struct {
		name  string
		start func(i int) (browser, prefix string)
		want  int
	}{
		{"each from its own", func(i int) (string, string) { return numbered(i), "p" + numbered(i) }, 30},
		{"one browser, many prefixes", func(i int) (string, string) { return "one", "p" + numbered(i) }, 1},
		{"many browsers, one prefix", func(i int) (string, string) { return numbered(i), "one" }, 1},
		{"unmarked", func(i int) (string, string) { return "", "p" + numbered(i) }, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n := alone(t)
			n.pass(55, func(i int) {
				if i < 30 {
					browser, prefix := tt.start(i)
					n.Observe(person(providers.StepAuthorize, providers.OK, browser, prefix, n.now))
				}
			})
			if due, _ := n.counted(); due.n != tt.want || due.failed != tt.want {
				t.Errorf("%d starts count, %d lost; want %d", due.n, due.failed, tt.want)
			}
		})
	}
	t.Run("again a minute later", func(t *testing.T) {
		n := alone(t)
		n.pass(130, func(i int) {
			n.Observe(person(providers.StepAuthorize, providers.OK, "one", "p", n.now))
		})
		if due, _ := n.counted(); due.n != 1 {
			t.Errorf("%d starts of the last minute count, want 1", due.n)
		}
	})
}

// A return is matched to the second of its start, at both ages.
func TestReturnsAreMatched(t *testing.T) {
	tests := []struct {
		name               string
		after              time.Duration
		lostAt20, lostAt60 int
	}{
		{"soon", 3 * time.Second, 0, 0},
		{"at the last moment", 20 * time.Second, 0, 0},
		{"after twenty seconds", 25 * time.Second, 1, 0},
		{"after a minute", 61 * time.Second, 1, 1},
		{"never", time.Hour, 1, 1},
	}
	for _, tt := range tests {
		for _, where := range []string{"seen here", "seen by another node"} {
			t.Run(tt.name+", "+where, func(t *testing.T) {
				n := alone(t)
				n.pass(5, nil)
				started := n.now
				if where == "seen here" {
					n.Observe(person(providers.StepAuthorize, providers.OK, "b", "p", started))
				} else {
					n.byID["kakao"].funnel.begin(n.second(started), 0, 1)
				}
				var old share
				n.pass(75, func(int) {
					if n.now.Sub(started) == tt.after {
						n.Observe(person(providers.StepCallback, providers.User, "b", "p2", started))
						n.Observe(person(providers.StepCallback, providers.User, "b", "p3", started)) // again: Back, reload
					}
				})
				due := n.byID["kakao"].window
				for _, s := range due.ring {
					old = old.add(s.at(dueCell(1, 0)))
				}
				young, _ := n.counted()
				if old.failed != tt.lostAt60 {
					t.Errorf("lost at 60 s: %d, want %d", old.failed, tt.lostAt60)
				}
				if young.n == 1 && young.failed != tt.lostAt20 {
					t.Errorf("lost at 20 s: %d, want %d", young.failed, tt.lostAt20)
				}
			})
		}
	}
}

// One refusal, one browser: a return whose start did not count is no return.
func TestReturnsOfUncountedStarts(t *testing.T) {
	n := alone(t)
	n.pass(1, nil)
	n.Observe(person(providers.StepAuthorize, providers.OK, "first", "shared", n.now))
	second := n.now.Add(5 * time.Second)
	n.pass(5, nil)
	n.Observe(person(providers.StepAuthorize, providers.OK, "second", "shared", second))
	n.pass(5, nil)
	n.Observe(person(providers.StepCallback, providers.Down, "second", "shared", second))
	n.pass(40, nil)
	due, callbacks := n.counted()
	if due.n != 1 || due.failed != 1 || callbacks.n != 0 {
		t.Errorf("due %+v, callbacks %+v", due, callbacks)
	}
}

// A silent login page is found by people alone, each with a browser and a prefix
// of their own, through the door that logins use; and they alone clear it.
func TestSilentPageByPeople(t *testing.T) {
	tests := []struct {
		name   string
		rate   float64
		within time.Duration
	}{
		{"50/s", 50, 30 * time.Second},
		{"0.5/s", 0.5, 90 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n := alone(t)
			l := lots{rand.New(rand.NewPCG(7, uint64(tt.rate*10)))}
			returns := make(map[int64][]Observation) // by second
			served, silent := 0, false
			second := func(int) {
				for _, o := range returns[n.now.Unix()] {
					if !silent {
						n.Observe(o)
						n.called("kakao", providers.OK, 1)
					}
				}
				delete(returns, n.now.Unix())
				for range l.poisson(tt.rate) {
					served++
					browser, prefix := "browser"+numbered(served), "prefix"+numbered(served)
					started := n.now.Add(time.Duration(l.IntN(1000)) * time.Millisecond)
					n.Observe(person(providers.StepAuthorize, providers.OK, browser, prefix, started))
					if l.Float64() < goodReturn {
						back := n.now.Unix() + int64(medianBack*math.Exp(sigmaBack*l.NormFloat64())) + 1
						returns[back] = append(returns[back], person(providers.StepCallback, providers.OK, browser, prefix, started))
					}
				}
			}
			n.pass(600, second)
			n.holds("kakao", Up, CauseNone)
			silent = true
			began := n.now
			for n.Snapshot().Of("kakao").State != Down && n.now.Sub(began) < 3*time.Minute {
				n.pass(1, second)
			}
			took := n.now.Sub(began)
			t.Logf("down after %v", took)
			if took > tt.within {
				t.Errorf("down after %v, want within %v", took, tt.within)
			}
			if v := n.Snapshot().Of("kakao"); v.Step != providers.StepAuthorize {
				t.Errorf("worst step %s", v.Step)
			}
			// Probes are green all the while: the page lives, for them.
			n.pass(240, func(i int) {
				second(i)
				if i%5 == 0 {
					n.probe("kakao", providers.LevelAuthorize, providers.OK)
				}
			})
			if s := n.Snapshot().Of("kakao").State; s != Down {
				t.Errorf("%s by probes alone", s)
			}
			silent = false
			for n.Snapshot().Of("kakao").State != Up && n.now.Sub(began) < 40*time.Minute {
				n.pass(1, second)
			}
			n.holds("kakao", Up, CauseNone)
		})
	}
}

// The table is bounded: when it is full, nothing more counts until the minute is over.
func TestOnceIsBounded(t *testing.T) {
	o := newOnce()
	counted := 0
	for i := range 400_000 {
		if o.begin("kakao", fmt.Sprint("b", i), fmt.Sprint("p", i), 1) {
			counted++
		}
	}
	held := 0
	for i := range o.shards {
		held += len(o.shards[i].now) + len(o.shards[i].old)
	}
	if held > onceShards*onceEntries || counted > held || counted < held/3 {
		t.Errorf("%d counted, %d held", counted, held)
	}
	if o.full.Load() == 0 {
		t.Error("nobody knows that it was full")
	}
	if !o.begin("kakao", "late", "late", 200) {
		t.Error("still full minutes later")
	}
}

// The mean of what was lost is learnt within an hour, from calm minutes only.
func TestUsualIsLearnt(t *testing.T) {
	n := alone(t)
	o := Observation{Provider: "kakao", Device: device.App, Marked: true}
	day := func(seconds int, back int) {
		n.pass(seconds, func(int) {
			o.Step, o.Outcome, o.Started = providers.StepAuthorize, providers.OK, n.now
			n.ObserveMany(o, 20)
			o.Step = providers.StepCallback
			o.Started = n.now.Add(-10 * time.Second)
			n.ObserveMany(o, back)
		})
	}
	day(7200, 12)
	w := n.byID["kakao"]
	if got := w.usual.of(0, 2); math.Abs(got-0.4) > 0.02 {
		t.Errorf("usual loss %v, want 0.4", got)
	}
	day(600, 0)
	n.holds("kakao", Down, CauseProvider)
	if got := w.usual.of(0, 2); math.Abs(got-0.4) > 0.02 {
		t.Errorf("an outage was learnt as usual: %v", got)
	}
}

// A provider from which few ever return trips nothing, neither on a cold start
// nor when the habit is new; and what is usual follows.
func TestNewHabits(t *testing.T) {
	n := alone(t)
	l := lots{rand.New(rand.NewPCG(5, 5))}
	o := Observation{Provider: "kakao", Device: device.Mobile, Marked: true}
	hours := func(hours int, comeBack float64) {
		n.pass(hours*3600, func(int) {
			o.Step, o.Outcome, o.Started = providers.StepAuthorize, providers.OK, n.now
			n.ObserveMany(o, l.poisson(10))
			o.Step, o.Started = providers.StepCallback, n.now.Add(-8*time.Second)
			n.ObserveMany(o, l.binomial(10, comeBack))
			if s := n.Snapshot().Of("kakao").State; s >= Degraded {
				t.Fatalf("%s at %v with %v coming back", s, n.now.Sub(noon), comeBack)
			}
		})
	}
	usual := func() float64 { return n.byID["kakao"].usual.of(1, 0) }
	hours(3, 0.45)
	if got := usual(); math.Abs(got-0.55) > 0.03 {
		t.Errorf("usual loss %.3f, want 0.55", got)
	}
	hours(5, 0.30) // 15 points worse, all at once, with everything else well
	if got := usual(); math.Abs(got-0.70) > 0.03 {
		t.Errorf("usual loss %.3f, want 0.70", got)
	}
}

func TestWilson(t *testing.T) {
	tests := []struct {
		s            share
		z            float64
		lower, upper float64
	}{
		{share{0, 0}, z999, 0, 1},
		{share{10, 10}, z999, 0.480, 1},
		{share{30, 15}, z999, 0.243, 0.757},
		{share{20, 1}, z95, 0.009, 0.236},
		{share{100, 0}, z99, 0, 0.062},
	}
	for _, tt := range tests {
		if got := tt.s.lower(tt.z); math.Abs(got-tt.lower) > 0.001 {
			t.Errorf("lower of %+v = %.4f, want %.3f", tt.s, got, tt.lower)
		}
		if got := tt.s.upper(tt.z); math.Abs(got-tt.upper) > 0.001 {
			t.Errorf("upper of %+v = %.4f, want %.3f", tt.s, got, tt.upper)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 5000).Draw(t, "n")
		s := share{n, rapid.IntRange(0, n).Draw(t, "failed")}
		if l, u := s.lower(z999), s.upper(z999); l < 0 || l > s.part() || u < s.part()-1e-12 || u > 1 {
			t.Fatalf("%+v lies not within %v and %v", s, l, u)
		}
	})
}
