package probe

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/fetch"
)

// How often a provider is asked. All but PerMinute vary by a tenth, so that
// nodes do not ask in step.
const (
	ShallowEvery = 30 * time.Second // connection and metadata (or else login page), of a healthy provider, by each site
	DeepEvery    = 2 * time.Minute  // login page and token endpoint, of a healthy provider, by one site
	HurriedEvery = 5 * time.Second  // under suspicion
	SettledEvery = 10 * time.Second // when it has been failing for a minute
	PerMinute    = 12               // probes of one provider by one node, whatever happens
)

const (
	canaryEvery = 30 * time.Second
	settled     = time.Minute      // of failing, or of suspicion without a failure
	enough      = 3                // good answers in a row, 4 s apart, that end a suspicion
	deepAtLeast = 25 * time.Second // the deepest level is asked so often while another fails

	deepNeglected    = 15 * time.Second // under suspicion: what was good is asked again after that
	shallowNeglected = time.Minute

	maxSilence  = time.Hour // that a provider can ask for
	maxSlower   = 3         // how often the pace is halved for a provider that refuses probes
	calm        = 10        // probes without a refusal that double it again
	maxCanaries = 16
)

// Board is told what was learnt. Its methods are called from several
// goroutines and must not block.
type Board interface {
	Probed(providers.Probed)
	Canaries(reached, asked int)
}

// Options say who is asked, and whose turn it is.
type Options struct {
	// Providers are those of the configuration. One that is no
	// [providers.Prober], and wraps none (Unwrap() providers.Provider), is known
	// by its logins alone.
	Providers []providers.Provider

	// Levels restricts what is asked, by instance id; an id that is missing
	// allows everything, an empty list nothing.
	Levels map[string][]providers.Level

	Board Board

	// Lead reports whether this node asks for its site now. Nil is always: a
	// node that knows no other asks for itself.
	Lead func() bool

	// Turn reports whether this site sends the deep probes of a provider in the
	// interval of [DeepEvery] that now lies in. Nil is always; see [InTurn].
	Turn func(provider string, now time.Time) bool

	// Retired reports whether a provider is gone for good: it is asked nothing as
	// long as that holds. Nil is never. One that is merely switched off is asked:
	// whoever switches it on again wants to know how it is.
	Retired func(provider string) bool

	// Canaries are public URLs of others: any answer, whatever it says, proves
	// that we reach the world. At most 16. None at all leaves the question open.
	Canaries []string

	Fetch  *fetch.Client // for the canaries
	Now    func() time.Time
	Logger *slog.Logger // nil is silence
}

func (o *Options) defaults() {
	if o.Lead == nil {
		o.Lead = func() bool { return true }
	}
	if o.Turn == nil {
		o.Turn = func(string, time.Time) bool { return true }
	}
	if o.Retired == nil {
		o.Retired = func(string) bool { return false }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
}

func (o *Options) validate() error {
	var problems []error
	if o.Board == nil {
		problems = append(problems, errors.New("nobody to tell"))
	}
	if len(o.Canaries) > maxCanaries {
		problems = append(problems, fmt.Errorf("%d canaries, at most %d", len(o.Canaries), maxCanaries))
	}
	if len(o.Canaries) > 0 && o.Fetch == nil {
		problems = append(problems, errors.New("nothing to fetch canaries with"))
	}
	for _, at := range o.Canaries {
		if o.Fetch == nil {
			break
		}
		if err := o.Fetch.CheckURL(at); err != nil {
			problems = append(problems, fmt.Errorf("canary %q: %w", at, err))
		}
	}
	return errors.Join(problems...)
}

// about returns d, give or take a tenth.
func about(d time.Duration) time.Duration {
	return d - d/10 + rand.N(d/5+1)
}
