package token

import (
	"sync"
	"time"

	"github.com/bongsu/bongsu/broker/store"
)

const (
	// recentLife is for how long what the store said of a grant and its account
	// is said again without asking. Negative facts are looked at every time, so
	// that a revocation is obeyed as soon as it is heard of; what may be late by
	// this second is an attribute, and what the feed would tell later still: it
	// is read once a second itself, and R is five.
	recentLife = time.Second
	maxRecent  = 8192 // in each of two halves; about 2 KiB each at their longest
)

// granted is what the store said.
type granted struct {
	grant   store.Grant
	account store.Account
	at      time.Time // before it was asked
}

// recent remembers what the store said of grants a moment ago: an API asks for
// the same token with every request that it serves. Only a yes is remembered.
// The zero value is empty. Two halves take turns, so that the older is dropped
// as a whole.
type recent struct {
	mu         sync.RWMutex
	young, old map[string]granted // by grant id
	turned     time.Time
}

// get returns what was said at most recentLife ago.
func (r *recent) get(grantID string, now time.Time) (granted, bool) {
	r.mu.RLock()
	g, ok := r.young[grantID]
	if !ok {
		g, ok = r.old[grantID]
	}
	r.mu.RUnlock()
	age := now.Sub(g.at)
	return g, ok && age >= 0 && age < recentLife
}

// keep remembers g. Beyond maxRecent in a half it does not: then the store is
// asked.
func (r *recent) keep(g granted, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if since := now.Sub(r.turned); r.young == nil || since >= recentLife || since < 0 {
		r.young, r.old, r.turned = make(map[string]granted), r.young, now
	}
	if len(r.young) < maxRecent {
		r.young[g.grant.ID] = g
	}
}
