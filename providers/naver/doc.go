// Package naver is Naver Login in its OAuth 2.0 family (/oauth2.0/…): no ID
// token, no PKCE, no scopes; who came is what /v1/nid/me answers. The OpenID
// Connect family (/oauth2/…) is another protocol on another path, and the two
// must not be mixed.
//
// It owns the endpoints, the result codes and the shape of the profile. Naver
// never says that it checked an e-mail address, so none is verified.
//
// A healthy token endpoint refuses a code that nobody gave with invalid_request
// and a text; the code alone would not tell it from a malformed request.
package naver
