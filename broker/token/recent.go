package token

import (
	"sync"
	"time"

	"github.com/bongsu/bongsu/broker/store"
)

const (
	// recentLife is for how long an answer of the store, or that a signature is
	// good, is given again without asking. Negative facts, those about keys among
	// them, are looked at every time, so that a revocation is obeyed as soon as it
	// is heard of. What may be late by this second is an attribute, and what the
	// feed would tell later still: it is read once a second itself, and R is five.
	recentLife = time.Second
	maxRecent  = 8192 // in each of two halves; about 2 KiB each at their longest
)

// granted is what the store said of a grant and its account.
type granted struct {
	grant   store.Grant
	account store.Account
}

// signed is an access token whose signature was checked.
type signed struct {
	claims AccessClaims
	keyID  string
}

// recent remembers answers of a moment ago: an API asks for the same token with
// every request that it serves. Only a yes is remembered. The zero value is
// empty. Two halves take turns, so that the older is dropped as a whole.
type recent[T any] struct {
	mu         sync.RWMutex
	young, old map[string]dated[T]
	turned     time.Time
}

type dated[T any] struct {
	value T
	at    time.Time // before the question was asked
}

// get returns what was said at most recentLife ago.
func (r *recent[T]) get(name string, now time.Time) (T, bool) {
	r.mu.RLock()
	d, ok := r.young[name]
	if !ok {
		d, ok = r.old[name]
	}
	r.mu.RUnlock()
	age := now.Sub(d.at)
	return d.value, ok && age >= 0 && age < recentLife
}

// keep remembers what was asked at a time. Beyond maxRecent in a half it does
// not: then the question is asked anew.
func (r *recent[T]) keep(name string, value T, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if since := at.Sub(r.turned); r.young == nil || since >= recentLife || since < 0 {
		r.young, r.old, r.turned = make(map[string]dated[T]), r.young, at
	}
	if len(r.young) < maxRecent {
		r.young[name] = dated[T]{value, at}
	}
}
