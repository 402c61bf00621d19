package broker

import (
	"net/http"
	"net/netip"
	"strings"
)

// maxHops bounds how many proxies an address is looked for behind.
const maxHops = 16

// clientAddress is where a request came from: the peer, or the nearest address
// that a trusted proxy named and that is no trusted proxy itself. What stands
// before that anybody may have written. The zero address means that nobody
// trustworthy says.
func (b *Broker) clientAddress(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	at := peer.Addr().Unmap()
	if !b.trusted(at) {
		return at
	}
	lines := r.Header.Values("X-Forwarded-For")
	hops := strings.Split(strings.Join(lines, ","), ",")
	for i := len(hops) - 1; i >= 0 && i >= len(hops)-maxHops && b.trusted(at); i-- {
		named, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			return at
		}
		at = named.Unmap().WithZone("")
	}
	return at
}

func (b *Broker) trusted(at netip.Addr) bool {
	for _, prefix := range b.config.TrustedProxies {
		if prefix.Contains(at) {
			return true
		}
	}
	return false
}

// neighbourhood is what one household or office shares of its address: /24 of
// IPv4, /48 of IPv6.
func neighbourhood(at netip.Addr) string {
	bits := 24
	if at.Is6() {
		bits = 48
	}
	prefix, err := at.Prefix(bits)
	if err != nil || !prefix.IsValid() {
		return ""
	}
	return prefix.String()
}
