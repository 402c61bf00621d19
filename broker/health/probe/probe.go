package probe

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bongsu/bongsu/providers"
)

// Schedule asks providers and canaries. It is safe for concurrent use.
type Schedule struct {
	o       Options
	watches map[string]*watch
	order   []*watch
	suspect atomic.Int64 // providers under suspicion
	alarm   chan struct{}
}

// watch is one provider that is asked.
type watch struct {
	id     string
	prober providers.Prober
	levels []providers.Level
	hurry  chan struct{} // holds one
}

// New returns a Schedule. It asks nothing before [Schedule.Run].
func New(o Options) (*Schedule, error) {
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("probes: %w", err)
	}
	o.defaults()
	s := &Schedule{o: o, watches: map[string]*watch{}, alarm: make(chan struct{}, 1)}
	for _, p := range o.Providers {
		prober := proberOf(p)
		if prober == nil {
			continue
		}
		id := p.Instance().ID
		w := &watch{id: id, prober: prober, levels: prober.Levels(), hurry: make(chan struct{}, 1)}
		if wanted, restricted := o.Levels[id]; restricted {
			w.levels = slices.DeleteFunc(w.levels, func(l providers.Level) bool { return !slices.Contains(wanted, l) })
		}
		s.watches[id] = w
		s.order = append(s.order, w)
	}
	return s, nil
}

// proberOf returns the prober that p is or wraps, or nil. What decorates logins
// has no part in probes.
func proberOf(p providers.Provider) providers.Prober {
	for p != nil {
		if prober, ok := p.(providers.Prober); ok {
			return prober
		}
		wrapper, ok := p.(interface{ Unwrap() providers.Provider })
		if !ok {
			return nil
		}
		p = wrapper.Unwrap()
	}
	return nil
}

// Hurry has a provider asked now, and often until it is good again. It never
// blocks; a provider that is unknown, not probed or hurried already costs
// nothing.
func (s *Schedule) Hurry(provider string) {
	w, ok := s.watches[provider]
	if !ok {
		return
	}
	select {
	case w.hurry <- struct{}{}:
	default:
	}
}

// Run asks until ctx ends, and returns when the last question is over.
func (s *Schedule) Run(ctx context.Context) {
	var all sync.WaitGroup
	for _, w := range s.order {
		all.Go(func() { s.watch(ctx, w) })
	}
	if len(s.o.Canaries) > 0 {
		all.Go(func() { s.watchCanaries(ctx) })
	}
	all.Wait()
}

func (s *Schedule) watch(ctx context.Context, w *watch) {
	p := newPace(w.levels, s.o.Lead, func(now time.Time) bool { return s.o.Turn(w.id, now) }, s.o.Now())
	suspected := false
	for ctx.Err() == nil {
		if s.o.Retired(w.id) {
			p.trust(s.o.Now())
			pause(ctx, about(ShallowEvery), nil)
		} else if levels, together, wait := p.due(s.o.Now()); len(levels) > 0 {
			s.ask(ctx, w, p, levels, together)
		} else if hurried := pause(ctx, wait, w.hurry); hurried {
			p.hurry(s.o.Now())
		}
		if now := p.suspect != nil; now != suspected {
			suspected = now
			s.suspected(ctx, w.id, now)
		}
	}
	if suspected {
		s.suspect.Add(-1)
	}
}

// ask asks the levels and tells the board. What follows a failure in a round of
// one after the other is left out: it would fail as well, and is asked again.
func (s *Schedule) ask(ctx context.Context, w *watch, p *pace, levels []providers.Level, together bool) {
	answers := make([]providers.Probed, len(levels))
	if together {
		var all sync.WaitGroup
		for i, l := range levels {
			all.Go(func() { answers[i] = s.probe(ctx, w, l) })
		}
		all.Wait()
	}
	for i, l := range levels {
		if !together {
			answers[i] = s.probe(ctx, w, l)
		}
		if ctx.Err() != nil {
			return
		}
		p.told(answers[i], s.o.Now())
		if !together && (answers[i].Outcome.Theirs() || answers[i].RetryAfter > 0) {
			return
		}
	}
}

func (s *Schedule) probe(ctx context.Context, w *watch, l providers.Level) providers.Probed {
	answer := w.prober.Probe(ctx, l)
	if ctx.Err() != nil {
		return answer // we gave up: nothing is learnt
	}
	if answer.Outcome == providers.Ours || answer.Outcome.Theirs() {
		s.o.Logger.WarnContext(ctx, "probe failed",
			slog.String("provider", w.id), slog.String("probe", string(l)), slog.String("step", string(answer.Step)),
			slog.String("outcome", string(answer.Outcome)), slog.String("code", answer.Code), slog.Duration("took", answer.Took))
	}
	s.o.Board.Probed(answer)
	return answer
}

func (s *Schedule) suspected(ctx context.Context, provider string, now bool) {
	if !now {
		s.suspect.Add(-1)
		s.o.Logger.InfoContext(ctx, "provider no longer suspected", slog.String("provider", provider))
		return
	}
	s.suspect.Add(1)
	s.o.Logger.InfoContext(ctx, "provider suspected", slog.String("provider", provider))
	select {
	case s.alarm <- struct{}{}: // the canaries tell whether it is us
	default:
	}
}

// pause waits for d and says true if it was woken before by wake.
func pause(ctx context.Context, d time.Duration, wake <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-wake:
		return true
	}
	return false
}
