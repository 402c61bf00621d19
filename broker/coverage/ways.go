package coverage

import (
	"context"
	"fmt"
	"math/bits"
	"slices"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bongsu/bongsu/broker/store"
)

// mostWays is where counting ends: who has so many ways in that share nothing
// is as safe as anybody will be.
const mostWays = 5

// Distribution is how many people have how many ways in: element n counts those
// with n ways that share no failure domain, the last one those with more, too.
type Distribution [mostWays + 1]int64

// Ways counts the accounts that were active in the last [ActiveFor] days at any
// client by how many ways in they have. Ways that an operator switched off are
// none, and of those that share a fate one counts. [store.ErrUnavailable].
func (l *Ledger) Ways(ctx context.Context) (Distribution, error) {
	var usable []Provider
	for _, p := range l.o.Providers {
		if !l.o.Out(p.ID) && len(usable) < store.MaxWays {
			usable = append(usable, p)
		}
	}
	ids := make([]string, len(usable))
	for i, p := range usable {
		ids[i] = p.ID
	}
	counts, err := l.o.Store.WaysIn(ctx, store.WaysQuery{Providers: ids, SinceDay: dayOf(l.o.Now()) - ActiveFor})
	if err != nil {
		return Distribution{}, fmt.Errorf("count ways in: %w", err)
	}
	clashes := clashesOf(usable)
	var found Distribution
	for _, c := range counts {
		found[apart(c.Ways, clashes, mostWays)] += c.Accounts
	}
	return found, nil
}

// clashesOf tells of each provider which ones share a failure domain with it,
// itself included.
func clashesOf(providers []Provider) []uint64 {
	clashes := make([]uint64, len(providers))
	for i, p := range providers {
		for j, other := range providers {
			if i == j || slices.ContainsFunc(p.Domains, func(d string) bool { return slices.Contains(other.Domains, d) }) {
				clashes[i] |= 1 << j
			}
		}
	}
	return clashes
}

// apart is how many of a set of ways can be chosen so that no two clash, most
// at the most: either the first one is among them, or one that clashes with it.
func apart(ways uint64, clashes []uint64, most int) int {
	if ways == 0 || most == 0 {
		return 0
	}
	first := bits.TrailingZeros64(ways)
	best := 0
	for rivals := ways & clashes[first]; rivals != 0 && best < most; rivals &= rivals - 1 {
		chosen := bits.TrailingZeros64(rivals)
		best = max(best, 1+apart(ways&^clashes[chosen], clashes, most-1))
	}
	return best
}

// publishWays counts for the metric. What could not be counted keeps its last
// value.
func (l *Ledger) publishWays(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	found, err := l.Ways(limited)
	if err == nil {
		l.ways.show(&found)
	}
	return err
}

// waysGauge shows a distribution as a histogram. It counts people as they are
// and not events: its numbers fall, too.
type waysGauge struct {
	desc  *prometheus.Desc
	shown atomic.Pointer[Distribution] // nil: nothing was counted here
}

func newWaysGauge() *waysGauge {
	desc := func(name, help string) *prometheus.Desc { return prometheus.NewDesc(name, help, nil, nil) }
	return &waysGauge{desc: desc("bongsu_user_ways_in", "Accounts active in 90 days, by their ways in that share no failure domain.")}
}

func (g *waysGauge) show(d *Distribution) { g.shown.Store(d) }

// Describe implements [prometheus.Collector].
func (g *waysGauge) Describe(to chan<- *prometheus.Desc) { to <- g.desc }

// Collect implements [prometheus.Collector].
func (g *waysGauge) Collect(to chan<- prometheus.Metric) {
	d := g.shown.Load()
	if d == nil {
		return
	}
	var people uint64
	var sum float64
	buckets := make(map[float64]uint64, len(d))
	for n, accounts := range d {
		people += uint64(accounts)
		sum += float64(n) * float64(accounts)
		buckets[float64(n)] = people
	}
	to <- prometheus.MustNewConstHistogram(g.desc, people, sum, buckets)
}
