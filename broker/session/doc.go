// Package session remembers that a browser is signed in at the broker, and
// lets it sign out.
//
// A session is a sealed cookie and no row: it is valid when it opens, its
// lifetimes hold, and no negative fact speaks against its sid, its account or the
// provider that gave it. An outage that an operator declared lengthens its life.
// Whether the account still exists and has the session's epoch is for package
// account to say. Signing out is a negative fact, obeyed before the answer.
//
//	/logout ──good hint of this session──▶ ended ──▶ the website's registered address
//	   └─anything else──▶ "Sign out?" ──yes──▶ ended
//
// The package ends sessions and keeps them; it never begins one by itself: a
// finished login does.
package session
