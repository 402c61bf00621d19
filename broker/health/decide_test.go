package health

import (
	"testing"

	"pgregory.net/rapid"
)

// What this site saw against what the others say: sites.md 2.4 and the rows that
// design 4 adds.
func TestDecide(t *testing.T) {
	down := finding{state: Down, cause: CauseProvider}
	slow := finding{state: Degraded, cause: CauseSlow}
	up := finding{state: Up}
	tests := []struct {
		name   string
		view   view
		state  State
		cause  Cause
		weight float64
	}{
		{"down here and at most sites: the provider is down", view{local: down, votes: votes{down: 2, up: 1}}, Down, CauseProvider, shareHeld},
		{"down here and at the one other site", view{local: down, votes: votes{down: 1}}, Down, CauseProvider, shareHeld},
		{"down here, up elsewhere: this site is cut off from it", view{local: down, votes: votes{up: 2}}, Down, CauseCutOff, shareHeld},
		{"two sites, one against one: cut off", view{local: down, votes: votes{up: 1}}, Down, CauseCutOff, shareHeld},
		{"down at two of four", view{local: down, votes: votes{down: 1, up: 2}}, Down, CauseCutOff, shareHeld},
		{"down here, nobody else has evidence", view{local: down}, Down, CauseProvider, shareHeld},
		{"down at this node, works for the others of its site", view{local: down, alone: true}, Down, CauseCutOff, shareHeld},
		{"down here and our network is at fault", view{local: down, votes: votes{up: 1}, isolated: true}, Unknown, CauseIsolated, 1},
		{"down here, being tried", view{local: down, phase: trial, weight: 0.1}, Down, CauseTrial, 0.1},
		{"works here, down elsewhere, our probe has not answered", view{local: up, votes: votes{down: 2}, awaited: true, weight: 1}, Up, CausePeers, 0.5},
		{"works here, down elsewhere, our probe has answered", view{local: up, votes: votes{down: 2}, weight: 1}, Up, CauseNone, 1},
		{"no traffic here, down elsewhere, our probe has not answered", view{votes: votes{down: 2}, awaited: true, weight: 1}, Unknown, CausePeers, 0.25},
		{"no traffic here, down elsewhere, our probe had five seconds", view{votes: votes{down: 2}, weight: 1}, Unknown, CauseNone, 1},
		{"no traffic here, down elsewhere, our probe failed once", view{votes: votes{down: 2}, failing: true, weight: 1}, Degraded, CausePeers, 0.25},
		{"no traffic here, one other site says down", view{votes: votes{down: 1}, weight: 1}, Unknown, CauseNone, 1},
		{"no login here yet, a connection opens, it works elsewhere", view{votes: votes{up: 1}, sighted: true, weight: 1}, Up, CauseNone, 1},
		{"a connection opens, nobody has seen a login", view{sighted: true, weight: 1}, Unknown, CauseNone, 1},
		{"cold start: nobody knows anything", view{weight: 1}, Unknown, CauseNone, 1},
		{"slow: half weight", view{local: slow, weight: 1}, Degraded, CauseSlow, 0.5},
		{"coming back: the ramp's share", view{local: finding{state: Degraded, cause: CauseRamp}, phase: ramp, weight: 0.05}, Degraded, CauseRamp, 0.05},
		{"down too often lately", view{local: finding{state: Degraded, cause: CauseFlapping}, weight: 0.25}, Degraded, CauseFlapping, 0.25},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			state, cause, weight := decide(tt.view)
			if state != tt.state || cause != tt.cause || weight != tt.weight {
				t.Errorf("decide = %s %q %v, want %s %q %v", state, cause, weight, tt.state, tt.cause, tt.weight)
			}
		})
	}
}

func anyView(t *rapid.T) view {
	return view{
		local: finding{
			state: State(rapid.IntRange(0, 3).Draw(t, "local")),
			cause: rapid.SampledFrom([]Cause{CauseNone, CauseProvider, CauseSlow, CausePartial, CauseOurs, CauseRamp, CauseFlapping}).Draw(t, "cause"),
		},
		phase:    phase(rapid.IntRange(0, 3).Draw(t, "phase")),
		weight:   rapid.Float64Range(shareHeld, 1).Draw(t, "weight"),
		votes:    votes{up: rapid.IntRange(0, 31).Draw(t, "up"), down: rapid.IntRange(0, 31).Draw(t, "down")},
		isolated: rapid.Bool().Draw(t, "isolated"),
		awaited:  rapid.Bool().Draw(t, "awaited"),
		failing:  rapid.Bool().Draw(t, "failing"),
		sighted:  rapid.Bool().Draw(t, "sighted"),
	}
}

// No verdict takes the last way: every weight is above 0.
func TestNoWeightIsZero(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := anyView(t)
		if _, _, weight := decide(v); weight <= 0 || weight > 1 {
			t.Fatalf("weight %v of %+v", weight, v)
		}
	})
}

// However many sites say "down", a provider that works here is never down, and
// keeps at least half of its logins for the few seconds of a doubt.
func TestLocalSuccessBeatsAnyNumberOfPeers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := anyView(t)
		v.local, v.weight = finding{state: Up}, 1
		state, cause, weight := decide(v)
		if state != Up || weight < weightPeersAgree || weight < 1 && !v.awaited {
			t.Fatalf("%s %q %v of %+v", state, cause, weight, v)
		}
	})
}

// Without evidence of this site's own, peers lower a weight and do nothing else.
func TestPeersAloneNeverTakeAProviderOut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := anyView(t)
		v.local, v.failing, v.weight = finding{}, false, 1
		state, _, weight := decide(v)
		if state >= Degraded || weight < weightPeers || weight < 1 && !v.awaited {
			t.Fatalf("%s %v of %+v", state, weight, v)
		}
	})
}

func TestIsolated(t *testing.T) {
	tests := []struct {
		name                string
		fail                bool
		down, known, cutOff int
		want                bool
	}{
		{"canaries answer", false, 3, 3, 3, false},
		{"two providers and the canaries", true, 2, 5, 0, true},
		{"one provider of many", true, 1, 5, 0, false},
		{"one provider that works from elsewhere", true, 1, 5, 1, true},
		{"the only provider", true, 1, 1, 0, true},
		{"canaries alone", true, 0, 5, 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := isolated(tt.fail, tt.down, tt.known, tt.cutOff); got != tt.want {
				t.Errorf("isolated = %t", got)
			}
		})
	}
}
