package negative

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"github.com/bongsu/bongsu/broker/journal"
	"github.com/bongsu/bongsu/broker/store"
)

// What is taken of one other site while the store has not heard of it. The first
// measure is as much as a site of the largest deployment says honestly in a bad
// hour, and what a disk keeps up with; the second is how many people it may take
// everything from by its word alone.
const (
	thingsPerSecond, thingsBurst = 500, 20_000
	maxThings                    = 100_000
	maxAccounts                  = 1_000

	othersPerSecond, othersBurst = 200, 2_000 // accounts, and what touches everybody
	maxHeld                      = 10_000     // of these, those that its word alone does not bring about
)

// loan is what other nodes say that the feed does not say yet: lent to this one
// until it does. It needs no word of who lent it to end: the feed tells what the
// writer made of the fact, whoever sent it.
type loan struct {
	site  string // of which they are, or the first of them
	epoch int64
	at    int64
	until int64     // Unix microseconds; 0 is never
	since time.Time // when it came, or the process began
	held  bool      // of an account: its site has said so much that its word alone is not enough
}

// lender is a site as one that lends.
type lender struct {
	things, accounts, held int // loans, by what they are about; held: accounts beyond the measure, and what touches everybody
	ofThings, ofOthers     *rate.Limiter
	warned                 bool // that it says too much of accounts
}

// reach is what a false fact of a kind would take away.
type reach int

const (
	thing    reach = iota // a session, a grant, a token: the person signs in once more
	account               // everything of one person: nobody lets them in before the writer is back
	everyone              // a switch, a key, a provider's sessions; and what a later version means
)

func reachOf(kind store.FactKind) reach {
	switch kind {
	case store.SessionEnded, store.GrantRevoked, store.TokenRevoked:
		return thing
	case store.AccountDisabled, store.AccountEpoch, store.ConsentWithdrawn:
		return account
	}
	return everyone
}

// plausible reports whether a fact of another node can have come about: an epoch
// that no time and no count of logouts leads to would void what is yet to come.
func plausible(f store.Fact, now time.Time) bool {
	if f.Lifted || f.Epoch < 0 || !wellFormed(f) {
		return false
	}
	switch f.Kind {
	case store.AccountDisabled, store.AccountEpoch:
		return f.Epoch < 1<<32
	case store.ProviderSessionsEnded:
		return f.Epoch <= now.AddDate(0, 0, 1).Unix()
	}
	return f.Epoch <= now.AddDate(0, 0, 1).UnixMicro()
}

// Borrow takes facts that a node of site says and whose store has not heard of
// them, in their order, and returns how many: those behind are to be offered
// again, because the site has said too much for now, or the log failed. Facts that
// are known, over or nonsense count as taken. What is taken is on disk when Borrow
// returns. It is obeyed, if it is believed, until the feed says what the writer
// made of it.
func (s *Set) Borrow(site string, facts []store.Fact) (taken int, err error) {
	if site == "" {
		return 0, ErrFact
	}
	now := s.now()
	var b *journal.Batch
	s.mu.Lock()
	for _, f := range facts {
		r := record{Kind: f.Kind, ID: f.ID, Epoch: f.Epoch, At: journal.Micros(f.At), Until: journal.Micros(f.Until), Site: site}
		k := key{r.Kind, r.ID}
		over := r.Until != 0 && r.Until < now.UnixMicro()
		if !over && plausible(f, now) && s.news(k, r) {
			held, ok := s.affords(site, k, now)
			if !ok {
				break
			}
			r.Held = held
			s.lend(k, r)
			if s.journal != nil {
				b = s.journal.Append(r.encode())
			}
		}
		taken++
	}
	s.mu.Unlock()
	if b != nil {
		if err = s.journal.Commit(b); err != nil {
			s.logger.LogAttrs(context.Background(), slog.LevelError, "negative facts of another node are obeyed but not on disk",
				slog.String("site", site), slog.Any("error", err))
		}
	}
	s.settleDoubts()
	return taken, err
}

// affords reports whether one more may be lent by site, and whether the word of
// that site alone is too little to bring it about. The caller holds mu.
func (s *Set) affords(site string, k key, now time.Time) (held, ok bool) {
	l, of := s.lender(site), reachOf(k.kind)
	i := s.lentBy(site, k)
	room, rates := l.things < maxThings, l.ofThings
	switch {
	case site == s.site:
		return false, i >= 0 || l.things+l.accounts+l.held < maxThings
	case of == account && (i >= 0 && !s.loans[k][i].held || i < 0 && l.accounts < maxAccounts):
		room, rates = true, l.ofOthers
	case of != thing:
		held, room, rates = of == account, l.held < maxHeld, l.ofOthers
	}
	if !room && i < 0 || !rates.AllowN(now, 1) {
		return held, false
	}
	if held && !l.warned {
		l.warned = true
		s.logger.LogAttrs(context.Background(), slog.LevelError, "another site takes more people out than its word alone is believed for: beyond that, more than half of the sites decide",
			slog.String("event", "facts.held"), slog.String("site", site))
	}
	return held, true
}

func (s *Set) lender(site string) *lender {
	l := s.lenders[site]
	if l == nil {
		l = &lender{
			ofThings: rate.NewLimiter(thingsPerSecond, thingsBurst),
			ofOthers: rate.NewLimiter(othersPerSecond, othersBurst),
		}
		s.lenders[site] = l
	}
	return l
}

