// Package oauth is the wire vocabulary towards websites: it parses what they
// send, says what is wrong with it, and writes answers and errors in the form
// the standards ask for (RFC 6749, RFC 6750, RFC 7636, RFC 9207, OpenID Connect
// Core 1.0).
//
//	/authorize  (ParseForm ▸) PeekClient ▸ (client, redirect URI trusted) ▸ ParseAuthorization
//	/token      ParseToken ▸ (client authenticated, code opened) ▸ VerifyPKCE
//	/userinfo   BearerToken
//
// It knows the shape of a request and nothing behind it: no storage, no clock,
// no clients, no keys. Whether a client may do what it asks for is decided by
// the caller; an error of this package only ever says that the request itself
// is not well formed.
package oauth
