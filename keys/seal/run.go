package seal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"
)

const (
	rotateEvery = 24 * time.Hour
	sealDelay   = time.Hour          // from storing a key to sealing with it: by then every node has read it
	outage      = 7 * 24 * time.Hour // how long the youngest key may have to go on, should the store be gone

	refreshEvery   = time.Minute
	refreshTimeout = 10 * time.Second
	reloadEvery    = 10 * time.Second
	reloadTimeout  = 2 * time.Second
)

// Run keeps the ring: it reads what other nodes stored, every minute, stores a
// new key a day and deletes those that expired long ago. It returns when ctx
// ends. While the store is away the ring goes on with the keys it has.
func (r *Ring) Run(ctx context.Context) {
	ticker := time.NewTicker(refreshEvery)
	defer ticker.Stop()
	for {
		r.tick(ctx)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
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
		r.options.Logger.WarnContext(ctx, "sealing ring goes on with the keys it has", slog.Any("error", err))
	case changed:
		r.options.Logger.InfoContext(ctx, "sealing ring is read again")
	}
}

// Keep does once what [Ring.Run] does again and again: it reads the ring, rotates
// and purges. The error means that the store could not be asked or did not take what
// was due.
func (r *Ring) Keep(ctx context.Context) error {
	if err := r.load(ctx); err != nil {
		return err
	}
	now := r.options.Now()
	if r.current.Load().due(now) {
		if err := r.add(ctx, now); err != nil {
			return err
		}
	}
	// A key is deleted only when a clock that is wrong by as much as a sealed
	// value may live could not have made it look expired.
	before := now.Add(-r.options.OpensFor)
	if !slices.ContainsFunc(r.current.Load().keys, func(k *key) bool { return k.record.ExpiresAt.Before(before) }) {
		return nil
	}
	if err := r.options.Store.DeleteSealingKeys(ctx, before.UTC()); err != nil {
		return fmt.Errorf("delete sealing keys: %w", err)
	}
	return r.load(ctx)
}

// due reports whether it is time for another key: none was made within a day.
// One that a node with a fast clock made in the future does not count, or the
// ring would stand still until then.
func (s *snapshot) due(now time.Time) bool {
	return !slices.ContainsFunc(s.usable, func(k *key) bool {
		age := now.Sub(k.record.CreatedAt)
		return age < rotateEvery && age > -sealDelay
	})
}

// add stores a new key and reads the ring. Another node may have been first:
// then its key is the one.
func (r *Ring) add(ctx context.Context, now time.Time) error {
	var generation int64 = 1
	if keys := r.current.Load().keys; len(keys) > 0 {
		generation = keys[0].record.Generation + 1
	}
	record, err := newRecord(&r.options, generation, now)
	if err != nil {
		return err
	}
	inserted, err := r.options.Store.InsertSealingKey(ctx, record)
	if err != nil {
		return fmt.Errorf("store sealing key: %w", err)
	}
	if inserted {
		r.options.Logger.InfoContext(ctx, "sealing key stored",
			slog.String("key", record.ID), slog.Int64("generation", generation))
	}
	return r.load(ctx)
}

// load reads the ring from the store. A store that shows no usable key while
// we hold some is not believed: it was wiped, or answers for another cluster.
func (r *Ring) load(ctx context.Context) error {
	r.mu.Lock()
	r.asked++
	number := r.asked
	r.mu.Unlock()

	records, err := r.options.Store.SealingKeys(ctx)
	if err != nil {
		return fmt.Errorf("read sealing keys: %w", err)
	}

	r.mu.Lock()
	defer r.mu.Unlock()
	if number < r.installed {
		return nil
	}
	old := r.current.Load()
	next, broken := r.assemble(old, records)
	now := r.options.Now()
	switch {
	case len(next.usable) == 0 && len(old.usable) > 0:
		return errors.Join(errors.New("seal: the store has lost its keys"), broken)
	case len(next.usable) == 0 && slices.ContainsFunc(next.keys, func(k *key) bool { return k.live(now) }):
		return fmt.Errorf("seal: the keys in the store were wrapped with another cluster key: %w", broken)
	}
	r.installed = number
	r.current.Store(next)
	return nil
}

// assemble makes a snapshot of records. Keys that have not changed are taken
// over; what could not be unwrapped is said once.
func (r *Ring) assemble(old *snapshot, records []Record) (*snapshot, error) {
	next := &snapshot{keys: make([]*key, 0, len(records)), byID: make(map[string]*key, len(records))}
	var broken error
	for _, record := range records {
		k := old.byID[record.ID]
		if k == nil || !k.same(record) {
			var err error
			if k, err = newKey(r.options.Wrap, record); err != nil {
				r.options.Logger.Error("sealing key is of no use", slog.Any("error", err))
				broken = errors.Join(broken, err)
			}
		}
		next.keys = append(next.keys, k)
		next.byID[record.ID] = k
	}
	slices.SortFunc(next.keys, func(a, b *key) int { return cmp.Compare(b.record.Generation, a.record.Generation) })
	for _, k := range next.keys {
		if k.usable() {
			next.usable = append(next.usable, k)
		}
	}
	return next, broken
}
