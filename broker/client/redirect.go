package client

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// RedirectAllowed reports whether a code may be sent to uri: it is registered,
// compared byte for byte, or differs from a native app's registered loopback
// address in nothing but the port (RFC 8252 7.3).
func (c *Client) RedirectAllowed(uri string) bool { return c.allowed(c.RedirectURIs, uri) }

// PostLogoutAllowed reports whether a browser may be sent to uri after logout,
// by the same rule.
func (c *Client) PostLogoutAllowed(uri string) bool { return c.allowed(c.PostLogoutRedirectURIs, uri) }

// OriginAllowed reports whether a page of origin may call us across origins for
// this client.
func (c *Client) OriginAllowed(origin string) bool {
	return slices.Contains(c.Origins, origin) || c.wider != nil && isOrigin(origin) && c.wider(origin+"/")
}

func (c *Client) allowed(registered []string, uri string) bool {
	if slices.Contains(registered, uri) {
		return true
	}
	if c.Native && slices.ContainsFunc(registered, func(own string) bool { return sameButPort(own, uri) }) {
		return true
	}
	return c.wider != nil && c.wider(uri)
}

// sameButPort reports whether both are http URIs of the same loopback address
// literal that differ in the port alone. "localhost" is a name, and a name can
// be made to mean something else.
func sameButPort(own, uri string) bool {
	for _, address := range []string{"http://127.0.0.1", "http://[::1]"} {
		ownRest, ok := cutPort(own, address)
		if !ok {
			continue
		}
		rest, ok := cutPort(uri, address)
		return ok && rest == ownRest
	}
	return false
}

// cutPort returns what follows address and an optional port in uri.
func cutPort(uri, address string) (rest string, ok bool) {
	rest, ok = strings.CutPrefix(uri, address)
	if !ok {
		return "", false
	}
	if after, found := strings.CutPrefix(rest, ":"); found {
		end := strings.IndexFunc(after, func(r rune) bool { return r < '0' || r > '9' })
		if end < 0 {
			end = len(after)
		}
		if !validPort(after[:end]) {
			return "", false
		}
		rest = after[end:]
	}
	return rest, rest == "" || rest[0] == '/' || rest[0] == '?'
}

// validPort reports whether s is a port from 1 to 65535 without leading zeros.
func validPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0 && s[0] != '0'
}

// LoopbackHTTP reports whether uri is a well-formed http URI of this machine,
// whatever port and path: what development accepts through [InsecureRedirects].
func LoopbackHTTP(uri string) bool {
	u, reason := parseURI(uri)
	return reason == "" && u.Scheme == "http" && isLoopback(u.Hostname())
}

func isLoopback(host string) bool {
	return host == "127.0.0.1" || host == "::1" || host == "localhost"
}

// isOrigin reports whether s is shaped like a serialized http(s) origin.
func isOrigin(s string) bool {
	u, reason := parseURI(s)
	return reason == "" && u.Path == "" && u.RawQuery == "" && !u.ForceQuery && originOf(u) == s
}

// originsOf returns the distinct origins of http(s) URIs, in order.
func originsOf(uris []string) []string {
	var origins []string
	for _, uri := range uris {
		u, err := url.Parse(uri)
		if err != nil {
			continue
		}
		if o := originOf(u); o != "" && !slices.Contains(origins, o) {
			origins = append(origins, o)
		}
	}
	return origins
}

// originOf returns the origin as browsers serialize it (RFC 6454 6.2): lower
// case, without a default port. Empty for schemes whose origin is opaque.
func originOf(u *url.URL) string {
	host := strings.ToLower(u.Host)
	switch u.Scheme {
	case "https":
		return "https://" + strings.TrimSuffix(host, ":443")
	case "http":
		return "http://" + strings.TrimSuffix(host, ":80")
	}
	return ""
}

// hostsOf returns the distinct hosts of uris, for the sector of pairwise subjects.
func hostsOf(uris []string) []string {
	var hosts []string
	for _, uri := range uris {
		u, err := url.Parse(uri)
		if err != nil {
			continue
		}
		if h := strings.ToLower(u.Hostname()); !slices.Contains(hosts, h) {
			hosts = append(hosts, h)
		}
	}
	return hosts
}
