// Package fingerprint watches whether the ids of providers still stand for what
// this node was built with. An operator may have an id stand for another client
// or issuer while nodes run: one with the earlier settings would take the people
// of one app for those of another. The package says of which ids that is so,
// within a second of the store.
//
// It owns that answer and its log line, no more: what a fingerprint is, and how
// it is kept and migrated, is the store's; that no login begins or ends by such a
// provider is for whoever asks. A node gets new settings by a restart alone.
package fingerprint
