package keys_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/bongsu/bongsu/keys"
	"github.com/bongsu/bongsu/keys/keystest"
)

const tokenLife = time.Hour

// issued is a token somebody holds.
type issued struct {
	text    string
	kid     string
	expires time.Time
}

// node is one process of a site, with what it has been told.
type node struct {
	ring    *keys.Ring
	now     func() time.Time
	busan   bool
	mu      sync.Mutex
	told    map[string]bool // kids withdrawn, as its negative facts say
	cutOff  bool
	options keys.Options
}

func (n *node) knows(kid string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.told[kid]
}

// tell brings the negative fact about kid to the node, and lets Run see it.
func (n *node) tell(t *testing.T, kid string) {
	n.mu.Lock()
	n.told[kid] = true
	n.mu.Unlock()
	n.ring.Withdraw(kid)
	keys.Tick(t.Context(), n.ring)
}

// world is two nodes of seoul and one of busan on one store.
type world struct {
	t         *testing.T
	clock     *clock
	store     *keystest.Store
	nodes     []*node
	tokens    []issued
	withdrawn []string
	algs      []keys.Algorithm
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, clock: newClock(), store: keystest.NewStore(), algs: []keys.Algorithm{keys.EdDSA}}
	both := identities(t, w.store)
	for i, skew := range []time.Duration{0, 3 * time.Minute, -2 * time.Minute} {
		n := &node{told: map[string]bool{}, busan: i == 2}
		n.now = func() time.Time { return w.clock.Now().Add(skew) }
		n.options = options(t, cut{w.store, n}, knows(both), signs(w.algs...), func(o *keys.Options) {
			o.Now, o.Withdrawn = n.now, n.knows
			o.ActiveFor = 30 * day // more rotations in less time
		})
		if n.busan {
			inBusan(t)(&n.options)
		}
		w.nodes = append(w.nodes, n)
		w.start(n)
	}
	return w
}

// cut is the store as a node sees it that may be cut off from it.
type cut struct {
	*keystest.Store

	node *node
}

func (c cut) SigningKeys(ctx context.Context) ([]keys.Record, error) {
	if c.node.cutOff {
		return nil, errStore
	}
	return c.Store.SigningKeys(ctx)
}

func (w *world) start(n *node) {
	r, err := keys.Open(w.t.Context(), n.options)
	if err != nil {
		w.t.Fatalf("Open: %v", err)
	}
	n.ring = r
	keys.Tick(w.t.Context(), r)
}

// pass lets time pass in steps in which every node looks at the store.
func (w *world) pass(d time.Duration) {
	for d > 0 {
		step := min(d, 2*day)
		d -= step
		w.clock.pass(step)
		for _, n := range w.nodes {
			keys.Tick(w.t.Context(), n.ring)
		}
	}
}

// settle brings every fact and record to every node.
func (w *world) settle() {
	for range 3 {
		for _, n := range w.nodes {
			n.cutOff = false
			for _, kid := range w.withdrawn {
				if !n.knows(kid) {
					n.tell(w.t, kid)
				}
			}
			keys.Tick(w.t.Context(), n.ring)
		}
	}
}

func (w *world) sign(n *node, a keys.Algorithm) error {
	token, err := n.ring.Sign(keys.IDToken, a, claims)
	if n.busan && errors.Is(err, keys.ErrNoKey) {
		return nil // the new site among others: its first key is being published
	}
	if err != nil {
		return err
	}
	kid := kidOf(w.t, token)
	if n.knows(kid) {
		return fmt.Errorf("signed with %s, which was withdrawn", kid)
	}
	// Of each key the youngest token is enough: it lives longest.
	w.tokens = slices.DeleteFunc(w.tokens, func(i issued) bool { return i.kid == kid })
	w.tokens = append(w.tokens, issued{token, kid, w.clock.Now().Add(tokenLife)})
	return nil
}

