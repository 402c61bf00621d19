// Package assertion proves clients that sign for themselves (private_key_jwt:
// OpenID Connect Core 9, RFC 7523).
//
//	assertion ──▶ the client's keys (registered, or fetched) ──▶ claims ──▶ claimed once, by the store's writer
//
// It owns what an assertion must say and that it is taken once, on whichever
// node; and the key sets that clients publish: fetched when first needed, kept,
// and fetched again for a key that is not among them, though not more often than
// a budget allows. A key set that cannot be fetched proves nothing against
// anybody: the client hears that it could not be checked. Signatures are checked
// by package keys; who the client is and what it may do is its caller's.
package assertion
