//go:build linux

package netns

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/broker/dev/browser"
	"github.com/bongsu/bongsu/deploy/netns/machines"
)

// website is a client, with the ways that it offers in their order.
type website struct {
	brokertest.Website

	Order string
}

// The websites: one puts Kakao first, the other Google. Naver is everybody's
// second way.
var (
	shop   = website{brokertest.Website{ID: "shop", Secret: "shop-secret-of-more-than-thirty-two", RedirectURI: "https://" + shopHost + "/shop"}, "kakao, naver"}
	travel = website{brokertest.Website{ID: "travel", Secret: "travel-secret-of-more-than-32-bytes", RedirectURI: "https://" + shopHost + "/travel"}, "google, naver"}
)

// ownWays are what everybody here can come in by.
var ownWays = []string{"kakao", "naver", "google"}

const (
	loginWithin  = 40 * time.Second
	answerWithin = 8 * time.Second // of one request, as patient as people are
	maxSteps     = 24
)

// person has three ways linked, and lives nearest to one site.
type person struct {
	*fleet

	name  string
	near  string
	agent string // of their browser; empty is a desktop's
	sub   string // who they are to both websites, from a good day

	wanders bool // each request to the next site, whichever answered the last

	returns func() // called before they go back from a provider; nil is nothing
}

// login is how one login went.
type login struct {
	who, at string // at: the site nearest to them
	phone   bool
	by      website
	began   time.Time
	took    time.Duration
	sub     string
	choices []string // ways, in the order in which they were chosen
	menu    string   // the latest page of ours
	seen    []string // all of them, for whoever reads a failure
	err     error
}

// extra is how many choices more than on a good day it took.
func (l login) extra() int { return max(0, len(l.choices)-1) }

// road is a person's way to everything: to the nearest site that is in use, as
// a load balancer sends them, to providers by name, and to websites nowhere.
type road struct {
	*person

	to      map[string]*http.Transport // by site
	outside *http.Transport            // everything else, by name
	asked   atomic.Int64               // requests to us
}

// road leads from another network every time.
func (p *person) road() *road {
	home := &net.TCPAddr{IP: net.ParseIP(fmt.Sprintf("%s%d.%d", machines.Homes, rand.N(256), 1+rand.N(254)))}
	by := func(find func(ctx context.Context, name string) (netip.Addr, error)) *http.Transport {
		return &http.Transport{
			DisableKeepAlives: true, ResponseHeaderTimeout: answerWithin, TLSHandshakeTimeout: machines.ConnectWithin,
			TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: p.authority},
			DialContext: func(ctx context.Context, _, name string) (net.Conn, error) {
				host, port, err := net.SplitHostPort(name)
				if err != nil {
					return nil, err
				}
				at, err := find(ctx, host)
				if err != nil {
					return nil, err
				}
				return p.DialAs(ctx, machines.People, home, "tcp4", net.JoinHostPort(at.String(), port))
			},
		}
	}
	r := &road{person: p, to: map[string]*http.Transport{}, outside: by(func(ctx context.Context, name string) (netip.Addr, error) {
		return p.Lookup(ctx, machines.People, name)
	})}
	for _, name := range sites {
		r.to[name] = by(func(context.Context, string) (netip.Addr, error) { return netip.MustParseAddr(p.Address(name)), nil })
	}
	return r
}

// RoundTrip implements [http.RoundTripper].
func (r *road) RoundTrip(request *http.Request) (*http.Response, error) {
	switch request.URL.Hostname() {
	case shopHost:
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody, Request: request, ProtoMajor: 1, ProtoMinor: 1}, nil
	case issuerHost:
		if r.returns != nil && strings.HasPrefix(request.URL.Path, "/callback/") {
			r.returns()
		}
		return r.balanced(request)
	default:
		return r.outside.RoundTrip(request)
	}
}

// balanced asks the nearest site, and the next one when it does not answer.
func (r *road) balanced(request *http.Request) (answer *http.Response, err error) {
	at := slices.Index(sites, r.near)
	if r.wanders {
		at = int(r.asked.Add(1))
	}
	err = errors.New("no site is in use")
	for i := range sites {
		name := sites[(at+i)%len(sites)]
		if r.all[name].resting.Load() {
			continue
		}
		again := request.Clone(request.Context())
		if request.GetBody != nil {
			if again.Body, err = request.GetBody(); err != nil {
				return nil, err
			}
		}
		if answer, err = r.to[name].RoundTrip(again); err == nil || request.Context().Err() != nil {
			return answer, err
		}
	}
	return nil, err
}

func (p *person) browser() *browser.Browser {
	return browser.New(browser.Options{Transport: p.road(), Timeout: loginWithin, Language: "en", UserAgent: p.agent})
}

// login walks one login in a fresh browser, which remembers no way.
func (p *person) login(ctx context.Context, by website) login {
	ctx, cancel := context.WithTimeout(ctx, loginWithin)
	defer cancel()
	l := login{who: p.name, at: p.near, phone: p.agent == phone, by: by, began: time.Now()}
	l.err = p.walk(ctx, p.browser(), &l)
	l.took = time.Since(l.began)
	return l
}

