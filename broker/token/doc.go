// Package token is what a website gets for its code: the token endpoint,
// userinfo, and the documents that say how to use them.
//
//	code ──▶ /token: parse → authenticate client → open and check code → sign → claim ──▶ ID token, access token
//	access token ──▶ /userinfo
//
// It owns the code (what is sealed in it, who may redeem it, that it is claimed
// once by the arbiter that it names, the writer or a node) and the claims of every
// token. It does not know who is an arbiter when, nor how the person logged in: a
// finished login hands over a [Code].
package token
