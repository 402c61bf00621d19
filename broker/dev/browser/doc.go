// Package browser is a small web browser for tests and for dev mode's check of
// itself: no scripts, no pictures, but the rules that a login depends on.
//
// It keeps cookies by host, whatever the port, sends Lax ones only where a real
// browser would, tells the server where a request comes from (Origin,
// Sec-Fetch-Site), follows redirects and immediate meta refreshes for a bounded
// number of hops, obeys form-action, and finds links, buttons and forms by id.
// It writes down every request it made.
//
// It is no HTTP client for production and trusts no more than it is told to:
// give it a transport of your own for TLS with a test authority.
package browser
