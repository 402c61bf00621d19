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

	"github.com/bongsu/bongsu/broker/device"
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

// A quiet site needs no statistics: three failed probes are down, within the
// probe's interval and 15 s; three good deep ones begin the way back.
func TestQuietSite(t *testing.T) {
	n := alone(t)
	n.probe("kakao", providers.LevelReach, providers.OK)
	n.pass(1, nil)
	n.holds("kakao", Unknown, CauseNone) // a connection proves no login
	n.probe("kakao", providers.LevelToken, providers.OK)
	n.pass(1, nil)
	n.holds("kakao", Up, CauseNone)
	n.pass(28, nil)
	var took time.Duration
	began := n.now
	for range 60 { // the outage begins just after a probe; the next comes 30 s later
		n.pass(1, func(int) {
			if since := n.now.Sub(began); since >= 30*time.Second && since%(5*time.Second) == 0 {
				n.probe("kakao", providers.LevelReach, providers.Down)
			}
		})
		if n.Snapshot().Of("kakao").State == Down {
			took = n.now.Sub(began)
			break
		}
	}
	if took == 0 || took > 45*time.Second {
		t.Errorf("down after %v, want within 45 s", took)
	}
	n.holds("kakao", Down, CauseProvider)
	n.pass(90, func(i int) {
		if i%5 == 0 {
			n.probe("kakao", providers.LevelReach, providers.OK)
			n.probe("kakao", providers.LevelToken, providers.OK)
		}
	})
	n.holds("kakao", Degraded, CauseRamp)
}

// Failures at the same moment are one: three in one second are no outage.
func TestProbesApart(t *testing.T) {
	n := alone(t)
	for range 3 {
		n.probe("kakao", providers.LevelMetadata, providers.Down)
		n.probe("kakao", providers.LevelToken, providers.Down)
	}
	n.pass(1, nil)
	if v := n.Snapshot().Of("kakao"); v.State == Down || !v.Suspected {
		t.Errorf("verdict %+v, want no more than a suspicion", v)
	}
}

// Probes of one level say nothing against logins that work, nor does the front
// door against what lies behind it.
func TestProbesAgainstLogins(t *testing.T) {
	failing := func(n *node, level providers.Level, outcome providers.Outcome, each func()) {
		n.pass(30, func(i int) {
			if i%5 == 0 {
				n.probe("kakao", level, outcome)
			}
			if each != nil {
				each()
			}
		})
	}
	t.Run("metadata fails while people log in", func(t *testing.T) {
		n := alone(t)
		busy([]*node{n}, 30, 10)
		failing(n, providers.LevelMetadata, providers.Trust, func() { n.called("kakao", providers.OK, 10) })
		n.holds("kakao", Degraded, CausePartial)
	})
	t.Run("metadata fails while the token endpoint answers", func(t *testing.T) {
		n := alone(t)
		failing(n, providers.LevelMetadata, providers.Down, func() { n.probe("kakao", providers.LevelToken, providers.OK) })
		n.holds("kakao", Degraded, CausePartial)
	})
	t.Run("the edge answers, the core does not", func(t *testing.T) {
		n := alone(t)
		failing(n, providers.LevelToken, providers.Down, func() { n.probe("kakao", providers.LevelMetadata, providers.OK) })
		n.holds("kakao", Down, CauseProvider)
	})
	t.Run("all levels in turn", func(t *testing.T) {
		n := alone(t)
		all := []providers.Level{providers.LevelReach, providers.LevelMetadata, providers.LevelAuthorize, providers.LevelToken}
		n.pass(12, func(i int) {
			if i%5 == 0 {
				n.probe("kakao", all[i/5], providers.Down)
			}
		})
		n.holds("kakao", Down, CauseProvider)
	})
	t.Run("answers after people gave up", func(t *testing.T) {
		n := alone(t)
		n.pass(12, func(i int) {
			if i%5 == 0 {
				n.Probed(providers.Probed{Provider: "kakao", Level: providers.LevelToken, Step: providers.StepToken, Outcome: providers.OK, Took: 12 * time.Second})
			}
		})
		n.holds("kakao", Down, CauseSlow)
	})
}

// A brownout: late answers degrade, answers after people gave up are failures.
func TestSlow(t *testing.T) {
	tests := []struct {
		name  string
		took  time.Duration
		state State
		cause Cause
	}{
		{"two seconds", 2 * time.Second, Up, CauseNone},
		{"four seconds", 4 * time.Second, Degraded, CauseSlow},
		{"ten seconds", 10 * time.Second, Down, CauseSlow},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n := alone(t)
			n.pass(40, func(int) {
				n.ObserveMany(Observation{Provider: "kakao", Step: providers.StepToken, Outcome: providers.OK, Took: tt.took, Device: device.Mobile}, 10)
			})
			n.holds("kakao", tt.state, tt.cause)
		})
	}
	t.Run("deadlines pass", func(t *testing.T) {
		n := alone(t)
		n.pass(20, func(int) { n.called("kakao", providers.Slow, 10) })
		n.holds("kakao", Down, CauseSlow)
	})
}

