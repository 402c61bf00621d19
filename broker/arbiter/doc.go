// Package arbiter is a node that decides, while nobody knows a writer, which
// code is used for the first time: those that it issued itself and that name it.
//
//	code that names this node ──▶ Claim ──▶ memory ──▶ claim log, fsync ──▶ first, replayed or used
//	code that names another   ──▶ ask that node, with the same attempt id until it has answered
//	writer is back            ──▶ Run ──▶ ClaimCode of each grant ──▶ marked in the log
//
// The log is the arbiter, and the arbiter of a code never changes: it decides
// about its codes when the writer is back too, and a node that lost its log is
// not asked about codes made before. Its rules are those of [store.Grants]. What
// it gave, it ships to the store once, in the sense that sending it again
// changes nothing; what the store had already given away by another code is
// revoked.
//
// The package does not name arbiters, issue codes or tokens, or find out whether
// there is a writer. It keeps no account and opens no seal; gossip plays no part.
package arbiter
