package hint

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"

	"github.com/bongsu/bongsu/broker/store"
)

// The measures of hints. A site of four busy nodes stays below what is obeyed; what
// is not is heard a little later, for then the nodes ask each other for everything.
const (
	freshFor   = 10 * time.Minute // by the receiver's clock, either way
	repeatEach = 3 * time.Minute  // what the store has not heard of is said again
	maxTold    = 256              // hints that a node which missed some is told

	sayPerSecond, sayBurst   = 5, 100  // by this node
	obeyPerSecond, obeyBurst = 20, 400 // of one site; beyond it the store is asked and nothing obeyed
	wideEvery, wideBurst     = time.Minute, 3

	// Of accounts a site's word is obeyed less: a hint lasts ten minutes, and whoever
	// is hinted at is let in by nobody meanwhile.
	accountEvery, accountBurst = 1500 * time.Millisecond, 400
)

// obeyed are the kinds about one person, which a hint may bring about by itself.
var obeyed = []store.FactKind{store.AccountDisabled, store.AccountEpoch, store.SessionEnded, store.GrantRevoked}

// obeyedWide touch everybody: a site is believed so few of them, and the Doubter
// so shortly, that its lie takes a provider from nobody for long. Of those in
// neither list the store is only asked at once, for obeying them cannot be taken
// back: websites keep the keys they fetched without a withdrawn one, people whose
// sessions a provider gave would be logged out, and a distrusted key fails logins,
// which is evidence against its provider. While no store can be asked, package
// negative says what becomes of both: there more than half of the sites decide.
var obeyedWide = []store.FactKind{store.ProviderDisabled, store.ProviderRetired, store.DrillsForbidden}

// Doubter is who obeys hints and asks the store.
type Doubter interface {
	// Doubt obeys a fact until the store was asked, which happens at once.
	Doubt(kind store.FactKind, id string, revision int64)
	// Hurry has the store asked at once.
	Hurry()
}

// Options is what Hints are made of.
type Options struct {
	Site    string                                            // this node's
	Sign    func(message []byte) ([]byte, error)              // as this site, for this purpose alone
	Verify  func(site string, message, signature []byte) bool // of a configured site, for this purpose alone
	Doubter Doubter                                           //
	Waiting func() []store.Fact                               // facts said here that the store has not heard of; nil: none
	Now     func() time.Time                                  // nil is time.Now
	Logger  *slog.Logger                                      // nil discards

	Registerer prometheus.Registerer // nil counts nowhere
}

func (o Options) validate() error {
	if o.Site == "" || len(o.Site) > maxSite || o.Sign == nil || o.Verify == nil || o.Doubter == nil {
		return errors.New("hint: options: Site, Sign, Verify and Doubter are needed")
	}
	return nil
}

// Hints is a channel of gossip. It is safe for concurrent use.
type Hints struct {
	options Options
	counts  map[string]prometheus.Counter
	saying  *rate.Limiter
	cast    atomic.Pointer[func([]byte)]

	mu    sync.Mutex
	known map[key]told
	order []key // as they came
	sites map[string]*limits
}

// limits are what is obeyed of a site.
type limits struct{ all, accounts, wide *rate.Limiter }

// key tells hints apart: two of one fact are the same if the store has it, and
// one that it has not counts again each time it is said.
type key struct {
	kind     store.FactKind
	id       string
	revision int64
	said     int64 // Unix seconds, where revision is 0
}

type told struct {
	message []byte
	said    time.Time
}

// How a hint ended.
const (
	outcomeSaid    = "said"    // by this node
	outcomeUnsaid  = "unsaid"  // by nobody: too many, or it could not be signed
	outcomeObeyed  = "obeyed"  // until the store is asked
	outcomeHurried = "hurried" // the store is asked at once, nothing obeyed
	outcomeRefused = "refused" // malformed, stale or forged
)

// New returns Hints that nobody hears yet.
func New(o Options) (*Hints, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	all := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "bongsu_hints_total",
		Help: "Hints of negative facts, by what became of them.",
	}, []string{"outcome"})
	h := &Hints{
		options: o, counts: make(map[string]prometheus.Counter), saying: rate.NewLimiter(sayPerSecond, sayBurst),
		known: make(map[key]told), sites: make(map[string]*limits),
	}
	for _, outcome := range []string{outcomeSaid, outcomeUnsaid, outcomeObeyed, outcomeHurried, outcomeRefused} {
		h.counts[outcome] = all.WithLabelValues(outcome)
	}
	if o.Registerer != nil {
		o.Registerer.MustRegister(all)
	}
	return h, nil
}

// SetBroadcast says how others are reached. Without it hints stay here.
func (h *Hints) SetBroadcast(f func(message []byte)) { h.cast.Store(&f) }

