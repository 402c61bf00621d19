package seal

import (
	"context"
	"errors"
	"time"
)

var (
	// ErrInvalid means that a value was not sealed by this ring for this
	// purpose, or its key has expired.
	ErrInvalid = errors.New("seal: invalid")

	// ErrUnavailable means that nothing can be said: the key is not known here
	// and the store could not be asked, or it is known and cannot be
	// unwrapped. It is never a verdict about the value.
	ErrUnavailable = errors.New("seal: key not available")
)

// Record is one key of the ring as the store keeps it.
type Record struct {
	ID         string    // 8 lower-case letters or digits, unique
	Generation int64     // 1 and up, unique
	Wrapped    []byte    // the secret, wrapped by the cluster key for exactly this record; at most 1 KiB
	CreatedAt  time.Time // UTC, whole seconds; the store must return it and ExpiresAt exactly
	ExpiresAt  time.Time // UTC, whole seconds; nothing opens with the key from then on
}

// Store keeps the ring for all sites. Every error other than those named means
// that the store could not be asked.
type Store interface {
	// SealingKeys returns all records, in any order. It must show what this
	// process has inserted; a replica that may lag behind that must not answer.
	SealingKeys(ctx context.Context) ([]Record, error)

	// InsertSealingKey stores r unless its generation is taken, and reports
	// whether it did. Of any number of racing calls exactly one does.
	InsertSealingKey(ctx context.Context, r Record) (inserted bool, err error)

	// DeleteSealingKeys deletes the records whose ExpiresAt lies before
	// expiredBefore.
	DeleteSealingKeys(ctx context.Context, expiredBefore time.Time) error
}
