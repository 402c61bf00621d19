package drill

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bongsu/bongsu/broker/store"
)

// Kind is what the drilled provider seems to do.
type Kind string

// The kinds of drills.
const (
	None  Kind = ""      // this login is in no drill
	Down  Kind = "down"  // it is known to be down: the menu says so, and a leg does not begin
	Slow  Kind = "slow"  // its answer to the callback takes Delay longer
	Error Kind = "error" // the person comes back, and redeeming the code fails
)

// Kinds are all kinds that can be drilled.
func Kinds() []Kind { return []Kind{Down, Slow, Error} }

// The limits of every drill.
const (
	MaxShare = 500         // of logins, in thousandths
	MaxFor   = time.Hour   // how long one may run
	MinFor   = time.Second // shorter is over before every node knows
	Delay    = 5 * time.Second

	// Floor is the share of the drilled logins, older than Patience, that must
	// have succeeded, once there are Enough of them: else the drill stops itself.
	Floor    = 0.6
	Patience = 2 * time.Minute
	Enough   = 20
)

// Why a drill stopped, as the store keeps it.
const (
	StopTime     = "time"     // it was over
	StopOperator = "operator" // an operator stopped it
	StopIncident = "incident" // a provider really went down, or the site was cut off
	StopFloor    = "floor"    // too few of its logins succeeded
	StopLever    = "lever"    // drills were forbidden
)

// loginLife is how long after a drill its last login may still end well. It is
// login's own bound.
const loginLife = 30 * time.Minute

// ErrRequest says that a drill cannot be as it was asked for.
var ErrRequest = errors.New("drill: not possible")

// Guard is a safety check that said no.
type Guard struct {
	Check string // "D01", which never changes its meaning
	Why   string // a sentence for the operator
}

// Error implements error.
func (g Guard) Error() string { return fmt.Sprintf("drill: refused by check %s: %s", g.Check, g.Why) }

// Request asks for a drill.
type Request struct {
	Provider      string
	Kind          Kind
	Share         int64 // of logins, in thousandths, 1 to MaxShare
	For           time.Duration
	IncludeSingle bool   // people known to have one way only are not spared
	By            string // the operator
	Reason        string
}

// check returns an error that wraps [ErrRequest].
func (r Request) check(providers []string) error {
	switch {
	case !slices.Contains(providers, r.Provider):
		return fmt.Errorf("%w: no provider is called %q", ErrRequest, r.Provider)
	case !slices.Contains(Kinds(), r.Kind):
		return fmt.Errorf("%w: %q is none of down, slow and error", ErrRequest, r.Kind)
	case r.Share < 1 || r.Share > MaxShare:
		return fmt.Errorf("%w: the share must be from 0.1 %% to %d %%", ErrRequest, MaxShare/10)
	case r.For < MinFor || r.For > MaxFor:
		return fmt.Errorf("%w: it must last from %s to %s", ErrRequest, MinFor, MaxFor)
	}
	return nil
}

// Store keeps drills and what was counted.
type Store interface {
	StartDrill(ctx context.Context, d store.Drill) error
	StopDrill(ctx context.Context, id, reason string, at time.Time) error
	Drills(ctx context.Context, limit int) ([]store.Drill, error)
	CountDrill(ctx context.Context, id, node string, counts map[string]int64) error
	DrillCounts(ctx context.Context, id string) (map[string]int64, error)
}
