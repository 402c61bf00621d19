//go:build linux

package chaos

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/html"
	"golang.org/x/oauth2"

	"github.com/bongsu/bongsu/broker/dev/browser"
)

const (
	loginWithin = 45 * time.Second
	maxSteps    = 60
	maxReloads  = 8
	maxRefusals = 2
	patience    = 700 * time.Millisecond // before somebody presses a button again
)

// person is somebody with an account, or who is about to open one.
type person struct {
	*door

	history *history
	name    string
	near    string
	only    *node           // goes to no other; nil: by the door
	wanders bool            // from site to site
	stuck   string          // a site to which the issuer's name leads them all the time
	ways    []string        // that lead to their account; empty: they have none
	acked   []time.Duration // when each of them was acknowledged
}

// walk is one login.
type walk struct {
	*person

	road    *road
	browser *browser.Browser
	by      *website
	asked   asked
	tokens  tokens

	choices  []string
	menu     string        // the latest page of ours
	offers   *browser.Page // the latest that offers to go on at other sites
	ended    string        // the host of ours that answered last
	extra    int           // actions that are not needed on a good day
	reloads  int
	refusals int
	opened   bool // a new account
	seen     []string
	pause    func(path string) // called before every request to us; nil is nothing
	redeems  func()            // called before the website shows its code; nil is nothing
}

// errUnknown is an account-match page for somebody who has an account.
var errUnknown = errors.New("is asked whether they are new")

// refusedError is an end that asks to try again later.
type refusedError struct{ error }

// walk begins a login in a fresh browser.
func (p *person) walk(by *website) *walk {
	v := p.visit(p.near)
	v.only, v.wanders, v.stuck = p.only, p.wanders, p.stuck
	w := &walk{person: p, road: v.road(), by: by}
	w.browser = browser.New(browser.Options{Transport: w, Timeout: answersWithin, Language: "en"})
	return w
}

// RoundTrip implements [http.RoundTripper] for the browser.
func (w *walk) RoundTrip(request *http.Request) (*http.Response, error) {
	if w.pause != nil && ours(request.URL.Hostname()) {
		w.pause(request.URL.Path)
	}
	answer, err := w.road.RoundTrip(request)
	if err == nil && ours(request.URL.Hostname()) {
		w.ended = request.URL.Hostname()
		w.handed(answer)
	}
	return answer, err
}

// handed notes who handed out a code.
func (w *walk) handed(answer *http.Response) {
	to, err := url.Parse(answer.Header.Get("Location"))
	if err != nil || to.Hostname() != shopHost || to.Query().Get("code") == "" {
		return
	}
	if n := w.road.node(); n != nil {
		w.history.note(func(h *history) {
			h.handed = append(h.handed, handed{w.at(), n.site, n.name(), w.by.ID})
		})
	}
}

// login walks one login and writes it down.
func (p *person) login(ctx context.Context, by *website) (*walk, login) {
	w := p.walk(by)
	return w, w.login(ctx)
}

// login walks this login and writes it down.
func (w *walk) login(ctx context.Context, more ...oauth2.AuthCodeOption) login {
	l := login{who: w.name, site: w.near, began: w.at()}
	within, cancel := context.WithTimeout(ctx, loginWithin)
	err := w.pursue(within, more...)
	cancel()
	l.took = w.at() - l.began
	switch _, later := errors.AsType[refusedError](err); {
	case later || errors.Is(err, errLater):
		l.how = refused
	case err != nil:
		l.how = lost
	case w.extra == 0:
		l.how = atOnce
	case w.extra == 1:
		l.how = oneClick
	default:
		l.how = manyClicks
	}
	if l.how != atOnce {
		l.why = fmt.Sprintf("%v %v", err, w.seen)
	}
	return l
}

