package ceiling

import (
	"fmt"
	"time"

	"golang.org/x/time/rate"
)

// MaxRate bounds a ceiling, in legs begun per second at one node.
const MaxRate = 100_000

// Gate lets legs begin. The zero value lets everyone in. It is safe for
// concurrent use.
type Gate struct {
	limits map[string]*rate.Limiter
	now    func() time.Time
}

// New returns a gate with a ceiling for each provider instance that has one, in
// legs begun per second at this node, above 0 and up to [MaxRate]. A second's
// worth may come at once.
func New(ceilings map[string]float64, now func() time.Time) (*Gate, error) {
	g := &Gate{limits: make(map[string]*rate.Limiter, len(ceilings)), now: now}
	for provider, perSecond := range ceilings {
		if !(perSecond > 0 && perSecond <= MaxRate) {
			return nil, fmt.Errorf("ceiling: %v legs a second to %s is not above 0 and up to %d", perSecond, provider, MaxRate)
		}
		g.limits[provider] = rate.NewLimiter(rate.Limit(perSecond), max(1, int(perSecond)))
	}
	return g, nil
}

// Enter reports whether one more leg may begin at provider now, and counts it
// if it may.
func (g *Gate) Enter(provider string) bool {
	limit, ok := g.limits[provider]
	return !ok || limit.AllowN(g.now(), 1)
}

// Full reports whether no leg may begin at provider now. It counts nothing.
func (g *Gate) Full(provider string) bool {
	limit, ok := g.limits[provider]
	return ok && limit.TokensAt(g.now()) < 1
}
