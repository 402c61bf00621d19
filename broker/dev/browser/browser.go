package browser

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/net/html"
)

// The ways an action fails before or instead of giving a page.
var (
	ErrNoPage    = errors.New("browser: no page is open")
	ErrNoElement = errors.New("browser: no such element")
	ErrNoAction  = errors.New("browser: the element does nothing without a script")
	ErrTooFar    = errors.New("browser: too many redirects")
	ErrTooLarge  = errors.New("browser: answer too large")
	ErrBlocked   = errors.New("browser: blocked by the page's form-action")
)

// Options adjusts a browser. The zero value is an ordinary one.
type Options struct {
	Transport http.RoundTripper // nil: one of its own, see Close
	Timeout   time.Duration     // of one request with its body; 0 is 30 s
	MaxHops   int               // redirects and refreshes of one navigation; 0 is 20
	MaxBody   int64             // bytes of one answer; 0 is 1 MiB
	Language  string            // Accept-Language; empty is "ko"
	UserAgent string            // empty is a desktop browser's
	Now       func() time.Time  // nil is time.Now; ages cookies

	// StopAtRefresh shows pages with an immediate meta refresh instead of
	// following it, as a slow reader would see them.
	StopAtRefresh bool
}

// Browser is one tab of a browser. It is not safe for concurrent use; tabs of
// one browser are, beside each other.
type Browser struct {
	options Options
	own     *http.Transport // the transport to close, if it is ours
	jar     *jar
	log     *requestLog

	page    *Page
	earlier []*Page // what Back returns to, oldest first
}

// maxEarlier bounds the tab's history.
const maxEarlier = 100

// New returns a browser without cookies, showing nothing.
func New(o Options) *Browser {
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	if o.MaxHops == 0 {
		o.MaxHops = 20
	}
	if o.MaxBody == 0 {
		o.MaxBody = 1 << 20
	}
	if o.Language == "" {
		o.Language = "ko"
	}
	if o.UserAgent == "" {
		o.UserAgent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	b := &Browser{options: o, jar: newJar(o.Now), log: &requestLog{}}
	if o.Transport == nil {
		b.own = &http.Transport{MaxIdleConnsPerHost: 4, IdleConnTimeout: time.Minute}
		b.options.Transport = b.own
	}
	return b
}

// Tab opens another tab: the same cookies and the same record of requests, its
// own page and history.
func (b *Browser) Tab() *Browser {
	return &Browser{options: b.options, jar: b.jar, log: b.log}
}

// Close closes idle connections, if the transport is the browser's own.
func (b *Browser) Close() {
	if b.own != nil {
		b.own.CloseIdleConnections()
	}
}

// Page returns the page that is shown, nil when there is none.
func (b *Browser) Page() *Page { return b.page }

// Open goes to address as if it had been typed: no site sent the browser there.
func (b *Browser) Open(ctx context.Context, address string) (*Page, error) {
	target, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	return b.visit(ctx, navigation{method: http.MethodGet, target: target})
}

// Show displays document as if address had served it, without a request: the
// page of some other website whose links and forms a test then uses.
func (b *Browser) Show(address, document string) (*Page, error) {
	at, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("show: %w", err)
	}
	root, err := parse([]byte(document))
	if err != nil {
		return nil, fmt.Errorf("show: %w", err)
	}
	p := &Page{URL: at, Status: http.StatusOK, Header: http.Header{}, Body: []byte(document), root: root}
	b.turnTo(p, false)
	return p, nil
}

// Click presses the link or button with id: a link is followed, a button sends
// its form with its own name and value. ErrNoElement, ErrNoAction, and what
// loading the next page may return.
func (b *Browser) Click(ctx context.Context, id string) (*Page, error) {
	node, err := b.find(id)
	if err != nil {
		return nil, err
	}
	if href, ok := attribute(node, "href"); ok && node.Data == "a" {
		target, err := b.page.URL.Parse(href)
		if err != nil {
			return nil, fmt.Errorf("click %s: %w", id, err)
		}
		return b.visit(ctx, navigation{method: http.MethodGet, target: target, from: b.page.URL})
	}
	return b.send(ctx, id, node, nil)
}

// Submit sends the form with id, or the form of the button with id, after
// filling in values; a field that is not named there keeps what the page gave it.
func (b *Browser) Submit(ctx context.Context, id string, values url.Values) (*Page, error) {
	node, err := b.find(id)
	if err != nil {
		return nil, err
	}
	return b.send(ctx, id, node, values)
}

// Reload asks for the page that is shown again, by GET.
func (b *Browser) Reload(ctx context.Context) (*Page, error) {
	if b.page == nil {
		return nil, ErrNoPage
	}
	return b.reopen(ctx, b.page)
}

// Back returns to the page before this one: a page reached by GET is asked for
// again, the answer to a form is shown as it was. ErrNoPage when there is none.
func (b *Browser) Back(ctx context.Context) (*Page, error) {
	if len(b.earlier) == 0 {
		return nil, ErrNoPage
	}
	last := b.earlier[len(b.earlier)-1]
	if last.get {
		if _, err := b.reopen(ctx, last); err != nil {
			return nil, err
		}
	} else {
		b.page = last
	}
	b.earlier = b.earlier[:len(b.earlier)-1]
	return b.page, nil
}

// reopen loads page again in the place of the one shown, which stays when
// that fails.
func (b *Browser) reopen(ctx context.Context, page *Page) (*Page, error) {
	shown := b.page
	b.page = nil
	again, err := b.visit(ctx, navigation{method: http.MethodGet, target: page.URL, from: page.from})
	if err != nil {
		b.page = shown
	}
	return again, err
}

// Requests returns what was asked of host (as in a URL, with its port), oldest
// first; an empty host means all. The last 1,000 are kept.
func (b *Browser) Requests(host string) []Request { return b.log.of(host) }

// Cookies returns the unexpired cookies that are kept for the host name,
// without a port, oldest first.
func (b *Browser) Cookies(name string) []http.Cookie { return b.jar.all(name) }

// Forget removes all cookies of the host name, without a port; an empty name
// means all.
func (b *Browser) Forget(name string) { b.jar.forget(name) }

// find returns the element of the shown page with id.
func (b *Browser) find(id string) (*html.Node, error) {
	if b.page == nil {
		return nil, ErrNoPage
	}
	node := b.page.element(id)
	if node == nil {
		return nil, fmt.Errorf("%w: %s at %s", ErrNoElement, id, b.page.URL.Redacted())
	}
	return node, nil
}

// send submits the form of node.
func (b *Browser) send(ctx context.Context, id string, node *html.Node, values url.Values) (*Page, error) {
	s, err := b.page.submission(node, values)
	if err != nil {
		return nil, fmt.Errorf("submit %s: %w", id, err)
	}
	policy := formAction(b.page.Header)
	if !policy.allows(b.page.URL, s.target) {
		return nil, fmt.Errorf("submit %s: %w", id, ErrBlocked)
	}
	return b.visit(ctx, navigation{method: s.method, target: s.target, body: s.body, from: b.page.URL, policy: policy})
}

// turnTo shows p and remembers the page before it.
func (b *Browser) turnTo(p *Page, get bool) {
	if b.page != nil {
		b.earlier = append(b.earlier, b.page)
		if len(b.earlier) > maxEarlier {
			b.earlier = b.earlier[1:]
		}
	}
	p.get = get
	b.page = p
}

// parse reads a document as a browser without scripts does: what stands in
// noscript is there.
func parse(document []byte) (*html.Node, error) {
	return html.ParseWithOptions(bytes.NewReader(document), html.ParseOptionEnableScripting(false))
}
