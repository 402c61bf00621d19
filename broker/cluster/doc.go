// Package cluster carries small messages between the nodes of all sites: one
// pool, encrypted, found by configured seeds and found again after every
// partition. It is the only package that knows memberlist.
//
//	owner ──Broadcast──▶ Channel ──▶ Exchange ──▶ packets ──▶ peers
//	owner ◀──Merge────── Channel ◀── Exchange ◀── inbox   ◀── peers
//	                        └─ what was news goes on ─▶
//
// It knows bytes. What a message means, who may say it and whether it is news
// the owner of its channel decides ([State]); what is news is passed on, what
// is not stops here. Nothing is an arbiter, nothing is kept on disk, and who
// holds the gossip key is believed in nothing but membership: owners verify
// signatures.
//
// Serving never waits for it. Without a [Peer] a broker is one node alone and
// runs the same code.
package cluster
