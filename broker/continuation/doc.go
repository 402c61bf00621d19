// Package continuation lets people go on while no database answers: at websites
// that asked for it, in a browser that brought them there within 72 h, when a
// provider has just proven the same identity again.
//
//	login completed, databases there ──▶ Remember ──▶ sealed cookie
//	no database, identity proven     ──▶ Read, Device.Matches ──▶ the same subject as before
//
// The cookie holds what an answer takes when nobody can be asked: the account, its
// subject at the website, what the person let the website see, and a hash of the
// identity that proved them. It is no session and never becomes one: it does not
// say that anybody is logged in, and without a proof made in the very login it is
// worth nothing.
//
// Negative facts win: whatever ended the account, its sessions, the provider's word
// or the consent ends it too, and a node whose log of them is older than the cookie,
// or was not read for 72 h, lets nobody go on. The package decides neither when
// databases are gone nor what the website requires, and finds no accounts: an
// identity that it does not know is nobody.
package continuation
