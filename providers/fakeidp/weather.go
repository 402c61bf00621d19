package fakeidp

import "strings"

// Hosts returns the host names that are the upstream's own, each with the
// endpoints that stand there; none where it stands below the base URL.
func (u *Upstream) Hosts() map[string][]Endpoint {
	hosts := map[string][]Endpoint{}
	if !u.own {
		return hosts
	}
	hosts[hostOf(host(u.base))] = nil
	for _, e := range endpoints() {
		if address := u.URL(e); address != "" && (u.pages == "" || !strings.HasPrefix(address, u.pages+"/")) {
			name := hostOf(host(address))
			hosts[name] = append(hosts[name], e)
		}
	}
	return hosts
}

// Weather says how a new connection to the upstream fares below HTTP: the fault
// and variant that a network in front has to play, or "". It comes from from, as
// in [WithSource]. Endpoints are those that stand at the host; none is all.
//
// Scopes that ask who is asking leave connections alone: each request meets
// their fault by itself.
func (u *Upstream) Weather(from string, endpoints ...Endpoint) (f Fault, variant string) {
	k := u.current()
	switch k.fault.Name {
	case Dark, DNS, HalfOpen, WrongCertificate:
	default:
		return "", ""
	}
	if !k.fault.touchesConnection(u, sourceNamed(from), endpoints) {
		return "", ""
	}
	return k.fault.Name, k.fault.scope.Variant
}
