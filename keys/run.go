package keys

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"
)

const (
	refreshEvery   = 30 * time.Second
	refreshTimeout = 10 * time.Second
	reloadEvery    = 10 * time.Second
	reloadTimeout  = 2 * time.Second

	maxRounds = 8 // of planning until nothing is left to do; a rotation takes three

	// A key is removed only by a process that has watched it retire for this
	// long: a clock that is wrong when a machine starts must not take the keys
	// of living tokens away before it is set right.
	watchFor = time.Hour
)

// Run keeps the ring: at once and then every 30 seconds it reads what other
// nodes and sites have stored, and takes the steps that are due. It returns
// when ctx ends. While the store is away the ring goes on with the keys it has.
func (r *Ring) Run(ctx context.Context) {
	ticker := time.NewTicker(refreshEvery)
	defer ticker.Stop()
	for {
		r.tick(ctx)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-r.wake:
		}
	}
}

func (r *Ring) tick(ctx context.Context) {
	bounded, cancel := context.WithTimeout(ctx, refreshTimeout)
	defer cancel()
	err := r.Keep(bounded)
	if ctx.Err() != nil {
		return
	}
	r.mu.Lock()
	changed := r.failing != (err != nil)
	r.failing = err != nil
	r.mu.Unlock()
	switch {
	case changed && err != nil:
		r.options.Logger.WarnContext(ctx, "signing ring goes on with the keys it has", slog.Any("error", err))
	case changed:
		r.options.Logger.InfoContext(ctx, "signing ring is kept again")
	}
}

// Keep does once what [Ring.Run] does again and again. First it learns which
// identity signs now, so that what it signs then is signed by that one. The error
// means that the store could not be asked or did not take what was due.
func (r *Ring) Keep(ctx context.Context) error {
	if err := r.follow(ctx); err != nil {
		return err
	}
	if err := r.advance(ctx, func(step) bool { return true }); err != nil {
		return err
	}
	return r.resign(ctx)
}

// advance reads the ring and takes those planned steps that wanted selects,
// until none is left. What another node did first is no error.
func (r *Ring) advance(ctx context.Context, wanted func(step) bool) error {
	for range maxRounds {
		if err := r.load(ctx); err != nil {
			return err
		}
		steps := slices.DeleteFunc(r.steps(), func(s step) bool { return !wanted(s) || r.early(ctx, s) })
		if len(steps) == 0 {
			return nil
		}
		if err := r.take(ctx, steps); err != nil {
			return err
		}
	}
	return errors.New("keys: the store does not show what was written to it")
}

// steps returns what is to be done now.
func (r *Ring) steps() []step {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.options.Now()
	return slices.DeleteFunc(plan(r.held(), now, r.options.policy()), func(s step) bool {
		return s.from == Retiring && s.to == Removed && !passed(now, r.retiring[s.keyID], watchFor)
	})
}

// early reports whether a key would sign before every site serves it.
func (r *Ring) early(ctx context.Context, s step) bool {
	if r.options.Served == nil || s.from != Published || s.to != Active || s.urgent || s.overdue {
		return false
	}
	return !r.options.Served(ctx, s.keyID)
}

// take carries out steps: those that move a key in their order, and beside them
// all new keys at once, because making one may take long.
func (r *Ring) take(ctx context.Context, steps []step) error {
	var making sync.WaitGroup
	failed := make([]error, len(steps)+1)
	for i, s := range steps {
		if s.keyID == "" {
			making.Go(func() { failed[i] = r.create(ctx, s) })
		}
	}
	for _, s := range steps {
		if s.keyID == "" {
			continue
		}
		if err := r.move(ctx, s); err != nil {
			failed[len(steps)] = err
			break
		}
	}
	making.Wait()
	return errors.Join(failed...)
}

