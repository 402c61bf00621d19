package login

import (
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/audit"
	"github.com/bongsu/bongsu/broker/cookie"
	"github.com/bongsu/bongsu/broker/handoff"
	"github.com/bongsu/bongsu/broker/health"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/broker/web"
)

const domain = "login.example.kr"

// country is several sites on one store and one sealing ring, each a house.
type country struct {
	t     testing.TB
	sites map[string]*house
}

func newCountry(t *testing.T, names ...string) *country {
	t.Helper()
	c := &country{t: t, sites: map[string]*house{}}
	first := newHouse(t)
	for _, name := range names {
		h := first
		if len(c.sites) > 0 {
			h = newHouse(t)
			h.clock, h.ring, h.records, h.facts = first.clock, first.ring, first.records, first.facts
			h.handler.Accounts, h.handler.Sessions, h.handler.Consents = first.handler.Accounts, first.handler.Sessions, first.handler.Consents
			h.handler.Seal, h.handler.Now = first.ring, first.clock.Now
			h.handler.logins.seal, h.handler.logins.now = first.ring, first.clock.Now
		}
		c.sites[name] = h
	}
	for name, h := range c.sites {
		h.joins(c, name, names)
	}
	return c
}

// joins has the house be one site of the country.
func (h *house) joins(c *country, name string, all []string) {
	h.t.Helper()
	h.reached("https://" + name + "." + domain)
	log, err := handoff.OpenLog(h.t.Context(), handoff.LogOptions{Now: h.clock.Now})
	h.must(err)
	desk, err := handoff.New(handoff.Options{
		Site: name, Seal: h.ring, Rand: rand.Reader, Now: h.clock.Now,
		Judge: &handoff.Arbiters{Self: name + "/1", Log: log},
	})
	h.must(err)
	h.handler.MarkDomain, h.handler.marks = domain, cookie.Shared(domain)
	h.handler.Handoffs = desk
	h.handler.Elsewhere = func() []handoff.Target {
		var targets []handoff.Target
		for _, other := range all {
			if other != name {
				targets = append(targets, handoff.Target{Site: other, Origin: c.sites[other].handler.Origin, Arbiter: other + "/1"})
			}
		}
		return targets
	}
	h.mux.HandleFunc("GET "+handoff.Path, func(w http.ResponseWriter, r *http.Request) { h.err = h.handler.Continue(w, r) })
	h.says()
}

// cutOff has a site be cut off from kakao, which the others reach.
func (c *country) cutOff(site string) {
	at := c.sites[site].clock.Now()
	sites := []health.SiteView{{Site: site, Own: true, Nodes: 1}}
	row := health.Row{Provider: "kakao", Verdict: health.Verdict{Provider: "kakao", State: health.Down, Cause: health.CauseCutOff, Weight: .01, Checked: at}, Cells: []health.Cell{{Site: site, State: health.Down}}}
	for other := range c.sites {
		if other != site {
			sites = append(sites, health.SiteView{Site: other, Nodes: 1, Heard: at})
			row.Cells = append(row.Cells, health.Cell{Site: other, State: health.Up, Nodes: 1})
		}
	}
	c.sites[site].weather.snapshot = health.ViewOf(at, sites, row)
}

// person is one browser, which keeps each host's cookies apart and those of the
// domain together.
type person struct {
	c    *country
	jars map[string]*visitor // by host
}

func (c *country) person() *person { return &person{c: c, jars: map[string]*visitor{}} }

// at is the browser at a site's own origin, or with "seoul!" at the issuer, which
// seoul serves.
func (p *person) at(site string) *visitor {
	name, atIssuer := strings.CutSuffix(site, "!")
	host := name + "." + domain
	if atIssuer {
		host = domain
	}
	v, ok := p.jars[host]
	if !ok {
		v = p.c.sites[name].browser()
		v.host = host
		p.jars[host] = v
	}
	v.h = p.c.sites[name]
	for _, other := range p.jars {
		for cookie, value := range other.cookies {
			if strings.HasPrefix(cookie, "__Secure-") && v.cookies[cookie] == "" {
				v.cookies[cookie] = value
			}
		}
	}
	return v
}

