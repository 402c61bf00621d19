package health

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bongsu/bongsu/providers"
)

// busy is logins that work, seconds long, at nodes with one clock.
func busy(nodes []*node, seconds, perSecond int) {
	pass(nodes, seconds, func(int) {
		for _, n := range nodes {
			n.called("kakao", providers.OK, perSecond)
			n.called("naver", providers.OK, perSecond)
		}
	})
}

func alone(t testing.TB) *node { return at(t, &clock{noon}, "seoul", "a") }

// A cold start knows nothing: everything is unknown, with all its weight.
func TestColdStart(t *testing.T) {
	n := alone(t)
	for range 3 {
		n.holds("kakao", Unknown, CauseNone)
		if v := n.Snapshot().Of("kakao"); v.Weight != 1 || v.Suspected {
			t.Errorf("verdict %+v", v)
		}
		n.pass(60, nil)
	}
	if v := n.Snapshot().Of("a provider nobody configured"); v.State != Unknown || v.Weight != 1 {
		t.Errorf("verdict %+v on an unknown provider", v)
	}
}

// A whole outage: found, held, tried, trusted again; everybody is told.
func TestOutage(t *testing.T) {
	n := alone(t)
	busy([]*node{n}, 60, 10)
	n.holds("kakao", Up, CauseNone)
	n.pass(12, func(int) { n.called("kakao", providers.Down, 10) })
	n.holds("kakao", Down, CauseProvider)
	n.holds("naver", Up, CauseNone)
	if n.hurried["kakao"] < 5 {
		t.Errorf("probes were hurried %d times", n.hurried["kakao"])
	}
	if v := n.Snapshot().Of("kakao"); v.Step != providers.StepToken || v.Trial {
		t.Errorf("verdict %+v", v)
	}
	seen := map[Cause]bool{}
	var back time.Time
	for range 300 {
		n.pass(1, func(int) {
			if v := n.Snapshot().Of("kakao"); v.Trial || v.State != Down {
				n.called("kakao", providers.OK, 1)
			}
		})
		v := n.Snapshot().Of("kakao")
		seen[v.Cause] = true
		if v.State == Up && back.IsZero() {
			back = n.now
		}
	}
	n.holds("kakao", Up, CauseNone)
	if !seen[CauseTrial] || !seen[CauseRamp] {
		t.Errorf("on the way back: %v", seen)
	}
	if took := back.Sub(noon); took > 5*time.Minute {
		t.Errorf("up again after %v", took)
	}
	var states []string
	for _, c := range n.changes {
		if c.Provider == "kakao" {
			states = append(states, c.From.String()+">"+c.To.String())
		}
	}
	if got := strings.Join(states, " "); got != "unknown>up up>down down>degraded degraded>up" {
		t.Errorf("told: %s", got)
	}
}

// Whoever is called may ask back: no callback runs under the board's lock.
func TestCallbacksMayAskBack(t *testing.T) {
	c := &clock{noon}
	asked := 0
	var b *Board
	ask := func() {
		asked++
		_, _ = b.Explain("kakao")
		b.Probed(providers.Probed{Provider: "kakao", Level: providers.LevelToken, Outcome: providers.Down})
		b.Canaries(1, 1)
		_ = b.Messages()
	}
	b, err := New(Options{
		Site: "seoul", Node: "a", Providers: infos("kakao"), Now: c.Now, Sign: signBy("seoul"),
		Suspect: func(string) { ask() }, Changed: func(Transition) { ask() },
	})
	if err != nil {
		t.Fatal(err)
	}
	b.SetBroadcast(func([]byte) { ask() })
	for i := range 30 {
		c.now = c.now.Add(time.Second)
		b.Observe(Observation{Provider: "kakao", Step: providers.StepToken, Outcome: providers.Down, Prefix: numbered(i)})
		b.Tick()
	}
	if asked < 30 || b.Snapshot().Of("kakao").State != Down {
		t.Errorf("asked %d times, %s", asked, b.Snapshot().Of("kakao").State)
	}
}

