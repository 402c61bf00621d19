package health

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/device"
	"github.com/bongsu/bongsu/providers"
)

// On a good day 85 % of those who were sent away come back, log-normally with a
// median of 12 s.
const (
	goodReturn = 0.85
	medianBack = 12.0
	sigmaBack  = 0.6
)

// backBy is the part of all starts that came back at an age of so many seconds.
func backBy(age float64) float64 {
	if age <= 0 {
		return 0
	}
	return goodReturn * 0.5 * math.Erfc(-math.Log(age/medianBack)/(sigmaBack*math.Sqrt2))
}

// lots draws binomial and Poisson numbers.
type lots struct{ *rand.Rand }

func (l lots) binomial(n int, p float64) int {
	if p <= 0 || n <= 0 {
		return 0
	}
	if p >= 1 {
		return n
	}
	// Geometric jumps: as many steps as there are successes.
	hits, at, scale := 0, 0.0, math.Log1p(-p)
	for {
		at += math.Floor(math.Log(1-l.Float64())/scale) + 1
		if at > float64(n) {
			return hits
		}
		hits++
	}
}

func (l lots) poisson(mean float64) int {
	n, p, limit := 0, l.Float64(), math.Exp(-mean)
	for p > limit {
		n++
		p *= l.Float64()
	}
	return n
}

// traffic is a stream of logins by one provider at one site, as counts per second.
type traffic struct {
	lots
	rate    float64
	cohorts []cohortAway // those still away, oldest first

	lost    float64 // part of the token calls that fail
	silent  float64 // part of the login pages that let nobody return
	errored float64 // part of the returns that bring an error
}

type cohortAway struct {
	started time.Time
	away    int
}

// second sends starts away and lets earlier ones return, then ends the second.
func (tr *traffic) second(n *node) {
	now := n.now
	o := Observation{Provider: "kakao", Device: device.Mobile, Marked: true}
	kept := tr.cohorts[:0]
	for _, c := range tr.cohorts {
		age := now.Sub(c.started).Seconds()
		hazard := (backBy(age) - backBy(age-1)) / (1 - backBy(age-1))
		back := tr.binomial(c.away, hazard*(1-tr.silent))
		c.away -= back
		tr.comeBack(n, o, c.started, back)
		if age < 90 && c.away > 0 {
			kept = append(kept, c)
		}
	}
	tr.cohorts = kept
	starts := tr.poisson(tr.rate)
	o.Step, o.Outcome, o.Started = providers.StepAuthorize, providers.OK, now
	n.ObserveMany(o, starts)
	tr.cohorts = append(tr.cohorts, cohortAway{started: now, away: starts})
}

func (tr *traffic) comeBack(n *node, o Observation, started time.Time, back int) {
	if back == 0 {
		return
	}
	refused := tr.binomial(back, tr.errored)
	o.Step, o.Started = providers.StepCallback, started
	o.Outcome = providers.Down
	n.ObserveMany(o, refused)
	o.Outcome = providers.OK
	n.ObserveMany(o, back-refused)
	failing := tr.binomial(back-refused, tr.lost)
	n.called("kakao", providers.Down, failing)
	n.called("kakao", providers.OK, back-refused-failing)
}

// detect returns how long after a fault each of a number of runs holds the
// provider to be down, and how many did not within two minutes. The fault comes
// when the site has been up for some seconds.
func detect(t *testing.T, rate float64, runs, up int, fault func(*traffic)) (took []time.Duration, missed int) {
	t.Helper()
	for run := range runs {
		c := &clock{noon}
		n := with(t, c, Options{Site: "seoul", Node: "a", Providers: infos("kakao")})
		tr := &traffic{lots: lots{rand.New(rand.NewPCG(uint64(run), uint64(rate*1000)))}, rate: rate}
		n.pass(up, func(int) { tr.second(n) })
		if s := n.Snapshot().Of("kakao").State; s != Up {
			t.Fatalf("run %d at %v/s: %s before the fault", run, rate, s)
		}
		fault(tr)
		began, found := n.now, false
		for range 120 {
			n.pass(1, func(int) { tr.second(n) })
			if n.Snapshot().Of("kakao").State == Down {
				took, found = append(took, n.now.Sub(began)), true
				break
			}
		}
		if !found {
			missed++
		}
	}
	slices.Sort(took)
	return took, missed
}

// A fault is found as fast as promised, by the logins alone.
func TestDetection(t *testing.T) {
	hard := func(tr *traffic) { tr.lost = 1 }
	silent := func(tr *traffic) { tr.silent = 1 }
	tests := []struct {
		name   string
		rate   float64
		runs   int
		fault  func(*traffic)
		up     int           // seconds before the fault
		within time.Duration // in 95 % of the runs
	}{
		{"token endpoint dead, 5/s", 5, 100, hard, 240, 15 * time.Second},
		{"token endpoint dead, 50/s", 50, 40, hard, 186, 10 * time.Second},
		{"half of the token calls fail, 50/s", 50, 40, func(tr *traffic) { tr.lost = 0.5 }, 186, 20 * time.Second},
		{"callback brings server_error, 5/s", 5, 60, func(tr *traffic) { tr.errored = 1 }, 240, 15 * time.Second},
		{"silent login page, 50/s", 50, 40, silent, 186, 30 * time.Second},
		{"silent login page, 5/s", 5, 60, silent, 240, 60 * time.Second},
		{"silent login page, 0.5/s", 0.5, 100, silent, 780, 90 * time.Second},
		{"silent login page, 0.5/s, five minutes after a start", 0.5, 100, silent, 300, 90 * time.Second},
		{"silent login page, 50/s, two and a half minutes after a start", 50, 40, silent, 150, 30 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			took, missed := detect(t, tt.rate, tt.runs, tt.up, tt.fault)
			if missed > 0 {
				t.Errorf("%d of %d runs found nothing in two minutes", missed, tt.runs)
			}
			if len(took) == 0 {
				return
			}
			p50, p95 := took[len(took)/2], took[min(len(took)*95/100, len(took)-1)]
			t.Logf("p50 %v, p95 %v, worst %v of %d runs", p50, p95, took[len(took)-1], tt.runs)
			if p95 > tt.within {
				t.Errorf("p95 is %v, want at most %v", p95, tt.within)
			}
		})
	}
}

