// Package google is Sign in with Google: plain OpenID Connect whose ID token
// holds the whole profile, so no userinfo is ever asked.
//
// It owns the endpoints, the second spelling of the issuer and the prompts that
// Google knows. It does not look at hd: which organization someone belongs to
// is no business of a login, and never a reason to trust an address more.
package google
