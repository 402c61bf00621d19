package drill

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bongsu/bongsu/providers"
)

// upstream counts what it is asked.
type upstream struct{ begun, finished int }

func (*upstream) Instance() providers.Instance { return providers.Instance{ID: "kakao"} }

func (u *upstream) Begin(context.Context, providers.Leg) (string, error) {
	u.begun++
	return "https://kakao.example/", nil
}

func (u *upstream) Finish(context.Context, providers.Leg, providers.Return) (providers.Identity, error) {
	u.finished++
	return providers.Identity{Provider: "kakao", Subject: "1"}, nil
}

func TestWhatADrilledLoginMeets(t *testing.T) {
	drill := func(step providers.Step, outcome providers.Outcome) []providers.Observation {
		return []providers.Observation{{Provider: "kakao", Step: step, Outcome: outcome, Code: "drill", Drill: true}}
	}
	tests := []struct {
		name            string
		kind            Kind
		leg             string // the drill it names; "this" is the running one
		begins          bool
		finishes        bool
		waited          time.Duration
		begin, finished []providers.Observation
	}{
		{"not in the drill", Down, "", true, true, 0, nil, nil},
		{"in a drill of before", Down, "aaaa", true, true, 0, nil, nil},
		{"down", Down, "this", false, false, 0, drill(providers.StepAuthorize, providers.Down), drill(providers.StepToken, providers.Down)},
		{"failing", Error, "this", true, false, 0, nil, drill(providers.StepToken, providers.Down)},
		{"slow", Slow, "this", true, true, Delay, nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, "a")
			r := request()
			r.Kind = tt.kind
			d := w.start(r)
			u := &upstream{}
			p := w.nodes[0].Wrap(u).(*drilled)
			var waited time.Duration
			p.wait = func(_ context.Context, d time.Duration) error { waited += d; return nil }
			var seen []providers.Observation
			leg := providers.Leg{Drill: tt.leg, Observe: func(o providers.Observation) { seen = append(seen, o) }}
			if tt.leg == "this" {
				leg.Drill = d.ID
			}
			_, err := p.Begin(t.Context(), leg)
			if (err == nil) != tt.begins || u.begun != map[bool]int{true: 1}[tt.begins] || err != nil && !errors.Is(err, providers.ErrUnavailable) {
				t.Errorf("begin: %v, the provider was asked %d times", err, u.begun)
			}
			if diff := cmp.Diff(tt.begin, seen); diff != "" {
				t.Error(diff)
			}
			seen = nil
			_, err = p.Finish(t.Context(), leg, providers.Return{})
			if (err == nil) != tt.finishes || u.finished != map[bool]int{true: 1}[tt.finishes] || err != nil && !errors.Is(err, providers.ErrUnavailable) {
				t.Errorf("finish: %v, the provider was asked %d times", err, u.finished)
			}
			if diff := cmp.Diff(tt.finished, seen); diff != "" {
				t.Error(diff)
			}
			if waited != tt.waited {
				t.Errorf("waited %s, want %s", waited, tt.waited)
			}
			if p.Unwrap() != providers.Provider(u) {
				t.Error("the provider cannot be had as it is")
			}
		})
	}
}

func TestSlownessEndsWithTheRequest(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := wait(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if err := wait(t.Context(), time.Nanosecond); err != nil {
		t.Error(err)
	}
	w := newWorld(t, "a")
	r := request()
	r.Kind = Slow
	d := w.start(r)
	u := &upstream{}
	if _, err := w.nodes[0].Wrap(u).Finish(ctx, providers.Leg{Drill: d.ID}, providers.Return{}); providers.OutcomeOf(err) != providers.Slow || u.finished != 0 {
		t.Errorf("got %v, asked %d times", err, u.finished)
	}
}
