package store

import (
	"context"
	"time"
)

// MaxIssuer bounds an upstream's issuer in bytes; it is not empty.
const MaxIssuer = 2 << 10

// Fingerprint is what an id of a provider instance stands for. Subjects belong to
// one app at one upstream: under another fingerprint the same subject may be
// somebody else.
type Fingerprint struct {
	Provider string // provider instance id
	Kind     string // at most [MaxWord] bytes
	Issuer   string // the upstream's issuer, or its authorization endpoint where it has none
	ClientID string // ours there
	At       time.Time
}

// Same reports whether two fingerprints stand for the same instance, whenever
// they were kept.
func (f Fingerprint) Same(other Fingerprint) bool {
	return f.Provider == other.Provider && f.Kind == other.Kind && f.Issuer == other.Issuer && f.ClientID == other.ClientID
}

// ProviderSecret is what we prove ourselves with to one provider, wrapped. While
// it changes the one before is kept beside it.
type ProviderSecret struct {
	Provider string // provider instance id
	ID       string // of Wrapped: also the attempt id, a repeated replacement with it is the same one
	Issuer   string // of the instance that the secrets are for, as in its fingerprint
	ClientID string
	Wrapped  []byte // 1 to [MaxSecret] bytes
	Former   []byte // the one before, as long as it was not dropped; may be empty
	By       string // the operator
	At       time.Time
}

// Instances keeps what provider instances are, and what we prove ourselves with
// to them.
type Instances interface {
	// KeepFingerprint stores f unless the instance has one, and returns what
	// stands. While the writer cannot be reached a replica may answer what
	// stands, never that there is none. ErrConflict: another instance, which the
	// returned fingerprint names, is the same client at the same issuer; its
	// links would be lost to f.
	KeepFingerprint(ctx context.Context, f Fingerprint) (Fingerprint, error)

	// Fingerprint returns what the instance is, as the writer knows it.
	// ErrNotFound.
	Fingerprint(ctx context.Context, provider string) (Fingerprint, error)

	// Fingerprints returns those of all instances, by provider. While the writer
	// cannot be reached a replica may answer.
	Fingerprints(ctx context.Context) ([]Fingerprint, error)

	// MigrateFingerprint puts to in place of from, and forgets pin and secrets of
	// the instance, in one transaction. Repeating it, while to stands, changes
	// nothing. ErrConflict: neither stands, or another instance is the same client
	// at the same issuer. ErrNotFound: the instance has none.
	MigrateFingerprint(ctx context.Context, from, to Fingerprint) error

	// CountLinks returns how many links a provider has, and how many of their
	// accounts have no link of another. A replica may answer: the numbers are as
	// old as it is.
	CountLinks(ctx context.Context, provider string) (links, alone int64, err error)

	// SetLinksAside takes at most limit links from a provider and keeps them
	// under the name as, where no login finds them, and returns how many were
	// moved. Their times stay.
	SetLinksAside(ctx context.Context, provider, as string, limit int) (int, error)

	// ReplaceProviderSecret stores s in place of the secret called standing,
	// which is empty where there is none. s.Former is kept beside it. Repeating
	// it with the same s.ID changes nothing. ErrConflict: another secret stands.
	ReplaceProviderSecret(ctx context.Context, s ProviderSecret, standing string) error

	// DropFormerSecret forgets the secret before the one called standing.
	// Repeating it is no error. ErrConflict: another secret stands. ErrNotFound:
	// none does.
	DropFormerSecret(ctx context.Context, provider, standing string) error

	// ForgetProviderSecret forgets the secret called standing and the one before.
	// Repeating it, while none stands, is no error. ErrConflict: another secret
	// stands.
	ForgetProviderSecret(ctx context.Context, provider, standing string) error

	// ProviderSecrets returns all of them, by provider. While the writer cannot be
	// reached a replica may answer.
	ProviderSecrets(ctx context.Context) ([]ProviderSecret, error)
}
