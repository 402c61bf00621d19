// Package discord is Login with Discord: a minimal OpenID Provider. The ID token
// names the person, a snowflake, and no more; name, address and picture are what
// /users/@me answers, which is bound to the same number.
//
// It owns the endpoints, the shape of the profile and the codes of the API. An
// address is verified only if the flag beside it says so: Discord lets people in
// whose address it never checked.
//
// A healthy token endpoint refuses a code that nobody gave with invalid_grant and
// status 400. Discord counts answers of 401, 403 and 429 per address, and bans one
// for a while after 10,000 in ten minutes: a wrong secret, probed every two
// minutes, stays far below. Discord can be asked for consent again, never for a
// fresh proof.
//
// Not confirmed: that nonce comes back in the ID token. One without it is refused.
package discord
