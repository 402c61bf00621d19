// Package journal is an append-only log of lines on one disk, for what a node
// must remember by itself: an entry counts once it is synced, and what many
// append while one sync runs shares the next.
//
//	Append ──▶ batch ──▶ Commit: write, fsync ──▶ said
//	Open   ◀── sound lines, in order; a torn end is cut off
//	Tidy   ──▶ a new file that says what its owner knows, in the old one's place
//
// Every line carries a checksum, so that a write which a crash cut off, or a
// block that is not ours, is told from what was said. After a write or sync that
// failed nothing is believed of the file until it was written anew. It knows
// nothing of what the lines say, keeps none of them in memory, and decides
// nothing.
package journal
