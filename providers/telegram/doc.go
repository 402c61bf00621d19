// Package telegram is Log In With Telegram: OpenID Connect without a userinfo
// endpoint and without any address.
//
// It owns the endpoints and the shape of the claims. Who came is sub, which is not
// the number that the claim id holds, and the two are never mixed. The client
// secret goes by HTTP Basic, the only way that is documented. A phone number comes
// only with the scope phone, written without its plus, and is verified only if the
// flag beside it says so. The older widget, whose data come through the browser
// and are bound to no nonce, is not accepted here.
//
// A healthy token endpoint refuses a code that nobody gave with invalid_grant.
// Telegram cannot be asked for a fresh proof.
//
// Not confirmed: that nonce comes back, which libraries rely on (a token without
// it is refused), and what picture is when there is none.
package telegram