// count notes that a loan under k has come, or with -1 that it has gone.
func (l *lender) count(k key, held bool, by int) {
	switch of := reachOf(k.kind); {
	case of == thing:
		l.things += by
	case of == account && !held:
		l.accounts += by
	default:
		l.held += by
	}
}

// lentBy returns which loan under k a word of site belongs to, -1 if none.
func (s *Set) lentBy(site string, k key) int {
	return slices.IndexFunc(s.loans[k], func(l loan) bool { return reachOf(k.kind) == thing || l.site == site })
}

// news reports whether r says more than is known. The caller holds mu.
func (s *Set) news(k key, r record) bool {
	l := loan{epoch: r.Epoch, until: r.Until}
	e, _ := s.load(k)
	if s.superseded(k, e, l) {
		return false
	}
	i := s.lentBy(r.Site, k)
	if i < 0 {
		return true
	}
	old := s.loans[k][i]
	return l.epoch > old.epoch || later(l.until, old.until) != old.until
}

// superseded reports whether what was said here, or the writer, covers what others
// said: by the rule that the writer itself goes by. The caller holds mu.
func (s *Set) superseded(k key, e entry, l loan) bool {
	if w := s.waiting(k); w != nil && w.Epoch >= l.epoch && later(w.Until, l.until) == w.Until {
		return true
	}
	switch {
	case e.revision == 0:
		return false
	case e.lifted:
		return e.written > l.epoch
	}
	return e.written >= l.epoch && later(e.until, l.until) == e.until
}

// lend merges what a node of another site, or another node of this one, said: in
// whatever order and however often. The caller holds mu.
func (s *Set) lend(k key, r record) {
	next := loan{site: r.Site, epoch: r.Epoch, at: r.At, until: r.Until, since: s.now(), held: r.Held && reachOf(k.kind) == account}
	if i := s.lentBy(r.Site, k); i >= 0 {
		old := &s.loans[k][i]
		old.epoch, old.at, old.until = max(old.epoch, next.epoch), max(old.at, next.at), later(old.until, next.until)
	} else {
		s.loans[k] = append(s.loans[k], next)
		s.lender(r.Site).count(k, next.held, 1)
	}
	e, _ := s.load(k)
	s.become(k, e)
}

// weigh gives up the loans under k that next covers, and says in next what the
// others amount to. The caller holds mu.
func (s *Set) weigh(k key, next *entry) {
	kept := slices.DeleteFunc(s.loans[k], func(l loan) bool {
		done := s.superseded(k, *next, l)
		if done {
			s.lender(l.site).count(k, l.held, -1)
		}
		return done
	})
	if len(kept) == 0 {
		delete(s.loans, k)
	} else {
		s.loans[k] = kept
	}
	next.lent, next.lentEpoch, next.lentUntil = s.believed(k, kept)
}

// believed returns what loans amount to, if they are believed at all.
func (s *Set) believed(k key, loans []loan) (is bool, epoch, until int64) {
	count := func(l loan) {
		if is {
			epoch, until = max(epoch, l.epoch), later(until, l.until)
		} else {
			is, epoch, until = true, l.epoch, l.until
		}
	}
	var owner string
	of := reachOf(k.kind)
	if s.owner != nil && len(loans) > 0 && of == everyone {
		owner = s.owner(k.kind, k.id)
	}
	for _, l := range loans {
		if of == thing || of == account && !l.held || l.site == s.site || l.site == owner && owner != "" {
			count(l)
		}
	}
	if of == thing { // as much as anybody says
		return is, epoch, until
	}
	if w := s.waiting(k); w != nil && !slices.ContainsFunc(loans, func(l loan) bool { return l.site == s.site }) {
		loans = append(slices.Clone(loans), loan{site: s.site, epoch: w.Epoch, until: w.Until})
	}
	if len(loans) < s.majority {
		return is, epoch, until
	}
	// As much as a majority says at least.
	agreed := slices.SortedFunc(slices.Values(loans), func(a, b loan) int { return int(min(max(b.epoch-a.epoch, -1), 1)) })
	least := agreed[s.majority-1]
	for _, l := range agreed[:s.majority] {
		if later(least.until, l.until) == least.until {
			least.until = l.until
		}
	}
	count(least)
	return is, epoch, until
}

// sweepLoans forgets what nobody needs any more. The caller holds mu.
func (s *Set) sweepLoans(now int64) {
	for k, loans := range s.loans {
		kept := slices.DeleteFunc(loans, func(l loan) bool {
			over := l.until != 0 && l.until < now
			if over {
				s.lender(l.site).count(k, l.held, -1)
			}
			return over
		})
		if len(kept) == len(loans) && reachOf(k.kind) != everyone {
			continue
		}
		s.loans[k] = kept // of those the owner may be known by now
		e, _ := s.load(k)
		s.become(k, e)
	}
}

// Lent returns how many facts of other nodes the feed has not brought yet, those
// included that are not believed.
func (s *Set) Lent() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	count := 0
	for _, l := range s.lenders {
		count += l.things + l.accounts + l.held
	}
	return count
}

// lentRecords are the loans as lines of the log.
func (s *Set) lentRecords() []record {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []record
	for k, loans := range s.loans {
		for _, l := range loans {
			all = append(all, record{Kind: k.kind, ID: k.id, Epoch: l.epoch, At: l.at, Until: l.until, Site: l.site, Held: l.held})
		}
	}
	return all
}
