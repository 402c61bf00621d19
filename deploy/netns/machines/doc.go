// Package machines is a network of machines on one machine: each a network
// namespace, joined by two bridges, with cables that can be cut, a name server
// that can lie, an authority that signs certificates, and processes that are
// killed and frozen.
//
//	everybody ── bridge "wide" ── machines ── bridge "inner" ── those that are inside
//
// Tests that run real processes of the program stand on it. It knows neither the
// program nor what a test wants to see, and holds nothing that a program could
// use. It needs Linux, root and iproute2.
package machines
