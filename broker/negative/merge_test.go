package negative

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/google/go-cmp/cmp"

	"github.com/bongsu/bongsu/broker/store"
)

var everyKind = []store.FactKind{
	store.AccountDisabled, store.AccountEpoch, store.SessionEnded, store.GrantRevoked, store.TokenRevoked, store.ConsentWithdrawn,
	store.KeyWithdrawn, store.ProviderDisabled, store.ProviderRetired, store.UpstreamKeyDistrusted, store.ProviderSessionsEnded,
	store.DrillsForbidden,
}

// drawFact draws a fact of a few, so that they meet.
func drawFact(t *rapid.T, kinds []store.FactKind) store.Fact {
	f := store.Fact{
		Kind: rapid.SampledFrom(kinds).Draw(t, "kind"), ID: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "id"),
		Epoch: rapid.Int64Range(0, 4).Draw(t, "epoch"), At: noon,
	}
	if hours := rapid.IntRange(0, 3).Draw(t, "hours"); hours > 0 {
		f.Until = noon.Add(time.Duration(hours) * time.Hour)
	}
	return f
}

// obeyed is all that callers could see of some kinds.
func obeyed(s *Set, kinds []store.FactKind) map[string]string {
	all := make(map[string]string)
	for _, kind := range kinds {
		for _, id := range []string{"a", "b"} {
			all[string(kind)+" "+id] = fmt.Sprint(s.Has(kind, id), s.Epoch(kind, id))
		}
	}
	for _, id := range []string{"a", "b"} {
		all["sessions of "+id] = fmt.Sprint(min(s.MinEpoch(id), math.MaxInt64))
	}
	return all
}

func drawnSet(t *rapid.T, o Options) *Set {
	o.Now = at(noon)
	s, err := Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Whatever sites say, in whatever order and however often it comes: a node that
// has heard all of it obeys the same.
func TestWordsOfSitesMergeInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type word struct {
			site string
			fact store.Fact
		}
		words := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) word {
			return word{rapid.SampledFrom([]string{"seoul", "busan", "jeju", "daegu"}).Draw(t, "site"), drawFact(t, everyKind)}
		}), 1, 30).Draw(t, "words")
		again := slices.Concat(words, rapid.SliceOf(rapid.SampledFrom(words)).Draw(t, "again"))
		again = rapid.Permutation(again).Draw(t, "order")
		owner := func(store.FactKind, string) string { return "daegu" }
		one := drawnSet(t, Options{Site: "seoul", Sites: 4, Owner: owner})
		two := drawnSet(t, Options{Site: "seoul", Sites: 4, Owner: owner})
		for set, all := range map[*Set][]word{one: words, two: again} {
			for _, w := range all {
				if taken, err := set.Borrow(w.site, []store.Fact{w.fact}); taken != 1 || err != nil {
					t.Fatalf("took %d, %v", taken, err)
				}
			}
		}
		if diff := cmp.Diff(obeyed(one, everyKind), obeyed(two, everyKind)); diff != "" {
			t.Fatalf("(-once +again):\n%s", diff)
		}
	})
}

// Nodes that were told different things about people, and of which each reaches
// some others, obey the same when each has asked whom it reaches often enough, in
// any order; and when the writer is back all of it is in the store, each fact once,
// and no node holds anything of another's.
func TestNodesComeToObeyTheSame(t *testing.T) {
	kinds := slices.DeleteFunc(slices.Clone(everyKind), func(k store.FactKind) bool { return reachOf(k) == everyone })
	rapid.Check(t, func(t *rapid.T) {
		w := &writer{err: store.ErrUnavailable, whole: true}
		names := []string{"seoul", "busan", "jeju", "daegu"}
		nodes, marks := make([]*Set, len(names)), make(map[[2]int]Mark)
		for i, site := range names {
			nodes[i] = drawnSet(t, Options{Site: site, Sites: len(names), Store: w})
		}
		reach := drawnReach(t, len(nodes))
		ask := func(edge [2]int) {
			for _, o := range nodes[edge[1]].Offers(marks[edge], 100) {
				if taken, err := nodes[edge[0]].Borrow(names[edge[1]], []store.Fact{o.Fact}); taken != 1 || err != nil {
					t.Fatalf("took %d, %v", taken, err)
				}
				marks[edge] = o.Mark
			}
		}
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "said") {
				node := nodes[rapid.IntRange(0, len(nodes)-1).Draw(t, "node")]
				if err := node.Apply(context.Background(), drawFact(t, kinds)); err != nil {
					t.Fatal(err)
				}
				continue
			}
			edge := rapid.SampledFrom(reach).Draw(t, "edge")
			if rapid.Bool().Draw(t, "forgot") {
				delete(marks, edge)
			}
			ask(edge)
		}
		for range len(nodes) {
			for _, edge := range reach {
				ask(edge)
			}
		}
		for i, n := range nodes[1:] {
			if diff := cmp.Diff(obeyed(nodes[0], kinds), obeyed(n, kinds)); diff != "" {
				t.Fatalf("(-%s +%s):\n%s", names[0], names[i+1], diff)
			}
		}
		before := obeyed(nodes[0], kinds)
		w.set(func() { w.err = nil })
		for _, n := range rapid.Permutation(nodes).Draw(t, "senders") {
			if err := n.send(context.Background()); err != nil || n.Unsent() != 0 {
				t.Fatalf("send: %v, %d left", err, n.Unsent())
			}
		}
		for i, n := range nodes {
			if err := n.readFeed(context.Background()); err != nil || n.Lent() != 0 {
				t.Fatalf("%s: %v, %d lent", names[i], err, n.Lent())
			}
			if diff := cmp.Diff(before, obeyed(n, kinds)); diff != "" {
				t.Fatalf("%s, after the writer is back (-before +now):\n%s", names[i], diff)
			}
		}
	})
}

// drawnReach draws who asks whom: a ring in one direction at least, so that all
// reach all by way of others.
func drawnReach(t *rapid.T, nodes int) [][2]int {
	order := rapid.Permutation([]int{0, 1, 2, 3}[:nodes]).Draw(t, "ring")
	var edges [][2]int
	for i := range order {
		edges = append(edges, [2]int{order[i], order[(i+1)%nodes]})
	}
	for range rapid.IntRange(0, 4).Draw(t, "more") {
		from, to := rapid.IntRange(0, nodes-1).Draw(t, "from"), rapid.IntRange(0, nodes-1).Draw(t, "to")
		if from != to {
			edges = append(edges, [2]int{from, to})
		}
	}
	return edges
}
