//go:build linux

package chaos

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"
)

// step is a moment of a login.
type step struct {
	name string
	at   string // the request that the site does not live to see
	who  func(*crowd) *person
}

func (c *crowd) known() *person { return c.people[len(c.people)-1] }

func (c *crowd) unknown() *person {
	c.late++
	return c.newPerson(fmt.Sprintf("late%d", c.late), c.known().near)
}

// steps are the moments at which a login's site is killed.
var steps = []step{
	{"at the menu", "/go/", (*crowd).known},
	{"at the provider", "/callback/", (*crowd).known},
	{"at account match", "/new-account", (*crowd).unknown},
	{"before the code is redeemed", "", (*crowd).known},
}

// killedAtEachStep has a login's site killed at each of its steps, once of somebody
// whom the door leads to another, and once of somebody whom it does not: they go on by
// what their page offers. The login ends at another site, as the same person, and the
// site comes back.
func (c *crowd) killedAtEachStep(ctx context.Context) {
	c.t.Helper()
	for i := range 2 * len(steps) {
		s, stuck := steps[i%len(steps)], i >= len(steps)
		if stuck && s.at == "" {
			continue // the website's server asks, for which the door cares
		}
		began := time.Now()
		met := window{fault: "a login's site dies " + s.name, began: c.at()}
		p := *s.who(c)
		if p.near == c.databases.leader().site {
			c.t.Fatalf("%s is the writer's site", p.near)
		}
		if stuck {
			p.stuck = p.near
			met.fault += ", and no door"
		}
		w := p.walk(c.shops[siteNames[0]])
		kill := sync.OnceFunc(func() { c.killSite(p.near) })
		w.pause = func(path string) {
			if s.at != "" && strings.Contains(path, s.at) {
				kill()
			}
		}
		if s.at == "" {
			w.redeems = kill
		}
		l := w.login(ctx)
		ended := w.road.node()
		switch {
		case l.how >= refused, !stuck && l.how > oneClick: // the door's other site is one click, and the way again another
			c.t.Errorf("its site killed %s, a login ends so: %s", s.name, l.why)
		case s.at != "" && ended.site == p.near:
			c.t.Errorf("its site killed %s, a login ends at %s", s.name, ended.name())
		}
		c.keep(ctx, w, l)
		c.must(c.restoreSite(ctx, p.near))
		met.healed = c.at()
		if met.why = c.inFull(ctx); met.why == "" {
			met.back = c.at()
		}
		c.history.note(func(h *history) { h.windows = append(h.windows, met) })
		c.t.Logf("its site killed %s, a login ended at %s by %s after %s, %d clicks more; all of it took %s",
			s.name, ended.name(), w.ended, short(l.took), w.extra, time.Since(began).Round(100*time.Millisecond))
	}
}
