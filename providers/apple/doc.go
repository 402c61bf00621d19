// Package apple is Sign in with Apple: OpenID Connect that answers by a POST
// from Apple's own page, wants a client secret signed anew all the time, has no
// userinfo, and tells a name once in a lifetime.
//
// It owns the signed secret (go-jose is imported for it) and the form field
// user. The name in that field comes through the browser and is not verified:
// nothing but the name is taken from it, and it never identifies anybody.
//
// Apple lets a native platform leave out the nonce (nonce_supported). The web
// is not such a platform: a token without our nonce is refused here.
//
// How Apple refuses a code that nobody gave is not documented: invalid_grant is
// taken for healthy, invalid_client for our secret, anything else for unknown.
package apple
