package store

import (
	"context"
	"errors"
	"time"
)

// ErrInUse says that a secret was used too recently to be dropped.
var ErrInUse = errors.New("store: secret in use")

// The bounds of registrations.
const (
	MaxRegistration  = 64 << 10 // bytes of one; not empty
	MaxClientSecrets = 2        // that live at a time
	MaxUses          = 1000     // records of one batch
)

// Client is a website's registration as the store keeps it. Those of the
// configuration file are not here.
type Client struct {
	ID        string
	Document  []byte         // the registration in JSON, without secrets
	Secrets   []ClientSecret // oldest first; none of a public client
	By        string         // the operator who registered it
	CreatedAt time.Time
	UpdatedAt time.Time // when Document last changed
}

// ClientSecret is a secret that a client proves itself with.
type ClientSecret struct {
	Hash      []byte // SHA-256
	By        string // the operator who made it
	CreatedAt time.Time
}

// SecretUse is that a client's secret was used, of file or store.
type SecretUse struct {
	ClientID string
	Hash     []byte // SHA-256 of the secret
	Hour     int64  // hours since 1970, UTC
}

// Clients keeps the registrations that operators make with commands.
type Clients interface {
	// ClientsRevision returns a number that grows with every change of a
	// registration or its secrets. While the writer cannot be reached a replica
	// may answer.
	ClientsRevision(ctx context.Context) (int64, error)

	// Clients returns all registrations in the order they were made, and a
	// revision that they are at least as new as. While the writer cannot be
	// reached a replica may answer.
	Clients(ctx context.Context) (clients []Client, revision int64, err error)

	// AddClient stores c with its secrets. A second call with the same c is the
	// first again. ErrConflict: the id is taken.
	AddClient(ctx context.Context, c Client) error

	// ReplaceClient gives the client c.ID the document of c, if it was last
	// changed at was; c.UpdatedAt is when. Secrets stay as they are. A second
	// call with the same is the first again. ErrNotFound. ErrConflict: it was
	// changed at another time than was.
	ReplaceClient(ctx context.Context, c Client, was time.Time) error

	// RemoveClient deletes a registration and its secrets. ErrNotFound.
	RemoveClient(ctx context.Context, id string) error

	// AddClientSecret gives a client one more secret. A second call with the
	// same secret is the first again. ErrNotFound: no such client. ErrConflict:
	// it has two.
	AddClientSecret(ctx context.Context, id string, s ClientSecret) error

	// DropClientSecret takes a secret from a client, unless it was used in hour
	// or later; an hour of 0 does not ask. ErrNotFound: no such client, or no
	// such secret. ErrLast: it has no other. ErrInUse. Of racing callers that
	// would take both, one finds the last.
	DropClientSecret(ctx context.Context, id string, hash []byte, hour int64) error

	// NoteSecretUses keeps the latest hour of each; at most 1000 at a time.
	NoteSecretUses(ctx context.Context, batch []SecretUse) error

	// SecretUses returns the latest use of each secret of a client that was ever
	// used, as the writer knows it: that one was not used is a fact too.
	SecretUses(ctx context.Context, id string) ([]SecretUse, error)

	// PurgeSecretUses forgets at most limit uses of hours before hour, of whichever
	// client, and returns how many: secrets of the configuration file go without
	// anybody telling the store.
	PurgeSecretUses(ctx context.Context, hour int64, limit int) (int, error)
}
