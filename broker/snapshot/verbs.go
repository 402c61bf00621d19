package snapshot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/keys"
	"github.com/bongsu/bongsu/keys/seal"
)

// Sealing is a store of the sealing ring whose keys are kept. A node that starts
// while the writer does not answer goes by them and by what replica shows, whichever
// knows more; replica may be nil.
func (s *Snapshot) Sealing(next seal.Store, replica Replica) seal.Store {
	if s == nil {
		return next
	}
	return sealing{next, replica, s}
}

type sealing struct {
	seal.Store

	replica Replica
	kept    *Snapshot
}

// SealingKeys implements [seal.Store].
func (v sealing) SealingKeys(ctx context.Context) ([]seal.Record, error) {
	kept, err := readSome(ctx, v.kept, sealingKeys, v.Store.SealingKeys)
	if v.replica == nil || !v.kept.goesBy(sealingKeys, err) {
		return kept, err
	}
	return fresher(ctx, v.kept, sealingKeys, kept, err, v.replica.ReplicaSealingKeys, fresherSealing)
}

// Signing is a store of the signing ring whose records, manifests and identities
// are kept; replica as in [Snapshot.Sealing].
func (s *Snapshot) Signing(next keys.Store, replica Replica) keys.Store {
	if s == nil {
		return next
	}
	return signing{next, replica, s}
}

type signing struct {
	keys.Store

	replica Replica
	kept    *Snapshot
}

// SigningKeys implements [keys.Store].
func (v signing) SigningKeys(ctx context.Context) ([]keys.Record, error) {
	kept, err := readSome(ctx, v.kept, signingKeys, v.Store.SigningKeys)
	if v.replica == nil || !v.kept.goesBy(signingKeys, err) {
		return kept, err
	}
	return fresher(ctx, v.kept, signingKeys, kept, err, v.replica.ReplicaSigningKeys, fresherSigning)
}

// SiteIdentities implements [keys.Store].
func (v signing) SiteIdentities(ctx context.Context, site string) ([]keys.IdentityRecord, error) {
	kept, err := readSome(ctx, v.kept, identities, func(ctx context.Context) ([]keys.IdentityRecord, error) {
		return v.Store.SiteIdentities(ctx, site)
	})
	return v.fresherIdentities(ctx, site, kept, err)
}

func (v signing) fresherIdentities(ctx context.Context, site string, kept []keys.IdentityRecord, err error) ([]keys.IdentityRecord, error) {
	if v.replica == nil || !v.kept.goesBy(identities, err) {
		return kept, err
	}
	return fresher(ctx, v.kept, identities, kept, err, func(ctx context.Context) ([]keys.IdentityRecord, error) {
		return v.replica.ReplicaSiteIdentities(ctx, site)
	}, fresherIdentities)
}

// EnsureSiteIdentity implements [keys.Store]. What is kept, or what the replica
// shows, takes the place of what stands, never of a candidate that is new.
func (v signing) EnsureSiteIdentity(ctx context.Context, candidate keys.IdentityRecord) (keys.IdentityRecord, error) {
	active := func(r keys.IdentityRecord) bool { return r.Site == candidate.Site && r.State == keys.Active }
	stands, err := readOne(ctx, v.kept, identities, func(ctx context.Context) (keys.IdentityRecord, error) {
		return v.Store.EnsureSiteIdentity(ctx, candidate)
	}, active)
	if !v.kept.goesBy(identities, err) {
		return stands, err
	}
	cause := err
	if cause == nil {
		cause = store.ErrUnavailable
	}
	var kept []keys.IdentityRecord
	_ = v.kept.recall(identities, &kept, cause) // refused, or none: it was said
	all, lost := v.fresherIdentities(ctx, candidate.Site, kept, err)
	if lost != nil {
		return keys.IdentityRecord{}, lost
	}
	return activeOf(all, candidate.Site, cause)
}

// ClientStore keeps registrations.
type ClientStore interface {
	ClientsRevision(ctx context.Context) (int64, error)
	Clients(ctx context.Context) ([]store.Client, int64, error)
	NoteSecretUses(ctx context.Context, batch []store.SecretUse) error
}

// registered is what the store said of registrations.
type registered struct {
	Revision int64
	Clients  []store.Client
}

