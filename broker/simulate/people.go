package simulate

import (
	"math"
	"time"

	"github.com/bongsu/bongsu/broker/device"
	"github.com/bongsu/bongsu/broker/health"
	"github.com/bongsu/bongsu/providers"
)

// How long people are away is spread over so many moments of equal weight, as a
// log-normal distribution around the script's median.
const (
	moments = 12
	spread  = 0.7

	comeBack = 15 * time.Second // what a full way asks people to wait
	maxTries = 6                // of one person, before they leave
)

// people are logins under way, as numbers of people at the same point.
type people struct {
	world  *world
	away   map[string][]time.Duration // by provider: moments of return
	due    map[int64][]crowd          // by second of virtual time
	weight float64                    // of all hours
}

// crowd is people at the same point of their logins.
type crowd struct {
	n, marked int
	node      *node
	group     int
	route     route
	at        int // index of the way in the route
	tries     int // ways tried before
	back      bool
	began     time.Time // of the leg, when they are back from it
}

func (c crowd) way() string { return c.route.ways[c.at] }

func newPeople(w *world) *people {
	p := &people{world: w, away: map[string][]time.Duration{}, due: map[int64][]crowd{}, weight: sum(w.script.Hours)}
	for id, provider := range w.script.Providers {
		for k := range moments {
			z := math.Sqrt2 * math.Erfinv(2*(float64(k)+0.5)/moments-1)
			p.away[id] = append(p.away[id], time.Duration(float64(provider.Away)*math.Exp(spread*z)).Round(time.Second))
		}
	}
	return p
}

// rate is how many logins a second begin at a site now.
func (p *people) rate(site Site) float64 {
	s := p.world.script
	return s.People * s.LoginsPerDay / 86400 * s.Hours[p.world.now.Hour()] * 24 / p.weight * site.Share
}

// arrive lets this second's people begin.
func (p *people) arrive() {
	w := p.world
	for i, site := range w.script.Sites {
		n := w.poisson(p.rate(site))
		w.tally.begun(n)
		left := 1.0
		for g, group := range w.script.Groups {
			these := w.binomial(n, group.Share/left)
			n, left = n-these, max(left-group.Share, 1e-12)
			p.spreadOver(w.sites[i], g, these)
		}
	}
}

// spreadOver sends people of a group to the nodes of a site, and each on the
// route that its menu gives them.
func (p *people) spreadOver(nodes []*node, group, n int) {
	w := p.world
	for k, node := range nodes {
		here := w.binomial(n, 1/float64(len(nodes)-k))
		n -= here
		left := 1.0
		for _, r := range node.policy.of(group, w.script.Groups[group]) {
			these := w.binomial(here, r.share/left)
			here, left = here-these, max(left-r.share, 1e-12)
			if these > 0 {
				w.tally.chose(w, node.site, group, r, these)
				p.try(crowd{n: these, node: node, group: group, route: r})
			}
		}
	}
}

// try begins legs by the crowd's way: what its node lets in goes there, what is
// too much goes on to the next way or comes back later.
func (p *people) try(c crowd) {
	w := p.world
	entered := 0
	for range c.n {
		if c.node.gate.Enter(c.way()) {
			entered++
		}
	}
	if full := c.n - entered; full > 0 {
		w.tally.turned(c.way(), full)
		p.wait(c, full)
	}
	if entered == 0 {
		return
	}
	w.tally.entered(c.way(), entered)
	marked := w.binomial(entered, w.script.Marked)
	c.node.board.ObserveMany(health.Observation{
		Provider: c.way(), Step: providers.StepAuthorize, Outcome: providers.OK, Device: device.Mobile, Marked: true, Started: w.now,
	}, marked)
	p.leave(c, entered, marked)
}

// leave is what becomes of people at a provider's page.
func (p *people) leave(c crowd, n, marked int) {
	w := p.world
	usual := w.script.Providers[c.way()].Return
	returns := usual * w.things.of(c.way(), c.node.site).login
	back := w.binomial(n, returns)
	for k, these := range w.evenly(back, moments) {
		if these == 0 {
			continue
		}
		home := c
		home.n, home.back, home.began = these, true, w.now
		home.marked = w.binomial(these, float64(marked)/float64(n))
		p.schedule(p.away[c.way()][k], home)
	}
	stuck := n - back
	if returns < 1 {
		left := w.binomial(stuck, (1-usual)/(1-returns)) // they would have left on a good day, too
		w.tally.left(left)
		stuck -= left
	}
	p.stuck(c, stuck)
}

// stuck is people whose provider's page does not go on: some press Back.
func (p *people) stuck(c crowd, n int) {
	w := p.world
	back := w.binomial(n, w.script.Patience.Back)
	w.tally.gaveUp(w, c, n-back)
	if back > 0 {
		c.n = back
		p.schedule(w.script.Patience.After, c.failed())
	}
}

// wait is people whom a full way did not take.
func (p *people) wait(c crowd, n int) {
	c.n = n
	switch {
	case c.at+1 < len(c.route.ways):
		p.schedule(time.Second, c.failed())
	case c.tries+1 < maxTries:
		c.tries++
		p.schedule(comeBack, c)
	default:
		p.world.tally.gaveUp(p.world, c, n)
	}
}

// failed is the crowd at the menu again, one way shorter.
func (c crowd) failed() crowd {
	c.at, c.tries, c.back = c.at+1, c.tries+1, false
	return c
}

// settle goes on with everybody whose moment has come.
func (p *people) settle() {
	second := p.world.now.Unix()
	now := p.due[second]
	delete(p.due, second)
	for _, c := range now {
		switch {
		case c.back:
			p.home(c)
		case c.at >= len(c.route.ways):
			p.world.tally.gaveUp(p.world, c, c.n)
		default:
			p.try(c)
		}
	}
}

// home is people at our callback: their codes are redeemed.
func (p *people) home(c crowd) {
	w := p.world
	seen := health.Observation{Provider: c.way(), Step: providers.StepCallback, Outcome: providers.OK, Device: device.Mobile, Marked: true, Started: c.began}
	c.node.board.ObserveMany(seen, c.marked)
	good := w.binomial(c.n, w.things.of(c.way(), c.node.site).token)
	token := health.Observation{Provider: c.way(), Step: providers.StepToken, Outcome: providers.OK, Device: device.Mobile, Took: 120 * time.Millisecond}
	c.node.board.ObserveMany(token, good)
	w.tally.completed(w, c, good)
	if bad := c.n - good; bad > 0 {
		token.Outcome, token.Took = providers.Down, 4*time.Second
		c.node.board.ObserveMany(token, bad)
		again := w.binomial(bad, w.script.Patience.Again)
		w.tally.gaveUp(w, c, bad-again)
		c.n = again
		if again > 0 {
			p.schedule(3*time.Second, c.failed())
		}
	}
}

func (p *people) schedule(after time.Duration, c crowd) {
	second := p.world.now.Add(max(after, time.Second)).Unix()
	p.due[second] = append(p.due[second], c)
}
