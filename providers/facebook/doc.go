// Package facebook is Facebook Login: OAuth 2.0, with the Graph API's profile for
// the proof. Its OpenID Connect variant may answer in the fragment and publishes
// no token endpoint, so it is not used.
//
// It owns the endpoints, which hold the version of the API, the proof that every
// call carries (appsecret_proof), the codes of the Graph API, and the shape of
// /me. Before anybody is believed /debug_token is asked whether the token is
// valid and ours. Facebook gives an address without saying that it checked it, so
// none is verified. A subject belongs to one app.
//
// /debug_token takes the token it is asked about in the query, nowhere else, and
// appsecret_proof stands there too. Nothing here or below logs a URL, and errors of
// a request hold no text of it (oauth2.Plain); the app's own credentials go into
// the Authorization header.
//
// An error is an object, and its code alone does not tell whose fault it is: 1 is
// a wrong app secret and an unknown failure, 100 a code that nobody gave, one that
// was given for another redirect URI, and a malformed request. Where it must be,
// the subcode decides, then the text, which has been the same since 2013. A refused
// secret ("Error validating client secret.", code 1, elsewhere 100) is called
// invalid_client here, so that the one before is tried while it changes.
//
// Versions of the API end about two years after they came; a call to one that
// ended is answered by a newer one. The probe of the login page says version_ends
// from 90 days before.
//
// Not confirmed: the code of a suspended app (101 is taken for it), whether the
// challenge is checked outside of the OpenID Connect variant, and whether
// auth_type=reauthenticate is honoured for every app.
package facebook