// cumulative is a distribution by look-up, so that weeks pass in seconds.
func cumulative(n int, density func(k int) float64) []float64 {
	sum, table := 0.0, make([]float64, 0, n+1)
	for k := range n + 1 {
		sum += density(k)
		table = append(table, sum)
	}
	return table
}

func (l lots) from(table []float64) int { return sort.SearchFloat64s(table, l.Float64()) }

func binomials(width int, p float64) [][]float64 {
	all := make([][]float64, width+1)
	for n := range all {
		all[n] = cumulative(n, func(k int) float64 {
			lg := func(x int) float64 { v, _ := math.Lgamma(float64(x + 1)); return v }
			return math.Exp(lg(n) - lg(k) - lg(n-k) + float64(k)*math.Log(p) + float64(n-k)*math.Log1p(-p))
		})
	}
	return all
}

func (l lots) binomialFrom(all [][]float64, n int) int {
	if n == 0 {
		return 0
	}
	return min(l.from(all[n]), n)
}

// goodDays makes the seconds of days on which nothing is wrong.
type goodDays struct {
	lots
	starts             []float64
	young, old, failed [][]float64 // lost at 20 s, of those also at 60 s, and calls that fail
	began, lost        [64]uint32  // of the last minute's cohorts
	sec                int
}

func newGoodDays(rate float64) *goodDays {
	width := int(rate+12*math.Sqrt(rate)) + 8
	return &goodDays{
		lots: lots{rand.New(rand.NewPCG(uint64(rate*10), 20))},
		starts: cumulative(width, func(k int) float64 {
			lg, _ := math.Lgamma(float64(k + 1))
			return math.Exp(float64(k)*math.Log(rate) - rate - lg)
		}),
		young: binomials(width, 1-backBy(20)), old: binomials(width, (1-backBy(60))/(1-backBy(20))),
		failed: binomials(width, 0.002),
	}
}

// next is what one more second shows.
func (g *goodDays) next() *sample {
	var s sample
	n := g.from(g.starts)
	s[cellBegun] = uint32(n)
	young := g.binomialFrom(g.young, n)
	s[dueCell(0, 0)], s[dueCell(0, 0)+1] = uint32(n), uint32(young)
	old := (g.sec + 24) % 64 // 40 s ago
	s[dueCell(1, 0)], s[dueCell(1, 0)+1] = g.began[old], uint32(g.binomialFrom(g.old, int(g.lost[old])))
	g.began[g.sec%64], g.lost[g.sec%64] = uint32(n), uint32(young)
	calls := n - young
	s[callCell(laneToken, 0)] = uint32(calls)
	s[callCell(laneToken, 0)+1] = uint32(g.binomialFrom(g.failed, calls))
	s[cellTook+3] = uint32(calls)
	g.sec++
	return &s
}

// Twenty good days trip nothing, at any rate.
func TestNoFalseTrips(t *testing.T) {
	const days = 20
	for _, rate := range []float64{0.5, 5, 50} {
		t.Run(fmt.Sprintf("%v starts a second", rate), func(t *testing.T) {
			t.Parallel()
			g, w := newGoodDays(rate), newWatch(ProviderInfo{ID: "kakao"}, 0, noon)
			trips, worried := 0, 0
			now := noon
			for range days * 86400 {
				now = now.Add(time.Second)
				w.second(now, g.next(), nil, 0)
				if w.found.state >= Degraded {
					trips++
				}
				if w.suspect {
					worried++
				}
			}
			t.Logf("%d trips, suspicious %.3f %% of the time, usual loss learnt %.3f and %.3f (true %.3f and %.3f)", trips,
				100*float64(worried)/(days*86400), w.usual.of(0, 0), w.usual.of(1, 0), 1-backBy(20), 1-backBy(60))
			if trips > 0 {
				t.Errorf("%d of %d seconds tripped on good days", trips, days*86400)
			}
		})
	}
}

// A site that starts a thousand times, and learns what is usual anew each time,
// trips nothing either.
func TestNoFalseTripsAfterStarts(t *testing.T) {
	for _, rate := range []float64{0.5, 5, 50} {
		t.Run(fmt.Sprintf("%v starts a second", rate), func(t *testing.T) {
			t.Parallel()
			g := newGoodDays(rate)
			now := noon
			for run := range 1000 {
				w := newWatch(ProviderInfo{ID: "kakao"}, 0, now)
				for range 600 {
					now = now.Add(time.Second)
					w.second(now, g.next(), nil, 0)
					if w.found.state >= Degraded {
						t.Fatalf("tripped after start %d", run)
					}
				}
			}
		})
	}
}
