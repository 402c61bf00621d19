// Package naver is Naver Login in both of its families, which are two kinds of
// provider on two sets of paths and must not be mixed.
//
// [New] is the OAuth 2.0 family (/oauth2.0/…): no ID token, no PKCE, no scopes;
// who came is what /v1/nid/me answers. Naver has no call that says which app a
// token belongs to; subjects differ from app to app.
//
// [NewOpenID] is the OpenID Connect family (/oauth2/…): PKCE, and an ID token that
// holds a subject and no profile. That is what /v1/nid/me answers in this family
// too, wrapped and without a sub: its id is held against the ID token's subject.
//
// It owns the endpoints, the result codes and the shape of the profile. Naver
// never says that it checked an e-mail address, so none is verified.
//
// A healthy token endpoint refuses a code that nobody gave with invalid_request
// and a text; the code alone would not tell it from a malformed request.
//
// Not confirmed: how the token endpoint of the OpenID Connect family refuses (that
// of the other family is expected, and invalid_grant), whether auth_type works
// there, and that an account moves between the families with its subject: a
// website that changes over makes a second way of it and links the two.
package naver