// pursue does what people do until the website has its answer.
func (w *walk) pursue(ctx context.Context, more ...oauth2.AuthCodeOption) error {
	w.asked = w.by.begin()
	page, err := w.browser.Open(ctx, w.asked.address(more...))
	for range maxSteps {
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("not done in time: %w: %w", ctx.Err(), err)
		case err != nil:
			page, err = w.reload(ctx, err)
		case page.URL.Host == shopHost:
			if w.redeems != nil {
				w.redeems()
			}
			w.tokens, err = w.asked.finish(ctx, page.URL.Query())
			if err == nil {
				return nil
			}
			page, err = w.anew(ctx, err, more)
		case ours(page.URL.Host):
			page, err = w.ours(ctx, page)
		case page.Has("continue"):
			page, err = w.goOn(ctx, page)
		default:
			w.see(page)
			w.extra++
			page, err = w.browser.Open(ctx, w.menu)
		}
		if _, ends := errors.AsType[end](err); ends {
			return err
		}
	}
	return errors.New("no end")
}

// end is an error after which nothing helps.
type end struct{ error }

func (e end) Unwrap() error { return e.error }

// reload is what people do with a page that does not load: they load it again. A
// form that was sent is not sent again; the page before is opened.
func (w *walk) reload(ctx context.Context, failed error) (*browser.Page, error) {
	w.seen = append(w.seen, fmt.Sprintf("[%s: %v]", short(w.at()), failed))
	w.extra++
	if w.reloads++; w.reloads > maxReloads || !wait(ctx, patience) {
		return nil, end{fmt.Errorf("pages do not load: %w", failed)}
	}
	if address := w.elsewhere(); address != "" {
		return w.browser.Open(ctx, address)
	}
	broken, ok := errors.AsType[*url.Error](failed)
	if ok && strings.EqualFold(broken.Op, http.MethodGet) {
		return w.browser.Open(ctx, broken.URL)
	}
	if w.menu != "" {
		return w.browser.Open(ctx, w.menu)
	}
	return w.browser.Open(ctx, w.asked.address())
}

// elsewhere is where somebody goes on whom the issuer's name leads to a site that does
// not answer: their page of before, or that behind the provider's, offers other sites.
func (w *walk) elsewhere() string {
	if w.stuck == "" || w.offers == nil {
		return ""
	}
	for _, site := range siteNames {
		if address, ok := w.offers.Leads("other-" + originHost(site)); ok && site != w.stuck {
			w.offers = nil
			return address
		}
	}
	return ""
}

// anew is what people do at a website that could not log them in: they press its
// button again, if it says that it helps.
func (w *walk) anew(ctx context.Context, failed error, more []oauth2.AuthCodeOption) (*browser.Page, error) {
	w.seen = append(w.seen, fmt.Sprintf("[%s: %v]", short(w.at()), failed))
	if !errors.Is(failed, errLater) && !errors.Is(failed, errAnew) {
		return nil, end{failed}
	}
	w.extra++
	if w.refusals++; w.refusals > maxRefusals || !wait(ctx, patience) {
		return nil, end{refusedError{failed}}
	}
	w.asked, w.menu = w.by.begin(), ""
	return w.browser.Open(ctx, w.asked.address(more...))
}

func (w *walk) see(p *browser.Page) {
	w.seen = append(w.seen, fmt.Sprintf("[%s: %d %s]", short(w.at()), p.Status, p.URL.Path))
}

