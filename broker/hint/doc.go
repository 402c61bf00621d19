// Package hint tells other nodes that a negative fact was said, so that they
// ask the store now and not with their next look.
//
//	fact said here ──Say──▶ signed (kind, id, revision) ──▶ gossip
//	gossip ──Merge──▶ known site? fresh? new? ──▶ Doubter: obeyed until the store was asked
//
// A hint is signed by its site and says nothing positive. Only so many of a site
// are obeyed at a time, of those about whole accounts fewer, and of those that touch
// everybody one a minute, for five seconds; what is beyond that, or could not be taken back, makes the store be
// asked at once and no more. The package keeps no facts and asks no store; who
// does is its [Doubter].
package hint
