package config

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// Origin is where people reach the site called name and no other; nil: nowhere.
func (c *Config) Origin(name string) *url.URL {
	for _, s := range c.Sites {
		if s.Name == name {
			return s.Origin
		}
	}
	return nil
}

// Entrances are the addresses by which people come to this deployment: the
// issuer's first, then the origins of the sites in the order of the file.
func (c *Config) Entrances() []*url.URL {
	all := []*url.URL{c.Issuer}
	for _, s := range c.Sites {
		if s.Origin != nil && s.Origin.Host != c.Issuer.Host {
			all = append(all, s.Origin)
		}
	}
	return all
}

// Callbacks are the addresses that a provider must be told to send people back
// to, by the provider's id: one at every entrance.
func (c *Config) Callbacks(provider string) []string {
	var all []string
	for _, at := range c.Entrances() {
		all = append(all, at.String()+"/callback/"+provider)
	}
	return all
}

// MarkShared reports whether a browser has one mark at all sites: by a domain
// above them, or because all are ports of one loopback host, which have their
// cookies in common.
func (c *Config) MarkShared() bool {
	if c.MarkDomain != "" {
		return true
	}
	return c.Issuer.Scheme == "http" && !slices.ContainsFunc(c.Entrances(), func(at *url.URL) bool {
		return at.Hostname() != c.Issuer.Hostname()
	})
}

// siteOrigin reads where people reach one site.
func (c *checker) siteOrigin(path, written string) *url.URL {
	if written == "" || c.bad[path] {
		return nil
	}
	at, err := ParseIssuer(written)
	if err != nil { // what is said of an issuer is as true of an origin
		c.add(path, "%s", strings.ReplaceAll(err.Error(), "issuer", path))
		return nil
	}
	return at
}

// origins checks the origins of the sites against each other: whoever comes to
// one comes to that site alone.
func (c *checker) origins() {
	issuer, with := c.config.Issuer, 0
	hosts := make(map[string]int)
	for i, site := range c.config.Sites {
		if site.Origin == nil {
			continue
		}
		with++
		path := index("sites", i) + ".origin"
		first, doubled := hosts[site.Origin.Host]
		hosts[site.Origin.Host] = i
		switch {
		case doubled:
			c.add(path, "%s %s is already that of sites[%d]", path, readable(site.Origin.String()), first)
		case issuer == nil:
		case site.Origin.Scheme != issuer.Scheme:
			c.add(path, "%s %s must begin with %s:// as the issuer does", path, readable(site.Origin.String()), issuer.Scheme)
		case site.Origin.Host == issuer.Host && len(c.file.Sites) > 1:
			c.add(path, "%s must not be the issuer: that is where all sites are reached", path)
		}
	}
	if with == 0 || with == len(c.file.Sites) {
		return
	}
	for i, w := range c.file.Sites {
		if path := index("sites", i) + ".origin"; w.Origin == "" && !c.bad[path] {
			c.add(path, "%s is required, as other sites have one: a login could go on there and not here", path)
		}
	}
}

// shared checks what all entrances have in common: a domain of their own that
// cookies and passkeys may belong to.
func (c *checker) shared() {
	c.config.MarkDomain = c.above("browser_mark.domain", c.file.BrowserMark.Domain, false)
	c.config.RPID = c.above("passkeys.rp_id", c.file.Passkeys.RPID, true)
	if domain := c.config.MarkDomain; domain != "" && c.config.Issuer != nil && c.config.Issuer.Scheme != "https" {
		c.add("browser_mark.domain", "browser_mark.domain needs an issuer of https: browsers keep such a mark for secure hosts alone")
	}
	if len(c.config.Sites) > 1 && c.config.Sites[0].Origin != nil && c.file.BrowserMark.Domain == "" && c.config.Issuer != nil && !c.config.MarkShared() {
		c.warn("sites", "sites have origins, and browser_mark.domain is not set: no login goes on at another site, for nothing would tell whose it is")
	}
}

// above checks that all entrances are a domain, or stand below it, and that it is
// nobody else's.
func (c *checker) above(path, domain string, local bool) string {
	if domain == "" || c.bad[path] {
		return ""
	}
	_, err := netip.ParseAddr(domain)
	suffix, _ := publicsuffix.PublicSuffix(domain)
	switch {
	case local && domain == "localhost":
	case err == nil || !hostPattern.MatchString(domain) || len(domain) > 253:
		c.add(path, "%s %s must be a domain such as login.example.kr, in lower case", path, readable(domain))
		return ""
	case suffix == domain:
		c.add(path, "%s %s is a public suffix: anybody may have a name below it", path, readable(domain))
		return ""
	}
	if c.config.Issuer == nil {
		return ""
	}
	for _, at := range c.config.Entrances() {
		if host := at.Hostname(); host != domain && !strings.HasSuffix(host, "."+domain) {
			c.add(path, "%s %s must be a parent of all that people come to: %s is not below it", path, readable(domain), host)
			return ""
		}
	}
	return domain
}
