package ceiling

import (
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// MaxRate bounds a ceiling, in legs begun per second at one node.
const MaxRate = 100_000

// Gate lets legs begin. The zero value lets everyone in. It is safe for
// concurrent use.
type Gate struct {
	limits atomic.Pointer[map[string]*rate.Limiter]
	now    func() time.Time
}

// New returns a gate with a ceiling for each provider instance that has one, in
// legs begun per second at this node, above 0 and up to [MaxRate]. A second's
// worth may come at once.
func New(ceilings map[string]float64, now func() time.Time) (*Gate, error) {
	g := &Gate{now: now}
	swap, err := g.Prepare(ceilings)
	if err != nil {
		return nil, err
	}
	swap()
	return g, nil
}

// Prepare returns what replaces all ceilings by those, as [New] takes them, at once. A
// provider whose ceiling stays keeps what it has counted.
func (g *Gate) Prepare(ceilings map[string]float64) (swap func(), err error) {
	next := make(map[string]*rate.Limiter, len(ceilings))
	for provider, perSecond := range ceilings {
		if !(perSecond > 0 && perSecond <= MaxRate) {
			return nil, fmt.Errorf("ceiling: %v legs a second to %s is not above 0 and up to %d", perSecond, provider, MaxRate)
		}
		if before, ok := g.of(provider); ok && before.Limit() == rate.Limit(perSecond) {
			next[provider] = before
			continue
		}
		next[provider] = rate.NewLimiter(rate.Limit(perSecond), max(1, int(perSecond)))
	}
	return func() { g.limits.Store(&next) }, nil
}

func (g *Gate) of(provider string) (*rate.Limiter, bool) {
	limits := g.limits.Load()
	if limits == nil {
		return nil, false
	}
	limit, ok := (*limits)[provider]
	return limit, ok
}

// Enter reports whether one more leg may begin at provider now, and counts it
// if it may.
func (g *Gate) Enter(provider string) bool {
	limit, ok := g.of(provider)
	return !ok || limit.AllowN(g.now(), 1)
}

// Full reports whether no leg may begin at provider now. It counts nothing.
func (g *Gate) Full(provider string) bool {
	limit, ok := g.of(provider)
	return ok && limit.TokensAt(g.now()) < 1
}
