//go:build linux

package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	perSite = 2
	pause   = 700 * time.Millisecond // between two logins of a person, and half as much again
)

// crowd is everybody who does something all the time.
type crowd struct {
	*stage

	shops, travels, papers map[string]*website // by the site they are near
	people                 []*person

	mu        sync.Mutex
	newcomers []*person // who have an account and what of it was acknowledged
	born      int
	late      int // who were not known before their site was killed

	stop    context.CancelFunc
	running sync.WaitGroup
}

// newCrowd opens the accounts of those who were always there, with two ways each.
func newCrowd(s *stage) *crowd {
	s.t.Helper()
	ctx := s.t.Context()
	c := &crowd{stage: s, shops: map[string]*website{}, travels: map[string]*website{}, papers: map[string]*website{}}
	for _, site := range siteNames {
		for i, all := range []map[string]*website{c.shops, c.travels, c.papers} {
			var err error
			all[site], err = newWebsite(ctx, s.door, s.history, websites[i], site)
			s.must(err)
		}
		for i := range perSite {
			c.people = append(c.people, c.newPerson(fmt.Sprintf("%s%d", site, i), site))
		}
	}
	var settling sync.WaitGroup
	for _, p := range c.people {
		settling.Go(func() {
			if err := c.settle(ctx, p); err != nil {
				s.t.Errorf("settle %s: %v", p.name, err)
			}
		})
	}
	settling.Wait()
	if s.t.Failed() {
		s.t.FailNow()
	}
	return c
}

func (c *crowd) newPerson(name, near string) *person {
	return &person{door: c.door, history: c.history, name: name, near: near}
}

// start lets everybody act until finish.
func (c *crowd) start() {
	ctx, stop := context.WithCancel(context.Background())
	c.stop = stop
	act := func(every time.Duration, do func(context.Context)) {
		c.running.Go(func() {
			for wait(ctx, every*2/3+rand.N(every*2/3)) {
				do(ctx)
			}
		})
	}
	for _, p := range c.people {
		act(pause, func(ctx context.Context) { c.comesIn(ctx, p) })
	}
	for _, site := range siteNames {
		act(3*time.Second, func(ctx context.Context) { c.newcomer(ctx, site) })
		c.running.Go(func() { c.staysIn(ctx, site) })
		act(pause, c.returns(site))
		for _, n := range c.of(site) {
			act(2*time.Second, func(ctx context.Context) { c.insists(ctx, n) })
		}
	}
	act(2*time.Second, c.looksIn)
	act(2*time.Second, c.replays)
	act(5*time.Second, c.leaves)
	c.t.Cleanup(c.finish)
}

// finish waits until everybody has ended what they are at.
func (c *crowd) finish() { c.stop(); c.running.Wait() }

// keep writes a login down, unless the test ended it.
func (c *crowd) keep(ctx context.Context, w *walk, l login) {
	if ctx.Err() != nil && l.how != atOnce {
		return
	}
	c.history.note(func(h *history) { h.logins = append(h.logins, l) })
	if l.how < refused {
		by := ""
		if len(w.choices) > 0 {
			by = w.choices[len(w.choices)-1]
		}
		c.saw(w.name, by, w.tokens.sub)
	}
}

func (c *crowd) saw(who, by, sub string) {
	at := c.at()
	c.history.note(func(h *history) { h.sightings = append(h.sightings, sighting{at, who, by, sub}) })
}

func (c *crowd) kept(k kept) { c.history.note(func(h *history) { h.kept = append(h.kept, k) }) }

// comesIn: a login in a fresh browser, now and then followed by a silent one with
// the session that it left.
func (c *crowd) comesIn(ctx context.Context, p *person) {
	by := c.shops[p.near]
	if rand.N(3) == 0 {
		by = c.travels[p.near]
	}
	w, l := p.login(ctx, by)
	c.keep(ctx, w, l)
	if l.how >= refused || w.ended != issuerHost || rand.N(2) == 0 {
		return // a session is of the host at which it began
	}
	c.silent(ctx, w)
}

// settle opens an account and links a second way.
func (c *crowd) settle(ctx context.Context, p *person) error {
	w, l := p.login(ctx, c.shops[p.near])
	if l.how >= refused {
		return fmt.Errorf("open an account: %s", l.why)
	}
	p.ways = []string{"kakao"}
	c.saw(p.name, "kakao", w.tokens.sub)
	if err := c.link(ctx, w); err != nil {
		return err
	}
	p.ways = []string{"kakao", "naver"}
	return nil
}
