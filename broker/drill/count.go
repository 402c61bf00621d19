package drill

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bongsu/bongsu/broker/id"
)

// What is what became of a drilled login.
type What uint8

// What is counted of a login, each at most once at a node.
const (
	Assigned  What = iota // it takes part
	Completed             // it ended well, by Event.Way
	Refused               // the website received an error, or the person went back
)

// Event is one thing that happened to a login that takes part in a drill.
type Event struct {
	What  What
	Drill string
	Login string // its id, which tells when it began
	Way   string // of Completed: provider instance id, or passkey
}

// The names under which the store keeps counts; ways have a prefix.
const (
	countAssigned  = "assigned"
	countCompleted = "completed" // by the drilled provider itself
	countRefused   = "refused"
	countDue       = "due"    // assigned, and older than Patience
	countDueOK     = "due_ok" // of these, ended well
	countWay       = "way "   // and the way: fell back to it
)

// maxLogins bounds what one node remembers of one drill; when it is full no
// further login takes part here.
const maxLogins = 100_000

// maxNames bounds the names a node counts under.
const maxNames = 48

// tally is what this node counted in one drill.
type tally struct {
	logins map[string]*fate
	counts map[string]int64
	order  []*fate
	due    int              // of order, how many are
	told   map[string]int64 // as the store has it
}

// fate is what is known here of one login.
type fate struct {
	since    time.Time // it began, or the drill did if that was later: the same at every node
	due      bool
	assigned bool // here
	ended    bool
	well     bool
}

// full reports whether no more logins of a drill can be remembered here.
func (e *Engine) full(drill string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	t := e.tallies[drill]
	return t != nil && len(t.logins) >= maxLogins
}

// Count takes note of an event. It never blocks on anybody. An event about a
// drill that this node knows nothing of is not counted, nor is one that was
// counted before.
func (e *Engine) Count(ev Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	d, known := e.known[ev.Drill]
	if !known {
		return
	}
	t := e.tallies[ev.Drill]
	if t == nil {
		t = &tally{logins: map[string]*fate{}, counts: map[string]int64{}, told: map[string]int64{}}
		e.tallies[ev.Drill] = t
	}
	f := t.logins[ev.Login]
	if f == nil {
		if len(t.logins) >= maxLogins {
			return
		}
		f = &fate{since: d.StartedAt}
		if began, ok := id.DatedAt(ev.Login); ok && began.After(f.since) {
			f.since = began
		}
		t.logins[ev.Login] = f
		t.order = append(t.order, f)
	}
	switch {
	case ev.What == Assigned && !f.assigned:
		f.assigned = true
		t.add(countAssigned)
		if f.due {
			t.add(countDue)
		}
	case ev.What != Assigned && !f.ended:
		f.ended, f.well = true, ev.What == Completed
		t.add(ending(ev, d.Provider))
		if f.due && f.well {
			t.add(countDueOK)
		}
	}
}

// ending is the name under which the end of a login is counted.
func ending(ev Event, drilled string) string {
	switch {
	case ev.What == Refused:
		return countRefused
	case ev.Way == drilled:
		return countCompleted
	default:
		return countWay + ev.Way
	}
}

func (t *tally) add(name string) {
	if _, known := t.counts[name]; !known && len(t.counts) >= maxNames {
		return
	}
	t.counts[name]++
}

// age counts as due what is old enough. Logins come nearly in the order in
// which they began; one that is younger than its neighbours holds up none for
// longer than it lives.
func (t *tally) age(now time.Time) {
	for ; t.due < len(t.order) && now.Sub(t.order[t.due].since) >= Patience; t.due++ {
		f := t.order[t.due]
		f.due = true
		if f.assigned {
			t.add(countDue)
		}
		if f.well {
			t.add(countDueOK)
		}
	}
}

// flush tells the store what was counted since it was last told.
func (e *Engine) flush(ctx context.Context) error {
	news := e.news()
	var failed error
	for drill, counts := range news {
		if err := e.o.Store.CountDrill(ctx, drill, e.o.Node, counts); err != nil {
			failed = errors.Join(failed, fmt.Errorf("count drill: %w", err))
			continue
		}
		e.mu.Lock()
		if t := e.tallies[drill]; t != nil {
			for name, count := range counts {
				t.told[name] = max(t.told[name], count)
			}
		}
		e.mu.Unlock()
	}
	return failed
}

// news are the counts that the store does not have, by drill.
func (e *Engine) news() map[string]map[string]int64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.o.Now()
	news := map[string]map[string]int64{}
	for drill, t := range e.tallies {
		t.age(now)
		for name, count := range t.counts {
			if count > t.told[name] {
				if news[drill] == nil {
					news[drill] = map[string]int64{}
				}
				news[drill][name] = count
			}
		}
	}
	return news
}
