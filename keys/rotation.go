package keys

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/bongsu/bongsu/keys/wrap"
)

// settleFor is how long after the change the identity before may still sign: a
// node looks at the store every 30 seconds and has 10 to be answered.
const settleFor = 2 * time.Minute

// ErrNotYet means that a step of a [Rotation] was refused because it would have
// left somebody unable to verify what this site says. The error says what has to
// happen first; nothing was changed.
var ErrNotYet = errors.New("keys: not yet")

// RotationOptions say whose identity changes. All but Now and Rand are required.
type RotationOptions struct {
	Site  string
	Store IdentityStore
	Wrap  *wrap.Key           // of the site key
	Named []ed25519.PublicKey // the identities of this site in its own configuration

	Now  func() time.Time // nil is time.Now
	Rand io.Reader        // nil is crypto/rand
}

// Rotation changes a site's identity while everybody goes on verifying what the
// site says. The order is:
//
//	Stage       the next identity is made; nothing signs with it
//	            … every configuration lists both, and every node has been started with it
//	Use         the next one signs, and what the one before has signed is signed again
//	            … two minutes, in which every node learns of it
//	Drop        the one before is gone
//	            … every configuration lists the new one alone
//
// Each step may be said again. It is not for concurrent use, but several may
// work on one store.
type Rotation struct {
	options RotationOptions
}

