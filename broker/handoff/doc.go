// Package handoff carries a login from one of our sites to another in the address
// bar of its browser: because the site cannot reach the provider that the person
// chose, or because the person found that the site does not answer any more.
//
//	site A ──Pack: seal once, one tag per target──▶ browser ──GET──▶ site B: Open, Claim ──▶ the login goes on
//
// What travels is sealed under the ring that all sites share, with a purpose of its
// own. It is good for the browser that it was made for, which both sites know by one
// mark; at the target that its tag names; for as long as it says; and once.
//
// Where sites have no mark in common there are no handoffs at all. Without one such
// an address would do in any browser, and to begin a login of one's own and have
// somebody else's browser finish it is what an attacker wants (login CSRF): a
// provider's state is bound to a cookie for that reason, and cookies of the old
// site's host do not come along. Nothing else that the browser has would do: what
// it sends by itself (address, agent) is no secret, and what the page could add
// stands in the address like the rest.
//
// Who decides that a handoff is used for the first time is named in it when it is
// made, and never changes: a node of the target that lived then, by a log of its own
// on its own disk, so that no database is needed when the site that died took the
// writer with it; or the store's writer, where the target has several nodes that
// cannot ask each other. A node that lost its log does not decide about the past.
//
// The package knows nothing of what it carries and looks at no cookie: who has which
// mark, which sites live, and what becomes of a login is for the caller.
package handoff
