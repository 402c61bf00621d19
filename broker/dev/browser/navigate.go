package browser

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
)

// navigation is one way to the next page, with all redirects on it.
type navigation struct {
	method string
	target *url.URL
	body   url.Values // nil sends none
	from   *url.URL   // the page that began it; nil when the address was typed
	policy formPolicy // what the page allows its forms to reach

	path []*url.URL // the addresses asked so far, for Sec-Fetch-Site
}

// visit walks n to its end and shows the page there. The error, if any, leaves
// the tab as it was.
func (b *Browser) visit(ctx context.Context, n navigation) (*Page, error) {
	for range b.options.MaxHops + 1 {
		answer, err := b.ask(ctx, &n)
		if err != nil {
			return nil, err
		}
		next, err := b.next(n, answer)
		if err != nil {
			return nil, err
		}
		if next == nil {
			answer.from = n.from
			b.turnTo(answer, n.method == http.MethodGet)
			return answer, nil
		}
		n = *next
	}
	return nil, fmt.Errorf("%w: more than %d, at %s", ErrTooFar, b.options.MaxHops, n.target.Redacted())
}

// next returns where an answer sends the browser on to, nil when it is a page.
func (b *Browser) next(n navigation, answer *Page) (*navigation, error) {
	if target, ok, err := redirect(answer); err != nil {
		return nil, err
	} else if ok {
		if !n.policy.allows(n.from, target) {
			return nil, fmt.Errorf("%w: redirect to %s://%s", ErrBlocked, target.Scheme, target.Host)
		}
		on := n
		on.target = target
		if keeps := answer.Status == http.StatusTemporaryRedirect || answer.Status == http.StatusPermanentRedirect; !keeps {
			on.method, on.body = http.MethodGet, nil
		}
		return &on, nil
	}
	if target, ok := answer.Refresh(); ok && !b.options.StopAtRefresh {
		return &navigation{method: http.MethodGet, target: target, from: answer.URL}, nil
	}
	return nil, nil
}

// ask makes one request of a navigation and reads the answer.
func (b *Browser) ask(ctx context.Context, n *navigation) (*Page, error) {
	ctx, cancel := context.WithTimeout(ctx, b.options.Timeout)
	defer cancel()

	request, err := b.request(ctx, n)
	if err != nil {
		return nil, err
	}
	response, err := b.options.Transport.RoundTrip(request)
	if err != nil {
		b.log.add(Request{Method: n.method, URL: n.target.String(), Host: n.target.Host})
		return nil, fmt.Errorf("%s %s: %w", n.method, bare(n.target), err)
	}
	b.log.add(Request{Method: n.method, URL: n.target.String(), Host: n.target.Host, Status: response.StatusCode})
	b.jar.keep(n.target, response.Header)
	n.path = append(n.path, n.target)
	page, err := b.read(response, n.target)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return nil, fmt.Errorf("%s %s: %w", n.method, bare(n.target), err)
	}
	return page, nil
}

// request writes one request as a browser would.
func (b *Browser) request(ctx context.Context, n *navigation) (*http.Request, error) {
	var body io.Reader
	if n.body != nil {
		body = strings.NewReader(n.body.Encode())
	}
	request, err := http.NewRequestWithContext(ctx, n.method, n.target.String(), body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", n.method, err)
	}
	h := request.Header
	h.Set("User-Agent", b.options.UserAgent)
	h.Set("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
	h.Set("Accept-Language", b.options.Language)
	h.Set("Upgrade-Insecure-Requests", "1")
	h.Set("Sec-Fetch-Site", fetchSite(n.from, append(n.path, n.target)))
	h.Set("Sec-Fetch-Mode", "navigate")
	h.Set("Sec-Fetch-Dest", "document")
	h.Set("Sec-Fetch-User", "?1")
	if n.body != nil {
		h.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if n.method != http.MethodGet {
		h.Set("Origin", originOf(n))
	}
	if cookies := b.jar.header(n.target, n.method, n.from); cookies != "" {
		h.Set("Cookie", cookies)
	}
	return request, nil
}

// read turns a response into a page, within the bound of its size.
func (b *Browser) read(response *http.Response, at *url.URL) (*Page, error) {
	body, err := io.ReadAll(io.LimitReader(response.Body, b.options.MaxBody+1))
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	if int64(len(body)) > b.options.MaxBody {
		return nil, ErrTooLarge
	}
	page := &Page{URL: at, Status: response.StatusCode, Header: response.Header, Body: body}
	kind, _, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if err != nil || kind != "text/html" {
		return page, nil
	}
	page.root, err = parse(body)
	return page, err
}

// redirect returns where a 3xx answer leads.
func redirect(p *Page) (*url.URL, bool, error) {
	switch p.Status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return nil, false, nil
	}
	location := p.Header.Get("Location")
	if location == "" {
		return nil, false, nil
	}
	target, err := p.URL.Parse(location)
	if err != nil {
		return nil, false, fmt.Errorf("redirect: %w", err)
	}
	return target, true, nil
}

// bare is u without query: codes and states stay out of error texts.
func bare(u *url.URL) string {
	return u.Scheme + "://" + u.Host + u.EscapedPath()
}
