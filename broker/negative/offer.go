package negative

import (
	"cmp"
	"slices"

	"github.com/bongsu/bongsu/broker/store"
)

// Mark is how far another node has heard what this one offers. The zero value has
// heard nothing.
type Mark struct {
	Run   uint64 // of which process
	Count uint64 // how many of its offers
}

// Offer is a fact that is offered, and the mark of whoever has taken it and all
// before it.
type Offer struct {
	Fact store.Fact
	Mark Mark
}

// offer keeps the order in which this node came to have something to tell others:
// what was said here and what it believes of others, while the store does not have
// it. What came to be more is offered anew. The caller holds mu.
func (s *Set) offer(k key, old, next entry) {
	if !next.unsent && !next.lent {
		delete(s.offered, k)
		return
	}
	_, is := s.offered[k]
	if is && old.unsent == next.unsent && old.lent == next.lent && old.highest() == next.highest() &&
		old.until == next.until && old.lentUntil == next.lentUntil {
		return
	}
	s.offers++
	s.offered[k] = s.offers
	if len(s.told) > 2*len(s.offered)+64 { // most of it is offered no more, or anew
		s.told = slices.DeleteFunc(s.told, func(o offered) bool { return !s.isOffered(o) })
	}
	s.told = append(s.told, offered{k, s.offers})
}

// offered is a place in the order of what is told others.
type offered struct {
	key   key
	count uint64
}

// isOffered reports whether what stands at that place was neither answered by the
// writer nor offered anew. The caller holds mu.
func (s *Set) isOffered(o offered) bool { return s.offered[o.key] == o.count }

// Offers returns, in the order in which they came up, at most limit facts behind
// mark that this node obeys and the store has not heard of, as far as is known
// here: for nodes that the store does not tell. It offers what it has borrowed and
// believes, too, so that a node that reaches this one need not reach the one where
// it was said. A mark of another run has heard nothing.
func (s *Set) Offers(after Mark, limit int) []Offer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if after.Run != s.run {
		after = Mark{Run: s.run}
	}
	first, _ := slices.BinarySearchFunc(s.told, after.Count+1, func(o offered, count uint64) int { return cmp.Compare(o.count, count) })
	var offers []Offer
	for _, o := range s.told[first:] {
		if len(offers) == limit {
			break
		}
		if s.isOffered(o) {
			offers = append(offers, Offer{Fact: s.tellable(o.key), Mark: Mark{Run: s.run, Count: o.count}})
		}
	}
	return offers
}

// tellable is what is offered under k: what was said here and what was believed of
// others, in one. The caller holds mu.
func (s *Set) tellable(k key) store.Fact {
	e, _ := s.load(k)
	r := record{Kind: k.kind, ID: k.id, Epoch: e.lentEpoch, At: e.at, Until: e.lentUntil}
	if w := s.waiting(k); w != nil {
		if !e.lent {
			return w.fact()
		}
		r.Epoch, r.At, r.Until = max(r.Epoch, w.Epoch), w.At, later(r.Until, w.Until)
	}
	return r.fact()
}
