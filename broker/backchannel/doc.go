// Package backchannel tells websites that a session has ended (OpenID Connect
// Back-Channel Logout 1.0).
//
//	negative fact ──▶ the store's feed ──┬──▶ who was signed in by it? ──▶ queue, in the store
//	                 Ended, at once ─────┘       (grants)                      │ one node at a time
//	website ◀── POST logout_token=logout+jwt ◀─────────────────────────────────┘ again, with growing pauses
//
// What ends anything is a negative fact, wherever it was said: a session or all
// sessions of an account ended, an account was disabled, a grant was revoked.
// The feed of facts is read to its end whatever happens to this process, so that
// nobody has to remember to tell the websites; [Notifier.Ended] only makes it
// happen now, and says what became of it. A website that is down is told again
// by whichever node is there; each attempt belongs to one node, and has a token
// of its own that lives for two minutes.
//
// The package does not end sessions, and what a website does with the word is
// the website's: delivered means that it said so. It tells nobody when a provider's
// word or a signing key was declared worthless: those are not about one person.
package backchannel
