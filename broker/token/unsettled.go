package token

import (
	"sync"
	"time"
)

// maxUnsettled bounds how many claims of unknown outcome are remembered.
const maxUnsettled = 10_000

// unsettled remembers claims of codes, or uses of refresh tokens, whose outcome nobody knows: the store was asked
// and did not answer in time, so the claim may have been written all the same.
// The website was told to try again; when it does, here or at a node that asks this
// one, the attempt goes on under its old grant id and is not taken for a replay. Taking an attempt
// forgets it, so that of two that redeem one code at once only one goes on.
type unsettled struct {
	mu       sync.Mutex
	attempts map[string]attempt // by the hash of the code or token
}

// attempt is one claim of a code, or one use of a refresh token.
type attempt struct {
	id     string    // of the grant, or of the use
	family []byte    // the key of the grant's refresh family; nil: none
	until  time.Time // when nobody can go on with it any more
}

// keep remembers an attempt of unknown outcome until its end.
func (u *unsettled) keep(hash []byte, try attempt, now time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.attempts == nil {
		u.attempts = make(map[string]attempt)
	}
	if len(u.attempts) >= maxUnsettled {
		for other, a := range u.attempts {
			if now.After(a.until) {
				delete(u.attempts, other)
			}
		}
	}
	if len(u.attempts) < maxUnsettled {
		u.attempts[string(hash)] = try
	}
}

// give returns the attempt for a code if it has that id and somebody can still go on
// with it, and forgets it.
func (u *unsettled) give(hash []byte, id string, now time.Time) (try attempt, ok bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	a, ok := u.attempts[string(hash)]
	if !ok || a.id != id || now.After(a.until) {
		return attempt{}, false
	}
	delete(u.attempts, string(hash))
	return a, true
}

// take returns an earlier attempt and forgets it.
func (u *unsettled) take(hash []byte) (try attempt, ok bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	a, ok := u.attempts[string(hash)]
	delete(u.attempts, string(hash))
	return a, ok
}
