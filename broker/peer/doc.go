// Package peer lets the nodes of all sites ask each other things, one question
// and one answer at a time, and tells an asker what became of a question.
//
//	Ask ──▶ line to the node (TLS 1.3, kept) ──▶ frame ──▶ Handler of that name
//	 ▲                                                          │
//	 └── answered │ refused │ not delivered │ unknown ◀─────────┘
//
// Both ends show a certificate that their site's identity has signed, made in
// memory when the node starts and made anew long before it ends or when the
// identity changes; both check the other's against the configured identities.
// The node that is asked answers under the name it was asked for or is not asked.
// What stands behind a name is the membership's to say: no other address is ever
// dialled, and nothing is believed of it before the handshake.
//
// Everything is bounded: bodies, names, questions under way to one node and of
// one node, lines, handshakes, and time: a node that has stopped answering costs
// those who ask it about a second together, and is then tried by one at a time.
//
// The package decides nothing: who may ask what is the handler's to judge, and an
// unknown outcome the asker's. It repeats no question, keeps nothing on disk and
// knows nothing of gossip.
package peer