// It fails for phones alone: degraded, and only for them.
func TestPartial(t *testing.T) {
	n := alone(t)
	login := func(class device.Class, outcome providers.Outcome) {
		n.ObserveMany(Observation{Provider: "kakao", Step: providers.StepToken, Outcome: outcome, Took: time.Millisecond, Device: class}, 10)
	}
	n.pass(30, func(int) { login(device.Mobile, providers.OK); login(device.Desktop, providers.OK) })
	n.pass(30, func(int) { login(device.App, providers.Down); login(device.Desktop, providers.OK) })
	n.holds("kakao", Degraded, CausePartial)
	v := n.Snapshot().Of("kakao")
	if !slices.Equal(v.Devices, []device.Class{device.App}) || v.Weight != 0.5 {
		t.Errorf("verdict %+v", v)
	}
	if d := v.For(device.Desktop); d.State != Up || d.Weight != 1 {
		t.Errorf("for desktops %+v", d)
	}
	if a := v.For(device.App); a.State != Degraded || a.Weight != 0.5 {
		t.Errorf("in apps %+v", a)
	}
}

// Userinfo gone: the end of logins where it is the proof, a blemish elsewhere.
func TestProfileGone(t *testing.T) {
	for _, optional := range []bool{false, true} {
		n := with(t, &clock{noon}, Options{Site: "seoul", Node: "a", Providers: []ProviderInfo{{ID: "kakao", ProfileOptional: optional}}})
		n.pass(40, func(int) {
			n.called("kakao", providers.OK, 10)
			n.ObserveMany(Observation{Provider: "kakao", Step: providers.StepUserinfo, Outcome: providers.Down}, 10)
		})
		want, cause := Down, CauseProvider
		if optional {
			want, cause = Degraded, CausePartial
		}
		n.holds("kakao", want, cause)
		if step := n.Snapshot().Of("kakao").Step; step != providers.StepUserinfo {
			t.Errorf("step %s", step)
		}
	}
}

// What the person did, what nobody can tell and what a drill staged count for
// nothing; our own mistakes page the operator and are told to nobody.
func TestWhatDoesNotCount(t *testing.T) {
	for _, outcome := range []providers.Outcome{providers.User, providers.Unknown} {
		t.Run(string(outcome), func(t *testing.T) {
			n := alone(t)
			n.pass(60, func(int) { n.called("kakao", outcome, 50) })
			n.holds("kakao", Unknown, CauseNone)
			if n.hurried["kakao"] != 0 {
				t.Error("probes were hurried")
			}
		})
	}
	t.Run("drill", func(t *testing.T) {
		n := alone(t)
		n.pass(60, func(int) {
			n.ObserveMany(Observation{Provider: "kakao", Step: providers.StepToken, Outcome: providers.Down, Drill: true}, 50)
		})
		n.holds("kakao", Unknown, CauseNone)
	})
	t.Run("ours", func(t *testing.T) {
		n := alone(t)
		n.pass(60, func(int) { n.called("kakao", providers.Ours, 50) })
		n.holds("kakao", Degraded, CauseOurs)
		if v := n.Snapshot().Of("kakao"); !v.Ours {
			t.Errorf("verdict %+v: nobody is paged", v)
		}
		e, _ := n.Explain("kakao")
		if e.Local.Ours != 3000 {
			t.Errorf("%d counted", e.Local.Ours)
		}
		r, _, _, err := parse(n.Messages()[0])
		if err != nil || r.entries[0].state >= Degraded || r.entries[1].state >= Degraded {
			t.Errorf("other sites are told %+v, %v", r.entries, err)
		}
	})
}

// A single failed leg hurries probes at once, before any evaluation; rumours do
// so more rarely.
func TestHurry(t *testing.T) {
	n := alone(t)
	n.called("kakao", providers.Down, 1)
	if n.hurried["kakao"] != 1 {
		t.Fatalf("hurried %d times", n.hurried["kakao"])
	}
	for range 100 {
		n.called("kakao", providers.Down, 1)
	}
	if n.hurried["kakao"] != 1 {
		t.Errorf("hurried %d times within a second", n.hurried["kakao"])
	}
	for range 100 { // anybody can send us these
		n.Observe(Observation{Provider: "naver", Step: providers.StepCallback, Outcome: providers.Down})
	}
	if n.hurried["naver"] != 1 {
		t.Errorf("hurried %d times by rumours", n.hurried["naver"])
	}
}