// Clients is a store of registrations that are kept. It gives nothing of a file
// itself: who goes by one has to know, see [Snapshot.KeptClients].
func (s *Snapshot) Clients(next ClientStore) ClientStore {
	if s == nil {
		return next
	}
	return registrations{next, s}
}

type registrations struct {
	ClientStore

	kept *Snapshot
}

// ClientsRevision implements [ClientStore].
func (v registrations) ClientsRevision(ctx context.Context) (revision int64, err error) {
	err = v.kept.ask(ctx, clients, func(ctx context.Context) error {
		revision, err = v.ClientStore.ClientsRevision(ctx)
		return err
	})
	if err == nil && !v.kept.starting.Load() { // a start reads all of them
		v.kept.restamp(clients)
	}
	return revision, err
}

// Clients implements [ClientStore].
func (v registrations) Clients(ctx context.Context) (all []store.Client, revision int64, err error) {
	err = v.kept.ask(ctx, clients, func(ctx context.Context) error {
		all, revision, err = v.ClientStore.Clients(ctx)
		return err
	})
	if err == nil {
		v.kept.keep(clients, registered{Revision: revision, Clients: all})
	}
	return all, revision, err
}

// KeptClients returns the registrations that are kept, for a node whose start met
// cause. The error is cause, with the reason why there are none.
func (s *Snapshot) KeptClients(cause error) ([]store.Client, error) {
	if s == nil || !errors.Is(cause, store.ErrUnavailable) {
		return nil, cause
	}
	var kept registered
	if err := s.recall(clients, &kept, cause); err != nil {
		return nil, err
	}
	return kept.Clients, nil
}

// FingerprintStore tells what provider ids stand for.
type FingerprintStore interface {
	KeepFingerprint(ctx context.Context, f store.Fingerprint) (store.Fingerprint, error)
	Fingerprints(ctx context.Context) ([]store.Fingerprint, error)
}

// Fingerprints is a store of what provider ids stand for, which is kept.
func (s *Snapshot) Fingerprints(next FingerprintStore) FingerprintStore {
	if s == nil {
		return next
	}
	return prints{next, s}
}

type prints struct {
	FingerprintStore

	kept *Snapshot
}

// Fingerprints implements [FingerprintStore].
func (v prints) Fingerprints(ctx context.Context) ([]store.Fingerprint, error) {
	return read(ctx, v.kept, fingerprints, v.FingerprintStore.Fingerprints)
}

// KeepFingerprint implements [FingerprintStore]. A provider that is new cannot be
// told from one that was renamed while the store is away.
func (v prints) KeepFingerprint(ctx context.Context, f store.Fingerprint) (store.Fingerprint, error) {
	return readOne(ctx, v.kept, fingerprints, func(ctx context.Context) (store.Fingerprint, error) {
		return v.FingerprintStore.KeepFingerprint(ctx, f)
	}, func(known store.Fingerprint) bool { return known.Provider == f.Provider })
}

// CredentialStore keeps what we prove ourselves with to providers, wrapped.
type CredentialStore interface {
	ProviderSecrets(ctx context.Context) ([]store.ProviderSecret, error)
	ReplaceProviderSecret(ctx context.Context, s store.ProviderSecret, standing string) error
	DropFormerSecret(ctx context.Context, provider, standing string) error
	ForgetProviderSecret(ctx context.Context, provider, standing string) error
}

// Credentials is a store of provider secrets, which are kept.
func (s *Snapshot) Credentials(next CredentialStore) CredentialStore {
	if s == nil {
		return next
	}
	return credentials{next, s}
}

type credentials struct {
	CredentialStore

	kept *Snapshot
}

// ProviderSecrets implements [CredentialStore].
func (v credentials) ProviderSecrets(ctx context.Context) ([]store.ProviderSecret, error) {
	return read(ctx, v.kept, providerSecrets, v.CredentialStore.ProviderSecrets)
}

// OutageStore tells which outages were declared.
type OutageStore interface {
	Outages(ctx context.Context, at time.Time) ([]store.Outage, error)
}

// Outages is a store of declared outages, which are kept.
func (s *Snapshot) Outages(next OutageStore) OutageStore {
	if s == nil {
		return next
	}
	return declared{next, s}
}

