// Package negative is what no longer holds: accounts disabled, sessions ended,
// grants revoked, keys withdrawn, providers switched off. A negative fact wins over everything that was
// signed or sealed and needs no writer to be obeyed.
//
//	Apply ──▶ memory (obeyed) ──▶ log, fsync ──▶ answer
//	                                  └──▶ store, now or when it is back
//	store's feed, every second ──▶ memory ──▶ log, with the revision it reached
//	Open  ◀── log ◀── feed
//	peer's hint ──▶ Doubt (obeyed) ──▶ feed, at once ──▶ settled
//
// Reading takes no lock and asks nobody. Only the store's writer lifts a fact;
// what was said here and the writer has not heard of is never lifted, not even
// by news that came meanwhile. A hint is obeyed as if the fact stood until the
// feed has been read past its revision, never longer than a bound, and leaves
// nothing behind; nothing positive follows from one. A store that was set back to
// an earlier state is noticed: its feed is read from the start, and what stands
// here is sent to it again. The package does not decide what to revoke, and
// it is no arbiter: that something is absent here proves nothing positive.
package negative
