package broker

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/broker/id"
	"github.com/bongsu/bongsu/broker/login"
)

const (
	// countedOut is how long after the minute of its beginning a login is counted:
	// it cannot go on any more, and clocks of nodes may differ by a minute.
	countedOut = login.Longest + 2*time.Minute
	// minutesKept is more than [countedOut] in minutes, and a power of two: a minute
	// was counted long before another one takes its place.
	minutesKept = 64
)

// unfinished counts the logins that nobody finished. A pending login is in no
// table of ours, so nobody sees it end by itself; what a node sees is logins that
// begin, move to another way, and end. It adds those up by the minute in which
// the login began, and when the minute is so old that none of its logins can go
// on, what came and did not leave was given up.
//
// A login may begin at one node and end at another, which then has one ending too
// many: it is set off against what that node counts later. So the sum over nodes
// is right while people move to and fro, and one node's number is so as far as
// its browsers stay with it.
type unfinished struct {
	now    func() time.Time
	cells  map[standingAt]int // where a login stands: index of everything below
	given  *prometheus.CounterVec
	counts []prometheus.Counter
	came   [minutesKept][]atomic.Int64 // came minus left, of logins that began in a minute

	counting sync.Mutex // guards the rest; who tells of logins never takes it
	counted  int64      // up to this minute
	owed     []int64    // endings of logins that began elsewhere, not set off yet
}

// standingAt is where a login stands, and whose it is.
type standingAt struct{ provider, class string }

func newUnfinished(providers []config.Provider, now func() time.Time) *unfinished {
	u := &unfinished{
		now: now, cells: make(map[standingAt]int), counted: minuteOf(now().Add(-countedOut)),
		given: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bongsu_logins_abandoned_total", Help: "Logins that nobody finished in their time, by where the browser was sent last.",
		}, []string{"provider", "client_class"}),
	}
	u.prepare(login.AtMenu)
	for _, p := range providers {
		u.prepare(p.ID)
	}
	u.owed = make([]int64, len(u.counts))
	for i := range u.came {
		u.came[i] = make([]atomic.Int64, len(u.counts))
	}
	return u
}

// prepare makes the cells of a provider.
func (u *unfinished) prepare(provider string) {
	for _, firstParty := range []bool{true, false} {
		at := standingAt{provider, clientClass(firstParty)}
		if _, known := u.cells[at]; !known {
			u.cells[at] = len(u.counts)
			u.counts = append(u.counts, u.given.WithLabelValues(at.provider, at.class))
		}
	}
}

// stood takes note that a login moved; empty is nowhere. It waits for nobody.
func (u *unfinished) stood(loginID, before, after, class string) {
	began, ok := id.DatedAt(loginID)
	age := u.now().Sub(began)
	if !ok || before == after || age > login.Longest+time.Minute || age < -time.Minute {
		return // of another time than the minutes that are kept are about
	}
	came := u.came[minuteOf(began)%minutesKept]
	if cell, known := u.cells[standingAt{before, class}]; known {
		came[cell].Add(-1)
	}
	if cell, known := u.cells[standingAt{after, class}]; known {
		came[cell].Add(1)
	}
}

// run counts every minute that is over, until ctx ends.
func (u *unfinished) run(ctx context.Context) {
	every := time.NewTicker(time.Minute)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
			u.count()
		}
	}
}

// count counts the minutes that are over and were not counted yet.
func (u *unfinished) count() {
	u.counting.Lock()
	defer u.counting.Unlock()
	over := minuteOf(u.now().Add(-countedOut)) - 1
	u.counted = max(u.counted, over-minutesKept) // the machine slept: what it held is counted together
	for ; u.counted < over; u.counted++ {
		came := u.came[(u.counted+1)%minutesKept]
		for cell := range came {
			left := came[cell].Swap(0) - u.owed[cell]
			u.owed[cell] = max(-left, 0)
			u.counts[cell].Add(float64(max(left, 0)))
		}
	}
}

func minuteOf(t time.Time) int64 { return t.Unix() / 60 }
