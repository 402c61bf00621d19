//go:build linux

package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/bongsu/bongsu/broker/dev/browser"
	"github.com/bongsu/bongsu/providers/fakeidp"
)

// silent asks for a login without a page, in a browser whose session is good.
func (c *crowd) silent(ctx context.Context, w *walk) {
	asked := w.by.begin()
	p, err := w.browser.Open(ctx, asked.address(oauth2.SetAuthURLParam("prompt", "none")))
	if err != nil || p.URL.Host != shopHost {
		return // no answer, or a page, which is written down elsewhere
	}
	if said := p.URL.Query().Get("error"); said != "" {
		c.told("session", w.road.node(), said)
		return
	}
	got, err := asked.finish(ctx, p.URL.Query())
	if _, bad := errors.AsType[refusal](err); bad && ctx.Err() == nil {
		c.told("code", w.road.node(), err.Error())
	}
	if err == nil {
		c.saw(w.name, "session", got.sub)
	}
}

func (c *crowd) told(what string, by *node, said string) {
	name := ""
	if by != nil {
		name = by.name()
	}
	c.history.note(func(h *history) { h.answers = append(h.answers, answer{c.at(), what, name, said}) })
}

// link links Naver on the account page of a browser that has just logged in.
func (c *crowd) link(ctx context.Context, w *walk) error {
	p, err := w.browser.Open(ctx, issuerURL+"/account")
	for _, id := range []string{"link-naver", "way-naver", "", "link"} {
		if err != nil {
			return err
		}
		if ours(p.URL.Host) {
			w.look(p)
		}
		if id == "" {
			p, err = w.goOn(ctx, p)
			continue
		}
		if id == "way-naver" && !p.Has(id) {
			continue // led straight there
		}
		if !p.Has(id) {
			return fmt.Errorf("%d %s has no %s: %s", p.Status, p.URL.Path, id, p.Text())
		}
		p, err = w.browser.Click(ctx, id)
	}
	if err == nil && !p.Has("unlink-naver") {
		err = fmt.Errorf("linking ends at %d %s: %s", p.Status, p.URL.Path, p.Text())
	}
	return err
}

// newcomer opens an account, and tries to link a second way. What was acknowledged
// is looked for again and again from then on.
func (c *crowd) newcomer(ctx context.Context, site string) {
	c.mu.Lock()
	c.born++
	p := c.newPerson(newName(c.born), site)
	c.mu.Unlock()
	w, l := p.login(ctx, c.shops[site])
	if l.how >= refused {
		if l.how == lost && ctx.Err() == nil {
			c.keep(ctx, w, l)
		}
		return // new accounts may have to wait, and it is not known whether there is one
	}
	c.saw(p.name, "kakao", w.tokens.sub)
	p.ways, p.acked = []string{"kakao"}, []time.Duration{c.at()}
	if c.link(ctx, w) == nil {
		p.ways, p.acked = append(p.ways, "naver"), append(p.acked, c.at())
	}
	if ctx.Err() == nil {
		c.mu.Lock()
		c.newcomers = append(c.newcomers, p)
		c.mu.Unlock()
	}
}

// looksIn logs one of the newcomers in again, by one of the ways that were
// acknowledged.
func (c *crowd) looksIn(ctx context.Context) {
	c.mu.Lock()
	if len(c.newcomers) == 0 {
		c.mu.Unlock()
		return
	}
	p := c.newcomers[rand.N(len(c.newcomers))]
	c.mu.Unlock()
	c.looks(ctx, p, rand.N(len(p.ways)))
}

// looks logs somebody in by one way alone.
func (c *crowd) looks(ctx context.Context, p *person, which int) {
	only, way := *p, p.ways[which]
	only.ways, only.near = []string{way}, siteNames[rand.N(len(siteNames))]
	began := c.at()
	w := only.walk(c.shops[only.near])
	l := w.login(ctx)
	what := "account"
	if way != "kakao" {
		what = "link"
	}
	switch {
	case l.how < refused:
		c.saw(p.name, way, w.tokens.sub)
		c.kept(kept{what, p.name, p.acked[which], began, true, ""})
	case strings.Contains(l.why, errUnknown.Error()):
		c.kept(kept{what, p.name, p.acked[which], began, false, c.databases.ways(ctx, way, p.name, c.names())})
	case l.how == lost && ctx.Err() == nil:
		c.keep(ctx, w, l)
	}
}

