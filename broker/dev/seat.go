package dev

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/bongsu/bongsu/broker/dev/hull"
)

const (
	// moveAfter is how long the site of the writer is away before another site
	// has the writer: an operator's tool takes that long at least.
	moveAfter = 3 * time.Second

	// silentFor is how long a writer in a frozen site is waited for, by
	// everybody together: then its connections count as broken.
	silentFor = time.Second
)

// errNoWriter is why nothing is written.
var errNoWriter = errors.New("dev: the writer stood in a site that is away, and is in no other yet")

// seat is where the one writer of the database stands. It is in one site, and
// gone with it; the first site that is well has it moveAfter later, if there is
// one. While it is nowhere nobody writes, so that the file is the last state that
// every replica has.
type seat struct {
	sites  []*Site
	moving func(to *Site) // told of every move

	mu      sync.Mutex
	home    *Site
	away    time.Time // since when home is not well; zero: it is
	timer   *time.Timer
	turned  chan struct{} // closed at the next change of any site
	stopped bool
}

func newSeat(sites []*Site, moving func(to *Site)) *seat {
	return &seat{sites: sites, moving: moving, home: sites[0], turned: make(chan struct{})}
}

// noted looks at the sites, after one of them has turned or a while has passed.
func (s *seat) noted() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return
	}
	close(s.turned)
	s.turned = make(chan struct{})
	switch {
	case s.home.hull.State() == hull.Open:
		s.away = time.Time{}
	case s.away.IsZero():
		s.away = time.Now()
		s.later(moveAfter)
	case time.Since(s.away) >= moveAfter:
		s.move()
	}
}

// move gives the writer to the first site that is well, if there is one. The
// caller holds mu.
func (s *seat) move() {
	n := slices.IndexFunc(s.sites, func(site *Site) bool { return site.hull.State() == hull.Open })
	if n < 0 {
		return
	}
	s.home, s.away = s.sites[n], time.Time{}
	s.moving(s.home)
}

// later looks again. The caller holds mu.
func (s *seat) later(after time.Duration) {
	if s.timer != nil {
		s.timer.Stop()
	}
	s.timer = time.AfterFunc(after, s.noted)
}

// reach lets a site use the writer, or says why it cannot.
func (s *seat) reach(ctx context.Context, from *Site) error {
	for {
		if err := from.hull.Cross(); err != nil {
			return err
		}
		s.mu.Lock()
		home, away, turned := s.home, s.away, s.turned
		s.mu.Unlock()
		switch home.hull.State() {
		case hull.Open:
			return nil
		case hull.Frozen:
			if err := until(ctx, turned, silentFor-since(away)); err != nil {
				return fmt.Errorf("%w: %w", errNoWriter, err)
			}
		default:
			return errNoWriter
		}
	}
}

// since is how long ago something was; what has not been noted yet is now.
func since(at time.Time) time.Duration {
	if at.IsZero() {
		return 0
	}
	return time.Since(at)
}

// until waits for a turn, for at most so long.
func until(ctx context.Context, turned <-chan struct{}, most time.Duration) error {
	late := time.NewTimer(most)
	defer late.Stop()
	select {
	case <-turned:
		return nil
	case <-late.C:
		return context.DeadlineExceeded
	case <-ctx.Done():
		return ctx.Err()
	}
}

// await waits until a site can use the writer, as long as a move may take. It
// reports whether it can.
func (s *seat) await(ctx context.Context, from *Site) bool {
	ctx, cancel := context.WithTimeout(ctx, moveAfter+time.Second)
	defer cancel()
	for {
		s.mu.Lock()
		turned := s.turned
		s.mu.Unlock()
		if s.reach(ctx, from) == nil {
			return true
		}
		if until(ctx, turned, moveAfter) != nil {
			return false
		}
	}
}

// at reports whether the writer stands in site and works.
func (s *seat) at(site *Site) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.home == site && !site.starting.Load() && site.hull.State() == hull.Open
}

// stop has the writer stay where it is.
func (s *seat) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	if s.timer != nil {
		s.timer.Stop()
	}
}