// ours is what people do on a page of ours.
func (w *walk) ours(ctx context.Context, p *browser.Page) (*browser.Page, error) {
	w.see(p)
	w.look(p)
	if len(p.IDs("other-")) > 0 {
		w.offers = p
	}
	switch {
	case p.Has("new-account") && len(w.ways) > 0:
		return nil, end{errUnknown}
	case p.Has("new-account"):
		w.opened = true
		return w.browser.Click(ctx, "new-account")
	case len(p.IDs("way-")) > 0:
		return w.choose(ctx, p)
	case p.Has("later"):
		return w.browser.Click(ctx, "later")
	case p.Has("agree"):
		return w.browser.Click(ctx, "agree")
	case waits(p): // our page waits for them
		if !wait(ctx, time.Second) {
			return nil, ctx.Err()
		}
		return w.browser.Reload(ctx)
	case p.Has("onward"):
		w.extra++
		if w.refusals++; w.refusals > maxRefusals || !wait(ctx, patience) {
			return nil, end{refusedError{fmt.Errorf("%d %s: %s", p.Status, p.URL.Path, p.Text())}}
		}
		return w.browser.Click(ctx, "onward")
	}
	return nil, end{fmt.Errorf("%d %s: %s", p.Status, p.URL.Path, p.Text())}
}

// choose takes the first way of theirs that they did not try yet.
func (w *walk) choose(ctx context.Context, p *browser.Page) (*browser.Page, error) {
	w.menu = p.URL.String()
	own := w.ways
	if len(own) == 0 {
		own = []string{"kakao"}
	}
	next := ""
	for _, id := range p.IDs("way-") {
		way := strings.TrimPrefix(id, "way-")
		if slices.Contains(own, way) && (next == "" || slices.Contains(w.choices, next) && !slices.Contains(w.choices, way)) {
			next = way
		}
	}
	if next == "" {
		return nil, end{fmt.Errorf("no way of %v on %d %s: %s", own, p.Status, p.URL.Path, p.Text())}
	}
	if len(w.choices) > 0 {
		w.extra++
	}
	w.choices = append(w.choices, next)
	return w.browser.Click(ctx, "way-"+next)
}

// goOn presses the button at a provider's page, as this person.
func (w *walk) goOn(ctx context.Context, p *browser.Page) (*browser.Page, error) {
	if p.Has("continue") && !proves(p, w.name) {
		target := *p.URL
		query := target.Query()
		query.Set("person", w.name)
		target.RawQuery = query.Encode()
		var err error
		if p, err = w.browser.Open(ctx, target.String()); err != nil || !p.Has("continue") {
			return p, err
		}
	}
	if !proves(p, w.name) {
		return nil, fmt.Errorf("%d %s is no page at which %s is proven: %s", p.Status, p.URL.Path, w.name, p.Text())
	}
	return w.browser.Click(ctx, "continue")
}

// look writes a page of ours down.
func (w *walk) look(p *browser.Page) {
	if !strings.HasPrefix(p.Header.Get("Content-Type"), "text/html") {
		return
	}
	seen := page{at: w.at(), path: p.URL.Path, status: p.Status, onward: leadsOn(p.Body)}
	if !seen.onward {
		seen.text = p.Text()
	}
	w.history.note(func(h *history) { h.pages = append(h.pages, seen) })
}

// leadsOn tells whether the body of a page, beside its frame, has a link, a form or
// a refresh.
func leadsOn(document []byte) bool {
	root, err := html.Parse(bytes.NewReader(document))
	if err != nil {
		return false
	}
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		switch n.Data {
		case "meta":
			if strings.EqualFold(valueOf(n, "http-equiv"), "refresh") {
				return true
			}
		case "a":
			if valueOf(n, "href") != "" && within(n, "main") {
				return true
			}
		case "form":
			if within(n, "main") {
				return true
			}
		}
	}
	return false
}

func within(n *html.Node, element string) bool {
	for above := n.Parent; above != nil; above = above.Parent {
		if above.Type == html.ElementNode && above.Data == element {
			return true
		}
	}
	return false
}

func valueOf(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// waits tells whether a page loads itself again after a while.
func waits(p *browser.Page) bool {
	root, err := html.Parse(bytes.NewReader(p.Body))
	if err != nil {
		return false
	}
	for n := range root.Descendants() {
		if n.Type == html.ElementNode && n.Data == "meta" && strings.EqualFold(valueOf(n, "http-equiv"), "refresh") && !within(n, "noscript") {
			return true
		}
	}
	return false
}
