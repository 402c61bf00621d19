package drill

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bongsu/bongsu/broker/follow"
	"github.com/bongsu/bongsu/broker/id"
	"github.com/bongsu/bongsu/broker/store"
)

const (
	poll         = time.Second
	answerWithin = 2 * time.Second
	// believed is how long an answer of the store counts: then nobody knows
	// whether the drill was stopped, and nobody is drilled.
	believed = 5 * time.Second
	// recent is how many drills are read back; logins of one that has just ended
	// are still counted.
	recent = 8
)

// Engine takes part in the drills of the deployment. It is safe for concurrent
// use.
type Engine struct {
	o       Options
	running atomic.Pointer[running] // never nil

	mu      sync.Mutex
	known   map[string]store.Drill // drills whose logins may still end, by id
	tallies map[string]*tally      // by drill id
}

// running is the drill under way as this node knows it. The zero value is none.
type running struct {
	drill  store.Drill
	until  time.Time // by this node's own clock
	readAt time.Time
}

// New returns an engine that knows of no drill yet.
func New(o Options) (*Engine, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	e := &Engine{o: o, known: map[string]store.Drill{}, tallies: map[string]*tally{}}
	e.running.Store(&running{})
	if o.Registerer != nil {
		o.Registerer.MustRegister(e.active())
	}
	return e, nil
}

// active is the metric that says so.
func (e *Engine) active() prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "bongsu_drill_active",
		Help: "1 while this node takes part in a drill.",
	}, func() float64 {
		if _, ok := e.now(); ok {
			return 1
		}
		return 0
	})
}

// now returns the drill this node takes part in right now.
func (e *Engine) now() (store.Drill, bool) {
	r, now := e.running.Load(), e.o.Now()
	if r.drill.ID == "" || !now.Before(r.until) || now.Sub(r.readAt) > believed || e.o.Forbidden() {
		return store.Drill{}, false
	}
	return r.drill, true
}

// Looks tells what a provider seems to do in the login loginID, and in which
// drill. ways is how many ways of logging in the person is known to have; 0 is
// not known. It asks nobody, counts nothing, and gives the same answer on every
// node. The caller remembers the drill's id with the login, tells Count that it
// was assigned, and sets it on the login's legs.
func (e *Engine) Looks(provider, loginID string, ways int) (Kind, string) {
	d, ok := e.now()
	if !ok || d.Provider != provider || ways == 1 && !d.IncludeSingle || share(d.ID, loginID) >= d.Share || e.full(d.ID) {
		return None, ""
	}
	return Kind(d.Kind), d.ID
}

// Seems tells what a provider seems to do in a login that takes part in drill.
func (e *Engine) Seems(provider, drill string) Kind {
	d, ok := e.now()
	if !ok || drill == "" || d.ID != drill || d.Provider != provider {
		return None
	}
	return Kind(d.Kind)
}

// share maps a login to thousandths, differently in each drill.
func share(drill, login string) int64 {
	sum := sha256.Sum256([]byte(drill + "\x00" + login))
	return int64(binary.BigEndian.Uint64(sum[:8]) % 1000)
}

// Start begins a drill at all sites. Errors: [ErrRequest], a [Guard],
// [store.ErrConflict] while another one runs, [store.ErrUnavailable].
func (e *Engine) Start(ctx context.Context, r Request) (store.Drill, error) {
	if err := r.check(e.o.Providers); err != nil {
		return store.Drill{}, err
	}
	if err := e.guard(r.Provider); err != nil {
		return store.Drill{}, err
	}
	now := e.o.Now().UTC()
	made, err := id.Dated(now, e.o.Rand)
	if err != nil {
		return store.Drill{}, err
	}
	d := store.Drill{
		ID: made, Provider: r.Provider, Kind: string(r.Kind), Share: r.Share, IncludeSingle: r.IncludeSingle,
		By: r.By, Reason: r.Reason, StartedAt: now, EndsAt: now.Add(r.For),
	}
	if err := e.o.Store.StartDrill(ctx, d); err != nil {
		return store.Drill{}, fmt.Errorf("start drill: %w", err)
	}
	e.note([]store.Drill{d}, now)
	return d, nil
}