type declared struct {
	next OutageStore
	kept *Snapshot
}

// Outages implements [OutageStore].
func (v declared) Outages(ctx context.Context, at time.Time) ([]store.Outage, error) {
	return read(ctx, v.kept, outages, func(ctx context.Context) ([]store.Outage, error) {
		return v.next.Outages(ctx, at)
	})
}

// named is a small secret, wrapped.
type named struct {
	Name    string
	Wrapped []byte
}

// ErrContradicted means that the store holds another secret than the one that this
// node started with: what it says of people would be wrong.
var ErrContradicted = errors.New("snapshot: the store holds another secret than the one that was kept")

// Secrets is a store of the deployment's small secrets, which are kept. contradicted
// is told when the store, once it answers, holds another one than was given of a
// file; it may be told again.
func (s *Snapshot) Secrets(next store.Secrets, contradicted func(name string)) store.Secrets {
	if s == nil {
		return next
	}
	return small{next, s, contradicted}
}

type small struct {
	next         store.Secrets
	kept         *Snapshot
	contradicted func(name string)
}

// EnsureSecret implements [store.Secrets]. A secret is read once in the life of a
// process, and so asked for again later.
func (v small) EnsureSecret(ctx context.Context, name string, wrapped []byte) ([]byte, error) {
	got, err := v.ensure(ctx, name, wrapped)
	if err != nil {
		return nil, err
	}
	v.kept.again("secret "+name, func(ctx context.Context) error {
		stands, err := v.next.EnsureSecret(ctx, name, got.Wrapped)
		if err != nil {
			return err
		}
		if !slices.Equal(stands, got.Wrapped) {
			v.contradicted(name)
			return fmt.Errorf("%w: %s", ErrContradicted, name)
		}
		add(v.kept, secrets, got, func(n named) bool { return n.Name == name })
		return nil
	})
	return got.Wrapped, nil
}

func (v small) ensure(ctx context.Context, name string, wrapped []byte) (named, error) {
	return readOne(ctx, v.kept, secrets, func(ctx context.Context) (named, error) {
		stands, err := v.next.EnsureSecret(ctx, name, wrapped)
		return named{Name: name, Wrapped: stands}, err
	}, func(n named) bool { return n.Name == name })
}

// Pins is a store of pinned metadata, which is kept. A provider asks for its pin
// once, and maybe long after the start: what is kept answers as long as the store
// has not.
func (s *Snapshot) Pins(next store.Pins) store.Pins {
	if s == nil {
		return next
	}
	return pinned{next, s}
}

type pinned struct {
	store.Pins

	kept *Snapshot
}

func ofProvider(provider string) func(store.Pin) bool {
	return func(p store.Pin) bool { return p.Provider == provider }
}

// Pin implements [store.Pins].
func (v pinned) Pin(ctx context.Context, provider string) (store.Pin, error) {
	pin, err := v.Pins.Pin(ctx, provider)
	switch {
	case err == nil:
		v.said(pin)
	case errors.Is(err, store.ErrUnavailable):
		if pin, err = recallOne(v.kept, pins, ofProvider(provider), err); err == nil {
			v.follow(provider)
		}
	}
	return pin, err
}

// said keeps what the store says of a provider, now and later.
func (v pinned) said(pin store.Pin) {
	add(v.kept, pins, pin, ofProvider(pin.Provider))
	v.follow(pin.Provider)
}

func (v pinned) follow(provider string) {
	v.kept.again("pin "+provider, func(ctx context.Context) error {
		pin, err := v.Pins.Pin(ctx, provider)
		if err == nil {
			add(v.kept, pins, pin, ofProvider(provider))
		}
		return err
	})
}

// KeepPin implements [store.Pins].
func (v pinned) KeepPin(ctx context.Context, p store.Pin) (store.Pin, error) {
	stands, err := v.Pins.KeepPin(ctx, p)
	if err == nil {
		v.said(stands)
	}
	return stands, err
}

// ReplacePin implements [store.Pins].
func (v pinned) ReplacePin(ctx context.Context, p store.Pin) error {
	err := v.Pins.ReplacePin(ctx, p)
	if err == nil {
		v.said(p)
	}
	return err
}
