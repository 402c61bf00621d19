package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bongsu/bongsu/providers/fetch"
)

// checker turns a decoded file into a Config and reports what its values
// cannot mean.
type checker struct {
	*document
	outside

	file    *file
	config  *Config
	fetch   *fetch.Client // knows which addresses are open
	secrets []string      // paths of secrets that stand in the file itself
}

// all runs every check. The order matters where one needs what another read:
// the outbound rules come before the URLs of providers, providers before the
// clients that name them.
func (c *checker) all() {
	c.issuer()
	c.site()
	c.node()
	c.sites()
	c.origins()
	c.shared()
	c.listeners()
	c.tls()
	c.store()
	c.ringSecrets()
	c.keys()
	c.sessions()
	c.contact()
	c.drain()
	c.snapshot()
	c.outbound()
	c.providers()
	c.clients()
	c.resources()
	c.algorithms()
	c.gossip()
	c.peers()
	c.operators()
	c.health()
	c.languages()
	c.limits()
	c.log()
	c.warnings()
}

// public reports secrets in a file that everyone can read or change.
func (c *checker) public() {
	if len(c.secrets) == 0 {
		return
	}
	c.add(c.secrets[0], "%s stands in a file that everyone on this machine can read or change: take that away with chmod 640, or put it in a file of its own", c.secrets[0])
}

// issuer checks the URL that stands in every token.
func (c *checker) issuer() {
	if c.file.Issuer == "" {
		c.add("issuer", "issuer is required: the https URL that websites know this broker by")
		return
	}
	u, err := ParseIssuer(c.file.Issuer)
	if err != nil {
		c.add("issuer", "%v", err)
		return
	}
	c.config.Issuer = u
}

// ParseIssuer reads an issuer: an origin that begins with https://, or with
// http:// on loopback. Every client compares it byte for byte, so there is one
// way to write it. The error is a sentence that says what to change.
func ParseIssuer(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return nil, fmt.Errorf("issuer %s is no URL such as https://login.example.kr", readable(raw))
	case u.User != nil:
		return nil, errors.New("issuer must not hold a user name or password")
	case u.Path == "/":
		return nil, fmt.Errorf("issuer %s must not end in a slash", readable(raw))
	case u.Path != "" || u.RawQuery != "" || u.ForceQuery || strings.Contains(raw, "#"):
		return nil, fmt.Errorf("issuer %s must be scheme, host and port alone: no path, query or fragment", readable(raw))
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, fmt.Errorf("issuer %s must begin with https://", readable(raw))
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return nil, fmt.Errorf("issuer %s must begin with https://: plain http is for loopback alone", readable(raw))
	case raw != u.Scheme+"://"+u.Host || !canonicalHost(u):
		return nil, fmt.Errorf("issuer %s must be written in lower case, in ASCII, without the usual port", readable(raw))
	}
	return u, nil
}

// canonicalHost tells whether host and port are written as every other party
// will write them after parsing the URL.
func canonicalHost(u *url.URL) bool {
	port := u.Port()
	if strings.HasSuffix(u.Host, ":") || (u.Scheme == "https" && port == "443") || (u.Scheme == "http" && port == "80") {
		return false
	}
	if port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || strconv.FormatUint(n, 10) != port {
			return false
		}
	}
	host := u.Hostname()
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.Zone() == "" && addr.String() == host
	}
	return hostPattern.MatchString(host) && len(host) <= 253
}