// Say hints at a fact that is obeyed and on disk here. It neither blocks nor
// fails: what is not said the others learn from the store. Lifted facts are
// never said.
func (h *Hints) Say(f store.Fact) {
	if f.Lifted || h.cast.Load() == nil {
		return
	}
	now := h.options.Now()
	hint := Hint{Site: h.options.Site, Said: now.Truncate(time.Second).UTC(), Kind: f.Kind, ID: f.ID, Revision: f.Revision}
	if !hint.fits() || !h.saying.AllowN(now, 1) {
		h.counts[outcomeUnsaid].Inc()
		return
	}
	message := hint.signed()
	sig, err := h.options.Sign(message)
	if err != nil || len(sig) == 0 || len(sig) > maxSig {
		h.counts[outcomeUnsaid].Inc()
		h.options.Logger.LogAttrs(context.Background(), slog.LevelWarn, "hint of a negative fact could not be signed", slog.Any("error", err))
		return
	}
	message = append(message, sig...)
	h.mu.Lock()
	first := h.note(hint, message)
	h.mu.Unlock()
	if first {
		h.counts[outcomeSaid].Inc()
		(*h.cast.Load())(message)
	}
}

// Merge takes a hint that came by gossip. It is news once for each kind, id and
// revision. Errors: [ErrMalformed], [ErrStale], [ErrForged].
func (h *Hints) Merge(message []byte) (news bool, err error) {
	hint, signed, sig, err := parse(message)
	if err == nil {
		news, err = h.merge(hint, message, signed, sig)
	}
	if err != nil {
		h.counts[outcomeRefused].Inc()
	}
	return news, err
}

func (h *Hints) merge(hint Hint, message, signed, sig []byte) (news bool, err error) {
	now := h.options.Now()
	if age := now.Sub(hint.Said); age > freshFor || age < -freshFor {
		return false, fmt.Errorf("%w: %s ago", ErrStale, age)
	}
	h.mu.Lock()
	_, known := h.known[keyOf(hint)]
	h.mu.Unlock()
	if known {
		return false, nil
	}
	if !h.options.Verify(hint.Site, signed, sig) {
		return false, fmt.Errorf("%w: %q", ErrForged, hint.Site)
	}
	h.mu.Lock()
	first := h.note(hint, message)
	within, obey := h.limit(hint.Site).allow(hint.Kind, now)
	h.mu.Unlock()
	if !first {
		return false, nil
	}
	if obey {
		h.counts[outcomeObeyed].Inc()
		h.options.Doubter.Doubt(hint.Kind, hint.ID, hint.Revision)
	} else {
		h.counts[outcomeHurried].Inc()
		h.options.Doubter.Hurry()
	}
	return within, nil // a flood ends here
}

// Messages returns the hints of the last ten minutes, latest first, at most 256.
func (h *Hints) Messages() [][]byte {
	oldest := h.options.Now().Add(-freshFor)
	h.mu.Lock()
	defer h.mu.Unlock()
	var messages [][]byte
	for _, k := range slices.Backward(h.order) {
		if t := h.known[k]; t.said.After(oldest) {
			messages = append(messages, t.message)
		}
		if len(messages) == maxTold {
			break
		}
	}
	return messages
}

// Run says again, until ctx ends, what the store still has not heard of.
func (h *Hints) Run(ctx context.Context) {
	if h.options.Waiting == nil {
		return
	}
	again := time.NewTicker(repeatEach)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-again.C:
			for _, f := range h.options.Waiting() {
				f.Revision = 0
				h.Say(f)
			}
		}
	}
}

// note remembers a hint and reports whether it was unknown. The caller holds mu.
func (h *Hints) note(hint Hint, message []byte) bool {
	k := keyOf(hint)
	if _, known := h.known[k]; known {
		return false
	}
	if len(h.order) >= maxHints {
		delete(h.known, h.order[0])
		h.order = slices.Delete(h.order, 0, 1)
	}
	h.known[k] = told{message: message, said: hint.Said}
	h.order = append(h.order, k)
	return true
}

// limit returns what is obeyed of a site: there are as many as are verified.
// The caller holds mu.
func (h *Hints) limit(site string) *limits {
	l := h.sites[site]
	if l == nil {
		l = &limits{
			all: rate.NewLimiter(obeyPerSecond, obeyBurst), wide: rate.NewLimiter(rate.Every(wideEvery), wideBurst),
			accounts: rate.NewLimiter(rate.Every(accountEvery), accountBurst),
		}
		h.sites[site] = l
	}
	return l
}

// allow reports whether a hint is within what a site may say, and whether it is
// to be obeyed.
func (l *limits) allow(kind store.FactKind, now time.Time) (within, obey bool) {
	within = l.all.AllowN(now, 1)
	switch {
	case slices.Contains(obeyedWide, kind):
		return within, within && l.wide.AllowN(now, 1)
	case kind == store.AccountDisabled, kind == store.AccountEpoch:
		return within, within && l.accounts.AllowN(now, 1)
	}
	return within, within && slices.Contains(obeyed, kind)
}

func keyOf(h Hint) key {
	k := key{kind: h.Kind, id: h.ID, revision: h.Revision}
	if h.Revision == 0 {
		k.said = h.Said.Unix()
	}
	return k
}
