package fetch

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// maxURL bounds a configured URL in bytes.
const maxURL = 2048

// CheckURL tells whether a configured URL may be fetched at all: https (plain
// http only to loopback and only with AllowHTTP), a host, no user information,
// no fragment, no literal address that is not open, and no number that some
// resolvers read as an address. A name is not resolved: its addresses are
// checked whenever the program connects. Errors wrap [ErrForbiddenAddress].
func (c *Client) CheckURL(raw string) error {
	u, err := parse(raw)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrForbiddenAddress, err)
	}
	allow := c.allow
	switch u.Scheme {
	case "https":
	case "http":
		if !c.allowHTTP {
			return fmt.Errorf("%w: https is required", ErrForbiddenAddress)
		}
		if !loopbackHost(u.Hostname()) {
			return fmt.Errorf("%w: plain http leads to loopback only", ErrForbiddenAddress)
		}
		allow = loopback
	default:
		return fmt.Errorf("%w: https is required", ErrForbiddenAddress)
	}
	return checkHost(u.Hostname(), allow)
}

func parse(raw string) (*url.URL, error) {
	if len(raw) > maxURL {
		return nil, errors.New("the URL is too long")
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, errors.New("the URL does not parse")
	case u.Opaque != "" || u.Hostname() == "":
		return nil, errors.New("the URL has no host")
	case u.User != nil:
		return nil, errors.New("the URL carries user information")
	case u.Fragment != "" || strings.HasSuffix(raw, "#"):
		return nil, errors.New("the URL has a fragment")
	}
	return u, nil
}

func checkHost(host string, allow []netip.Prefix) error {
	if addr, err := netip.ParseAddr(host); err == nil {
		return checkAddress(addr, allow)
	}
	if endsInNumber(host) {
		return fmt.Errorf("%w: the host is a number", ErrForbiddenAddress)
	}
	if localhost(host) {
		return checkAddress(netip.AddrFrom4([4]byte{127, 0, 0, 1}), allow)
	}
	return nil
}

// endsInNumber reports whether the last label of host is a decimal or
// hexadecimal number: "0", "127.1", "0x7f.1", "2130706433". No such top-level
// domain exists, and some resolvers take them for IPv4 addresses (WHATWG URL,
// "ends in a number").
func endsInNumber(host string) bool {
	host = strings.TrimSuffix(host, ".")
	last := host[strings.LastIndexByte(host, '.')+1:]
	if last == "" {
		return true
	}
	if hex, ok := strings.CutPrefix(strings.ToLower(last), "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return strings.Trim(last, "0123456789") == ""
}

func localhost(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

func loopbackHost(host string) bool {
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.Unmap().IsLoopback()
	}
	return localhost(host)
}
