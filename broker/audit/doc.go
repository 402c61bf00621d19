// Package audit records what security teams ask about later: one [Event] per
// thing that happened, one line per event, with names that never change.
//
// It owns the vocabulary of events and writes them to a logger. It decides
// nothing, and it never carries a code, token, secret, name, address or phone
// number: an account appears as its keyed hash.
package audit
