//go:build linux

package netns

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/admin"
	"github.com/bongsu/bongsu/broker/health"
)

const (
	lookEvery = 200 * time.Millisecond

	// foundWithin is the interval of a healthy provider's probes, and three more
	// of them.
	foundWithin = 30*time.Second + 15*time.Second
)

// TestNamespaces tells one story, because time is dear: three sites are founded,
// and then one thing after another breaks below people who log in all the time.
func TestNamespaces(t *testing.T) {
	began := time.Now()
	w := newWorld(t)
	f := newFleet(w)
	c := newCrowd(f)
	t.Logf("founded and settled in %s", time.Since(began).Round(100*time.Millisecond))
	s := &story{crowd: c}
	for _, chapter := range []struct {
		name string
		tell func()
	}{
		{"a good day", s.goodDay},
		{"a provider goes dark for everybody", s.dark},
		{"one site is cut off from a provider", s.cutOff},
		{"one site is cut off from the others, while another dies and freezes", s.partition},
		{"everybody came in", s.cameIn},
		{"no provider is there", s.nobody},
	} {
		start := time.Now()
		chapter.tell()
		t.Logf("%s: %s", chapter.name, time.Since(start).Round(100*time.Millisecond))
		if t.Failed() {
			t.FailNow()
		}
	}
	t.Logf("%d logins in %s", len(c.done), time.Since(began).Round(100*time.Millisecond))
}

// story is the chapters.
type story struct{ *crowd }

// verdict is what a site holds of a provider.
func verdict(h admin.Health, provider string) health.Verdict {
	for _, row := range h.Rows {
		if row.Provider == provider {
			return row.Verdict
		}
	}
	return health.Verdict{}
}

// heard tells whether the records of a site are fresh, and when the latest came.
func heard(h admin.Health, name string) (fresh bool, at time.Time) {
	for _, view := range h.Sites {
		if view.Site == name {
			return view.Nodes > 0, view.Heard
		}
	}
	return false, time.Time{}
}

// await waits until each of the sites knows what is wanted, and returns how long
// each of them took since a moment.
func (s *story) await(what string, since time.Time, within time.Duration, where []string, wanted func(name string, h admin.Health) bool) map[string]time.Duration {
	s.t.Helper()
	ctx, cancel := context.WithDeadline(s.t.Context(), since.Add(within))
	defer cancel()
	took := map[string]time.Duration{}
	var mu sync.Mutex
	var waiting sync.WaitGroup
	for _, name := range where {
		waiting.Go(func() {
			for {
				h, err := s.all[name].health(ctx)
				if err == nil && wanted(name, h) {
					mu.Lock()
					took[name] = time.Since(since).Round(100 * time.Millisecond)
					mu.Unlock()
					return
				}
				select {
				case <-ctx.Done():
					s.t.Errorf("%s: not so at %s after %s: %v%s", what, name, within, err, s.all[name].explain())
					return
				case <-time.After(lookEvery):
				}
			}
		})
	}
	waiting.Wait()
	if s.t.Failed() {
		s.t.FailNow()
	}
	s.t.Logf("%s: %v", what, took)
	return took
}

// logins waits until so many logins that began after a moment are over, at one
// site.
func (s *story) logins(n int, began time.Time, by website, at string) []login {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 2*loginWithin)
	defer cancel()
	for {
		if found := s.since(began, by, at); len(found) >= n {
			return found
		}
		select {
		case <-ctx.Done():
			s.t.Fatalf("fewer than %d logins at %s", n, at)
		case <-time.After(lookEvery):
		}
	}
}

// led checks that logins that began after a moment went by one way at once.
func (s *story) led(to string, began time.Time, by website, at string) {
	s.t.Helper()
	for _, l := range s.logins(2*perSite, began, by, at) {
		if l.err == nil && (l.extra() != 0 || l.choices[0] != to) {
			s.t.Errorf("%s at %s was led to %v and not to %s: %v", l.who, at, l.choices, to, l.seen)
		}
	}
}