// Our own network: many fail here, the canaries too. The order stays as it was
// configured, other sites are not told that anything is down, and when the
// network is back nobody bears a grudge.
func TestIsolation(t *testing.T) {
	c := &clock{noon}
	sites := []string{"seoul", "busan"}
	nodes := connect(at(t, c, "seoul", "a", sites...), at(t, c, "busan", "b", sites...))
	seoul, busan := nodes[0], nodes[1]
	busy(nodes, 60, 10)
	seoul.Canaries(0, 4)
	pass(nodes, 20, func(int) {
		for _, p := range []string{"kakao", "naver"} {
			seoul.called(p, providers.Down, 10)
			busan.called(p, providers.OK, 10)
		}
	})
	seoul.holds("kakao", Unknown, CauseIsolated)
	seoul.holds("naver", Unknown, CauseIsolated)
	if !seoul.Snapshot().Isolated || !busan.Snapshot().Sites()[1].Isolated {
		t.Error("isolation is not told")
	}
	busan.holds("kakao", Up, CauseNone)
	if got := busan.Snapshot().Matrix()[0].Cells[1].State; got != Unknown {
		t.Errorf("busan is told that kakao is %s at seoul", got)
	}
	seoul.Canaries(4, 4)
	busy(nodes, 5, 10)
	seoul.holds("kakao", Up, CauseNone)
}

// One provider fails here and works elsewhere, and our network is fine.
func TestCutOff(t *testing.T) {
	c := &clock{noon}
	sites := []string{"seoul", "busan"}
	nodes := connect(at(t, c, "seoul", "a", sites...), at(t, c, "busan", "b", sites...))
	nodes[0].Canaries(4, 4)
	busy(nodes, 30, 10)
	pass(nodes, 15, func(int) {
		nodes[0].called("kakao", providers.Down, 10)
		nodes[1].called("kakao", providers.OK, 10)
	})
	nodes[0].holds("kakao", Down, CauseCutOff)
	nodes[1].holds("kakao", Up, CauseNone)
	busan := nodes[1].Snapshot().Matrix()[0]
	if busan.Cells[0].State != Up || busan.Cells[1].State != Down || busan.Cells[1].Step != providers.StepToken {
		t.Errorf("matrix at busan: %+v", busan.Cells)
	}
}

// AB-63: one site, properly signed, moves nobody who reaches the provider; most
// of the sites move the order for the five seconds that our probe may take.
func TestPeersMoveLittle(t *testing.T) {
	says := func(site string, seq uint64, s State) rumour {
		return rumour{site: site, node: "x", incarnation: 1, sequence: seq, states: map[string]State{"kakao": s}}
	}
	t.Run("one site, while kakao works here", func(t *testing.T) {
		n := at(t, &clock{noon}, "seoul", "a", "seoul", "busan", "tokyo")
		busy([]*node{n}, 30, 10)
		n.hears(says("busan", 1, Down))
		busy([]*node{n}, 10, 10)
		if v := n.Snapshot().Of("kakao"); v.State != Up || v.Weight != 1 {
			t.Errorf("verdict %+v", v)
		}
		if n.hurried["kakao"] != 0 {
			t.Error("probes hurry for what logins answer")
		}
	})
	t.Run("all other sites, while kakao works here", func(t *testing.T) {
		n := at(t, &clock{noon}, "seoul", "a", "seoul", "busan", "tokyo")
		n.probe("kakao", providers.LevelToken, providers.OK)
		n.pass(10, nil)
		n.hears(says("busan", 1, Down))
		n.hears(says("tokyo", 1, Down))
		n.Tick()
		n.holds("kakao", Up, CausePeers)
		if v := n.Snapshot().Of("kakao"); v.Weight != 0.5 {
			t.Errorf("weight %v before the answer, want 0.5", v.Weight)
		}
		if n.hurried["kakao"] == 0 {
			t.Error("no probe was hurried")
		}
		n.pass(1, nil)
		n.probe("kakao", providers.LevelToken, providers.OK)
		n.pass(1, nil)
		n.holds("kakao", Up, CauseNone)
		if v := n.Snapshot().Of("kakao"); v.Weight != 1 {
			t.Errorf("weight %v after the answer", v.Weight)
		}
	})
	t.Run("all other sites, without traffic here", func(t *testing.T) {
		n := at(t, &clock{noon}, "seoul", "a", "seoul", "busan", "tokyo")
		n.hears(says("busan", 1, Down))
		n.hears(says("tokyo", 1, Down))
		n.Tick()
		n.holds("kakao", Unknown, CausePeers)
		low := 0
		for i := range uint64(50) { // they insist, and change their minds
			n.hears(says("busan", 2+i, State(2+i%2)))
			n.pass(1, nil)
			if n.Snapshot().Of("kakao").Weight < 1 {
				low++
			}
		}
		if low > 5 {
			t.Errorf("lowered for %d of 50 seconds by news alone, at most 5 are allowed", low)
		}
	})
	t.Run("our probe agrees", func(t *testing.T) {
		n := at(t, &clock{noon}, "seoul", "a", "seoul", "busan", "tokyo")
		n.hears(says("busan", 1, Down))
		n.hears(says("tokyo", 1, Down))
		n.pass(1, nil)
		n.probe("kakao", providers.LevelToken, providers.Down)
		n.pass(1, nil)
		n.holds("kakao", Degraded, CausePeers)
		n.pass(4, nil)
		n.probe("kakao", providers.LevelToken, providers.Down)
		n.pass(1, nil)
		n.holds("kakao", Down, CauseProvider)
	})
}