// follow takes the browser to a handoff's address.
func (p *person) follow(address string) answered {
	p.c.t.Helper()
	at, err := url.Parse(address)
	if err != nil || at.Path != handoff.Path {
		p.c.t.Fatalf("no handoff: %q, %v", address, err)
	}
	return p.at(strings.TrimSuffix(at.Host, "."+domain)).get(at.RequestURI())
}

// carried chooses kakao at a site that is cut off from it and returns where the
// browser is sent.
func (p *person) carried(site, path string) string {
	p.c.t.Helper()
	a := p.at(site).get(path + "/go/kakao")
	if a.err != nil || a.to == nil || a.to.Path != handoff.Path {
		p.c.t.Fatalf("the login was not carried: %d %v %v", a.code, a.to, a.err)
	}
	return a.to.String()
}

// others are the addresses that a page offers for when its site does not answer.
func others(t testing.TB, a answered) map[string]string {
	t.Helper()
	var frame web.Frame
	switch v := a.view.(type) {
	case web.Menu:
		frame = v.Frame
	case web.Match:
		frame = v.Frame
	case web.Consent:
		frame = v.Frame
	case web.Link:
		frame = v.Frame
	default:
		t.Fatalf("no page: %d %T %v", a.code, a.view, a.err)
	}
	found := map[string]string{}
	for _, at := range frame.Elsewhere.Places {
		sent := frame.Elsewhere.Carried
		found[strings.TrimSuffix(at.Host, "."+domain)] = at.Action + "?" + sent.Name + "=" + sent.Value + "&" + at.For.Name + "=" + at.For.Value
	}
	return found
}

// A provider that this site does not reach and another does stands on the menu as
// ever. Choosing it carries the login to the site that reaches it, and the website
// gets its code from there, of the same login and the same issuer.
func TestALoginGoesToTheSiteThatReachesTheProvider(t *testing.T) {
	c := newCountry(t, "seoul", "busan")
	c.sites["seoul"].know("kakao")
	c.cutOff("seoul")
	p := c.person()
	path := p.at("seoul!").begun()
	menu := p.at("seoul!").get(path).view.(web.Menu)
	if way := menu.Ways[0]; way.ID != "kakao" || way.Down || !way.Carried || menu.Notice != nil {
		t.Errorf("kakao stands there as %+v, below %+v", way, menu.Notice)
	}
	address := p.carried("seoul!", path)
	away := p.follow(address)
	if away.err != nil || away.to == nil || away.to.Host != "kakao.example" {
		t.Fatalf("busan answered %d %v %v", away.code, away.to, away.err)
	}
	kakao := c.sites["busan"].ways["kakao"]
	if got := kakao.legs[0].RedirectURI; got != "https://busan.login.example.kr/callback/kakao" {
		t.Errorf("the leg returns to %s", got)
	}
	a := p.at("busan").back("kakao", away.to.Query().Get("state"))
	code := c.sites["busan"].code(a)
	if "/login/"+code.Login != path || code.Way != "kakao" || a.to.Query().Get("iss") != issuer || a.to.Query().Get("state") != "the state" {
		t.Errorf("the code is of login %s by %s; the website is told %v", code.Login, code.Way, a.to.Query())
	}
	if len(c.sites["seoul"].ways["kakao"].legs) != 0 {
		t.Error("seoul sent the browser to kakao itself")
	}
}

// The same for a website that names the provider: nobody sees a menu.
func TestAHintedLoginIsCarried(t *testing.T) {
	c := newCountry(t, "seoul", "busan", "tokyo")
	c.cutOff("seoul")
	sent := map[string]int{}
	for range 40 {
		p := c.person()
		a := p.at("seoul!").get(asking("idp_hint", "kakao"))
		if a.err != nil || a.to == nil || a.to.Path != handoff.Path {
			t.Fatalf("the login was not carried: %d %v %v", a.code, a.to, a.err)
		}
		sent[a.to.Host]++
		if away := p.follow(a.to.String()); away.to == nil || away.to.Host != "kakao.example" {
			t.Fatalf("it ended with %d %v", away.code, away.err)
		}
	}
	if len(sent) != 2 {
		t.Errorf("all logins go to one site: %v", sent)
	}
}

