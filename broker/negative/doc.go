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
// One site moves nobody. How far its word alone reaches depends on what a lie would
// take away, not on how much is said:
//
//   - A session, a grant or a token has its end by one site's word, for that is what
//     logging out means, and all of an honest site's logouts must be obeyed within R.
//     A lie costs the person one login more. What bounds it is what a disk keeps up
//     with: 20,000 at once, 500 a second after that, 100,000 that the store does not
//     have yet.
//   - An account disabled, its sessions ended everywhere, a consent withdrawn: until
//     the writer is back nobody lets that person in, or in there. That takes one
//     site's word for a thousand of them that the store does not have yet, and those
//     stay out; for what is beyond, it takes what a switch takes.
//   - What touches everybody takes more than one site.
//
// A share of the people instead of a thousand would be fairer to small deployments
// and to large ones, but nobody here knows how many there are, and a site's own
// count is what a stolen site would lie about. Nodes hand on what they believe, so
// a site that tells each of n others different names takes out n - 1 times as many.
//
// What touches everybody, the
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
