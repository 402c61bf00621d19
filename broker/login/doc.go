// Package login is the spine: it walks one login from a website's
// authorization request to a code.
//
//	website ──/authorize──▶ open ─▶ menu ─▶ leg ──▶ provider
//	website ◀──code──── finish ◀─ match ◀─ resolve ◀─ callback ◀──┘
//
// One sealed record, the [Login], is the whole state of a login; it lives in a
// cookie of the browser and nowhere else. Steps never call steps: each changes
// the visit and returns to one dispatcher ([Handler.walk]), which reads it and
// decides. So a person can enter anywhere, by the Back button too, and a
// failed step costs one click and not the login (P4).
//
// Before the end comes the person's consent, where somebody else's website asks
// for something that they did not say yes to yet.
//
// A yes that is said while there is no writer counts for that login alone, and the
// next one asks again. It is kept nowhere meanwhile: a node's own logs carry what
// takes away, which may come late and twice, and what it gave itself. A yes would
// have to be placed among the no of other sites that nobody here has heard of, and
// after a withdrawal it would give again what the person took back (P8).
//
// Some logins are no website's: they end on the account page, and those that
// link or unlink a way belong to a session and end only while the browser has it.
//
// It sequences and contains no SQL, no cryptography, no HTML and no outgoing
// HTTP: those are the leaves' (store, keys/seal, web, providers).
package login
