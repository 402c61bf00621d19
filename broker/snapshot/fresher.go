package snapshot

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/keys"
	"github.com/bongsu/bongsu/keys/seal"
)

// Replica is what this site's replica shows of the rings, which may lag behind what
// the writer would say. [store.ErrUnavailable]: it does not answer, or there is none.
type Replica interface {
	ReplicaSealingKeys(ctx context.Context) ([]seal.Record, error)
	ReplicaSigningKeys(ctx context.Context) ([]keys.Record, error)
	ReplicaSiteIdentities(ctx context.Context, site string) ([]keys.IdentityRecord, error)
}

// shownWithin bounds how long a node that starts waits for a replica to show what
// the writer does not say. One that did not answer is not asked again.
const shownWithin = 500 * time.Millisecond

// goesBy reports whether this node, which starts, has no word of the writer about k:
// err is what became of asking.
func (s *Snapshot) goesBy(k kind, err error) bool {
	if !s.starting.Load() || err != nil {
		return s.starting.Load() && errors.Is(err, store.ErrUnavailable)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.files[k].served
}

// shown asks the replica; false: it shows nothing.
func shown[T any](ctx context.Context, s *Snapshot, ask func(context.Context) ([]T, error)) ([]T, bool) {
	if s.unshown.Load() {
		return nil, false
	}
	ctx, cancel := context.WithTimeout(ctx, shownWithin)
	defer cancel()
	all, err := ask(ctx)
	if err != nil {
		s.unshown.Store(true)
		return nil, false
	}
	return all, len(all) > 0
}

// fresher is what a node that starts goes by when the writer does not answer: of
// what its disk keeps and what the replica shows, whatever has come further. Either
// may be behind: the disk of a node that was off for a day, and a replica that was cut
// off before the node was.
func fresher[T any](ctx context.Context, s *Snapshot, k kind, kept []T, err error, ask func(context.Context) ([]T, error), merge func(kept, shown []T) []T) ([]T, error) {
	found, ok := shown(ctx, s, ask)
	if !ok {
		return kept, err
	}
	s.mu.Lock()
	s.files[k].served = true // until the writer says it
	s.mu.Unlock()
	s.o.Logger.LogAttrs(ctx, slog.LevelWarn, "the writer does not answer: going by what the replica shows as well",
		slog.String("event", "snapshot.replica"), slog.String("kind", string(k)))
	return merge(kept, found), nil
}

// fresherSealing has every key that either knows: one that is only at one of them is
// new there, or expired at the other.
func fresherSealing(kept, shown []seal.Record) []seal.Record {
	all := slices.Clone(shown)
	for _, r := range kept {
		if !slices.ContainsFunc(all, func(other seal.Record) bool { return other.ID == r.ID }) {
			all = append(all, r)
		}
	}
	return all
}

// life is the states of a signing key in their order, in which it only moves on.
var life = []keys.State{keys.Staged, keys.Published, keys.Active, keys.Retiring, keys.Removed, keys.Withdrawn}

// fresherSigning has every key that either knows, as it stands where it has come
// further: what was withdrawn stays so, whoever has not heard of it.
func fresherSigning(kept, shown []keys.Record) []keys.Record {
	all := slices.Clone(shown)
	for _, r := range kept {
		i := slices.IndexFunc(all, func(other keys.Record) bool { return other.KeyID == r.KeyID })
		switch {
		case i < 0:
			all = append(all, r)
		case slices.Index(life, all[i].State) < slices.Index(life, r.State):
			all[i] = r
		}
	}
	return all
}

// fresherIdentities is one of the two, never a mixture, for there is one active
// identity: that which has seen more of the change from one to the next.
func fresherIdentities(kept, shown []keys.IdentityRecord) []keys.IdentityRecord {
	if further(kept, shown) {
		return kept
	}
	return shown
}

// further reports whether a has seen what b has not: an identity that was staged, put
// to use, or has begun to retire since, or the end of one that is retiring at b.
func further(a, b []keys.IdentityRecord) bool {
	find := func(in []keys.IdentityRecord, r keys.IdentityRecord) int {
		return slices.IndexFunc(in, func(other keys.IdentityRecord) bool { return bytes.Equal(other.Public, r.Public) })
	}
	if !slices.ContainsFunc(a, func(r keys.IdentityRecord) bool { return find(b, r) >= 0 }) {
		return newest(a).After(newest(b)) // more than one change lies between
	}
	order := []keys.State{keys.Staged, keys.Active, keys.Retiring}
	for _, r := range a {
		if i := find(b, r); i < 0 && r.State == keys.Staged ||
			i >= 0 && slices.Index(order, r.State) > slices.Index(order, b[i].State) {
			return true
		}
	}
	return slices.ContainsFunc(b, func(r keys.IdentityRecord) bool { return find(a, r) < 0 && r.State == keys.Retiring })
}

func newest(all []keys.IdentityRecord) (at time.Time) {
	for _, r := range all {
		if r.CreatedAt.After(at) {
			at = r.CreatedAt
		}
	}
	return at
}

// activeOf is the active identity of a site. The error is cause where there is none.
func activeOf(all []keys.IdentityRecord, site string, cause error) (keys.IdentityRecord, error) {
	for _, r := range all {
		if r.Site == site && r.State == keys.Active {
			return r, nil
		}
	}
	return keys.IdentityRecord{}, fmt.Errorf("%w (%w: not this one of %s)", cause, ErrNone, identities)
}
