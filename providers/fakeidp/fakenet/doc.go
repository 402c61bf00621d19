// Package fakenet is the network in front of simulated upstreams: names that
// may not resolve, connections that may not open, certificates that may be
// wrong, for one site and not for another.
//
//	Site.Dial ──▶ Site.Resolver ──▶ weather? ──▶ TCP on loopback ──▶ TLS ──▶ the host's handler
//
// Names are answered by a DNS server in memory that the standard resolver asks,
// connections are real TCP on loopback, certificates come from an authority made
// when the network is. So a client sees the errors that it would see outside,
// made by the same code. What is broken, and for whom, is asked of each [Host]
// when somebody connects; package fakeidp has the answers for its upstreams.
//
// It is reached through [Site.Dial] alone: it takes no port that anybody else
// would find and no name of the machine. Connections that are open stay open
// when the weather changes; what a request on them meets is the handler's.
// Virtual addresses are from 198.18.0.0/15, which is nobody's (RFC 2544).
package fakenet
