// Package coverage answers who could still come in if a provider died now.
//
// An account is covered against the loss of a provider if it has a link to
// another one that its website permits, that nobody switched off, and that
// shares no failure domain with the lost one: Kakao login and the mailboxes of
// the same company died together once, so they are one way and not two.
//
//	audit events ──Note──▶ bounded set ──every 5 s──▶ store: last day per account and client
//	                               store ──Measure──▶ coverage, metric every 5 minutes by one node of a site
//
// Noting costs a login nothing but a map entry, and promises nothing: what a
// node holds when it crashes, or what does not fit its set, is lost, and counted
// when that person logs in the next time. Coverage is a number for operators;
// no login and no menu depends on it.
package coverage
