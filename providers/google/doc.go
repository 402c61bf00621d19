// Package google is Sign in with Google: plain OpenID Connect whose ID token
// holds the whole profile, so no userinfo is ever asked.
//
// It owns the endpoints, the second spelling of the issuer, the prompts that
// Google knows and its error page. That the reason on that page is the parameter
// authError, in Base64, is seen and not documented; what cannot be read there is
// unknown. It does not look at hd: which organization someone belongs to
// is no business of a login, and never a reason to trust an address more.
package google
