package roster

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/bongsu/bongsu/broker/store"
)

const (
	writeEvery = 5 * time.Second
	// KeptFor is how long a use is remembered: longer than any operator asks for
	// before a secret is dropped.
	KeptFor = 400 * 24 * time.Hour
	// maxUses bounds the secrets that are remembered in an hour; beyond it one
	// is noted again.
	maxUses = 10_000
)

// use is that a secret was used.
type use struct {
	client string
	hash   [32]byte
}

// uses are secrets that were used within the present hour: each is written once
// an hour, so that it costs requests nothing.
type uses struct {
	mu      sync.Mutex
	hour    int64
	noted   map[use]struct{}
	waiting []store.SecretUse // not in the store yet
}

// HourOf is the hour of a time as the store counts: hours since 1970, UTC.
func HourOf(at time.Time) int64 { return at.Unix() / int64(time.Hour/time.Second) }

// Used takes note that a client's secret was right. It never blocks on anybody.
func (r *Roster) Used(id string, hash [32]byte) {
	hour, k := HourOf(r.o.Now()), use{id, hash}
	u := &r.uses
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.noted == nil || hour != u.hour || len(u.noted) >= maxUses {
		u.hour, u.noted = hour, map[use]struct{}{}
	}
	if _, known := u.noted[k]; known {
		return
	}
	if len(u.waiting) >= maxUses { // the store was away for long: noted with the next use
		return
	}
	u.noted[k] = struct{}{}
	u.waiting = append(u.waiting, store.SecretUse{ClientID: id, Hash: hash[:], Hour: hour})
}

// writeUses writes what waits, until the store does not answer.
func (r *Roster) writeUses(ctx context.Context) error {
	u := &r.uses
	for {
		u.mu.Lock()
		batch := u.waiting[:min(len(u.waiting), store.MaxUses)]
		u.mu.Unlock()
		if len(batch) == 0 {
			return nil
		}
		limited, cancel := context.WithTimeout(ctx, answerWithin)
		err := r.o.Store.NoteSecretUses(limited, batch)
		cancel()
		// What the store calls wrong would be wrong the next time too.
		if err != nil && !errors.Is(err, store.ErrInvalid) {
			return err
		}
		u.mu.Lock()
		u.waiting = append([]store.SecretUse(nil), u.waiting[len(batch):]...)
		u.mu.Unlock()
	}
}

// Write writes at once what was noted: before somebody asks what is in use.
func (r *Roster) Write(ctx context.Context) error { return r.writeUses(ctx) }
