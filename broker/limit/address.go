package limit

import "net/netip"

// Neighbours is what is taken for one and the same household of an address: an
// address of IPv4, a /64 of IPv6, of which anybody has all. The zero prefix stands
// for all who come from nobody knows where.
func Neighbours(at netip.Addr) netip.Prefix {
	at = at.Unmap().WithZone("")
	bits := at.BitLen()
	if at.Is6() {
		bits = 64
	}
	prefix, err := at.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return prefix
}