// names are everybody's.
func (c *crowd) names() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := []string{fakeidp.DefaultPerson, "late"}
	for _, p := range c.people {
		all = append(all, p.name)
	}
	for n := range c.born {
		all = append(all, newName(n+1))
	}
	return all
}

func newName(n int) string { return fmt.Sprintf("new%d", n) }

// audit looks at everything that was acknowledged, at the end.
func (c *crowd) audit(ctx context.Context) {
	var looking sync.WaitGroup
	slots := make(chan struct{}, 6)
	c.mu.Lock()
	all := append([]*person(nil), c.newcomers...)
	c.newcomers = nil
	c.mu.Unlock()
	for _, p := range all {
		for which := range p.ways {
			slots <- struct{}{}
			looking.Go(func() { c.looks(ctx, p, which); <-slots })
		}
	}
	looking.Wait()
}

// replays shows one code to two nodes of different sites at once. The login is
// nobody's, and its tokens are taken back.
func (c *crowd) replays(ctx context.Context) {
	p := *c.people[rand.N(len(c.people))]
	w := p.walk(c.shops[p.near])
	asked := w.by.begin()
	w.asked = asked
	code, err := w.code(ctx)
	if err != nil {
		return // such logins are counted elsewhere
	}
	a, b := c.pair()
	var showing sync.WaitGroup
	for _, v := range []*visitor{a, b} {
		showing.Go(func() { _, _ = w.asked.exchange(ctx, v, code) })
	}
	showing.Wait()
}

// code walks until the website has a code.
func (w *walk) code(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, loginWithin)
	defer cancel()
	p, err := w.browser.Open(ctx, w.asked.address())
	for range maxSteps {
		switch {
		case err != nil:
			return "", err
		case p.URL.Host == shopHost:
			if code := p.URL.Query().Get("code"); code != "" {
				return code, nil
			}
			if said := p.URL.Query().Get("error"); said != "temporarily_unavailable" {
				return "", refusal{said}
			}
			return "", errLater
		case ours(p.URL.Host):
			p, err = w.ours(ctx, p)
		case p.Has("continue"):
			p, err = w.goOn(ctx, p)
		default:
			return "", errors.New("lost")
		}
	}
	return "", errors.New("no end")
}

// staysIn keeps a website's server renewing a refresh token near a site, once in a
// while at two nodes at once.
func (c *crowd) staysIn(ctx context.Context, site string) {
	by := c.shops[site]
	p := *c.people[0]
	p.near = site
	for ctx.Err() == nil {
		w, l := p.login(ctx, by)
		if l.how < refused {
			c.renews(ctx, by, w.tokens.refresh)
		}
		wait(ctx, time.Second)
	}
}

// renews goes on until it is not known any more which token is the latest.
func (c *crowd) renews(ctx context.Context, by *website, refresh string) {
	for refresh != "" && wait(ctx, 500*time.Millisecond+rand.N(time.Second)) {
		if rand.N(4) == 0 {
			a, b := c.pair()
			var both sync.WaitGroup
			both.Go(func() { _, _ = by.renew(ctx, a, refresh) })
			both.Go(func() { _, _ = by.renew(ctx, b, refresh) })
			both.Wait()
			return // either of them may have been first
		}
		token, err := by.renew(ctx, by.visitor, refresh)
		switch _, bad := errors.AsType[refusal](err); {
		case bad && ctx.Err() == nil:
			return // the ledger has it
		case errors.Is(err, errLater):
			continue
		case err != nil:
			return
		}
		if token.RefreshToken != "" {
			refresh = token.RefreshToken
		}
	}
}

// leaves: somebody logs in, logs out, and the session that is over is shown to
// every node from then on.
func (c *crowd) leaves(ctx context.Context) {
	p := *c.people[rand.N(len(c.people))]
	w, l := p.login(ctx, c.shops[p.near])
	if l.how >= refused {
		return
	}
	old := w.browser.Cookies(issuerHost)
	page, err := w.browser.Open(ctx, issuerURL+"/logout")
	if err != nil || !page.Has("logout") {
		return
	}
	page, err = w.browser.Click(ctx, "logout")
	if err != nil || page.Status != http.StatusOK || page.URL.Host != issuerHost {
		return // not acknowledged
	}
	e := ending{acked: c.at(), site: w.road.node().site}
	c.history.note(func(h *history) { e.id = len(h.endings) + 1; h.endings = append(h.endings, e) })
	c.running.Go(func() { c.shows(ctx, e, old) })
}

