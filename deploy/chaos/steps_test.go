//go:build linux

package chaos

import (
	"context"
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

func (c *crowd) unknown() *person { return c.newPerson("late", c.known().near) }

// steps are the moments at which a login's site is killed.
var steps = []step{
	{"at the menu", "/go/", (*crowd).known},
	{"at the provider", "/callback/", (*crowd).known},
	{"at account match", "/new-account", (*crowd).unknown},
	{"before the code is redeemed", "", (*crowd).known},
}

// killedAtEachStep has a login's site killed at each of its steps. The login ends
// at another site, as the same person, and the site comes back.
func (c *crowd) killedAtEachStep(ctx context.Context) {
	c.t.Helper()
	for _, s := range steps {
		began := time.Now()
		p := s.who(c)
		if p.near == c.databases.leader().site {
			c.t.Fatalf("%s is the writer's site", p.near)
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
		case l.how > oneClick:
			c.t.Errorf("its site killed %s, a login ends so: %s", s.name, l.why)
		case s.at != "" && ended.site == p.near:
			c.t.Errorf("its site killed %s, a login ends at %s", s.name, ended.name())
		}
		if l.how < refused {
			c.saw(p.name, "", w.tokens.sub)
		}
		c.must(c.restoreSite(ctx, p.near))
		if missing := c.inFull(ctx); missing != "" {
			c.t.Errorf("after a site was killed %s: %s", s.name, missing)
		}
		c.t.Logf("its site killed %s, a login ended at %s after %s, %d clicks more; all of it took %s",
			s.name, ended.name(), short(l.took), w.extra, time.Since(began).Round(100*time.Millisecond))
	}
}
