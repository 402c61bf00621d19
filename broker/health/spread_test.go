package health

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/device"
	"github.com/bongsu/bongsu/providers"
)

// Three nodes behind one address find together what one would find alone, also
// when people come back to another node than the one that sent them away.
func TestDetectionBySeveralNodes(t *testing.T) {
	tests := []struct {
		name   string
		rate   float64 // of the site
		runs   int
		fault  func(*traffic)
		within time.Duration
	}{
		{"token endpoint dead, 5/s", 5, 20, func(tr *traffic) { tr.lost = 1 }, 15 * time.Second},
		{"silent login page, 50/s", 50, 10, func(tr *traffic) { tr.silent = 1 }, 30 * time.Second},
		{"silent login page, 0.5/s", 0.5, 20, func(tr *traffic) { tr.silent = 1 }, 90 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var took []time.Duration
			for run := range tt.runs {
				c := &clock{noon}
				var nodes []*node
				for _, name := range []string{"a", "b", "c"} {
					nodes = append(nodes, with(t, c, Options{Site: "seoul", Node: name, Providers: infos("kakao")}))
				}
				connect(nodes...)
				tr := &spread{
					traffic: traffic{lots: lots{rand.New(rand.NewPCG(uint64(run), uint64(tt.rate*1000)))}, rate: tt.rate},
					nodes:   nodes,
				}
				pass(nodes, 180+int(900/tt.rate), func(int) { tr.second() })
				tt.fault(&tr.traffic)
				began := c.now
				down := func(n *node) bool { return n.Snapshot().Of("kakao").State == Down }
				for !slices.ContainsFunc(nodes, down) && c.now.Sub(began) < 5*time.Minute {
					pass(nodes, 1, func(int) { tr.second() })
				}
				took = append(took, c.now.Sub(began))
			}
			slices.Sort(took)
			t.Logf("p50 %v, p95 %v, worst %v of %d runs", took[len(took)/2], took[len(took)*95/100], took[len(took)-1], len(took))
			if p95 := took[len(took)*95/100]; p95 > tt.within {
				t.Errorf("p95 is %v, want at most %v", p95, tt.within)
			}
		})
	}
}

// spread is traffic of which each part goes to whichever node.
type spread struct {
	traffic

	nodes []*node
}

func (s *spread) second() {
	now := s.nodes[0].now
	kept := s.cohorts[:0]
	for _, c := range s.cohorts {
		age := now.Sub(c.started).Seconds()
		hazard := (backBy(age) - backBy(age-1)) / (1 - backBy(age-1))
		back := s.binomial(c.away, hazard*(1-s.silent))
		c.away -= back
		for range back {
			n := s.nodes[s.IntN(len(s.nodes))]
			s.comeBack(n, Observation{Provider: "kakao", Device: device.Mobile, Marked: true}, c.started, 1)
		}
		if age < 90 && c.away > 0 {
			kept = append(kept, c)
		}
	}
	starts := s.poisson(s.rate)
	for range starts {
		s.nodes[s.IntN(len(s.nodes))].ObserveMany(Observation{
			Provider: "kakao", Step: providers.StepAuthorize, Outcome: providers.OK, Device: device.Mobile, Marked: true, Started: now,
		}, 1)
	}
	s.cohorts = append(kept, cohortAway{started: now, away: starts})
}

// Everything may be called by anybody at any time.
func TestConcurrentUse(t *testing.T) {
	b, err := New(Options{
		Site: "seoul", Node: "a", Sites: []string{"seoul", "busan"}, Providers: infos("kakao", "naver"),
		Sign: signBy("seoul"), Verify: verify,
	})
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	each := func(f func(i int)) {
		all.Go(func() {
			for i := range 300 {
				f(i)
			}
		})
	}
	for range 2 {
		each(func(i int) {
			b.Observe(Observation{Provider: "kakao", Step: providers.StepToken, Outcome: []providers.Outcome{providers.OK, providers.Down, providers.Ours}[i%3]})
			started := time.Now().Add(-time.Second)
			b.Observe(person(providers.StepAuthorize, providers.OK, numbered(i), "p"+numbered(i), time.Time{}))
			b.Observe(person(providers.StepCallback, providers.OK, numbered(i), "p"+numbered(i), started))
		})
		each(func(int) { b.Tick() })
	}
	each(func(i int) {
		b.Probed(providers.Probed{Provider: "naver", Level: providers.LevelToken, Outcome: providers.OK})
		b.Canaries(i%3, 2)
	})
	each(func(i int) {
		r := rumour{site: "busan", node: "b", incarnation: 1, sequence: uint64(i), issued: time.Now(), states: map[string]State{"kakao": Up}}
		if _, err := b.Merge(r.message()); err != nil {
			t.Errorf("Merge: %v", err)
		}
		_ = b.Messages()
	})
	each(func(int) {
		s := b.Snapshot()
		if w := s.Of("kakao").Weight; w <= 0 || len(s.Matrix()) != 2 {
			t.Errorf("weight %v", w)
		}
		_, _ = b.Explain("naver")
		b.SetBroadcast(func([]byte) {})
	})
	all.Wait()
}
