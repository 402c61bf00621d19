package oauth2

import (
	"context"
	"errors"
	"time"

	"github.com/bongsu/bongsu/providers"
)

// Steps tells how the steps of one provider's legs go.
type Steps struct {
	Provider string        // instance id
	Timeout  time.Duration // of each step
	Now      func() time.Time
}

// Observe runs one step of a leg, tells the leg's observer how it went and
// returns nil or a complete [*providers.Error]. What do returns is classified:
// an Error keeps its outcome, code and cause, anything else is a failure on
// the way ([Failed]).
func (s Steps) Observe(ctx context.Context, leg providers.Leg, step providers.Step, do func(context.Context) error) error {
	seen := providers.Observation{Provider: s.Provider, Step: step, Outcome: providers.OK}
	var failed *providers.Error
	if step == providers.StepAuthorize || step == providers.StepCallback {
		failed = s.failure(ctx, step, do(ctx)) // in the browser: nothing to wait for
	} else {
		start := s.Now()
		bound, cancel := context.WithTimeout(ctx, s.Timeout)
		failed = s.failure(ctx, step, do(bound))
		cancel()
		seen.Took = s.Now().Sub(start)
	}
	if failed == nil {
		leg.Report(seen)
		return nil
	}
	seen.Outcome, seen.Code = failed.Outcome, failed.Code
	leg.Report(seen)
	return failed
}

func (s Steps) failure(ctx context.Context, step providers.Step, err error) *providers.Error {
	if err == nil {
		return nil
	}
	failed := providers.Error{Provider: s.Provider, Step: step}
	var known *providers.Error
	switch {
	case errors.As(err, &known):
		failed.Outcome, failed.Code, failed.Err = known.Outcome, providers.CleanCode(known.Code), known.Err
	case errors.Is(ctx.Err(), context.Canceled):
		failed.Outcome, failed.Err = providers.Unknown, context.Canceled // the browser gave up: nothing is learnt
	default:
		way := Failed(err)
		failed.Outcome, failed.Code, failed.Err = way.Outcome, way.Code, way.Err
	}
	return &failed
}

// Refuse makes the error of a step that must not go on, for [Steps.Observe] to
// complete. Why is a fixed text: nothing that the provider wrote.
func Refuse(outcome providers.Outcome, why string) error {
	return &providers.Error{Outcome: outcome, Err: errors.New(why)}
}
