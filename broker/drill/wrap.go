package drill

import (
	"context"
	"time"

	"github.com/bongsu/bongsu/providers"
)

// Wrap returns p as the logins of a drill meet it. A leg that takes part names
// the drill ([providers.Leg].Drill); all others go through untouched.
func (e *Engine) Wrap(p providers.Provider) providers.Provider {
	return &drilled{Provider: p, engine: e, wait: wait}
}

// drilled is a provider that fails for those who practise its failing.
type drilled struct {
	providers.Provider

	engine *Engine
	wait   func(ctx context.Context, d time.Duration) error
}

// Unwrap returns the provider as it is.
func (d *drilled) Unwrap() providers.Provider { return d.Provider }

// Begin implements [providers.Provider].
func (d *drilled) Begin(ctx context.Context, leg providers.Leg) (string, error) {
	if d.engine.Seems(d.Instance().ID, leg.Drill) == Down {
		return "", d.fail(leg, providers.StepAuthorize, providers.Down)
	}
	return d.Provider.Begin(ctx, leg)
}

// Finish implements [providers.Provider]. A failing provider is not asked: the
// code that came back is sent nowhere. A slow one is asked late, and what its
// steps then tell is real.
func (d *drilled) Finish(ctx context.Context, leg providers.Leg, ret providers.Return) (providers.Identity, error) {
	switch d.engine.Seems(d.Instance().ID, leg.Drill) {
	case Down, Error:
		return providers.Identity{}, d.fail(leg, providers.StepToken, providers.Down)
	case Slow:
		if err := d.wait(ctx, Delay); err != nil {
			return providers.Identity{}, d.fail(leg, providers.StepToken, providers.Slow)
		}
	case None:
	}
	return d.Provider.Finish(ctx, leg, ret)
}

// fail is a failure of ours, marked as such.
func (d *drilled) fail(leg providers.Leg, step providers.Step, outcome providers.Outcome) error {
	instance := d.Instance().ID
	leg.Report(providers.Observation{Provider: instance, Step: step, Outcome: outcome, Code: "drill", Drill: true})
	return &providers.Error{Provider: instance, Step: step, Outcome: outcome, Code: "drill"}
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
