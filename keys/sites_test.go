package keys_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bongsu/bongsu/keys"
	"github.com/bongsu/bongsu/keys/keystest"
)

// locality is a node of one of two sites, on the store that both share.
type locality struct {
	ring    *keys.Ring
	options keys.Options
	node    *node // whether it reaches the store, and what it was told
}

// country is seoul and busan, of which each asks the other whether it serves a
// key, as far as they reach each other.
type country struct {
	t     *testing.T
	clock *clock
	store *keystest.Store
	seoul *locality
	busan *locality
	cut   bool // nothing passes between busan and the store and seoul
}

func newCountry(t *testing.T) *country {
	t.Helper()
	c := &country{t: t, clock: newClock(), store: keystest.NewStore()}
	both := identities(t, c.store)
	build := func(change ...func(*keys.Options)) *locality {
		p := &locality{node: &node{told: map[string]bool{}}}
		p.options = options(t, cut{c.store, p.node}, append(change, knows(both), at(c.clock), func(o *keys.Options) {
			o.Withdrawn = p.node.knows
			o.Served = c.served
		})...)
		return p
	}
	c.seoul, c.busan = build(), build(inBusan(t))
	c.begin(c.seoul)
	c.begin(c.busan)
	c.pass(3 * day) // busan came second: its first key waits for the window
	return c
}

// begin starts a process of a site, with what it was told before.
func (c *country) begin(p *locality) {
	c.t.Helper()
	ring, err := keys.Open(c.t.Context(), p.options)
	if err != nil {
		c.t.Fatalf("Open: %v", err)
	}
	p.ring = ring
	keys.Tick(c.t.Context(), ring)
}

// served asks every site; one that is not reached, or not there yet, serves nothing.
func (c *country) served(_ context.Context, kid string) bool {
	return !c.cut && c.busan.ring != nil && c.seoul.ring.Serves(kid) && c.busan.ring.Serves(kid)
}

func (c *country) part(apart bool) { c.cut, c.busan.node.cutOff = apart, apart }

// pass lets time go by, an hour at a time, and checks that nothing is signed by
// a key that either site does not serve.
func (c *country) pass(d time.Duration) {
	c.t.Helper()
	for ; d > 0; d -= time.Hour {
		c.clock.pass(time.Hour)
		for _, p := range []*locality{c.seoul, c.busan} {
			keys.Tick(c.t.Context(), p.ring)
		}
		c.check()
	}
}

func (c *country) check() {
	c.t.Helper()
	for _, p := range []*locality{c.seoul, c.busan} {
		token, err := p.ring.Sign(keys.IDToken, keys.ES256, claims)
		if errors.Is(err, keys.ErrNoKey) && p == c.busan {
			continue // its first key is not yet known everywhere
		}
		if err != nil {
			c.t.Fatalf("%s does not sign: %v", p.options.Site, err)
		}
		kid := kidOf(c.t, token)
		for _, at := range []*locality{c.seoul, c.busan} {
			if !at.ring.Serves(kid) || !slices.Contains(kids(c.t, at.ring), kid) {
				c.t.Fatalf("%s signs with %s, which %s does not serve", p.options.Site, kid, at.options.Site)
			}
			if _, err := at.ring.Verify(keys.IDToken, token); err != nil {
				c.t.Fatalf("%s refuses a token of %s: %v", at.options.Site, p.options.Site, err)
			}
		}
	}
}

