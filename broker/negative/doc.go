// Package negative is what no longer holds: accounts disabled, sessions ended,
// grants revoked, keys withdrawn, providers switched off. A negative fact wins over everything that was
// signed or sealed and needs no writer to be obeyed.
//
//	Apply ──▶ memory (obeyed) ──▶ log, fsync ──▶ answer
//	                                  └──▶ store, now or when it is back
//	store's feed, every second ──▶ memory ──▶ log, with the revision it reached
//	Open  ◀── log ◀── feed
//	peer's hint ──▶ Doubt (obeyed) ──▶ feed, at once ──▶ settled
//	what peers were told and the store was not ──▶ Borrow ──▶ memory ──▶ log ──▶ feed ──▶ settled
//
// Reading takes no lock and asks nobody. Only the store's writer lifts a fact;
// what was said here and the writer has not heard of is never lifted, not even
// by news that came meanwhile. A hint is obeyed as if the fact stood until the
// feed has been read past its revision, never longer than a bound, and leaves
// nothing behind; nothing positive follows from one. A store that was set back to
// an earlier state or replaced is noticed, by its revisions, its beats and its
// name: its feed is read from the start, and what stands here is sent to it again.
//
// # Without a writer
//
// A hint lasts minutes, a writer may be gone for hours. So nodes borrow each
// other's facts that the store has not heard of: [Set.Offers] and [Set.Borrow],
// which merge in any order and any repetition. What is borrowed is obeyed, over
// restarts, until this node's own feed says what the writer made of it: the fact,
// or its lifting with a higher epoch, by the very rule that the writer goes by. That
// needs no further word of the node where it was said, which may be gone. If it is,
// what it acknowledged must not be lost: after 20 to 40 seconds in which the writer
// answers and does not have the fact, a node that borrowed and believes it enters
// it. Entering a fact twice changes nothing, and one that was lifted meanwhile
// stays lifted, so nothing is said twice.
//
// One site moves nobody. About one person (an account, a session, a grant, a token,
// a consent) one site's word is enough, for it is what logging out means, but only
// 20 a second of one site after the first 400. What touches everybody, the
// switches of providers and drills as well as what cannot be taken back (a signing
// key withdrawn: websites keep the keys they fetched without it; sessions of a
// provider ended: people are logged out; an upstream key distrusted: failed logins
// are evidence), is believed of nodes of this site, which could do the same by this
// site's identity; of more than half of the configured sites, this one's own word
// included, by the lowest epoch that so many say at least; and of a key's own
// site, which hurts nobody but itself. So an operator who wants a provider switched
// off everywhere while no writer is there says it at more than half of the sites,
// and a stolen key is withdrawn at its own site. A hint of such a kind goes on
// being obeyed for five seconds or not at all. What is borrowed and not believed is
// kept for the count of sites, obeyed by nobody, offered to nobody and entered by
// nobody.
//
// The package does not decide what to revoke, and it is no arbiter: that something
// is absent here proves nothing positive.
package negative
