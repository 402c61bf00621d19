package keys

import (
	"context"
	"crypto/ed25519"
	"errors"
	"time"
)

var (
	// ErrToken means that a token is not one of ours, or not of the kind asked
	// for. It does not speak of its age.
	ErrToken = errors.New("keys: token refused")

	// ErrUnavailable means that a token's key is not known here and the store
	// could not be asked. It is never a verdict about the token.
	ErrUnavailable = errors.New("keys: key set not available")

	// ErrNoKey means that this site has no key that may sign with the
	// algorithm: it is not in use, or this site is new and its first key is
	// still being published.
	ErrNoKey = errors.New("keys: no signing key")

	// ErrConflict is what the verbs of the stores return when a record is not
	// in the state the caller saw.
	ErrConflict = errors.New("keys: the key changed meanwhile")
)

// State is where a signing key stands in its life.
type State string

// The states, in order. A key only ever moves on, or to Withdrawn.
const (
	Staged    State = "staged"    // stored, in no key set
	Published State = "published" // in the key set, signs nothing: the next key
	Active    State = "active"    // signs
	Retiring  State = "retiring"  // signs no more, verifies
	Removed   State = "removed"   // in no key set, verifies nothing
	Withdrawn State = "withdrawn" // the emergency end, from any state: stolen, or feared to be
)

// Record is a signing key as the store keeps it. What anybody believes of it
// stands in the manifest, signed by the key's site; the other columns are for
// the store to search by. The store returns every field as it was given.
type Record struct {
	KeyID      string // kid: site, "-", 22 characters of the key's thumbprint (RFC 7638); unique; at most 64
	Site       string
	Algorithm  Algorithm
	Generation int64 // 1 and up, unique with Site and Algorithm
	State      State
	Public     []byte // JWK with kid, use and alg, JSON; at most 2 KiB
	Wrapped    []byte // private key, PKCS #8, wrapped by the site's key for KeyID; at most 4 KiB
	Manifest   []byte // signed by the site's identity: all of the above but Wrapped, and the dates; at most 8 KiB

	// UTC, whole seconds. A zero time means that it has not happened.
	CreatedAt   time.Time
	PublishedAt time.Time
	ActivatedAt time.Time
	RetiringAt  time.Time
	RemovedAt   time.Time // or withdrawn
}

// IdentityRecord is an identity of a site, an Ed25519 key that signs what the
// site says about itself, as the store keeps it. A site has one that is Active
// and, while it changes from one to another, at most one that is Staged and at
// most one that is Retiring.
type IdentityRecord struct {
	Site      string
	State     State             // Staged, Active or Retiring
	Public    ed25519.PublicKey // 32 bytes
	Wrapped   []byte            // private key, wrapped by the site's key for this site and public key; at most 1 KiB
	CreatedAt time.Time         // UTC, whole seconds
	RetiredAt time.Time         // UTC, whole seconds; zero unless Retiring
}

// Store keeps the signing keys of all sites. Every error other than those
// named means that the store could not be asked.
type Store interface {
	// SigningKeys returns the records of all sites, removed ones included, in
	// any order. It must show what this process has written; a replica that
	// may lag behind that must not answer.
	SigningKeys(ctx context.Context) ([]Record, error)

	// InsertSigningKey stores r unless its site, algorithm and generation are
	// taken, and reports whether it did. Of any number of racing calls exactly
	// one does.
	InsertSigningKey(ctx context.Context, r Record) (inserted bool, err error)

	// AdvanceSigningKey moves the key from one state to another and replaces
	// its manifest, in one step. It writes at into the column of the new
	// state: PublishedAt, ActivatedAt, RetiringAt, or RemovedAt for both
	// Removed and Withdrawn. ErrConflict: there is no such key in state from.
	AdvanceSigningKey(ctx context.Context, keyID string, from, to State, at time.Time, manifest []byte) error

	// ReplaceManifest replaces the manifest of the key, which stays in its
	// state, from one to another. ErrConflict: there is no such key with the
	// manifest from.
	ReplaceManifest(ctx context.Context, keyID string, from, to []byte) error

	// EnsureSiteIdentity stores candidate as the active identity of its site
	// unless that has one, and returns the one that is stored. It never
	// overwrites.
	EnsureSiteIdentity(ctx context.Context, candidate IdentityRecord) (IdentityRecord, error)

	// SiteIdentities returns the identities of site, in any order; a replica
	// must not answer.
	SiteIdentities(ctx context.Context, site string) ([]IdentityRecord, error)
}

// IdentityStore is what changing a site's identity takes. Each verb is atomic,
// and saying it again once it is done is no error.
type IdentityStore interface {
	Store

	// StageSiteIdentity stores candidate as the staged identity of its site
	// unless that has one, and returns the one that is stored. ErrConflict: the
	// site has no active identity, or one that is retiring.
	StageSiteIdentity(ctx context.Context, candidate IdentityRecord) (IdentityRecord, error)

	// UseSiteIdentity makes the staged identity with that public key the active
	// one, and the active one retire at that time. ErrConflict: there is no
	// such staged identity, or another is still retiring.
	UseSiteIdentity(ctx context.Context, site string, public ed25519.PublicKey, at time.Time) error

	// DropSiteIdentity deletes the retiring identity with that public key.
	// ErrConflict: the identity is staged or active.
	DropSiteIdentity(ctx context.Context, site string, public ed25519.PublicKey) error
}
