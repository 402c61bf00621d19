package reload

import (
	"context"
	"errors"
	"sync"
	"time"
)

var errPanicked = errors.New("reload: load did not return")

// Gate runs a load, one at a time and rarely. All fields but Now are required.
// It is safe for concurrent use and must not be copied.
type Gate struct {
	Load    func(context.Context) error
	Every   time.Duration    // the least time between the beginnings of two loads
	Timeout time.Duration    // of one load
	Now     func() time.Time // nil is time.Now

	mu      sync.Mutex
	running chan struct{} // closed when the running load has ended; nil: none runs
	began   time.Time     // of the last load; zero: none
	err     error         // of the last load
}

// Do returns nil when a load that began no longer than Every ago has
// succeeded, running one if none did, and that load's error when it failed.
// The load does not end with ctx, because others share it; the caller who runs
// it waits for at most Timeout, all others also no longer than ctx.
func (g *Gate) Do(ctx context.Context) error {
	wait, mine, err := g.enter()
	switch {
	case mine:
		return g.run(ctx)
	case wait == nil:
		return err
	}
	select {
	case <-wait:
		g.mu.Lock()
		defer g.mu.Unlock()
		return g.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// enter says what the caller has to do: run the load (mine), wait for one that
// runs, or take the result of a recent one.
func (g *Gate) enter() (wait <-chan struct{}, mine bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.running != nil {
		return g.running, false, nil
	}
	now := g.now()
	// A clock that was set back must not shut the gate: a negative age is old.
	if age := now.Sub(g.began); !g.began.IsZero() && age >= 0 && age < g.Every {
		return nil, false, g.err
	}
	g.running, g.began, g.err = make(chan struct{}), now, errPanicked
	return nil, true, nil
}

func (g *Gate) run(ctx context.Context) error {
	err := errPanicked
	defer func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.err = err
		close(g.running)
		g.running = nil
	}()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), g.Timeout)
	defer cancel()
	err = g.Load(ctx)
	return err
}

func (g *Gate) now() time.Time {
	if g.Now == nil {
		return time.Now()
	}
	return g.Now()
}