// A login whose site is gone goes on at another at each of its steps, as it was:
// with what was proven, and when.
func TestALoginGoesOnAtEveryStep(t *testing.T) {
	for _, tt := range []struct {
		name   string
		client string
		known  bool
		before func(p *person, path string) answered // to the page that is left
		after  func(t *testing.T, p *person, path string, a answered) answered
	}{
		{
			"at the menu", "shop", true,
			func(p *person, path string) answered { return p.at("seoul!").get(path) },
			func(t *testing.T, p *person, path string, a answered) answered {
				b := p.at("busan")
				return b.back("naver", b.goneTo(path, "naver"))
			},
		},
		{
			"back from a provider that says nothing", "shop", true,
			func(p *person, path string) answered {
				p.at("seoul!").goneTo(path, "naver")
				return p.at("seoul!").get(path)
			},
			func(t *testing.T, p *person, path string, a answered) answered {
				b := p.at("busan")
				return b.back("naver", b.goneTo(path, "naver"))
			},
		},
		{
			"at account match", "shop", false,
			func(p *person, path string) answered {
				b := p.at("seoul!")
				return b.get(b.back("naver", b.goneTo(path, "naver")).to.String())
			},
			func(t *testing.T, p *person, path string, a answered) answered {
				b := p.at("busan")
				match, ok := b.get(path).view.(web.Match)
				if !ok || match.Way.ID != "naver" {
					t.Fatalf("the proof is lost: %+v", b.get(path).view)
				}
				if again := b.post(path+"/new-account", url.Values{"step_token": {match.StepToken}}); again.view != nil {
					return terminal(t, again)
				}
				return answered{}
			},
		},
		{
			"at consent", "third", true,
			func(p *person, path string) answered {
				b := p.at("seoul!")
				return b.get(b.back("naver", b.goneTo(path, "naver")).to.String())
			},
			func(t *testing.T, p *person, path string, a answered) answered {
				b := p.at("busan")
				ask, ok := b.get(path).view.(web.Consent)
				if !ok {
					t.Fatalf("the proof is lost: %+v", b.get(path).view)
				}
				return terminal(t, b.post(path+"/agree", url.Values{"step_token": {ask.StepToken}}))
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCountry(t, "seoul", "busan")
			proven := c.sites["seoul"].clock.Now().Add(-3 * time.Minute)
			for _, h := range c.sites {
				h.ways["naver"].identity.AuthTime = proven
			}
			if tt.known {
				c.sites["seoul"].know("naver")
			}
			p := c.person()
			path := p.at("seoul!").begun("client_id", tt.client, "code_challenge", strings.Repeat("c", 43), "code_challenge_method", "S256")
			addresses := others(t, tt.before(p, path))
			c.sites["seoul"].clock.pass(8 * time.Minute) // longer than a hurried handoff lives
			arrived := p.follow(addresses["busan"])
			if arrived.err != nil || arrived.to == nil || !strings.HasPrefix(arrived.to.Path, path) {
				t.Fatalf("busan answered %d %v %v", arrived.code, arrived.to, arrived.err)
			}
			code := c.sites["busan"].code(tt.after(t, p, path, arrived))
			if "/login/"+code.Login != path || code.AuthTime != proven.Unix() || code.ACR != "urn:bongsu:acr:provider" {
				t.Errorf("the code is of %s, proven %d by %s, want %d", code.Login, code.AuthTime, code.ACR, proven.Unix())
			}
		})
	}
}

// terminal is where a page after one of our own forms leads.
func terminal(t *testing.T, a answered) answered {
	t.Helper()
	page, ok := a.view.(web.Terminal)
	if !ok {
		t.Fatalf("no terminal page: %d %T %v", a.code, a.view, a.err)
	}
	to, err := url.Parse(page.Href)
	if err != nil {
		t.Fatal(err)
	}
	a.to = to
	return a
}

