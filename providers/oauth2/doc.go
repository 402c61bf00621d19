// Package oauth2 is the OAuth 2.0 half that every provider stands on: where the
// browser is sent, what it brings back, code for token, and the call of a
// profile endpoint. Each answer is classified by its body, and each step of a
// leg is told to its observer exactly once.
//
//	AuthorizeURL ──▶ browser ──▶ Callback ──▶ Redeem ──▶ Profile
//
// [Wire] is these four, and package openid builds on it. [Provider] is a whole
// upstream whose identity comes from its profile endpoint, as Naver's does.
// It also asks the same endpoints without a person ([Wire.ProbeReach],
// [Wire.ProbeAuthorize], [Wire.ProbeToken]): an answer is ok only if it is known
// to be a healthy one.
//
// Where a provider can say which app a token was issued to, [Owner] asks it before
// the profile is believed. [NewMapped] is a provider that nobody knows by name: a
// [Mapping] says where its profile holds what.
//
// [Document] reads what providers answer, by exact member names and without
// rounding large numbers, and refuses one that names a member twice.
//
// It knows no ID tokens and keeps no tokens: they are dropped with the leg. It
// accepts no token that a browser or an app brought along, only those that it
// redeemed itself (RFC 6749 10.16).
package oauth2
