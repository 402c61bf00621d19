// Package openid is the OpenID Connect half: discovery, keys and the ID token,
// on top of package oauth2. It owns what go-oidc leaves to its callers: nonce,
// azp and extra audiences, the age of tokens and keys, the budget of key
// fetches, the subject of userinfo, and metadata that changes under our feet.
// go-oidc is imported nowhere else.
//
//	Begin ──▶ browser ──▶ Callback ▸ Redeem ▸ keys ▸ verify ▸ userinfo
//
// A provider with configured endpoints never needs discovery. One without
// discovers in the background ([Provider.Run]) and, when a person is faster, at
// first need. What was found good once is pinned ([Pin]), beyond the life of the
// process where there is a store ([Pins]); a document that says something else
// waits for an operator ([Provider.Adopt]).
//
// A key that the provider drops while it signs is missed for a day at most, and
// only until another signs ([Provider.Missing]); one that an operator distrusts
// verifies nothing.
//
// One provider signs with a secret that it shares with us ([Options].Shared). The
// token's algorithm alone decides whether that or a published key is asked.
//
// It does not know what is special about Kakao, Google or Apple: they are
// [Options] and [Quirks] made in packages of their own.
package openid