// AB-66, AB-67: what is for another place, browser or time is refused, leaves
// nothing behind and loses nothing; then the right one succeeds, once.
func TestHandoffsOfOthers(t *testing.T) {
	c := newCountry(t, "seoul", "busan", "tokyo")
	p, mal, stranger := c.person(), c.person(), c.person()
	path := p.at("seoul!").begun()
	malPath := mal.at("seoul!").begun()
	mal.at("seoul!").get(malPath) // has a mark of its own
	addresses := others(t, p.at("seoul!").get(path))
	good := addresses["busan"]
	swapped := func(site string) string { return strings.Replace(good, "busan.", site+".", 1) }
	at := strings.Index(good, "login=") + len("login=")
	for _, tt := range []struct {
		name    string
		who     *person
		address string
	}{
		{"another browser", mal, good},
		{"a browser without a mark", stranger, good},
		{"at another site", p, swapped("tokyo")},
		{"at the site that made it", p, swapped("seoul")},
		{"with the query edited", p, good + "x"},
		{"with a value more", p, good + "&for=x"},
		{"with the seal edited", p, good[:at+60] + "A" + good[at+61:]},
		{"with nothing", p, "https://busan.login.example.kr" + handoff.Path},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := tt.who.follow(tt.address)
			if problem, ok := errors.AsType[*Problem](a.err); !ok || problem.Status != http.StatusBadRequest || problem.Kind != web.ProblemHandoff {
				t.Errorf("answered %d %v %v", a.code, a.to, a.err)
			}
			if len(a.header.Values("Set-Cookie")) != 0 {
				t.Errorf("it left %v", a.header.Values("Set-Cookie"))
			}
		})
	}
	if a := p.follow(good); a.err != nil || a.to == nil {
		t.Fatalf("the right one: %d %v", a.code, a.err)
	}
	a := p.follow(good)
	problem, ok := errors.AsType[*Problem](a.err)
	if !ok || problem.Status != http.StatusBadRequest || problem.RetryHref != path {
		t.Errorf("used twice: %d %v %+v", a.code, a.to, problem)
	}
	if a := p.at("seoul!").get(path); a.err != nil {
		t.Errorf("the login at seoul is lost: %v", a.err)
	}
	if a := mal.at("seoul!").get(malPath); a.err != nil {
		t.Errorf("the login of the other browser is lost: %v", a.err)
	}
}

// At the issuer nobody can say which site answers next, so no login is taken over
// there; a site that has no handoffs takes none over.
func TestWhereNoLoginIsTakenOver(t *testing.T) {
	c := newCountry(t, "seoul", "busan")
	p := c.person()
	address := others(t, p.at("seoul!").get(p.at("seoul!").begun()))["busan"]
	at, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	if a := p.at("busan!").get(at.RequestURI()); a.err == nil || a.to != nil {
		t.Errorf("at the issuer: %d %v", a.code, a.to)
	}
	c.sites["busan"].handler.Handoffs, c.sites["busan"].handler.Elsewhere = nil, nil
	if a := p.follow(address); a.err == nil || a.to != nil {
		t.Errorf("without handoffs: %d %v", a.code, a.to)
	}
}

