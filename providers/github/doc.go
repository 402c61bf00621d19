// Package github is Login with GitHub: OAuth 2.0 without ID tokens. Who came is
// what /user answers, a number that outlives every change of the login name; the
// addresses, and which of them GitHub checked, are a list of their own.
//
// It owns the endpoints, the codes and the shape of both answers. Before anybody
// is believed GitHub is asked, with our credentials, which app the token was
// issued to. An address counts only if the list says that it is the primary one,
// and is verified only if the list says so; that the list cannot be had costs the
// profile and not the login.
//
// Errors of the token endpoint come as 200, and answers there are a form unless
// Accept asks for JSON. GitHub cannot be asked to have people prove themselves
// anew: prompt=select_account only shows the accounts of the browser.
//
// A healthy token endpoint refuses a code that nobody gave with
// bad_verification_code. GitHub Enterprise Server stands under an Issuer of its
// own, with /api/v3 in front of the API's paths: set its endpoints one by one.
//
// Not confirmed: the code at the token endpoint of a suspended app, and the
// status of that refusal.
package github
