//go:build linux

package netns

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	perSite = 3
	pause   = 900 * time.Millisecond // between a person's logins, ± a third
)

// crowd is people who log in all the time, at the websites of the moment.
type crowd struct {
	*fleet

	people []*person

	stop    func()
	running sync.WaitGroup

	mu   sync.Mutex
	by   website
	done []login
}

// phone is the browser of one in three people.
const phone = "Mozilla/5.0 (Linux; Android 16; SM-S948N) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0 Mobile Safari/537.36"

// newCrowd gives people accounts with three ways.
func newCrowd(f *fleet) *crowd {
	f.t.Helper()
	c := &crowd{fleet: f, by: shop}
	for i := range perSite * len(sites) {
		p := &person{fleet: f, name: fmt.Sprintf("person%d", i), near: sites[i%len(sites)]}
		if i/len(sites) == 0 {
			p.agent = phone
		}
		c.people = append(c.people, p)
	}
	c.everybody(func(p *person) {
		if err := p.settle(f.t.Context(), ownWays...); err != nil {
			f.t.Errorf("settle %s at %s: %v", p.name, p.near, err)
		}
	})
	return c
}

// everybody does something at the same time; the test ends if it failed.
func (c *crowd) everybody(do func(*person)) {
	c.t.Helper()
	var doing sync.WaitGroup
	for _, p := range c.people {
		doing.Go(func() { do(p) })
	}
	doing.Wait()
	if c.t.Failed() {
		c.t.FailNow()
	}
}

// start lets everybody log in again and again, until finish.
func (c *crowd) start() {
	ctx, done := c.t.Context(), make(chan struct{})
	c.stop = sync.OnceFunc(func() { close(done) })
	c.t.Cleanup(c.finish)
	for _, p := range c.people {
		c.running.Go(func() {
			for {
				l := p.login(ctx, c.website())
				if ctx.Err() == nil {
					c.keep(l)
				}
				select {
				case <-done:
					return
				case <-ctx.Done():
					return
				case <-time.After(pause*2/3 + rand.N(pause*2/3)):
				}
			}
		})
	}
}

// finish waits until everybody has ended the login that they are in.
func (c *crowd) finish() { c.stop(); c.running.Wait() }

func (c *crowd) keep(l login) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done = append(c.done, l)
}

func (c *crowd) website() website {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.by
}

// goTo sends everybody to another website from their next login on.
func (c *crowd) goTo(w website) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.by = w
}

// since returns the logins at a website that began after a moment and are over,
// at one site or, empty, at all.
func (c *crowd) since(began time.Time, by website, at string) []login {
	c.mu.Lock()
	defer c.mu.Unlock()
	var found []login
	for _, l := range c.done {
		if l.began.After(began) && l.by == by && (at == "" || l.at == at) {
			found = append(found, l)
		}
	}
	return found
}

// check holds every login so far against the promise: the same person, after
// one more choice at most.
func (c *crowd) check() {
	c.t.Helper()
	subs := map[string]string{}
	for _, p := range c.people {
		subs[p.name] = p.sub
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range c.done {
		switch {
		case l.err != nil:
			c.t.Errorf("%s at %s, %s: %v", l.who, l.at, l.began.Format(time.TimeOnly), l.err)
		case l.sub != subs[l.who]:
			c.t.Errorf("%s at %s is %q, was %q, by %v", l.who, l.at, l.sub, subs[l.who], l.choices)
		case l.extra() > 1:
			c.t.Errorf("%s at %s had to choose %v: %v", l.who, l.at, l.choices, l.seen)
		}
	}
}
