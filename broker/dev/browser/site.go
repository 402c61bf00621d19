package browser

import (
	"net"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// site is scheme and registrable domain: what browsers mean by "same site".
// Ports do not count; localhost and addresses stand for themselves, so
// localhost and 127.0.0.1 are two sites.
func site(u *url.URL) string {
	host := strings.ToLower(u.Hostname())
	if net.ParseIP(host) == nil {
		if domain, err := publicsuffix.EffectiveTLDPlusOne(host); err == nil {
			host = domain
		}
	}
	return u.Scheme + "://" + host
}

// origin is scheme, host and port.
func origin(u *url.URL) string {
	return u.Scheme + "://" + strings.ToLower(u.Host)
}

// fetchSite is the Sec-Fetch-Site of the last address on path: the farthest
// relation to the page that any address on the way had.
func fetchSite(page *url.URL, path []*url.URL) string {
	if page == nil {
		return "none"
	}
	farthest := "same-origin"
	for _, u := range path {
		switch {
		case site(u) != site(page):
			return "cross-site"
		case origin(u) != origin(page):
			farthest = "same-site"
		}
	}
	return farthest
}

// originOf is the Origin header of a request with a body: opaque once a
// redirect led it across origins.
func originOf(n *navigation) string {
	if n.from == nil {
		return "null"
	}
	for _, u := range n.path {
		if origin(u) != origin(n.target) {
			return "null"
		}
	}
	return origin(n.from)
}

// formPolicy is a form-action directive; nil allows everything.
type formPolicy []string

// formAction reads the form-action directives of a page's policies; where
// several policies have one, the form must satisfy each, which is the last
// word of the strictest: here the sources they share.
func formAction(h http.Header) formPolicy {
	var shared formPolicy
	for _, header := range h.Values("Content-Security-Policy") {
		for policy := range strings.SplitSeq(header, ",") {
			for directive := range strings.SplitSeq(policy, ";") {
				fields := strings.Fields(directive)
				if len(fields) == 0 || !strings.EqualFold(fields[0], "form-action") {
					continue
				}
				shared = shared.and(fields[1:])
				break // a second form-action in one policy is ignored
			}
		}
	}
	return shared
}

func (p formPolicy) and(sources []string) formPolicy {
	both := formPolicy{}
	for _, s := range sources {
		if p == nil || contains(p, s) {
			both = append(both, s)
		}
	}
	return both
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if strings.EqualFold(l, s) {
			return true
		}
	}
	return false
}

// allows reports whether a form of page may reach target, directly or by a
// redirect. Understood are 'self', 'none', '*', schemes and origins.
func (p formPolicy) allows(page, target *url.URL) bool {
	if p == nil {
		return true
	}
	for _, source := range p {
		switch {
		case source == "*",
			strings.EqualFold(source, "'self'") && page != nil && origin(page) == origin(target),
			strings.EqualFold(source, target.Scheme+":"),
			strings.EqualFold(strings.TrimSuffix(source, "/"), origin(target)):
			return true
		}
	}
	return false
}
