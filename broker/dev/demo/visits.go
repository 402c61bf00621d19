package demo

import (
	"sync"
	"time"
)

// Bounds of what is kept in memory.
const (
	maxVisits  = 1000
	maxPending = 8  // logins of one browser under way
	maxEntries = 10 // logins shown of one browser

	visitLife   = 12 * time.Hour   // since it was last used
	pendingLife = 35 * time.Minute // a login at the issuer lives 30 minutes
)

// pending is a login under way: what the callback is checked against.
type pending struct {
	nonce    string
	verifier string
	began    time.Time
}

// person is who is logged in, as the ID token says.
type person struct {
	subject string
	name    string
	token   received
}

// entry is one login of a browser.
type entry struct {
	way     string
	at      time.Time
	subject string
	down    []string // the ways that stood still then
}

// visit is what the website keeps of one browser. It outlives a logout, so
// that the ways used so far can be compared.
type visit struct {
	used      time.Time
	pending   map[string]pending // by state
	person    *person            // nil when nobody is logged in
	entries   []entry            // newest first
	signedOut bool               // say so once
}

// visits are bounded: the one unused for longest makes room.
type visits struct {
	now func() time.Time

	mu   sync.Mutex
	byID map[string]*visit
}

func newVisits(now func() time.Time) *visits {
	return &visits{now: now, byID: make(map[string]*visit)}
}

// view returns a copy of the visit with id that the caller may read.
func (v *visits) view(id string) visit {
	v.mu.Lock()
	defer v.mu.Unlock()
	found := v.find(id)
	if found == nil {
		return visit{}
	}
	seen := *found
	seen.entries = append([]entry(nil), found.entries...)
	seen.pending = nil
	found.signedOut = false
	return seen
}

// begin notes a login under way; id may be new.
func (v *visits) begin(id, state string, p pending) {
	v.mu.Lock()
	defer v.mu.Unlock()
	found := v.find(id)
	if found == nil {
		v.makeRoom()
		found = &visit{used: v.now(), pending: make(map[string]pending)}
		v.byID[id] = found
	}
	for len(found.pending) >= maxPending {
		delete(found.pending, oldest(found.pending))
	}
	found.pending[state] = p
}

// take returns the login under way with state, once.
func (v *visits) take(id, state string) (pending, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	found := v.find(id)
	if found == nil {
		return pending{}, false
	}
	p, ok := found.pending[state]
	delete(found.pending, state)
	return p, ok && v.now().Sub(p.began) < pendingLife
}

// enter logs a person in and moves the visit to a fresh id, so that an id
// planted beforehand is worth nothing. It returns the login before, if any.
func (v *visits) enter(id, fresh string, who person, e entry) (before *entry) {
	v.mu.Lock()
	defer v.mu.Unlock()
	found := v.find(id)
	if found == nil {
		v.makeRoom()
		found = &visit{used: v.now(), pending: make(map[string]pending)}
	}
	delete(v.byID, id)
	v.byID[fresh] = found
	if len(found.entries) > 0 {
		last := found.entries[0]
		before = &last
	}
	found.person, found.signedOut = &who, false
	found.entries = append([]entry{e}, found.entries...)
	if len(found.entries) > maxEntries {
		found.entries = found.entries[:maxEntries]
	}
	return before
}

// leave logs the person out and returns who it was.
func (v *visits) leave(id string) *person {
	v.mu.Lock()
	defer v.mu.Unlock()
	found := v.find(id)
	if found == nil || found.person == nil {
		return nil
	}
	who := found.person
	found.person, found.signedOut = nil, true
	return who
}

// find returns the visit with id and notes that it was used.
func (v *visits) find(id string) *visit {
	found, ok := v.byID[id]
	if !ok {
		return nil
	}
	if v.now().Sub(found.used) > visitLife {
		delete(v.byID, id)
		return nil
	}
	found.used = v.now()
	return found
}

func (v *visits) makeRoom() {
	for len(v.byID) >= maxVisits {
		var stalest string
		for id, found := range v.byID {
			if stalest == "" || found.used.Before(v.byID[stalest].used) {
				stalest = id
			}
		}
		delete(v.byID, stalest)
	}
}

func oldest(under map[string]pending) string {
	var found string
	for state, p := range under {
		if found == "" || p.began.Before(under[found].began) {
			found = state
		}
	}
	return found
}
