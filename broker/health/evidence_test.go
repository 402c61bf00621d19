package health

import (
	"slices"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/device"
	"github.com/bongsu/bongsu/providers"
)

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
	t.Run("people logged in until the probes began to fail", func(t *testing.T) {
		n := alone(t)
		n.pass(60, func(i int) { // one every third second: a window of a minute is read
			if i%3 == 0 {
				n.called("kakao", providers.OK, 1)
			}
		})
		failing(n, providers.LevelToken, providers.Down, nil)
		n.holds("kakao", Down, CauseProvider)
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
