//go:build linux

package chaos

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"
)

// TestChaosTimes measures for how long nobody is served after the writer is killed,
// and after it is frozen: people with an account, who need no writer, and websites
// that renew a token, who do. Another database takes over after takesOver: tools
// that are set for safety take twice that and more.
func TestChaosTimes(t *testing.T) {
	w := newWorld(t)
	s := &stage{door: newDoor(newFleet(w, fixedStale)), history: &history{}, stale: fixedStale}
	c := newCrowd(s)
	ctx := t.Context()
	for _, a := range []act{{kind: writerKilled}, {kind: writerFrozen}, {kind: writerKilled}, {kind: writerFrozen}} {
		if missing := c.inFull(ctx); missing != "" {
			w.t.Fatalf("before: %s", missing)
		}
		c.measure(ctx, a)
	}
	for _, wrong := range checkOnce(s.history.uses) {
		t.Error(wrong)
	}
}

const takesOver = 12 * time.Second

// measure strikes, and says how long which part of the service was away.
func (c *crowd) measure(ctx context.Context, a act) {
	c.t.Helper()
	site := c.databases.standbys()[0].site
	logins, renewals := &gaps{crowd: c}, &gaps{crowd: c}
	measuring, stop := context.WithCancel(ctx)
	var asking sync.WaitGroup
	for range 3 {
		asking.Go(func() { logins.tries(measuring, func() error { return c.redeemsAt(measuring, site) }) })
	}
	asking.Go(func() { renewals.renews(measuring, site) })
	wait(ctx, 2*time.Second)
	heal, err := c.strike(ctx, a)
	c.must(err)
	struck := c.at()
	wait(ctx, takesOver)
	promoted := c.at()
	c.must(heal(ctx))
	wait(ctx, 4*time.Second)
	stop()
	asking.Wait()
	c.t.Logf("%s: logins were away for %s, the writer for %s; another was promoted after %s",
		a.kind, short(logins.after(struck)), short(renewals.after(struck)), short(promoted-struck))
}

// gaps is when something worked.
type gaps struct {
	*crowd

	mu     sync.Mutex
	worked [][2]time.Duration // from, to
}

func (g *gaps) tries(ctx context.Context, try func() error) {
	for wait(ctx, 20*time.Millisecond) {
		from := g.at()
		if try() == nil {
			g.mu.Lock()
			g.worked = append(g.worked, [2]time.Duration{from, g.at()})
			g.mu.Unlock()
		}
	}
}

// after is how long after a moment the first that began then was done.
func (g *gaps) after(moment time.Duration) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	first := time.Hour
	for _, w := range g.worked {
		if w[0] >= moment {
			first = min(first, w[1]-moment)
		}
	}
	return first
}

// redeemsAt logs somebody in at the brokers of a site, without trying again.
func (c *crowd) redeemsAt(ctx context.Context, site string) error {
	p := *c.people[0]
	p.near, p.only = site, c.of(site)[0]
	w := p.walk(c.shops[site])
	w.asked = w.by.begin()
	code, err := w.code(ctx)
	if err != nil {
		return err
	}
	_, err = w.asked.exchange(ctx, w.road.visitor, code)
	return err
}

// renews keeps renewing a token.
func (g *gaps) renews(ctx context.Context, site string) {
	p := *g.people[0]
	p.near = site
	w, l := p.login(ctx, g.shops[site])
	if l.how >= refused {
		g.t.Errorf("a login before: %s", l.why)
		return
	}
	refresh := w.tokens.refresh
	g.tries(ctx, func() error {
		token, err := w.by.renew(ctx, w.road.visitor, refresh)
		if err != nil {
			return err
		}
		if token.RefreshToken == refresh {
			return errors.New("it is not renewed")
		}
		refresh = token.RefreshToken
		return nil
	})
}
