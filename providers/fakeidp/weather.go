package fakeidp

import "net/netip"

// Weather says how a new connection to the upstream fares below HTTP: the fault
// and variant that a network in front has to play, or "". It comes from source,
// a name as in [WithSource], at address; either may be unknown. Endpoints are
// those that stand at the host, as far as it is known; none is all.
//
// Scopes that ask who is asking leave connections alone: each request meets
// their fault by itself.
func (u *Upstream) Weather(name string, address netip.Addr, endpoints ...Endpoint) (f Fault, variant string) {
	k := u.current()
	switch k.fault.Name {
	case Dark, DNS, HalfOpen, WrongCertificate:
	default:
		return "", ""
	}
	if !k.fault.touchesConnection(u, source{name, address}, endpoints) {
		return "", ""
	}
	return k.fault.Name, k.fault.scope.Variant
}