// One handoff, followed by the same browser many times at once, is taken once.
func TestRacingHandoffs(t *testing.T) {
	c := newCountry(t, "seoul", "busan")
	p := c.person()
	address := others(t, p.at("seoul!").get(p.at("seoul!").begun()))["busan"]
	query, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	h := c.sites["busan"].handler
	h.Audit = audit.New(slog.New(slog.DiscardHandler), []byte("key"), nil)
	var all sync.WaitGroup
	var mu sync.Mutex
	taken := 0
	mark := p.at("busan").cookies
	for range 16 {
		all.Go(func() {
			r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, query.RequestURI(), http.NoBody)
			r.Host = "busan." + domain
			for name, value := range mark {
				r.AddCookie(&http.Cookie{Name: name, Value: value})
			}
			w := &discarding{header: http.Header{}}
			if err := h.Continue(w, r); err == nil {
				mu.Lock()
				taken++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if taken != 1 {
		t.Errorf("taken %d times", taken)
	}
}

// discarding is an answer that nobody reads.
type discarding struct{ header http.Header }

func (d *discarding) Header() http.Header         { return d.header }
func (d *discarding) Write(b []byte) (int, error) { return len(b), nil }
func (d *discarding) WriteHeader(int)             {}

// A hurried handoff lives for half a minute, one on a page as long as the login,
// and the login's half hour does not begin again with it.
func TestHandoffsEnd(t *testing.T) {
	c := newCountry(t, "seoul", "busan")
	c.cutOff("seoul")
	pass := func(d time.Duration) { c.sites["seoul"].clock.pass(d) }
	p := c.person()
	path := p.at("seoul!").begun()
	hurried := p.carried("seoul!", path)
	pass(31 * time.Second)
	if a := p.follow(hurried); a.err == nil {
		t.Error("a hurried handoff lives for longer than 30 s")
	}
	// The person comes back, and the login with them.
	if a := p.at("seoul!").get(path); a.err != nil {
		t.Fatalf("the login is lost: %v", a.err)
	}
	for range 3 {
		pass(9 * time.Minute)
		if a := p.at("seoul!").get(path); a.err != nil {
			t.Fatal(a.err)
		}
	}
	addresses := others(t, p.at("seoul!").get(path))
	pass(time.Minute)
	if a := p.follow(addresses["busan"]); a.err != nil {
		t.Fatalf("after 28 min and a half: %v", a.err)
	}
	pass(2 * time.Minute)
	if a := p.at("busan").get(path); a.err == nil {
		t.Error("the login lives for longer than half an hour")
	}
	old := p.at("seoul!").begun()
	address := others(t, p.at("seoul!").get(old))["busan"]
	pass(10*time.Minute + time.Second)
	if a := p.follow(address); a.err == nil || a.to != nil {
		t.Error("an unused login lives for longer than 10 min")
	}
}

// Who went to another site and comes back finds the login where it was: what became
// of it there nobody here knows. Until they do, nothing here goes on with it.
func TestWhoComesBackFindsTheLogin(t *testing.T) {
	c := newCountry(t, "seoul", "busan")
	c.sites["seoul"].know("naver")
	p := c.person()
	b := p.at("seoul!")
	path := b.begun()
	state := b.goneTo(path, "naver")
	token := b.get(path).view.(web.Menu).StepToken
	c.cutOff("seoul")
	p.carried("seoul!", path)
	for what, a := range map[string]answered{
		"a form": b.post(path+"/cancel", url.Values{"step_token": {token}}), "a leg from before": b.back("naver", state),
	} {
		problem, ok := errors.AsType[*Problem](a.err)
		if !ok || problem.Kind != web.ProblemCarried || problem.RetryHref != path {
			t.Errorf("%s: %d %v %+v", what, a.code, a.to, problem)
		}
	}
	menu, ok := b.get(path).view.(web.Menu)
	if !ok || menu.Notice == nil || menu.Notice.Reason != web.ReasonUnfinished || menu.Notice.Way.ID != "kakao" {
		t.Fatalf("Back shows %+v", menu.Notice)
	}
	if last := menu.Ways[len(menu.Ways)-1]; last.ID != "kakao" || last.Down {
		t.Errorf("kakao stands as %+v", last)
	}
	c.sites["seoul"].code(b.back("naver", b.goneTo(path, "naver")))
}

// A login is not sent back to the site that it came from: that one did not reach
// the provider either.
func TestNoLoginGoesRoundInCircles(t *testing.T) {
	c := newCountry(t, "seoul", "busan")
	c.cutOff("seoul")
	c.cutOff("busan") // says that seoul reaches it
	p := c.person()
	path := p.at("seoul!").begun()
	away := p.follow(p.carried("seoul!", path))
	if away.to == nil || away.to.Host != "kakao.example" {
		t.Fatalf("busan does not try: %d %v %v", away.code, away.to, away.err)
	}
	menu := p.at("busan").get(path).view.(web.Menu)
	for _, way := range menu.Ways {
		if way.Carried {
			t.Errorf("%s would go back", way.ID)
		}
	}
	if a := p.at("busan").get(path + "/go/kakao"); a.to == nil || a.to.Host != "kakao.example" {
		t.Errorf("it went to %v", a.to)
	}
}

// Where no other site is reached, known or told apart, a provider that is down here
// is down.
func TestNoSiteToGoTo(t *testing.T) {
	for name, change := range map[string]func(c *country){
		"no other site lives": func(c *country) { c.sites["seoul"].handler.Elsewhere = func() []handoff.Target { return nil } },
		"no handoffs": func(c *country) {
			c.sites["seoul"].handler.Handoffs, c.sites["seoul"].handler.Elsewhere = nil, nil
			c.sites["seoul"].handler.seen.Store(nil)
		},
		"the other one does not reach it": func(c *country) {
			h := c.sites["seoul"]
			rows := h.weather.snapshot.Matrix()
			rows[0].Cells[1].State = health.Down
			h.weather.snapshot = health.ViewOf(h.clock.Now(), h.weather.snapshot.Sites(), rows...)
		},
		"the other one is no longer heard": func(c *country) {
			h := c.sites["seoul"]
			rows := h.weather.snapshot.Matrix()
			rows[0].Cells[1].Stale = true
			h.weather.snapshot = health.ViewOf(h.clock.Now(), h.weather.snapshot.Sites(), rows...)
		},
		"it is down everywhere": func(c *country) {
			h := c.sites["seoul"]
			rows := h.weather.snapshot.Matrix()
			rows[0].Verdict.Cause = health.CauseProvider
			h.weather.snapshot = health.ViewOf(h.clock.Now(), h.weather.snapshot.Sites(), rows...)
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCountry(t, "seoul", "busan")
			c.cutOff("seoul")
			change(c)
			p := c.person()
			path := p.at("seoul!").begun()
			menu := p.at("seoul!").get(path).view.(web.Menu)
			if last := menu.Ways[len(menu.Ways)-1]; last.ID != "kakao" || !last.Down || last.Carried {
				t.Errorf("kakao stands as %+v", last)
			}
			if a := p.at("seoul!").get(path + "/go/kakao"); a.to == nil || a.to.Host != "kakao.example" {
				t.Errorf("who tries anyway goes to %v, %v", a.to, a.err)
			}
		})
	}
}

// What belongs to a session of this host cannot go on at another.
func TestChangesOfAnAccountStay(t *testing.T) {
	c := newCountry(t, "seoul", "busan")
	h := c.sites["seoul"]
	h.know("naver")
	p := c.person()
	b := p.at("seoul!")
	b.signedIn("naver")
	c.cutOff("seoul")
	a := b.post("/account/link/apple", url.Values{"step_token": {h.handler.FormToken(b.session())}})
	if a.to == nil {
		t.Fatalf("no linking began: %d %v", a.code, a.err)
	}
	if addresses := others(t, b.get(a.to.Path)); len(addresses) != 0 {
		t.Errorf("it is offered to go on at %v", addresses)
	}
}

// AB-64: what was said about an account while its login was on the way holds where
// it arrives.
func TestADisabledAccountIsCarriedNowhere(t *testing.T) {
	c := newCountry(t, "seoul", "busan")
	found := c.sites["seoul"].know("naver")
	p := c.person()
	b := p.at("seoul!")
	path := b.begun("client_id", "third", "code_challenge", strings.Repeat("c", 43), "code_challenge_method", "S256")
	consent := b.get(b.back("naver", b.goneTo(path, "naver")).to.String())
	address := others(t, consent)["busan"]
	c.sites["busan"].must(c.sites["busan"].facts.Apply(t.Context(), store.Fact{Kind: store.AccountDisabled, ID: found.ID}))
	a := p.follow(address)
	if a.to != nil && a.to.Host == "" {
		a = p.at("busan").get(a.to.Path)
	}
	// A page's form brought the browser here, and browsers apply its form-action to
	// every redirect that follows: the website's address is reached from a page.
	page, ok := a.view.(web.Terminal)
	if !ok {
		t.Fatalf("the website is not told by a page: %d %v %v", a.code, a.to, a.err)
	}
	var err error
	a.to, err = url.Parse(page.Href)
	c.sites["busan"].must(err)
	a.wantError("access_denied")
}
