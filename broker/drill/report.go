package drill

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/bongsu/bongsu/broker/store"
)

// Report is what became of a drill's logins. Assigned is the sum of all others.
type Report struct {
	Drill     store.Drill
	Assigned  int64
	FellBack  map[string]int64 // by the way that it ended with
	Completed int64            // by the drilled provider after all: after its slowness, or when the drill had ended
	Refused   int64            // the website received an error, or the person went back to it

	// Unfinished are those that have not ended: under way, or given up. Final
	// says that none of them can end any more.
	Unfinished int64
	Final      bool
}

// Saved is how many logins ended well by another way.
func (r Report) Saved() int64 {
	var saved int64
	for _, n := range r.FellBack {
		saved += n
	}
	return saved
}

// Report returns what was counted in a drill so far. This node's counts are
// written first; other nodes' are at most a second old. [store.ErrNotFound],
// [store.ErrUnavailable].
func (e *Engine) Report(ctx context.Context, drill string) (Report, error) {
	if err := e.flush(ctx); err != nil {
		return Report{}, err
	}
	drills, err := e.o.Store.Drills(ctx, maxListed)
	if err != nil {
		return Report{}, fmt.Errorf("read drills: %w", err)
	}
	for _, d := range drills {
		if d.ID != drill {
			continue
		}
		counts, err := e.o.Store.DrillCounts(ctx, drill)
		if err != nil {
			return Report{}, fmt.Errorf("read counts: %w", err)
		}
		return report(d, counts, e.o.Now()), nil
	}
	return Report{}, fmt.Errorf("drill %q: %w", drill, store.ErrNotFound)
}

// maxListed is how many drills can be looked back on.
const maxListed = 1000

// List returns at most limit drills, newest first. [store.ErrUnavailable].
func (e *Engine) List(ctx context.Context, limit int) ([]store.Drill, error) {
	drills, err := e.o.Store.Drills(ctx, min(limit, maxListed))
	if err != nil {
		return nil, fmt.Errorf("read drills: %w", err)
	}
	return drills, nil
}

func report(d store.Drill, counts map[string]int64, now time.Time) Report {
	r := Report{
		Drill: d, Assigned: counts[countAssigned], Completed: counts[countCompleted], Refused: counts[countRefused],
		FellBack: map[string]int64{},
	}
	for name, n := range counts {
		if way, ok := strings.CutPrefix(name, countWay); ok {
			r.FellBack[way] = n
		}
	}
	// A login that is assigned at one node and ends at another may be told of in
	// the other order.
	r.Assigned = max(r.Assigned, r.Saved()+r.Completed+r.Refused)
	r.Unfinished = r.Assigned - r.Saved() - r.Completed - r.Refused
	end := d.EndsAt
	if !d.StoppedAt.IsZero() && d.StoppedAt.Before(end) {
		end = d.StoppedAt
	}
	r.Final = now.Sub(end) > loginLife
	return r
}
