// Package zalo is Zalo Login (v4): OAuth 2.0 in words of its own, without ID tokens
// and without scopes; who came is what graph.zalo.me answers, a number of the app.
//
// It owns the endpoints, the spelling of every request, the codes and the shape of
// the profile. The app is app_id, its secret is the header secret_key, the access
// token is the header access_token; a challenge (S256) is required. What may be
// read of a person is set in the console. There is never an address; a picture is
// shown as it comes. Which app a token belongs to cannot be asked.
//
// Answers have status 200, and an error is a number: -14019 is how a code that
// nobody gave was seen to be refused, -14003 what the page says of a redirect URI
// that is not registered. -14002 and -14004 for app and secret, and -32 and -14000
// for internal errors, were read in other people's notes and not confirmed. Every
// other number is unknown.
package zalo
