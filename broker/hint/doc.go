// Package hint tells other nodes that a negative fact was said, so that they
// ask the store now and not with their next look.
//
//	fact said here ──Say──▶ signed (kind, id, revision) ──▶ gossip
//	gossip ──Merge──▶ known site? fresh? new? ──▶ Doubter: obeyed until the store was asked
//
// A hint is signed by its site and says nothing positive. It is obeyed only if
// it is about one account, session or grant, and only so many of a site at a
// time: what is beyond that, or touches everybody, makes the store be asked at
// once and no more. The package keeps no facts and asks no store; who does is
// its [Doubter].
package hint
