// Package snapshot keeps on a node's own disk what the node reads of the store
// when it starts, so that it can start while no database answers.
//
//	store ──answers──▶ reader           and, when something changed, ──▶ file, fsync
//	store ──away─────▶ file ──▶ reader  (only while the node starts)
//	store ──back─────▶ what came from a file is read anew
//
// Of the rings, a replica that answers while the writer does not shows what the disk
// of a node that was off does not have, or is behind it: of each signing key the
// later state counts, so that nothing goes back behind a withdrawal, and of sealing
// keys every one that either knows.
//
// One file holds one kind of thing: the sealing ring, the signing records and
// manifests of all sites, this site's identity, registered clients, what provider
// ids stand for, their wrapped secrets and pinned metadata, the deployment's small
// secrets, declared outages. Private keys in it stay wrapped as the store has them;
// the file as a whole is wrapped once more, by the site's key or the cluster's, for
// exactly this issuer, site, node and kind. Whatever is damaged, somebody else's, of
// a newer program or older than a bound is refused with its reason and never used.
//
// Nothing is decided here, and nothing is written to the store: a write while it is
// away fails as before. Negative facts have a log of their own, which wins over
// everything kept here; a file that has seen more of their feed than that log is
// refused, because what was withdrawn in between would hold again. Accounts, links
// and grants are never kept: who somebody is cannot be answered from a file.
package snapshot
