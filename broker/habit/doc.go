// Package habit keeps what a node has lately seen each website do: how its login
// requests were built, and whether it took word of ended sessions. Operators ask
// for it when a website does not work.
//
// It is a note in memory, of this node since its start, bounded in every way. It
// holds nothing about people: no state, nonce or challenge but that there was one.
// Nothing is decided by it.
package habit