// AB-29 over two sites: whatever is cut off meanwhile, a key signs only once every
// site has served it, and is gone after the overlap.
func TestAB29PlannedRotationAtSeveralSites(t *testing.T) {
	c := newCountry(t)
	first := mustSign(t, c.seoul.ring, keys.IDToken, keys.ES256)
	c.pass(80 * day)
	c.part(true) // before the next key is due, and for longer than the window
	c.pass(12 * day)
	if kid := kidOf(t, mustSign(t, c.seoul.ring, keys.IDToken, keys.ES256)); kid != kidOf(t, first) {
		t.Errorf("while busan serves nobody knows what, seoul signs with %s", kid)
	}
	c.part(false)
	c.pass(time.Hour)
	second := mustSign(t, c.seoul.ring, keys.IDToken, keys.ES256)
	if kidOf(t, second) == kidOf(t, first) {
		t.Error("back together, the key that is due does not sign")
	}
	c.pass(8 * day)
	for _, p := range []*locality{c.seoul, c.busan} {
		if p.ring.Serves(kidOf(t, first)) {
			t.Errorf("%s serves the old key after the overlap", p.options.Site)
		}
		if _, err := p.ring.Verify(keys.IDToken, first); !errors.Is(err, keys.ErrToken) {
			t.Errorf("%s, a token of the old key: %v", p.options.Site, err)
		}
	}
	if !bytes.Equal(c.seoul.ring.JWKS().Body, c.busan.ring.JWKS().Body) {
		t.Error("the sites serve different key sets")
	}
}

// A site that is away for good does not keep keys from changing.
func TestAB29ASiteThatNeverAnswers(t *testing.T) {
	c := newCountry(t)
	first := kidOf(t, mustSign(t, c.seoul.ring, keys.IDToken, keys.ES256))
	c.cut = true // busan reads the store, and answers nobody
	c.pass(87*day + keys.LongestWait - time.Hour)
	if kid := kidOf(t, mustSign(t, c.seoul.ring, keys.IDToken, keys.ES256)); kid != first {
		t.Errorf("it signs with %s before the wait is over", kid)
	}
	c.pass(2 * time.Hour)
	if kid := kidOf(t, mustSign(t, c.seoul.ring, keys.IDToken, keys.ES256)); kid == first {
		t.Error("it waits for ever")
	}
}

// AB-30 over two sites: a stolen key's tokens are refused at once where the fact
// is known; a site that was cut off learns it and keeps it, over a restart and
// against an older copy of the store; nothing that presses waits for a site that is
// away.
func TestAB30WithdrawalAtSeveralSites(t *testing.T) {
	c := newCountry(t)
	stolen := mustSign(t, c.seoul.ring, keys.IDToken, keys.ES256)
	kid := kidOf(t, stolen)
	var older keys.Record
	c.store.ChangeSigningKey(kid, func(r *keys.Record) { older = *r })
	c.part(true)
	c.seoul.node.tellRing(t, c.seoul.ring, kid)
	refuses := func(p *locality) {
		t.Helper()
		if _, err := p.ring.Verify(keys.IDToken, stolen); !errors.Is(err, keys.ErrToken) {
			t.Errorf("%s: %v", p.options.Site, err)
		}
		if p.ring.Serves(kid) {
			t.Errorf("%s serves it", p.options.Site)
		}
	}
	refuses(c.seoul)
	if now := kidOf(t, mustSign(t, c.seoul.ring, keys.IDToken, keys.ES256)); now == kid || !strings.HasPrefix(now, "seoul-") {
		t.Errorf("seoul signs with %s", now)
	}
	// The fact reaches busan without the store, as a hint of a peer does.
	c.busan.node.tellRing(t, c.busan.ring, kid)
	refuses(c.busan)
	c.part(false)
	keys.Tick(t.Context(), c.seoul.ring)
	keys.Tick(t.Context(), c.busan.ring)
	c.check()
	if got := states(t, c.store)[kid]; got != keys.Withdrawn {
		t.Errorf("it is stored as %s", got)
	}
	// An older copy of the store, and a restart of either site.
	c.store.ChangeSigningKey(kid, func(r *keys.Record) { *r = older })
	for _, p := range []*locality{c.seoul, c.busan} {
		keys.Tick(t.Context(), p.ring)
		refuses(p)
		c.begin(p)
		refuses(p)
	}
	if got := states(t, c.store)[kid]; got != keys.Withdrawn {
		t.Errorf("the older copy is stored as %s", got)
	}
	c.check()
}

// tellRing brings the negative fact about kid to a ring of the node.
func (n *node) tellRing(t *testing.T, r *keys.Ring, kid string) {
	t.Helper()
	n.mu.Lock()
	n.told[kid] = true
	n.mu.Unlock()
	r.Withdraw(kid)
	keys.Tick(t.Context(), r)
}
