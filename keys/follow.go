package keys

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
)

// follow has the ring sign as the identity that the store holds as this site's
// active one. Whatever else becomes of it, a ring goes on with the identity it
// has while the store cannot be asked.
func (r *Ring) follow(ctx context.Context) error {
	records, err := r.options.Store.SiteIdentities(ctx, r.options.Site)
	if err != nil {
		return fmt.Errorf("read identity of site %s: %w", r.options.Site, err)
	}
	active := find(records, Active)
	if active == nil {
		return errors.New("keys: the store has lost the identity of this site")
	}
	if active.Public.Equal(r.standing.Load().own.public()) {
		return nil
	}
	own, err := unwrapIdentity(*active, r.options.Site, r.options.Wrap)
	if err != nil {
		return err
	}
	r.standing.Store(&standing{own: own, sites: trusted(r.options.SiteIdentities, own)})
	r.options.Logger.InfoContext(ctx, "this site has another identity", slog.String("identity", FormatIdentity(active.Public)))
	if named, ok := r.options.SiteIdentities[r.options.Site]; ok && !names(named, active.Public) {
		r.options.Logger.WarnContext(ctx, "the configuration does not list the identity of this site: the next start will fail")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	// What was not believed may be, by the other identity.
	maps.DeleteFunc(r.entries, func(_ string, e *entry) bool { return e.refused != nil })
	return nil
}

// find returns the record in state s, or nil.
func find(records []IdentityRecord, s State) *IdentityRecord {
	for i := range records {
		if records[i].State == s {
			return &records[i]
		}
	}
	return nil
}

// resign has the active identity sign what this site says of its keys where
// another one has, so that the other can leave the configuration. Any node may
// do it, and a node that was not told of the change in time is put right.
func (r *Ring) resign(ctx context.Context) error {
	own := r.standing.Load().own
	r.mu.Lock()
	var stale []Record
	for _, e := range r.entries {
		if e.refused == nil && e.record.Site == own.site && !e.by.Equal(own.public()) {
			stale = append(stale, e.record)
		}
	}
	r.mu.Unlock()
	if len(stale) == 0 {
		return nil
	}
	if err := own.resign(ctx, r.options.Store, stale); err != nil {
		return err
	}
	return r.load(ctx)
}

// resign replaces the manifests of records, which are believed, by the
// identity's own. Who was first with one is left alone: it will be looked at
// again.
func (i *identity) resign(ctx context.Context, s Store, records []Record) error {
	for _, record := range records {
		signed, err := i.sign(record)
		if err != nil {
			return err
		}
		err = s.ReplaceManifest(ctx, record.KeyID, record.Manifest, signed)
		if err != nil && !errors.Is(err, ErrConflict) {
			return fmt.Errorf("replace manifest: %w", err)
		}
	}
	return nil
}
