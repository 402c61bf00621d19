// Package admin is how operators give orders to a running node: the handler on
// the admin listener and the client that commands use, with one set of types
// for what travels between them.
//
// An operator proves themselves with a bearer credential of this node's
// configuration and nothing else: no provider, no session, no token of ours and
// no peer is involved (P10), so the orders that matter in an outage work in
// every outage. Switching a provider off and taking trust away are negative
// facts: obeyed here, on disk, before the answer, whether the store can be
// reached or not (P8). What only the store's writer may decide is answered with
// 503 while nobody reaches it (P5).
//
// Every refusal and every order is audited: who, what, why. The package gives
// orders and shows what others know; it decides nothing about health, menus or
// accounts, and it hands out no secret.
package admin