// create makes a key and stores it, unless another node was first.
func (r *Ring) create(ctx context.Context, s step) error {
	record, err := newRecord(&r.options, r.standing.Load().own, s, r.now())
	if err != nil {
		return err
	}
	inserted, err := r.options.Store.InsertSigningKey(ctx, record)
	if err != nil {
		return fmt.Errorf("store signing key: %w", err)
	}
	if inserted {
		r.options.Logger.InfoContext(ctx, "signing key stored", slog.String("kid", record.KeyID),
			slog.String("alg", string(s.algorithm)), slog.String("state", string(s.to)))
	}
	return nil
}

// move advances a stored key, unless another node was first.
func (r *Ring) move(ctx context.Context, s step) error {
	now := r.now()
	r.mu.Lock()
	record := r.entries[s.keyID].record
	r.mu.Unlock()
	record.State = s.to
	switch s.to {
	case Published:
		record.PublishedAt = now
	case Active:
		record.ActivatedAt = now
	case Retiring:
		record.RetiringAt = now
	case Removed, Withdrawn:
		record.RemovedAt = now
	}
	signed, err := r.standing.Load().own.sign(record)
	if err != nil {
		return err
	}
	err = r.options.Store.AdvanceSigningKey(ctx, s.keyID, s.from, s.to, now, signed)
	if errors.Is(err, ErrConflict) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("store %s signing key: %w", s.to, err)
	}
	r.options.Logger.InfoContext(ctx, "signing key moved on", slog.String("kid", s.keyID),
		slog.String("alg", string(s.algorithm)), slog.String("from", string(s.from)), slog.String("to", string(s.to)))
	return nil
}

func (r *Ring) now() time.Time { return r.options.Now().UTC().Truncate(time.Second) }

// load reads the ring from the store.
func (r *Ring) load(ctx context.Context) error {
	r.mu.Lock()
	r.asked++
	number := r.asked
	r.mu.Unlock()

	records, err := r.options.Store.SigningKeys(ctx)
	if err != nil {
		return fmt.Errorf("read signing keys: %w", err)
	}

	r.mu.Lock()
	defer r.mu.Unlock()
	if number < r.installed {
		return nil
	}
	// A store that has lost all our keys was wiped or is not the one we know:
	// it is not believed, or every token we have signed would be void.
	if r.holdsOwn() && !slices.ContainsFunc(records, func(rec Record) bool { return rec.Site == r.options.Site }) {
		return errors.New("keys: the store has lost the keys of this site")
	}
	r.install(records)
	r.installed = number
	return nil
}

func (r *Ring) holdsOwn() bool {
	for _, e := range r.entries {
		if e.record.Site == r.options.Site {
			return true
		}
	}
	return false
}

// install makes entries of records and a snapshot of them. The caller holds mu.
func (r *Ring) install(records []Record) {
	next := make(map[string]*entry, len(records))
	retiring := map[string]time.Time{}
	trust := r.standing.Load().sites
	changed := len(records) != len(r.entries)
	for _, record := range records {
		e := r.entries[record.KeyID]
		if e == nil || !e.made(record) {
			e = newEntry(record, trust, &r.options, e)
			r.complain(e)
			changed = true
		}
		next[record.KeyID] = e
		// Withdrawn is for good, even if an older copy of the store comes back.
		if r.options.Withdrawn(record.KeyID) || (e.refused == nil && e.record.State == Withdrawn) {
			_, known := r.withdrawn[record.KeyID]
			changed = changed || !known
			r.withdrawn[record.KeyID] = struct{}{}
		}
		if e.refused == nil && e.record.State == Retiring {
			retiring[record.KeyID] = r.options.Now()
			if since, seen := r.retiring[record.KeyID]; seen {
				retiring[record.KeyID] = since
			}
		}
	}
	r.entries, r.retiring = next, retiring
	if changed {
		r.rebuild()
	}
}

// complain says once what is wrong with a record.
func (r *Ring) complain(e *entry) {
	if err := errors.Join(e.refused, e.broken); err != nil {
		r.options.Logger.Error("signing key is of no use", slog.String("kid", e.record.KeyID),
			slog.String("site", e.record.Site), slog.Any("error", err))
	}
}
