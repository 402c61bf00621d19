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

// What is believed of one other site at a time. Four busy nodes stay below it.
const (
	lendPerSecond, lendBurst = 20, 400
	maxLent                  = 10_000
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
}

// lender is another site as one that lends.
type lender struct {
	count int
	rate  *rate.Limiter
}

// personal are the kinds about one person, of which one node's word is enough.
func personal(kind store.FactKind) bool {
	switch kind {
	case store.AccountDisabled, store.AccountEpoch, store.SessionEnded, store.GrantRevoked, store.TokenRevoked, store.ConsentWithdrawn:
		return true
	}
	return false
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
			if !s.affords(site, k, now) {
				break
			}
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

// affords reports whether one more may be lent by site. The caller holds mu.
func (s *Set) affords(site string, k key, now time.Time) bool {
	l := s.lender(site)
	if site != s.site && !l.rate.AllowN(now, 1) {
		return false
	}
	return l.count < maxLent || s.lentBy(site, k) >= 0
}

func (s *Set) lender(site string) *lender {
	l := s.lenders[site]
	if l == nil {
		l = &lender{rate: rate.NewLimiter(lendPerSecond, lendBurst)}
		s.lenders[site] = l
	}
	return l
}

// lentBy returns which loan under k a word of site belongs to, -1 if none.
func (s *Set) lentBy(site string, k key) int {
	return slices.IndexFunc(s.loans[k], func(l loan) bool { return personal(k.kind) || l.site == site })
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
	next := loan{site: r.Site, epoch: r.Epoch, at: r.At, until: r.Until, since: s.now()}
	if i := s.lentBy(r.Site, k); i >= 0 {
		old := &s.loans[k][i]
		old.epoch, old.at, old.until = max(old.epoch, next.epoch), max(old.at, next.at), later(old.until, next.until)
	} else {
		s.loans[k] = append(s.loans[k], next)
		s.lender(r.Site).count++
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
			s.lender(l.site).count--
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
	if s.owner != nil && len(loans) > 0 && !personal(k.kind) {
		owner = s.owner(k.kind, k.id)
	}
	for _, l := range loans {
		if personal(k.kind) || l.site == s.site || l.site == owner && owner != "" {
			count(l)
		}
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
				s.lender(l.site).count--
			}
			return over
		})
		if len(kept) == len(loans) && personal(k.kind) {
			continue
		}
		s.loans[k] = kept // of the others the owner may be known by now
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
	for _, loans := range s.loans {
		count += len(loans)
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
			all = append(all, record{Kind: k.kind, ID: k.id, Epoch: l.epoch, At: l.at, Until: l.until, Site: l.site})
		}
	}
	return all
}
