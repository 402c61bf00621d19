// Package roster keeps a node's directory of clients true to the store: what an
// operator registers at one node is known at every node within R = 5 s, and when
// each client secret was last used is known to whoever wants to drop one.
//
// A registration that this node cannot read or accept is left out and reported,
// for a rule it does not know may be the one that keeps people safe; the others
// count. While the store does not answer, what was read last stands, and nobody
// who is not in it is called unknown ([Roster.Complete], P5).
//
// The package decides nothing about a registration and takes no orders: reading
// one is configuration's part, registering one the operators' desk's.
package roster
