package health

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/device"
	"github.com/bongsu/bongsu/providers"
)

// stumbles is a call that a browser of some neighbourhood made fail.
func stumbles(step providers.Step, outcome providers.Outcome, prefix string) Observation {
	return Observation{Provider: "kakao", Step: step, Outcome: outcome, Took: 50 * time.Millisecond, Device: device.Mobile, Prefix: prefix}
}

// A code that makes the token endpoint stumble, or an account that is broken on
// purpose, is one voice however often it is sent: no verdict, no weight, nothing
// told to others.
func TestOneNeighbourhoodIsOneVoice(t *testing.T) {
	tests := []struct {
		name  string
		calls int // that succeed, a second
		o     Observation
	}{
		{"codes that the endpoint answers with 500, busy site", 5, stumbles(providers.StepToken, providers.Down, "203.0.113.0/24")},
		{"codes that the endpoint answers with 500, quiet site", 0, stumbles(providers.StepToken, providers.Down, "203.0.113.0/24")},
		{"an account whose profile cannot be read", 5, stumbles(providers.StepUserinfo, providers.Down, "203.0.113.0/24")},
		{"codes that are called our mistake", 5, stumbles(providers.StepToken, providers.Ours, "203.0.113.0/24")},
		{"from an address that nobody trustworthy names", 5, stumbles(providers.StepToken, providers.Down, "")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n := alone(t)
			busy([]*node{n}, 60, 5)
			before := n.hurried["kakao"]
			n.pass(120, func(int) {
				n.called("kakao", providers.OK, tt.calls)
				n.ObserveMany(stumbles(providers.StepUserinfo, providers.OK, ""), tt.calls)
				for range 50 {
					n.Observe(tt.o)
				}
			})
			if v := n.Snapshot().Of("kakao"); v.State >= Degraded || v.Weight != 1 {
				t.Errorf("one stranger makes kakao %s %q with weight %v", v.State, v.Cause, v.Weight)
			}
			if hurried := n.hurried["kakao"] - before; hurried > 40 {
				t.Errorf("probes were hurried %d times in two minutes", hurried)
			}
			if e, _ := n.Explain("kakao"); e.Local.Muted < 5000 {
				t.Errorf("%d of 6000 did not count", e.Local.Muted)
			}
		})
	}
}

// People of everywhere are heard as before: what fails for all of them trips as
// soon as there is enough of it.
func TestManyNeighbourhoodsAreHeard(t *testing.T) {
	for _, rate := range []int{5, 50} {
		n := alone(t)
		busy([]*node{n}, 60, rate)
		began, person := n.now, 0
		n.pass(20, func(int) {
			for range rate {
				person++
				n.Observe(stumbles(providers.StepToken, providers.Down, "prefix "+numbered(person)))
			}
		})
		n.holds("kakao", Down, CauseProvider)
		if since := n.Snapshot().Of("kakao").Since.Sub(began); since > 15*time.Second {
			t.Errorf("at %d a second it took %s", rate, since)
		}
	}
}

// A busy neighbourhood may say as much as is due to it, evenly over the minute,
// whoever counts at the same time.
func TestVoicesAreBounded(t *testing.T) {
	v := newVoices()
	v.lately[laneToken].Store(200)
	count := func(lane int, at time.Duration) int64 {
		var counted atomic.Int64
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for range 100 {
					if v.counts(lane, "203.0.113.0/24", at) {
						counted.Add(1)
					}
				}
			})
		}
		all.Wait()
		return counted.Load()
	}
	minute := func(lane int, from time.Duration) (all int64) {
		for s := range 60 {
			all += count(lane, from+time.Duration(s)*time.Second)
		}
		return all
	}
	if got := minute(laneToken, 0); got != 10 {
		t.Errorf("of 200 calls a minute one neighbourhood's failures count %d times, want 10", got)
	}
	if got := minute(laneUserinfo, time.Hour); got != 1 {
		t.Errorf("where nobody else is heard they count %d times, want 1", got)
	}
}
