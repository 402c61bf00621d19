package browser

import (
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/publicsuffix"
)

// Bounds of the jar, as browsers have them.
const (
	maxCookieSize     = 4096 // bytes of name and value
	maxCookiesPerHost = 180
)

// jar keeps cookies as RFC 6265bis says, and unlike net/http/cookiejar
// remembers SameSite. Hosts are keyed without their port.
type jar struct {
	now func() time.Time

	mu     sync.Mutex
	hosts  map[string][]*kept // oldest first
	number int
}

type kept struct {
	cookie   http.Cookie
	hostOnly bool
	expires  time.Time // zero: as long as the browser runs
	order    int
}

func newJar(now func() time.Time) *jar {
	return &jar{now: now, hosts: make(map[string][]*kept)}
}

// keep stores the cookies that an answer from u sets.
func (j *jar) keep(u *url.URL, h http.Header) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, line := range h.Values("Set-Cookie") {
		c, err := http.ParseSetCookie(line)
		if err == nil && len(c.Name)+len(c.Value) <= maxCookieSize {
			j.put(u, c)
		}
	}
}

func (j *jar) put(u *url.URL, c *http.Cookie) {
	host, hostOnly, ok := cookieHost(u, c.Domain)
	if !ok || !prefixHolds(u, c) {
		return
	}
	if c.Path == "" || c.Path[0] != '/' {
		c.Path = defaultPath(u)
	}
	k := &kept{cookie: *c, hostOnly: hostOnly, order: j.number}
	j.number++
	switch {
	case c.MaxAge < 0:
		k.expires = j.now().Add(-time.Second)
	case c.MaxAge > 0:
		k.expires = j.now().Add(time.Duration(c.MaxAge) * time.Second)
	case !c.Expires.IsZero():
		k.expires = c.Expires
	}
	list := slices.DeleteFunc(j.hosts[host], func(old *kept) bool {
		same := old.cookie.Name == c.Name && old.cookie.Path == c.Path
		if same {
			k.order = old.order
		}
		return same
	})
	if k.alive(j.now()) {
		list = append(list, k)
	}
	if len(list) > maxCookiesPerHost {
		list = list[1:]
	}
	j.hosts[host] = list
}

// header returns the Cookie header of a request to u. page is the page that
// began the navigation, nil when the address was typed. A cookie without
// SameSite counts as Lax.
func (j *jar) header(u *url.URL, method string, page *url.URL) string {
	sameSite := page == nil || site(page) == site(u)
	safe := method == http.MethodGet || method == http.MethodHead
	var found []*kept
	j.mu.Lock()
	for host, list := range j.hosts {
		for _, k := range list {
			if !k.alive(j.now()) || !k.reaches(host, u) {
				continue
			}
			switch k.cookie.SameSite {
			case http.SameSiteNoneMode:
			case http.SameSiteStrictMode:
				if !sameSite {
					continue
				}
			default:
				if !sameSite && !safe {
					continue
				}
			}
			found = append(found, k)
		}
	}
	j.mu.Unlock()
	slices.SortFunc(found, func(a, b *kept) int {
		if d := len(b.cookie.Path) - len(a.cookie.Path); d != 0 {
			return d
		}
		return a.order - b.order
	})
	pairs := make([]string, len(found))
	for i, k := range found {
		pairs[i] = k.cookie.Name + "=" + k.cookie.Value
	}
	return strings.Join(pairs, "; ")
}

func (k *kept) alive(now time.Time) bool {
	return k.expires.IsZero() || now.Before(k.expires)
}

func (k *kept) reaches(host string, u *url.URL) bool {
	name := strings.ToLower(u.Hostname())
	if name != host && (k.hostOnly || !strings.HasSuffix(name, "."+host)) {
		return false
	}
	if k.cookie.Secure && u.Scheme != "https" {
		return false
	}
	path := u.Path
	if path == "" {
		path = "/"
	}
	at := k.cookie.Path
	return path == at || strings.HasPrefix(path, at) && (strings.HasSuffix(at, "/") || path[len(at)] == '/')
}

func (j *jar) all(host string) []http.Cookie {
	j.mu.Lock()
	defer j.mu.Unlock()
	var cookies []http.Cookie
	for _, k := range j.hosts[strings.ToLower(host)] {
		if k.alive(j.now()) {
			cookies = append(cookies, k.cookie)
		}
	}
	return cookies
}

func (j *jar) forget(host string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if host == "" {
		clear(j.hosts)
		return
	}
	delete(j.hosts, strings.ToLower(host))
}

// cookieHost is whose cookie it becomes: the host itself, or a parent domain
// that the host may speak for.
func cookieHost(u *url.URL, domain string) (host string, hostOnly, ok bool) {
	name := strings.ToLower(u.Hostname())
	domain = strings.ToLower(strings.TrimPrefix(domain, "."))
	if domain == "" || domain == name {
		return name, domain == "", true
	}
	if net.ParseIP(name) != nil || !strings.HasSuffix(name, "."+domain) {
		return "", false, false
	}
	if suffix, _ := publicsuffix.PublicSuffix(domain); suffix == domain {
		return "", false, false
	}
	return domain, false, true
}

// prefixHolds checks what the names __Host- and __Secure- promise, and that no
// cookie claims to be Secure over plain http.
func prefixHolds(u *url.URL, c *http.Cookie) bool {
	if c.Secure && u.Scheme != "https" {
		return false
	}
	if c.SameSite == http.SameSiteNoneMode && !c.Secure {
		return false
	}
	name := strings.ToLower(c.Name)
	switch {
	case strings.HasPrefix(name, "__host-"):
		return c.Secure && c.Domain == "" && c.Path == "/"
	case strings.HasPrefix(name, "__secure-"):
		return c.Secure
	default:
		return true
	}
}

// defaultPath is the directory of the address that set the cookie (RFC 6265 5.1.4).
func defaultPath(u *url.URL) string {
	i := strings.LastIndexByte(u.Path, '/')
	if i <= 0 {
		return "/"
	}
	return u.Path[:i]
}