// walk begins a login, does what people do until the website has its answer, and
// has the website redeem it. They choose the first of their ways that they did
// not try yet, and press Back where a page does not go on.
func (p *person) walk(ctx context.Context, b *browser.Browser, l *login) error {
	asked := l.by.Request()
	page, err := b.Open(ctx, "https://"+issuerHost+"/authorize?"+asked.Encode())
	for range maxSteps {
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("after %v, %v: %w", l.choices, l.seen, ctx.Err())
		case err != nil && len(l.choices) == 0:
			return err // no site answers
		case err != nil:
			page, err = p.back(ctx, b, l)
		case page.URL.Host == shopHost:
			l.sub, err = p.redeem(ctx, asked, page.URL.Query())
			return err
		case page.URL.Host == issuerHost:
			page, err = p.choose(ctx, b, l, page)
		case page.Has("continue"):
			page, err = p.goOn(ctx, b, page)
		default: // a page of the provider's that leads nowhere
			page, err = p.back(ctx, b, l)
		}
		if _, dead := errors.AsType[deadEnd](err); dead {
			return err
		}
	}
	return fmt.Errorf("no end after %v: %v", l.choices, l.seen)
}

// deadEnd is a page without a way on.
type deadEnd struct{ error }

func (p *person) choose(ctx context.Context, b *browser.Browser, l *login, page *browser.Page) (*browser.Page, error) {
	ids := page.IDs("way-")
	l.menu = page.URL.String()
	l.seen = append(l.seen, fmt.Sprintf("%d %s %v", page.Status, page.URL.Path, ids))
	next := ""
	for _, id := range ids {
		way := strings.TrimPrefix(id, "way-")
		if slices.Contains(ownWays, way) && (next == "" || slices.Contains(l.choices, next) && !slices.Contains(l.choices, way)) {
			next = way
		}
	}
	if next == "" {
		return nil, deadEnd{fmt.Errorf("%d %s leads nowhere after %v: %s", page.Status, page.URL.Path, l.choices, page.Text())}
	}
	l.choices = append(l.choices, next)
	return b.Click(ctx, "way-"+next)
}

// goOn presses the button at a provider's page, as this person.
func (p *person) goOn(ctx context.Context, b *browser.Browser, page *browser.Page) (*browser.Page, error) {
	target := *page.URL
	if query := target.Query(); query.Get("person") != p.name {
		query.Set("person", p.name)
		target.RawQuery = query.Encode()
		opened, err := b.Open(ctx, target.String())
		if err != nil || !opened.Has("continue") {
			return opened, err
		}
	}
	return b.Click(ctx, "continue")
}

// back returns to the menu of the same login: by Back or, where the pages before
// do not load either, by the list that a long press on Back shows.
func (p *person) back(ctx context.Context, b *browser.Browser, l *login) (*browser.Page, error) {
	page, err := b.Back(ctx)
	if err == nil && page.URL.Host == issuerHost {
		return page, nil
	}
	return b.Open(ctx, l.menu)
}

// redeem is what the website does with its answer.
func (p *person) redeem(ctx context.Context, asked brokertest.Request, got url.Values) (sub string, err error) {
	if got.Get("code") == "" || got.Get("state") != asked.Get("state") || got.Get("iss") != "https://"+issuerHost {
		return "", fmt.Errorf("the website was told %s: %s", got.Get("error"), got.Get("error_description"))
	}
	answer := brokertest.Answer{Request: asked, Code: got.Get("code")}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+issuerHost+"/token", strings.NewReader(answer.Form().Encode()))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Authorization", asked.Website.Basic())
	response, err := p.road().RoundTrip(request)
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err = errors.Join(err, response.Body.Close()); err != nil {
		return "", err
	}
	var tokens struct {
		IDToken string `json:"id_token"`
	}
	if err := json.Unmarshal(body, &tokens); err != nil || response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("the code gives %d %s", response.StatusCode, body)
	}
	claims := brokertest.Claims(tokens.IDToken)
	if claims["nonce"] != asked.Get("nonce") || claims["iss"] != "https://"+issuerHost {
		return "", fmt.Errorf("the ID token is another login's: %v", claims["iss"])
	}
	sub, _ = claims["sub"].(string)
	return sub, nil
}

// settle opens the person's account with the first of some ways and links the
// others, on the pages that are there for it. What they are to the website then,
// they stay.
func (p *person) settle(ctx context.Context, ways ...string) error {
	b := p.browser()
	steps := []string{"way-" + ways[0], "", "new-account"}
	for _, way := range ways[1:] {
		steps = append(steps, "/account", "link-"+way, "way-"+way, "", "link")
	}
	asked := shop.Request()
	page, err := b.Open(ctx, "https://"+issuerHost+"/authorize?"+asked.Encode())
	for _, step := range steps {
		switch {
		case err != nil:
			return err
		case step == "":
			page, err = p.goOn(ctx, b, page)
		case strings.HasPrefix(step, "/"):
			page, err = b.Open(ctx, "https://"+issuerHost+step)
		default:
			var next *browser.Page
			if next, err = b.Click(ctx, step); err != nil {
				return fmt.Errorf("%w: %d %s", err, page.Status, page.Text())
			}
			page = next
		}
	}
	if err == nil && !page.Has("unlink-"+ways[len(ways)-1]) {
		err = fmt.Errorf("linking ends at %s: %s", page.URL.Path, page.Text())
	}
	if err != nil {
		return err
	}
	l := login{by: shop} // the session leads straight to the website
	err = p.walk(ctx, b, &l)
	p.sub = l.sub
	return err
}
