package assertion

import (
	"sync"
	"time"
)

// open remembers claims whose outcome nobody knows, by the assertion. Taking one
// forgets it, so that of two that send one assertion at once only one goes on.
type open struct {
	mu     sync.Mutex
	byHash map[[32]byte]attempt
}

type attempt struct {
	id    string
	until time.Time // the assertion's end
}

func (o *open) keep(name [32]byte, id string, until, now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.byHash) >= unsettled {
		for other, a := range o.byHash {
			if now.After(a.until) {
				delete(o.byHash, other)
			}
		}
	}
	if len(o.byHash) < unsettled {
		o.byHash[name] = attempt{id, until}
	}
}

func (o *open) take(name [32]byte) (id string, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	a, ok := o.byHash[name]
	delete(o.byHash, name)
	return a.id, ok
}
