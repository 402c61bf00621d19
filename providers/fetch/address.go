package fetch

import (
	"fmt"
	"net/netip"
)

// Addresses that are never someone else's public server: the IANA special
// purpose registries (RFC 6890 and its updates) for both families.
var forbidden = prefixes(
	"0.0.0.0/8",       // this host
	"10.0.0.0/8",      // private
	"100.64.0.0/10",   // carrier-grade NAT
	"127.0.0.0/8",     // loopback
	"169.254.0.0/16",  // link-local, cloud metadata
	"172.16.0.0/12",   // private
	"192.0.0.0/24",    // IETF protocol assignments
	"192.0.2.0/24",    // documentation
	"192.88.99.0/24",  // 6to4 relays
	"192.168.0.0/16",  // private
	"198.18.0.0/15",   // benchmarking
	"198.51.100.0/24", // documentation
	"203.0.113.0/24",  // documentation
	"224.0.0.0/4",     // multicast
	"240.0.0.0/4",     // reserved, broadcast

	"::/96",          // unspecified, loopback, IPv4-compatible
	"64:ff9b:1::/48", // NAT64 into the own network
	"100::/64",       // discard
	"2001::/23",      // IETF protocol assignments, Teredo
	"2001:db8::/32",  // documentation
	"2002::/16",      // 6to4: carries any IPv4 address
	"3fff::/20",      // documentation
	"5f00::/16",      // segment routing
	"fc00::/7",       // unique local
	"fe80::/10",      // link-local
	"fec0::/10",      // site-local
	"ff00::/8",       // multicast
)

// nat64 carries a public IPv4 address in its last four bytes (RFC 6052). It is
// how an IPv6-only site reaches an IPv4-only provider, so what counts is the
// address inside.
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

func prefixes(texts ...string) []netip.Prefix {
	parsed := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		parsed[i] = netip.MustParsePrefix(text)
	}
	return parsed
}

// checkAddress returns an error wrapping [ErrForbiddenAddress] when addr is
// neither public nor inside allow.
func checkAddress(addr netip.Addr, allow []netip.Prefix) error {
	addr = addr.Unmap().WithZone("")
	if !addr.IsValid() {
		return fmt.Errorf("%w: no address", ErrForbiddenAddress)
	}
	if within(addr, allow) {
		return nil
	}
	if nat64.Contains(addr) {
		bytes := addr.As16()
		addr = netip.AddrFrom4([4]byte(bytes[12:]))
	}
	if within(addr, forbidden) {
		return fmt.Errorf("%w: %s", ErrForbiddenAddress, addr)
	}
	return nil
}

func within(addr netip.Addr, ranges []netip.Prefix) bool {
	for _, r := range ranges {
		if r.Contains(addr) {
			return true
		}
	}
	return false
}