// shows shows an old session to all nodes, often at first.
func (c *crowd) shows(ctx context.Context, e ending, cookies []http.Cookie) {
	by := c.shops[e.site]
	for every := time.Second; wait(ctx, every); every = min(every*5/4, 5*time.Second) {
		for _, n := range c.nodes {
			v := c.visit(n.site)
			v.only = n
			said, err := showSession(ctx, v, by, cookies)
			if err != nil {
				continue
			}
			t := try{ending: e.id, at: c.at(), node: n.name(), site: n.site, let: said == "", said: said}
			c.history.note(func(h *history) { h.tries = append(h.tries, t) })
		}
	}
}

// showSession asks for a silent login with some cookies, and returns the error that
// the website is told; none, when the session is taken.
func showSession(ctx context.Context, v *visitor, by *website, cookies []http.Cookie) (said string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, by.begin().address(oauth2.SetAuthURLParam("prompt", "none")), nil)
	if err != nil {
		return "", err
	}
	for i := range cookies {
		request.AddCookie(&cookies[i])
	}
	answer, err := v.road().RoundTrip(request)
	if err != nil {
		return "", err
	}
	if err := answer.Body.Close(); err != nil {
		return "", err
	}
	to, err := url.Parse(answer.Header.Get("Location"))
	if err != nil || to.Hostname() != shopHost {
		return "", fmt.Errorf("%s", answer.Status)
	}
	return to.Query().Get("error"), nil
}

// insists: somebody whom the front door does not lead away from a broker that
// cannot serve them. Such a login may fail, and nothing wrong may be said of it.
func (c *crowd) insists(ctx context.Context, n *node) {
	ctx, cancel := context.WithTimeout(ctx, answersWithin)
	defer cancel()
	p := *c.people[rand.N(len(c.people))]
	p.near, p.only = n.site, n
	by := c.shops[n.site]
	w := p.walk(by)
	w.asked = by.begin()
	code, err := w.code(ctx)
	if err != nil {
		_, bad := errors.AsType[refusal](err)
		_, later := errors.AsType[refusedError](err)
		switch at := c.at(); {
		case bad:
			c.told("login", n, err.Error())
		case later || errors.Is(err, errLater):
			c.history.note(func(h *history) { h.denials = append(h.denials, denial{at, n.name()}) })
		}
		return
	}
	token, err := w.asked.exchange(ctx, w.road.visitor, code)
	if _, bad := errors.AsType[refusal](err); bad && ctx.Err() == nil {
		c.told("code", n, err.Error())
	}
	if err == nil {
		c.asks(ctx, w, token.AccessToken)
	}
}

// asks asks the same broker about an access token that it has just given.
func (c *crowd) asks(ctx context.Context, w *walk, access string) {
	n := w.road.only
	_, err := w.by.provider.UserInfo(oidc.ClientContext(ctx, w.by.client(w.road.visitor)), oauth2.StaticTokenSource(&oauth2.Token{AccessToken: access}))
	if err != nil && ctx.Err() == nil && strings.HasPrefix(err.Error(), "4") {
		c.told("access token", n, err.Error())
	}
	active, err := w.by.introspect(ctx, w.road.visitor, access)
	if err == nil && !active {
		c.told("access token", n, "active:false")
	}
}

// again is a browser that stays over many logins, each of which is its transport while
// it lasts.
type again struct{ now *walk }

// RoundTrip implements [http.RoundTripper].
func (a *again) RoundTrip(request *http.Request) (*http.Response, error) {
	return a.now.RoundTrip(request)
}

// returns is somebody who comes back in one browser to a website that takes known
// devices, and proves themselves each time.
func (c *crowd) returns(site string) func(context.Context) {
	p := *c.people[0]
	p.near = site
	kept := &again{}
	stays := browser.New(browser.Options{Transport: kept, Timeout: answersWithin, Language: "en"})
	return func(ctx context.Context) {
		w := p.walk(c.papers[site])
		w.browser, kept.now = stays, w
		l := w.login(ctx, oauth2.SetAuthURLParam("prompt", "login"))
		l.known = true
		c.keep(ctx, w, l)
	}
}