// Explain has every number, and they can be written as JSON.
func TestExplain(t *testing.T) {
	n := at(t, &clock{noon}, "seoul", "a", "seoul", "busan")
	busy([]*node{n}, 20, 10)
	n.hears(rumour{site: "busan", node: "x", incarnation: 1, sequence: 1, states: map[string]State{"kakao": Up}})
	n.pass(12, func(int) { n.called("kakao", providers.Down, 10) })
	n.probe("kakao", providers.LevelToken, providers.Down)
	e, ok := n.Explain("kakao")
	if !ok {
		t.Fatal("nothing to explain")
	}
	token := e.Local.Calls[0]
	if token.Step != providers.StepToken || token.N == 0 || token.Failed == 0 || !token.Trips || token.Limit != callsLimit || token.Window != 20*time.Second {
		t.Errorf("token calls %+v", token)
	}
	if e.Gate.Phase != "hold" || e.Verdict.State != Down || e.Global.Sites != 2 || e.Global.Down != 1 || len(e.Global.Votes) != 2 || len(e.Local.Probes) != 1 {
		t.Errorf("explanation %+v", e)
	}
	text, err := json.Marshal(e)
	if err != nil {
		t.Fatalf("as JSON: %v", err)
	}
	var back Explanation
	if err := json.Unmarshal(text, &back); err != nil || back.Verdict.State != Down {
		t.Errorf("back from JSON: %v, %+v", err, back.Verdict)
	}
	if _, ok := n.Explain("nobody"); ok {
		t.Error("an unknown provider is explained")
	}
}

func TestOptions(t *testing.T) {
	tests := []struct {
		name string
		o    Options
	}{
		{"no site", Options{Node: "a"}},
		{"no node", Options{Site: "seoul"}},
		{"a name of 64 bytes", Options{Site: strings.Repeat("s", 64), Node: "a"}},
		{"not among the sites", Options{Site: "seoul", Node: "a", Sites: []string{"busan"}}},
		{"too many sites", Options{Site: "seoul", Node: "a", Sites: append(slices.Repeat([]string{"busan"}, 32), "seoul")}},
		{"a provider without id", Options{Site: "seoul", Node: "a", Providers: infos("")}},
		{"the same provider twice", Options{Site: "seoul", Node: "a", Providers: infos("kakao", "kakao")}},
		{"too many providers", Options{Site: "seoul", Node: "a", Providers: make([]ProviderInfo, 65)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := New(tt.o); !errors.Is(err, ErrOptions) {
				t.Errorf("New = %v, want %v", err, ErrOptions)
			}
		})
	}
}

// Run evaluates every second, and what cannot wait at once; it ends with its context.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry := prometheus.NewRegistry()
		b, err := New(Options{Site: "seoul", Node: "a", Providers: infos("kakao"), Registerer: registry})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			b.Run(ctx)
		}()
		time.Sleep(10500 * time.Millisecond)
		if at := b.Snapshot().At; time.Since(at) > time.Second {
			t.Errorf("the last evaluation is %v old", time.Since(at))
		}
		b.hasten()
		synctest.Wait()
		if at := b.Snapshot().At; time.Since(at) != 0 {
			t.Errorf("news waited for %v", time.Since(at))
		}
		evaluated := map[time.Time]bool{}
		for range 1000 { // somebody changes their mind every millisecond
			b.hasten()
			synctest.Wait()
			evaluated[b.Snapshot().At] = true
			time.Sleep(time.Millisecond)
		}
		if n := len(evaluated); n < 9 || n > 13 {
			t.Errorf("a flood of news was evaluated %d times in a second", n)
		}
		cancel()
		<-done
		if families, err := registry.Gather(); err != nil || len(families) != 3 {
			t.Errorf("%d metrics, %v", len(families), err)
		}
	})
}
