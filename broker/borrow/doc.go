// Package borrow asks the other nodes what they were told that the store has not
// heard of, so that it is obeyed here while the store takes nothing.
//
//	every 2 s, and when a hint came ──▶ Ask every node: what is new since your mark?
//	facts ──▶ Borrow: on disk, obeyed if believed, until the feed has it ──▶ mark
//
// Any node that reaches one which knows a fact comes to know it: each tells what
// it was told itself and what it has borrowed and believes. What is known is told
// again only to who asks from the start.
//
// The package carries facts and remembers how far it has heard each node. Whom to
// believe, and for how long, is the set's of package negative to decide; who a node
// is, the connection has shown.
package borrow
