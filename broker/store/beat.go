package store

import "context"

// MaxIncarnation bounds the id of an incarnation, in bytes; not empty.
const MaxIncarnation = 64

// Beat is what a database says of itself when it is asked for a sign of life.
type Beat struct {
	// Count grows with every beat that any node writes. One that is smaller than
	// what this node itself wrote before is of a store that was set back.
	Count int64
	// Incarnation names the history of the database: lower-case letters and
	// digits, made at random with its tables and copied to its replicas. Another
	// one means that this is no longer the store that was known.
	Incarnation string
}

// Beats tells who of the databases is there, and whether it is still the same.
type Beats interface {
	// WriteBeat raises the count by one, in one statement, and returns what it
	// is now: the writer takes writes, and keeps them as it keeps a claim.
	// ErrUnavailable.
	WriteBeat(ctx context.Context) (Beat, error)

	// ReplicaBeat returns the beat as this site's replica has it, and never asks
	// the writer: that it is readable, and how old it is, is what the caller
	// wants to know. A store of a single file is its own replica.
	// ErrUnavailable: it does not answer, or there is none.
	ReplicaBeat(ctx context.Context) (Beat, error)

	// Incarnation returns the incarnation as the writer knows it. ErrUnavailable.
	Incarnation(ctx context.Context) (string, error)

	// RenewIncarnation has the database go by the name next if it still goes by
	// was: whoever knew it by that name learns that it is not what it was.
	// Otherwise it changes nothing, so that of several who noticed one renames
	// it. It returns the name that stands. ErrInvalid: next is empty, too long or
	// was itself.
	RenewIncarnation(ctx context.Context, was, next string) (string, error)
}