var (
	hostPattern = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	namePattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$`)
)

func (c *checker) site() {
	c.config.Site = c.file.Site
	if c.file.Site == "" {
		c.add("site", "site is required: the name of this place, such as seoul")
	} else if err := CheckSite(c.file.Site); err != nil {
		c.add("site", "%v", err)
	}
}

// CheckSite checks the name of a site. The error is a sentence that says what
// to change.
func CheckSite(name string) error {
	if !namePattern.MatchString(name) {
		return fmt.Errorf("site %s must be at most 32 lower-case letters, digits and hyphens", readable(name))
	}
	return nil
}

// listeners checks that nobody can meet the broker over plain http but over
// loopback or through a proxy that we know.
func (c *checker) listeners() {
	c.config.Listen, c.config.Admin, c.config.TrustedProxies = c.file.Listen, c.file.Admin, c.file.TrustedProxies
	host, ok := c.address("listen", c.file.Listen)
	if c.file.Admin != "" {
		c.address("admin", c.file.Admin)
		if c.file.Admin == c.file.Listen {
			c.add("admin", "admin must not be the address of listen: probes and metrics are not for the public")
		}
	}
	for i, prefix := range c.file.TrustedProxies {
		if prefix.IsValid() && prefix.Bits() == 0 {
			c.add(index("trusted_proxies", i), "trusted_proxies must not trust every address: anybody could say where they come from")
		}
	}
	issuer := c.config.Issuer
	if !ok || issuer == nil || c.file.TLS != nil {
		return
	}
	if issuer.Scheme == "http" && !loopback(host) {
		c.add("listen", "listen %s must be on loopback, as issuer is plain http", readable(c.file.Listen))
	}
	if issuer.Scheme == "https" && len(c.file.TrustedProxies) == 0 {
		c.add("listen", "listen %s would answer in plain http: set tls, or trusted_proxies to the addresses of the proxy that ends TLS", readable(c.file.Listen))
	}
}

// address checks a host:port to listen on and returns the host.
func (c *checker) address(path, value string) (host string, ok bool) {
	host, port, err := net.SplitHostPort(value)
	if err != nil {
		c.add(path, "%s %s must be host:port, such as 127.0.0.1:8080 or :8443", path, readable(value))
		return "", false
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		c.add(path, "%s %s must end in a port from 0 to 65535", path, readable(value))
		return "", false
	}
	if _, err := netip.ParseAddr(host); err != nil && host != "" && !hostPattern.MatchString(host) {
		c.add(path, "%s %s must begin with an address or a host name", path, readable(value))
		return "", false
	}
	return host, true
}

func (c *checker) keys() {
	k := c.file.Keys
	c.config.Keys = Keys{ActiveFor: k.ActiveFor, PublishWindow: k.PublishWindow, RetireFor: k.RetireFor}
	c.between("keys.publish_window", k.PublishWindow)
	c.between("keys.retire_for", k.RetireFor)
	c.between("keys.active_for", k.ActiveFor)
	if k.ActiveFor <= k.PublishWindow {
		c.add("keys.active_for", "keys.active_for %s must be longer than keys.publish_window %s: the next key must be known before it signs", span(k.ActiveFor), span(k.PublishWindow))
	}
}

func (c *checker) sessions() {
	s := c.file.Sessions
	c.config.Sessions = Sessions(s)
	const most = mostSession
	c.between("sessions.idle", s.Idle)
	c.between("sessions.lifetime", s.Lifetime)
	c.between("sessions.outage_ceiling", s.OutageCeiling)
	if s.Idle > s.Lifetime {
		c.add("sessions.idle", "sessions.idle %s must not be longer than sessions.lifetime %s", span(s.Idle), span(s.Lifetime))
	}
	if s.OutageCeiling > 0 && s.OutageCeiling <= most && s.Lifetime <= most && s.Lifetime+s.OutageCeiling > most {
		c.add("sessions.outage_ceiling", "sessions.outage_ceiling %s and sessions.lifetime %s must not be longer than %s together", span(s.OutageCeiling), span(s.Lifetime), span(most))
	}
}

func (c *checker) snapshot() {
	c.config.Snapshot = Snapshot(c.file.Snapshot)
	c.between("snapshot.max_age", c.file.Snapshot.MaxAge)
}

func (c *checker) contact() {
	c.config.Contact = Contact(c.file.Contact)
	c.between("contact.stale_after", c.file.Contact.StaleAfter)
}

func (c *checker) drain() {
	c.config.Drain = Drain(c.file.Drain)
	c.between("drain.wait", c.file.Drain.Wait)
	c.between("drain.finish", c.file.Drain.Finish)
}

// between checks a duration against its entry in bounds.
func (c *checker) between(path string, value time.Duration) {
	b := bounds[general(path)]
	if value < b.least || value > b.most {
		c.add(path, "%s %s must be between %s and %s", path, span(value), span(b.least), span(b.most))
	}
}

// span is a duration as people write it: 90d, 12h, 1h30m.
func span(d time.Duration) string {
	const day = 24 * time.Hour
	if d > 0 && d%day == 0 {
		return strconv.Itoa(int(d/day)) + "d"
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// outbound checks which inside addresses are open to our own requests.
func (c *checker) outbound() {
	c.config.Outbound = Outbound{Allow: c.file.Outbound.Allow, AllowHTTP: c.file.Outbound.AllowHTTP}
	for i, prefix := range c.file.Outbound.Allow {
		if prefix.IsValid() && prefix.Bits() == 0 {
			c.add(index("outbound.allow", i), "outbound.allow must not open every address: name the ranges that are needed")
		}
	}
	issuer := c.config.Issuer
	if c.file.Outbound.AllowHTTP && issuer != nil && issuer.Scheme != "http" {
		c.add("outbound.allow_http", "outbound.allow_http is for trials on one machine: it needs an issuer on loopback")
	}
	c.fetch = fetch.New(fetch.Options{Allow: c.file.Outbound.Allow, AllowHTTP: c.file.Outbound.AllowHTTP})
}

func (c *checker) languages() {
	c.config.Languages = Languages(c.file.Languages)
	c.oneOf("languages.default", c.file.Languages.Default)
}

func (c *checker) log() {
	c.config.Log = Log(c.file.Log)
	c.oneOf("log.level", c.file.Log.Level)
}

// oneOf checks that a value is among its entry in words.
func (c *checker) oneOf(path, value string) {
	words := words[general(path)]
	if !slices.Contains(words, value) {
		c.add(path, "%s %s must be one of %s%s", path, readable(value), strings.Join(words, ", "), meant(value, words))
	}
}

// loopback tells whether a host is this machine and nothing else.
func loopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// index is the path of an element of a list.
func index(path string, i int) string {
	return path + "[" + strconv.Itoa(i) + "]"
}
