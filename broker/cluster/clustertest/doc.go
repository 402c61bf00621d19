// Package clustertest is a network in memory under memberlist: latency, loss
// and partitions as a test wants them, no sockets and no goroutines of its own,
// so that it works in the bubble of testing/synctest, where an hour takes a
// moment; and Settled, which waits for what memberlist leaves behind. It knows
// nothing of clusters and asserts nothing.
package clustertest
