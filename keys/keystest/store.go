package keystest

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"slices"
	"sync"
	"time"

	"github.com/bongsu/bongsu/keys"
	"github.com/bongsu/bongsu/keys/seal"
)

// Store keeps signing keys, site identities and sealing keys in memory. It is
// safe for concurrent use and any number of rings may share it. Use [NewStore].
type Store struct {
	mu         sync.Mutex
	hook       func(ctx context.Context, verb string) error
	signing    map[string]keys.Record
	identities map[holder]keys.IdentityRecord
	sealing    map[int64]seal.Record
	calls      map[string]int
}

// holder is whose identity it is: of a site there is at most one in each state.
type holder struct {
	site  string
	state keys.State
}

// NewStore returns an empty store.
func NewStore() *Store {
	return &Store{
		signing: map[string]keys.Record{}, identities: map[holder]keys.IdentityRecord{},
		sealing: map[int64]seal.Record{}, calls: map[string]int{},
	}
}

// Intercept has every call ask hook first, with the name of the method: what
// it returns fails the call, and a hook may wait. Nil ends it.
func (s *Store) Intercept(hook func(ctx context.Context, verb string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hook = hook
}

// Calls returns how often the method named verb was called.
func (s *Store) Calls(verb string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[verb]
}

// Forget drops everything, as a wiped database would.
func (s *Store) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.signing)
	clear(s.identities)
	clear(s.sealing)
}

