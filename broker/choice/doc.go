// Package choice is pure policy: the ways a person has to log in right now,
// best first, each with the reason why it stands where it does, and the order
// of assurance (acr) that decides which of them are good enough.
//
//	allowed by the client, strong enough      else not offered     ([Permits] asks again at the end)
//	failed in this login                      last of all, latest failure at the very end
//	down, or on trial in another login        before those; not where another site reaches it
//	hinted, wanted acr, used here before      to the front, in this order
//	client's, operator's, language's order    the rest
//	passkey                                   after the first way when something is down, else last
//
// What is known of a provider's health only reorders: it never takes a way
// away and never lets one in. The package has no clock, reads nothing and
// remembers nothing: verdicts come in as values.
package choice
