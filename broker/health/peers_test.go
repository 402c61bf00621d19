package health

import (
	"slices"
	"testing"

	"github.com/bongsu/bongsu/providers"
)

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

// A site without canaries has the other sites for such, if it ever heard any: it
// does not blame all providers when everything falls silent at once.
func TestIsolationWithoutCanaries(t *testing.T) {
	tests := []struct {
		name  string
		heard bool     // busan was heard before
		deaf  bool     // and is not heard any more
		down  []string // providers that fail here
		asks  bool     // canaries, which answer
		want  bool
	}{
		{"everything falls silent", true, true, []string{"kakao", "naver"}, false, true},
		{"busan is heard", true, false, []string{"kakao", "naver"}, false, false},
		{"busan was never heard", false, true, []string{"kakao", "naver"}, false, false},
		{"one provider goes on working", true, true, []string{"kakao"}, false, false},
		{"the canaries know better", true, true, []string{"kakao", "naver"}, true, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := &clock{noon}
			sites := []string{"seoul", "busan"}
			nodes := connect(at(t, c, "seoul", "a", sites...), at(t, c, "busan", "b", sites...))
			seoul := nodes[0]
			seoul.deafness = !tt.heard
			busy(nodes, 60, 10)
			seoul.deafness = tt.deaf
			pass(nodes, 60, func(int) {
				if tt.asks {
					seoul.Canaries(4, 4)
				}
				for _, p := range []string{"kakao", "naver"} {
					if slices.Contains(tt.down, p) {
						seoul.called(p, providers.Down, 10)
					} else {
						seoul.called(p, providers.OK, 10)
					}
				}
			})
			if v := seoul.Snapshot().Of("kakao"); seoul.Snapshot().Isolated != tt.want || (v.Cause == CauseIsolated) != tt.want {
				t.Errorf("isolated: %v, kakao is %s %q", seoul.Snapshot().Isolated, v.State, v.Cause)
			}
		})
	}
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
	t.Run("one site, while nobody logs in here", func(t *testing.T) {
		n := at(t, &clock{noon}, "seoul", "a", "seoul", "busan", "tokyo")
		n.probe("kakao", providers.LevelToken, providers.OK)
		n.pass(10, nil)
		n.hears(says("busan", 1, Down))
		n.pass(3, nil)
		if v := n.Snapshot().Of("kakao"); v.State != Up || v.Weight != 1 {
			t.Errorf("verdict %+v", v)
		}
		if n.hurried["kakao"] == 0 {
			t.Error("nobody asks whether the other site is right")
		}
		n.probe("kakao", providers.LevelToken, providers.OK)
		asked := n.hurried["kakao"]
		n.pass(10, nil)
		if n.hurried["kakao"] != asked {
			t.Error("probes hurry on after they have answered")
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
