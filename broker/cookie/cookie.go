package cookie

import (
	"net/http"
	"net/url"
	"sort"
	"strings"
	"time"
)

// MaxTotal bounds all our cookies in one browser, names and values, in bytes:
// servers and proxies refuse requests whose headers grow beyond 8 KiB.
const MaxTotal = 7000

// MaxValue bounds one cookie's value, in bytes.
const MaxValue = 3500

// Jar names the cookies of one host, or of the hosts below one domain.
type Jar struct {
	prefix string
	domain string // empty: of the one host that sets them
	secure bool
}

// sharedPrefix begins the names of cookies that a domain has in common.
const sharedPrefix = "__Secure-bongsu_"

// Shared returns the jar of domain: its cookies are those of every host that is
// the domain or stands below it, over https alone. Any of these hosts can set
// them, so what they hold has to prove itself.
func Shared(domain string) Jar { return Jar{prefix: sharedPrefix, domain: domain, secure: true} }

// NewJar returns the jar of issuer: an https URL, or an http URL on loopback.
func NewJar(issuer *url.URL) Jar {
	if issuer.Scheme == "https" {
		return Jar{prefix: "__Host-bongsu_", secure: true}
	}
	port := issuer.Port()
	if port == "" {
		port = "80"
	}
	return Jar{prefix: "bongsu_" + port + "_"}
}

// Set sets the cookie name for maxAge; zero makes it last as long as the
// browser runs.
func (j Jar) Set(w http.ResponseWriter, name, value string, maxAge time.Duration) {
	http.SetCookie(w, j.cookie(name, value, int(maxAge/time.Second)))
}

// Clear removes the cookie name from the browser.
func (j Jar) Clear(w http.ResponseWriter, name string) {
	http.SetCookie(w, j.cookie(name, "", -1))
}

// Read returns the value of the cookie name, or "" when the browser sent none.
// A name sent twice is worth nothing: somebody planted one of them.
func (j Jar) Read(r *http.Request, name string) string {
	found := r.CookiesNamed(j.prefix + name)
	if len(found) != 1 || len(found[0].Value) > MaxValue {
		return ""
	}
	return found[0].Value
}

// Bound clears the oldest cookies whose names start with group until one more
// of size bytes fits into [MaxTotal] beside everything else of ours. Names
// within a group sort by age, oldest first. keep is never cleared.
func (j Jar) Bound(w http.ResponseWriter, r *http.Request, group, keep string, size int) {
	total := size
	var names []string
	sizes := make(map[string]int)
	for _, c := range r.Cookies() {
		name, ours := strings.CutPrefix(c.Name, j.prefix)
		if strings.HasPrefix(c.Name, sharedPrefix) {
			total += len(c.Name) + len(c.Value) + 3
		}
		if !ours || name == keep {
			continue
		}
		total += len(c.Name) + len(c.Value) + 3
		if strings.HasPrefix(name, group) {
			names = append(names, name)
			sizes[name] = len(c.Name) + len(c.Value) + 3
		}
	}
	sort.Strings(names)
	for _, name := range names {
		if total <= MaxTotal {
			return
		}
		j.Clear(w, name)
		total -= sizes[name]
	}
}

func (j Jar) cookie(name, value string, maxAge int) *http.Cookie {
	return &http.Cookie{
		Name:     j.prefix + name,
		Value:    value,
		Domain:   j.domain,
		Path:     "/",
		MaxAge:   maxAge,
		Secure:   j.secure,
		HttpOnly: true,
		SameSite: http.SameSiteLaxMode,
	}
}