// Any local success beats any number of sites and nodes that say "down".
func TestLocalSuccessAgainstTheWorld(t *testing.T) {
	sites := []string{"seoul"}
	for i := range 31 {
		sites = append(sites, "site-"+numbered(i))
	}
	n := at(t, &clock{noon}, "seoul", "a", sites...)
	busy([]*node{n}, 30, 1)
	var seq uint64
	for range 60 {
		seq++
		for _, site := range sites[1:] {
			for _, name := range []string{"x", "y"} {
				n.hears(rumour{site: site, node: name, incarnation: 1, sequence: seq, states: map[string]State{"kakao": Down}})
			}
		}
		busy([]*node{n}, 1, 1)
		if v := n.Snapshot().Of("kakao"); v.State != Up || v.Weight < 0.5 || seq > 5 && v.Weight != 1 {
			t.Fatalf("second %d: %+v", seq, v)
		}
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
	for range 30 {
		c.now = c.now.Add(time.Second)
		b.Observe(Observation{Provider: "kakao", Step: providers.StepToken, Outcome: providers.Down})
		b.Tick()
	}
	if asked < 30 || b.Snapshot().Of("kakao").State != Down {
		t.Errorf("asked %d times, %s", asked, b.Snapshot().Of("kakao").State)
	}
}

// What was proven before another site saw the outage stands for nothing until it
// is proven again.
func TestContestedProof(t *testing.T) {
	n := at(t, &clock{noon}, "seoul", "a", "seoul", "busan")
	n.probe("kakao", providers.LevelToken, providers.OK)
	n.pass(120, func(i int) {
		if i%30 == 0 {
			n.probe("kakao", providers.LevelReach, providers.OK)
		}
	})
	n.holds("kakao", Up, CauseNone)
	n.hears(rumour{site: "busan", node: "x", incarnation: 1, sequence: 1, states: map[string]State{"kakao": Down}})
	n.pass(2, nil)
	n.holds("kakao", Unknown, CauseNone)
	if n.hurried["kakao"] == 0 {
		t.Error("no probe was hurried")
	}
	n.probe("kakao", providers.LevelToken, providers.OK)
	n.pass(1, nil)
	n.holds("kakao", Up, CauseNone)
}

// News is everywhere as soon as it is carried: each node evaluates it at once.
func TestNewsCannotWait(t *testing.T) {
	n := at(t, &clock{noon}, "seoul", "a", "seoul", "busan")
	n.hears(rumour{site: "busan", node: "x", incarnation: 1, sequence: 1, states: map[string]State{"kakao": Down}})
	select {
	case <-n.poke:
	default:
		t.Error("a changed state waits for the next second")
	}
	n.hears(rumour{site: "busan", node: "x", incarnation: 1, sequence: 2, states: map[string]State{"kakao": Down}})
	select {
	case <-n.poke:
		t.Error("a record that says the same hastens an evaluation")
	default:
	}
}

// A record is published at once when a state changes, every two seconds under
// suspicion, and otherwise every ten.
func TestPublishing(t *testing.T) {
	n := alone(t)
	busy([]*node{n}, 60, 10)
	n.sent = nil
	busy([]*node{n}, 60, 10)
	if len(n.sent) != 6 {
		t.Errorf("%d records in a quiet minute, want 6", len(n.sent))
	}
	n.sent = nil
	n.pass(20, func(int) { n.called("kakao", providers.Down, 10) })
	if len(n.sent) < 8 || len(n.sent) > 12 {
		t.Errorf("%d records in the first 20 s of an outage", len(n.sent))
	}
	r, _, _, err := parse(n.sent[len(n.sent)-1])
	if err != nil {
		t.Fatal(err)
	}
	if i := slices.IndexFunc(r.entries, func(e entry) bool { return e.name == nameOf("kakao") }); r.entries[i].state != Down || wireSteps[r.entries[i].step] != providers.StepToken {
		t.Errorf("told %+v", r.entries[i])
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
		cancel()
		<-done
		if families, err := registry.Gather(); err != nil || len(families) != 3 {
			t.Errorf("%d metrics, %v", len(families), err)
		}
	})
}
