package probe

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// watchCanaries asks all canaries at once, more often while a provider is under
// suspicion: then it matters whether it is us.
func (s *Schedule) watchCanaries(ctx context.Context) {
	wait := about(time.Second)
	for {
		pause(ctx, wait, s.alarm)
		if ctx.Err() != nil {
			return
		}
		reached := s.reach(ctx)
		if ctx.Err() != nil {
			return
		}
		s.o.Board.Canaries(reached, len(s.o.Canaries))
		wait = about(canaryEvery)
		if s.suspect.Load() > 0 || reached < len(s.o.Canaries) {
			wait = about(HurriedEvery)
		}
	}
}

func (s *Schedule) reach(ctx context.Context) int {
	var reached atomic.Int64
	var all sync.WaitGroup
	for _, at := range s.o.Canaries {
		all.Go(func() {
			if s.answers(ctx, at) {
				reached.Add(1)
			}
		})
	}
	all.Wait()
	return int(reached.Load())
}

// answers reports whether anybody answers at a URL: whatever it says, we were
// out in the world.
func (s *Schedule) answers(ctx context.Context, at string) bool {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at, http.NoBody)
	if err != nil {
		return false
	}
	answer, err := s.o.Fetch.HTTP().Do(r)
	if err != nil {
		return false
	}
	_ = answer.Body.Close() // what it says does not matter
	return true
}