// check is what must always be true, settled or not.
func (w *world) check() error {
	w.clock.pass(11 * time.Second) // an unknown kid may be looked for again
	w.tokens = slices.DeleteFunc(w.tokens, func(i issued) bool { return !w.clock.Now().Before(i.expires) })
	for i, n := range w.nodes {
		listed := kids(w.t, n.ring)
		for _, kid := range listed {
			if n.knows(kid) {
				return fmt.Errorf("node %d lists %s, which was withdrawn", i, kid)
			}
		}
		for _, token := range w.tokens {
			_, err := n.ring.Verify(keys.IDToken, token.text)
			switch {
			case n.knows(token.kid):
				if !errors.Is(err, keys.ErrToken) {
					return fmt.Errorf("node %d does not refuse a token of %s, which was withdrawn", i, token.kid)
				}
			case err == nil, slices.Contains(w.withdrawn, token.kid): // not told yet, or told by the store
			case n.cutOff && errors.Is(err, keys.ErrUnavailable): // could not check
			default:
				return fmt.Errorf("node %d refuses a living token of %s: %w", i, token.kid, err)
			}
		}
		for _, a := range w.algs {
			if err := w.sign(n, a); err != nil {
				return fmt.Errorf("node %d, %s: %w", i, a, err)
			}
		}
	}
	return nil
}

// checkSettled is what must be true once everybody knows everything.
func (w *world) checkSettled() error {
	w.settle()
	for i, n := range w.nodes {
		if !bytes.Equal(n.ring.JWKS().Body, w.nodes[0].ring.JWKS().Body) {
			return fmt.Errorf("node %d serves another key set than node 0", i)
		}
	}
	records, err := w.store.SigningKeys(w.t.Context())
	if err != nil {
		return err
	}
	count := map[string]int{}
	for _, r := range records {
		count[fmt.Sprintf("%s %s %s", r.Site, r.Algorithm, r.State)]++
	}
	for _, a := range w.algs {
		if n := count[fmt.Sprintf("seoul %s active", a)]; n != 1 {
			return fmt.Errorf("%d active keys of %s in seoul", n, a)
		}
		if n := count[fmt.Sprintf("seoul %s published", a)]; n != 1 {
			return fmt.Errorf("%d next keys of %s in seoul", n, a)
		}
		if n := count[fmt.Sprintf("busan %s active", a)] + count[fmt.Sprintf("busan %s published", a)]; n < 1 || n > 2 {
			return fmt.Errorf("%d active and next keys of %s in busan", n, a)
		}
	}
	return nil
}

// Whatever happens to nodes, clocks and facts: a key signs, a next one waits,
// what was signed verifies until it expires, and what was withdrawn is gone.
func TestLifeOfKeys(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		anyNode := rapid.IntRange(0, len(w.nodes)-1)
		rt.Repeat(map[string]func(*rapid.T){
			"minutes pass": func(rt *rapid.T) {
				w.pass(time.Duration(rapid.IntRange(1, 120).Draw(rt, "minutes")) * time.Minute)
			},
			"days pass": func(rt *rapid.T) {
				for _, n := range w.nodes {
					n.cutOff = false // being cut off for days is not what these nodes promise to bear
				}
				w.settle()
				w.pass(time.Duration(rapid.IntRange(1, 40).Draw(rt, "days")) * day)
			},
			"clocks jump": func(rt *rapid.T) {
				w.settle()
				w.clock.pass(time.Duration(rapid.IntRange(1, 60).Draw(rt, "days")) * day)
			},
			"a node looks": func(rt *rapid.T) {
				keys.Tick(t.Context(), w.nodes[anyNode.Draw(rt, "node")].ring)
			},
			"a node is cut off, or back": func(rt *rapid.T) {
				n := w.nodes[anyNode.Draw(rt, "node")]
				n.cutOff = !n.cutOff
			},
			"a node starts anew": func(rt *rapid.T) {
				n := w.nodes[anyNode.Draw(rt, "node")]
				n.cutOff = false
				w.start(n)
			},
			"a key is withdrawn": func(rt *rapid.T) {
				n := w.nodes[anyNode.Draw(rt, "node")]
				listed := kids(t, n.ring)
				kid := rapid.SampledFrom(listed).Draw(rt, "kid")
				n.cutOff = false // it may need a new key at once
				for _, other := range w.nodes {
					if strings.HasPrefix(kid, other.options.Site) {
						other.cutOff = false
					}
				}
				w.withdrawn = append(w.withdrawn, kid)
				n.tell(t, kid)
			},
			"facts spread": func(*rapid.T) { w.settle() },
			"": func(rt *rapid.T) {
				if err := w.check(); err != nil {
					rt.Fatal(err)
				}
			},
		})
		if err := w.checkSettled(); err != nil {
			rt.Fatal(err)
		}
	})
}