// guard refuses what would be dangerous now.
func (e *Engine) guard(provider string) error {
	if e.o.Forbidden() {
		return Guard{"D01", "drills are forbidden; release the lever first"}
	}
	if what := e.o.Incident(); what != "" {
		return Guard{"D02", "there is a real incident: " + what}
	}
	healthy := 0
	for _, p := range e.o.Providers {
		if p != provider && e.o.Healthy(p) {
			healthy++
		}
	}
	if healthy < 2 {
		return Guard{"D03", fmt.Sprintf("%d other providers are known to be healthy, and there must be 2", healthy)}
	}
	return nil
}

// Stop ends a drill everywhere. [store.ErrNotFound], [store.ErrUnavailable].
func (e *Engine) Stop(ctx context.Context, drill, reason string) error {
	if err := e.o.Store.StopDrill(ctx, drill, reason, e.o.Now().UTC()); err != nil {
		return fmt.Errorf("stop drill: %w", err)
	}
	if r := e.running.Load(); r.drill.ID == drill {
		e.running.CompareAndSwap(r, &running{})
	}
	return nil
}

// Run reads drills and writes counts once a second, until ctx ends.
func (e *Engine) Run(ctx context.Context) {
	follow.Every(ctx, poll, e.o.Logger, "drills", e.step)
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), poll)
	defer cancel()
	_ = e.flush(last) // what it could not write, the report lacks
}

// step is one second's work.
func (e *Engine) step(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	now := e.o.Now()
	drills, err := e.o.Store.Drills(ctx, recent)
	if err == nil {
		e.note(drills, now)
	}
	return errors.Join(err, e.flush(ctx), e.watch(ctx))
}

// note takes over what the store says about drills.
func (e *Engine) note(drills []store.Drill, now time.Time) {
	next := &running{readAt: now}
	before := e.running.Load()
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, d := range drills {
		if now.Sub(d.EndsAt) < loginLife+time.Minute {
			e.known[d.ID] = d
		}
		if !d.StoppedAt.IsZero() || !now.Before(d.EndsAt) {
			continue
		}
		// However the clocks of sites differ, it lasts here no longer than it may.
		until := now.Add(min(d.EndsAt.Sub(d.StartedAt), MaxFor))
		if before.drill.ID == d.ID {
			until = before.until
		}
		if d.EndsAt.Before(until) {
			until = d.EndsAt
		}
		next.drill, next.until = d, until
	}
	e.running.Store(next)
	for known, d := range e.known {
		if now.Sub(d.EndsAt) >= loginLife+time.Minute {
			delete(e.known, known)
			delete(e.tallies, known)
		}
	}
}

// watch stops the running drill when it must not go on.
func (e *Engine) watch(ctx context.Context) error {
	r := e.running.Load()
	if r.drill.ID == "" {
		return nil
	}
	reason := ""
	switch {
	case e.o.Forbidden():
		reason = StopLever
	case e.o.Incident() != "":
		reason = StopIncident
	default:
		counts, err := e.o.Store.DrillCounts(ctx, r.drill.ID)
		if err != nil {
			return fmt.Errorf("read counts: %w", err)
		}
		if due := counts[countDue]; due >= Enough && float64(counts[countDueOK]) < Floor*float64(due) {
			reason = StopFloor
		}
	}
	if reason == "" {
		return nil
	}
	e.running.CompareAndSwap(r, &running{readAt: r.readAt}) // here at once, whatever the store says
	e.o.Logger.LogAttrs(ctx, slog.LevelWarn, "drill stops itself",
		slog.String("event", "drill.stopped"), slog.String("drill", r.drill.ID), slog.String("reason", reason))
	return e.Stop(ctx, r.drill.ID, reason)
}
