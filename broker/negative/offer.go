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
}

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
	type numbered struct {
		key   key
		count uint64
	}
	var behind []numbered
	for k, n := range s.offered {
		if n > after.Count {
			behind = append(behind, numbered{k, n})
		}
	}
	slices.SortFunc(behind, func(a, b numbered) int { return cmp.Compare(a.count, b.count) })
	offers := make([]Offer, 0, min(len(behind), limit))
	for _, n := range behind[:min(len(behind), limit)] {
		offers = append(offers, Offer{Fact: s.tellable(n.key), Mark: Mark{Run: s.run, Count: n.count}})
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