// OpenRotation returns the rotation of a site's identity, and makes the first
// identity of a site that has none. It fails when the store cannot be asked and
// when the identity cannot be unwrapped.
func OpenRotation(ctx context.Context, o RotationOptions) (*Rotation, error) {
	if !siteName(o.Site) || o.Store == nil || o.Wrap == nil {
		return nil, errors.New("keys: a rotation needs a site, a store and a wrapping key")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	candidate, err := newIdentity(o.Site, o.Wrap, o.Rand, o.Now)
	if err != nil {
		return nil, err
	}
	stored, err := o.Store.EnsureSiteIdentity(ctx, candidate)
	if err != nil {
		return nil, fmt.Errorf("read identity of site %s: %w", o.Site, err)
	}
	if _, err := unwrapIdentity(stored, o.Site, o.Wrap); err != nil {
		return nil, err
	}
	return &Rotation{options: o}, nil
}

// Identities returns the identities of the site: the active one first, then the
// staged or the retiring one if there is any.
func (r *Rotation) Identities(ctx context.Context) ([]IdentityRecord, error) {
	records, err := r.options.Store.SiteIdentities(ctx, r.options.Site)
	if err != nil {
		return nil, fmt.Errorf("read identities of site %s: %w", r.options.Site, err)
	}
	var ordered []IdentityRecord
	for _, s := range []State{Active, Staged, Retiring} {
		if found := find(records, s); found != nil {
			ordered = append(ordered, *found)
		}
	}
	if len(ordered) == 0 || ordered[0].State != Active {
		return nil, errors.New("keys: the store has lost the identity of this site")
	}
	return ordered, nil
}

// Stage makes the next identity, unless there is one, and returns it.
// [ErrNotYet]: the one before the present is still there.
func (r *Rotation) Stage(ctx context.Context) (IdentityRecord, error) {
	candidate, err := newIdentity(r.options.Site, r.options.Wrap, r.options.Rand, r.options.Now)
	if err != nil {
		return IdentityRecord{}, err
	}
	candidate.State = Staged
	staged, err := r.options.Store.StageSiteIdentity(ctx, candidate)
	if errors.Is(err, ErrConflict) {
		return IdentityRecord{}, fmt.Errorf("%w: the identity before the present one is still there: drop it first", ErrNotYet)
	}
	if err != nil {
		return IdentityRecord{}, fmt.Errorf("stage identity: %w", err)
	}
	return staged, nil
}

// Use has the staged identity sign from now on, and everything that this site
// says of its keys signed by it. It returns the identity in use; when the change
// was made before, it only finishes it. [ErrNotYet]: nothing is staged, or this
// site's own configuration does not list both.
func (r *Rotation) Use(ctx context.Context) (IdentityRecord, error) {
	all, err := r.Identities(ctx)
	if err != nil {
		return IdentityRecord{}, err
	}
	active, next := all[0], find(all, Staged)
	switch {
	case next == nil && find(all, Retiring) == nil:
		return IdentityRecord{}, fmt.Errorf("%w: no next identity is staged", ErrNotYet)
	case next == nil: // used before: only what is left
		return active, r.resign(ctx, active)
	case !names(r.options.Named, active.Public) || !names(r.options.Named, next.Public):
		return IdentityRecord{}, fmt.Errorf("%w: this site's own configuration must list both identities, %s and %s, and so must every other site's",
			ErrNotYet, FormatIdentity(active.Public), FormatIdentity(next.Public))
	}
	if _, err := unwrapIdentity(*next, r.options.Site, r.options.Wrap); err != nil {
		return IdentityRecord{}, err
	}
	if err := r.options.Store.UseSiteIdentity(ctx, r.options.Site, next.Public, r.now()); err != nil {
		return IdentityRecord{}, fmt.Errorf("use identity: %w", err)
	}
	used := *next
	used.State = Active
	return used, r.resign(ctx, used)
}

// Drop deletes the identity before the present one, which nothing needs any
// more, and returns it: it may leave every configuration. [ErrNotYet]: there is
// none, or nodes may still sign with it.
func (r *Rotation) Drop(ctx context.Context) (IdentityRecord, error) {
	all, err := r.Identities(ctx)
	if err != nil {
		return IdentityRecord{}, err
	}
	old := find(all, Retiring)
	if old == nil {
		return IdentityRecord{}, fmt.Errorf("%w: there is no identity before the present one", ErrNotYet)
	}
	if left := old.RetiredAt.Add(settleFor).Sub(r.options.Now()); left > 0 {
		return IdentityRecord{}, fmt.Errorf("%w: nodes may sign with it for another %s", ErrNotYet, left.Round(time.Second))
	}
	if err := r.resign(ctx, all[0]); err != nil {
		return IdentityRecord{}, err
	}
	if err := r.options.Store.DropSiteIdentity(ctx, r.options.Site, old.Public); err != nil {
		return IdentityRecord{}, fmt.Errorf("drop identity: %w", err)
	}
	return *old, nil
}

// resign signs what other identities of the site have signed, until there is
// nothing left.
func (r *Rotation) resign(ctx context.Context, active IdentityRecord) error {
	own, err := unwrapIdentity(active, r.options.Site, r.options.Wrap)
	if err != nil {
		return err
	}
	all, err := r.Identities(ctx)
	if err != nil {
		return err
	}
	trust := sites{}
	for _, record := range all {
		// The store alone is no proof of an identity: only who has the site key
		// can have wrapped it.
		if _, err := unwrapIdentity(record, own.site, r.options.Wrap); err != nil {
			return err
		}
		trust[own.site] = append(trust[own.site], record.Public)
	}
	for range maxRounds {
		records, err := r.options.Store.SigningKeys(ctx)
		if err != nil {
			return fmt.Errorf("read signing keys: %w", err)
		}
		var stale []Record
		for _, record := range records {
			believed, err := trust.believe(record)
			if err == nil && !believed.by.Equal(own.public()) { // what nobody believes is not made believable
				stale = append(stale, believed.record)
			}
		}
		if len(stale) == 0 {
			return nil
		}
		if err := own.resign(ctx, r.options.Store, stale); err != nil {
			return err
		}
	}
	return errors.New("keys: manifests are signed by the identity before faster than by the present one: is a node cut off from the store?")
}

func (r *Rotation) now() time.Time { return r.options.Now().UTC().Truncate(time.Second) }
