package reload_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bongsu/bongsu/keys/reload"
)

var errStore = errors.New("store is away")

func TestGateSharesOneLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var loads atomic.Int32
		release := make(chan struct{})
		gate := &reload.Gate{Every: 10 * time.Second, Timeout: time.Minute, Load: func(context.Context) error {
			loads.Add(1)
			<-release
			return errStore
		}}
		var askers sync.WaitGroup
		var refused atomic.Int32
		for range 50 {
			askers.Go(func() {
				if err := gate.Do(t.Context()); errors.Is(err, errStore) {
					refused.Add(1)
				}
			})
		}
		synctest.Wait()
		close(release)
		askers.Wait()
		if loads.Load() != 1 || refused.Load() != 50 {
			t.Errorf("%d loads, %d askers saw its error; want 1 and 50", loads.Load(), refused.Load())
		}
	})
}

func TestGateLoadsRarely(t *testing.T) {
	now := time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)
	var result error
	loads := 0
	gate := &reload.Gate{
		Every: 10 * time.Second, Timeout: time.Second, Now: func() time.Time { return now },
		Load: func(context.Context) error { loads++; return result },
	}
	steps := []struct {
		name    string
		pass    time.Duration
		result  error
		want    error
		loadsBy int
	}{
		{"the first asker loads", 0, errStore, errStore, 1},
		{"soon after, the failure stands without another load", 9 * time.Second, nil, errStore, 1},
		{"ten seconds after it began, another load runs", time.Second, nil, nil, 2},
		{"soon after, the success stands", 9 * time.Second, errStore, nil, 2},
		{"a clock set back does not shut the gate", -time.Hour, errStore, errStore, 3},
	}
	for _, step := range steps {
		now = now.Add(step.pass)
		result = step.result
		if err := gate.Do(t.Context()); !errors.Is(err, step.want) {
			t.Errorf("%s: error %v, want %v", step.name, err, step.want)
		}
		if loads != step.loadsBy {
			t.Errorf("%s: %d loads, want %d", step.name, loads, step.loadsBy)
		}
	}
}

func TestGateOutlivesTheAsker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone, leave := context.WithCancel(t.Context())
		leave()
		began, release := make(chan struct{}), make(chan struct{})
		gate := &reload.Gate{Every: time.Second, Timeout: time.Second, Load: func(ctx context.Context) error {
			close(began)
			<-release
			return ctx.Err()
		}}
		first := make(chan error, 1)
		go func() { first <- gate.Do(gone) }()
		<-began

		if err := gate.Do(gone); !errors.Is(err, context.Canceled) {
			t.Errorf("an asker who left while waiting: error %v, want %v", err, context.Canceled)
		}
		close(release)
		if err := <-first; err != nil {
			t.Errorf("the load ended with its asker: %v", err)
		}
	})
}

func TestGateBoundsALoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := &reload.Gate{Every: time.Second, Timeout: 2 * time.Second, Load: func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}}
		start := time.Now()
		if err := gate.Do(t.Context()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v, want %v", err, context.DeadlineExceeded)
		}
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("load ended after %v, want 2s", took)
		}
	})
}

func TestGateSurvivesAPanic(t *testing.T) {
	gate := &reload.Gate{Every: time.Hour, Timeout: time.Second, Load: func(context.Context) error { panic("store") }}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_ = gate.Do(t.Context())
	}()
	if err := gate.Do(t.Context()); err == nil {
		t.Error("a load that panicked counts as a success")
	}
}