// enter counts the call and asks the hook, outside the lock. When it returns
// nil the lock is held.
func (s *Store) enter(ctx context.Context, verb string) error {
	s.mu.Lock()
	s.calls[verb]++
	hook := s.hook
	s.mu.Unlock()
	if hook != nil {
		if err := hook(ctx, verb); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	return nil
}

// SigningKeys implements [keys.Store].
func (s *Store) SigningKeys(ctx context.Context) ([]keys.Record, error) {
	if err := s.enter(ctx, "SigningKeys"); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	all := make([]keys.Record, 0, len(s.signing))
	for _, r := range s.signing {
		all = append(all, cloneSigning(r))
	}
	return all, nil
}

// InsertSigningKey implements [keys.Store].
func (s *Store) InsertSigningKey(ctx context.Context, r keys.Record) (bool, error) {
	if err := s.enter(ctx, "InsertSigningKey"); err != nil {
		return false, err
	}
	defer s.mu.Unlock()
	for _, there := range s.signing {
		if there.Site == r.Site && there.Algorithm == r.Algorithm && there.Generation == r.Generation {
			return false, nil
		}
	}
	if _, taken := s.signing[r.KeyID]; taken {
		return false, keys.ErrConflict
	}
	s.signing[r.KeyID] = cloneSigning(r)
	return true, nil
}

// AdvanceSigningKey implements [keys.Store].
func (s *Store) AdvanceSigningKey(ctx context.Context, keyID string, from, to keys.State, at time.Time, manifest []byte) error {
	if err := s.enter(ctx, "AdvanceSigningKey"); err != nil {
		return err
	}
	defer s.mu.Unlock()
	r, ok := s.signing[keyID]
	if !ok || r.State != from {
		return keys.ErrConflict
	}
	r.State, r.Manifest = to, slices.Clone(manifest)
	switch to {
	case keys.Published:
		r.PublishedAt = at
	case keys.Active:
		r.ActivatedAt = at
	case keys.Retiring:
		r.RetiringAt = at
	case keys.Removed, keys.Withdrawn:
		r.RemovedAt = at
	}
	s.signing[keyID] = r
	return nil
}

// ReplaceManifest implements [keys.Store].
func (s *Store) ReplaceManifest(ctx context.Context, keyID string, from, to []byte) error {
	if err := s.enter(ctx, "ReplaceManifest"); err != nil {
		return err
	}
	defer s.mu.Unlock()
	r, ok := s.signing[keyID]
	if !ok || !bytes.Equal(r.Manifest, from) {
		return keys.ErrConflict
	}
	r.Manifest = slices.Clone(to)
	s.signing[keyID] = r
	return nil
}

// EnsureSiteIdentity implements [keys.Store].
func (s *Store) EnsureSiteIdentity(ctx context.Context, candidate keys.IdentityRecord) (keys.IdentityRecord, error) {
	if err := s.enter(ctx, "EnsureSiteIdentity"); err != nil {
		return keys.IdentityRecord{}, err
	}
	defer s.mu.Unlock()
	active := holder{candidate.Site, keys.Active}
	if _, ok := s.identities[active]; !ok {
		candidate.State = keys.Active
		s.identities[active] = cloneIdentity(candidate)
	}
	return cloneIdentity(s.identities[active]), nil
}

// SiteIdentities implements [keys.Store].
func (s *Store) SiteIdentities(ctx context.Context, site string) ([]keys.IdentityRecord, error) {
	if err := s.enter(ctx, "SiteIdentities"); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	var all []keys.IdentityRecord
	for h, r := range s.identities {
		if h.site == site {
			all = append(all, cloneIdentity(r))
		}
	}
	return all, nil
}

// StageSiteIdentity implements [keys.IdentityStore].
func (s *Store) StageSiteIdentity(ctx context.Context, candidate keys.IdentityRecord) (keys.IdentityRecord, error) {
	if err := s.enter(ctx, "StageSiteIdentity"); err != nil {
		return keys.IdentityRecord{}, err
	}
	defer s.mu.Unlock()
	_, active := s.identities[holder{candidate.Site, keys.Active}]
	_, retiring := s.identities[holder{candidate.Site, keys.Retiring}]
	if !active || retiring {
		return keys.IdentityRecord{}, keys.ErrConflict
	}
	staged := holder{candidate.Site, keys.Staged}
	if _, ok := s.identities[staged]; !ok {
		candidate.State = keys.Staged
		s.identities[staged] = cloneIdentity(candidate)
	}
	return cloneIdentity(s.identities[staged]), nil
}

// UseSiteIdentity implements [keys.IdentityStore].
func (s *Store) UseSiteIdentity(ctx context.Context, site string, public ed25519.PublicKey, at time.Time) error {
	if err := s.enter(ctx, "UseSiteIdentity"); err != nil {
		return err
	}
	defer s.mu.Unlock()
	before, next := s.identities[holder{site, keys.Active}], s.identities[holder{site, keys.Staged}]
	if before.Public.Equal(public) {
		return nil
	}
	if _, retiring := s.identities[holder{site, keys.Retiring}]; retiring || !next.Public.Equal(public) {
		return keys.ErrConflict
	}
	before.State, before.RetiredAt, next.State = keys.Retiring, at, keys.Active
	s.identities[holder{site, keys.Active}], s.identities[holder{site, keys.Retiring}] = next, before
	delete(s.identities, holder{site, keys.Staged})
	return nil
}

// DropSiteIdentity implements [keys.IdentityStore].
func (s *Store) DropSiteIdentity(ctx context.Context, site string, public ed25519.PublicKey) error {
	if err := s.enter(ctx, "DropSiteIdentity"); err != nil {
		return err
	}
	defer s.mu.Unlock()
	for _, state := range []keys.State{keys.Active, keys.Staged} {
		if s.identities[holder{site, state}].Public.Equal(public) {
			return keys.ErrConflict
		}
	}
	if s.identities[holder{site, keys.Retiring}].Public.Equal(public) {
		delete(s.identities, holder{site, keys.Retiring})
	}
	return nil
}

// SealingKeys implements [seal.Store].
func (s *Store) SealingKeys(ctx context.Context) ([]seal.Record, error) {
	if err := s.enter(ctx, "SealingKeys"); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	all := make([]seal.Record, 0, len(s.sealing))
	for _, r := range s.sealing {
		all = append(all, cloneSealing(r))
	}
	return all, nil
}

// InsertSealingKey implements [seal.Store].
func (s *Store) InsertSealingKey(ctx context.Context, r seal.Record) (bool, error) {
	if err := s.enter(ctx, "InsertSealingKey"); err != nil {
		return false, err
	}
	defer s.mu.Unlock()
	if _, taken := s.sealing[r.Generation]; taken {
		return false, nil
	}
	s.sealing[r.Generation] = cloneSealing(r)
	return true, nil
}

// DeleteSealingKeys implements [seal.Store].
func (s *Store) DeleteSealingKeys(ctx context.Context, expiredBefore time.Time) error {
	if err := s.enter(ctx, "DeleteSealingKeys"); err != nil {
		return err
	}
	defer s.mu.Unlock()
	for generation, r := range s.sealing {
		if r.ExpiresAt.Before(expiredBefore) {
			delete(s.sealing, generation)
		}
	}
	return nil
}

// ChangeSigningKey lets change rewrite a stored record, as somebody who can
// write to the database would.
func (s *Store) ChangeSigningKey(keyID string, change func(*keys.Record)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.signing[keyID]
	if !ok {
		return
	}
	delete(s.signing, keyID)
	change(&r)
	s.signing[r.KeyID] = r
}

// ChangeSealingKey lets change rewrite a stored record.
func (s *Store) ChangeSealingKey(generation int64, change func(*seal.Record)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.sealing[generation]
	if !ok {
		return
	}
	delete(s.sealing, generation)
	change(&r)
	s.sealing[r.Generation] = r
}

func cloneSigning(r keys.Record) keys.Record {
	r.Public, r.Wrapped, r.Manifest = slices.Clone(r.Public), slices.Clone(r.Wrapped), slices.Clone(r.Manifest)
	return r
}

func cloneIdentity(r keys.IdentityRecord) keys.IdentityRecord {
	r.Public, r.Wrapped = slices.Clone(r.Public), slices.Clone(r.Wrapped)
	return r
}

func cloneSealing(r seal.Record) seal.Record {
	r.Wrapped = slices.Clone(r.Wrapped)
	return r
}

// Interface guards.
var (
	_ keys.IdentityStore = (*Store)(nil)
	_ seal.Store         = (*Store)(nil)
)
