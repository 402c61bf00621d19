package keys_test

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/bongsu/bongsu/keys"
	"github.com/bongsu/bongsu/keys/keystest"
)

func rotation(t testing.TB, store *keystest.Store, now func() time.Time, named ...ed25519.PublicKey) *keys.Rotation {
	t.Helper()
	r, err := keys.OpenRotation(t.Context(), keys.RotationOptions{
		Site: "seoul", Store: store, Wrap: siteKey(t, 1), Named: named, Now: now,
	})
	if err != nil {
		t.Fatalf("OpenRotation: %v", err)
	}
	return r
}

func mustStage(t testing.TB, r *keys.Rotation) ed25519.PublicKey {
	t.Helper()
	staged, err := r.Stage(t.Context())
	if err != nil {
		t.Fatalf("Stage: %v", err)
	}
	return staged.Public
}

// active returns the identity that r's site signs with.
func active(t testing.TB, r *keys.Rotation) ed25519.PublicKey {
	t.Helper()
	all, err := r.Identities(t.Context())
	if err != nil {
		t.Fatalf("Identities: %v", err)
	}
	return all[0].Public
}

// signers returns by how many of the site's manifests each identity stands.
func signers(t testing.TB, store *keystest.Store, identities ...ed25519.PublicKey) []int {
	t.Helper()
	records, err := store.SigningKeys(t.Context())
	if err != nil {
		t.Fatalf("SigningKeys: %v", err)
	}
	counts := make([]int, len(identities))
	for _, r := range records {
		for i, public := range identities {
			if keys.SignedBy(r, public) {
				counts[i]++
			}
		}
	}
	return counts
}

// Each step is refused as long as somebody could not verify what follows it.
func TestRotationIsRefusedTooEarly(t *testing.T) {
	clock, store := newClock(), keystest.NewStore()
	ring := open(t, store, at(clock))
	keys.Tick(t.Context(), ring)
	unlisted := rotation(t, store, clock.Now)
	first := active(t, unlisted)

	_, err := unlisted.Use(t.Context())
	wantNotYet(t, err, "no next identity is staged")
	_, err = unlisted.Drop(t.Context())
	wantNotYet(t, err, "no identity before the present one")

	next := mustStage(t, unlisted)
	if again := mustStage(t, unlisted); !again.Equal(next) || next.Equal(first) {
		t.Fatal("staging again made another one")
	}
	for _, named := range [][]ed25519.PublicKey{nil, {first}, {next}} {
		_, err := rotation(t, store, clock.Now, named...).Use(t.Context())
		wantNotYet(t, err, keys.FormatIdentity(next))
	}
	if now := active(t, unlisted); !now.Equal(first) {
		t.Fatal("a refused step has changed the identity")
	}

	listed := rotation(t, store, clock.Now, first, next)
	_, err = listed.Drop(t.Context())
	wantNotYet(t, err, "no identity before the present one")
	for range 2 { // the second time there is nothing left to do
		used, err := listed.Use(t.Context())
		if err != nil || !used.Public.Equal(next) || used.State != keys.Active {
			t.Fatalf("Use: %v, %v", used, err)
		}
	}
	_, err = listed.Stage(t.Context())
	wantNotYet(t, err, "drop it first")
	_, err = listed.Drop(t.Context())
	wantNotYet(t, err, "for another 2m0s")

	clock.pass(2 * time.Minute)
	dropped, err := listed.Drop(t.Context())
	if err != nil || !dropped.Public.Equal(first) {
		t.Fatalf("Drop: %v, %v", dropped, err)
	}
	if all, err := listed.Identities(t.Context()); err != nil || len(all) != 1 || !all[0].Public.Equal(next) {
		t.Fatalf("Identities: %v, %v", all, err)
	}
}

func wantNotYet(t testing.TB, err error, text string) {
	t.Helper()
	if !errors.Is(err, keys.ErrNotYet) || !strings.Contains(err.Error(), text) {
		t.Fatalf("error %v, want a refusal with %q", err, text)
	}
}

// The change signs every manifest again, those of keys that have ended too:
// what was withdrawn must stay so when the old identity is forgotten.
func TestRotationSignsEverythingAgain(t *testing.T) {
	clock, store := newClock(), keystest.NewStore()
	ring := open(t, store, at(clock), signs(keys.ES256, keys.EdDSA))
	keys.Tick(t.Context(), ring)
	stolen := kidOf(t, mustSign(t, ring, keys.IDToken, keys.EdDSA))
	ring.Withdraw(stolen)
	keys.Tick(t.Context(), ring)

	first := active(t, rotation(t, store, clock.Now))
	next := mustStage(t, rotation(t, store, clock.Now))
	all := len(states(t, store))
	if got := signers(t, store, first, next); got[0] != all || got[1] != 0 {
		t.Fatalf("manifests by the first and the next identity: %v, want all %d by the first", got, all)
	}
	if _, err := rotation(t, store, clock.Now, first, next).Use(t.Context()); err != nil {
		t.Fatalf("Use: %v", err)
	}
	if got := signers(t, store, first, next); got[0] != 0 || got[1] != all {
		t.Fatalf("manifests by the first and the next identity: %v, want all %d by the next", got, all)
	}
	reborn := open(t, store, at(clock), knows(map[string][]ed25519.PublicKey{"seoul": {next}}), signs(keys.ES256, keys.EdDSA))
	if token := mustSign(t, reborn, keys.IDToken, keys.EdDSA); kidOf(t, token) == stolen || states(t, store)[stolen] != keys.Withdrawn {
		t.Error("a withdrawn key came back with the other identity")
	}
}

// A node that runs on follows its site to the next identity, and puts right
// what a node has written that did not know of it.
func TestRingFollowsItsIdentity(t *testing.T) {
	clock, store := newClock(), keystest.NewStore()
	late := open(t, store, at(clock)) // knows the first alone
	keys.Tick(t.Context(), late)
	first := active(t, rotation(t, store, clock.Now))
	next := mustStage(t, rotation(t, store, clock.Now))
	token := mustSign(t, late, keys.IDToken, keys.ES256)
	before := kids(t, late)

	if _, err := rotation(t, store, clock.Now, first, next).Use(t.Context()); err != nil {
		t.Fatalf("Use: %v", err)
	}
	// Before it has looked, a new key is signed by the first identity.
	clock.pass(91 * day)
	keys.Advance(t, late)
	if got := signers(t, store, first, next); got[0] == 0 {
		t.Fatal("the node that does not know yet has signed nothing")
	}
	keys.Tick(t.Context(), late)
	if got := signers(t, store, first, next); got[0] != 0 {
		t.Errorf("%d manifests are left with the first identity", got[0])
	}
	if _, err := late.Verify(keys.IDToken, token); err != nil {
		t.Errorf("a token from before: %v", err)
	}
	for _, kid := range before {
		if now := kids(t, late); !slices.Contains(now, kid) {
			t.Errorf("%s is missing among %v", kid, now)
		}
	}
	signature, err := late.SignNews("hint", []byte("m"))
	if err != nil {
		t.Fatalf("SignNews: %v", err)
	}
	other := open(t, store, inBusan(t), at(clock), knows(map[string][]ed25519.PublicKey{"seoul": {next}}))
	if !other.VerifyNews("seoul", "hint", []byte("m"), signature) {
		t.Error("the news of the node are not signed by the next identity")
	}
}

// While the store is away, or has lost the identity, a ring goes on with the
// one it has.
func TestRingKeepsItsIdentity(t *testing.T) {
	store := keystest.NewStore()
	ring := open(t, store)
	signature, err := ring.SignNews("hint", []byte("m"))
	if err != nil {
		t.Fatalf("SignNews: %v", err)
	}
	lose := map[string]func(){
		"away": func() { store.Intercept(away) },
		"lost": func() { store.Intercept(nil); store.Forget() },
	}
	for _, name := range []string{"away", "lost"} {
		lose[name]()
		keys.Tick(t.Context(), ring)
		if again, err := ring.SignNews("hint", []byte("m")); err != nil || string(again) != string(signature) {
			t.Errorf("%s: signed by another identity, error %v", name, err)
		}
		mustSign(t, ring, keys.IDToken, keys.ES256)
	}
}

// Who can write to the database cannot have a forged manifest signed by way of
// an identity of his own.
func TestRotationBelievesNoIdentityOfTheStoreAlone(t *testing.T) {
	clock, store := newClock(), keystest.NewStore()
	ring := open(t, store, at(clock))
	keys.Tick(t.Context(), ring)
	first := active(t, rotation(t, store, clock.Now))

	// A site of his own with the same name has identity and keys.
	elsewhere := keystest.NewStore()
	open(t, elsewhere, at(clock), signs(keys.EdDSA), func(o *keys.Options) { o.Wrap = siteKey(t, 9) })
	records, err := elsewhere.SigningKeys(t.Context())
	if err != nil {
		t.Fatalf("SigningKeys: %v", err)
	}
	for _, r := range records {
		if _, err := store.InsertSigningKey(t.Context(), r); err != nil {
			t.Fatalf("InsertSigningKey: %v", err)
		}
	}
	his, err := elsewhere.SiteIdentities(t.Context(), "seoul")
	if err != nil {
		t.Fatalf("SiteIdentities: %v", err)
	}
	if _, err := store.StageSiteIdentity(t.Context(), his[0]); err != nil {
		t.Fatalf("StageSiteIdentity: %v", err)
	}
	if _, err := rotation(t, store, clock.Now, first, his[0].Public).Use(t.Context()); err == nil {
		t.Fatal("an identity is used that this site has not made")
	}
	if got := signers(t, store, first); got[0] != len(states(t, store))-len(records) {
		t.Errorf("%d manifests are the site's", got[0])
	}
	if now := active(t, rotation(t, store, clock.Now)); !now.Equal(first) {
		t.Error("the identity has changed")
	}
}

func TestIdentityText(t *testing.T) {
	public, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	text := keys.FormatIdentity(public)
	if got, err := keys.ParseIdentity(text); err != nil || !got.Equal(public) {
		t.Errorf("ParseIdentity(%q) = %v, %v", text, got, err)
	}
	for _, wrong := range []string{
		"", "ed25519:", text[8:], text + "A", text[:len(text)-1], text + "=", text + "\n", "ED25519:" + text[8:], " " + text,
		text[:10] + "\n" + text[10:],
	} {
		if _, err := keys.ParseIdentity(wrong); !errors.Is(err, keys.ErrIdentity) {
			t.Errorf("ParseIdentity(%q): %v", wrong, err)
		}
	}
}

// place is a node with the configuration it was started with.
type place struct {
	site  string
	named map[string][]ed25519.PublicKey
	ring  *keys.Ring
}

// change is the rotation of seoul's identity, seen from outside.
type change struct {
	t     *testing.T
	clock *clock
	store *keystest.Store
	nodes []*place
	busan ed25519.PublicKey

	listed  []ed25519.PublicKey // of seoul, by the configuration that is being rolled out
	pending int                 // nodes that have not been started with it
	seen    map[keys.Seen]bool
}

func newChange(t *testing.T) *change {
	c := &change{t: t, clock: newClock(), store: keystest.NewStore(), seen: map[keys.Seen]bool{}}
	both := identities(t, c.store)
	c.busan, c.listed = both["busan"][0], both["seoul"]
	for _, site := range []string{"seoul", "seoul", "busan"} {
		n := &place{site: site}
		c.nodes = append(c.nodes, n)
		c.start(n)
	}
	c.pending = 0
	return c
}

// start starts the node with the present configuration.
func (c *change) start(n *place) {
	n.named = map[string][]ed25519.PublicKey{"seoul": c.listed, "busan": {c.busan}}
	n.ring = open(c.t, c.store, knows(n.named), at(c.clock), func(o *keys.Options) {
		if n.site == "busan" {
			inBusan(c.t)(o)
		}
		o.ActiveFor = 10 * day
	})
	keys.Tick(c.t.Context(), n.ring)
}

// roll starts the next node with the configuration that is being rolled out.
func (c *change) roll() {
	if c.pending > 0 {
		c.pending--
		c.start(c.nodes[c.pending])
	}
}

// announce begins to roll out a configuration with these identities of seoul.
func (c *change) announce(listed ...ed25519.PublicKey) { c.listed, c.pending = listed, len(c.nodes) }

// step takes the next step of the documented order, if its time has come.
func (c *change) step() error {
	r := rotation(c.t, c.store, c.clock.Now, c.nodes[0].named["seoul"]...)
	all, err := r.Identities(c.t.Context())
	if err != nil || c.pending > 0 {
		return err
	}
	switch all[len(all)-1].State {
	case keys.Staged:
		_, err = r.Use(c.t.Context())
	case keys.Retiring:
		if _, err = r.Drop(c.t.Context()); errors.Is(err, keys.ErrNotYet) {
			return nil
		}
		c.announce(all[0].Public)
	default:
		c.announce(all[0].Public, mustStage(c.t, r))
	}
	return err
}

// pass lets time pass; every node looks at the store at least every 30 seconds.
func (c *change) pass(d time.Duration) {
	c.clock.pass(d)
	for _, n := range c.nodes {
		keys.Tick(c.t.Context(), n.ring)
	}
}

// check is what must be true at every moment: each node verifies what each says,
// and lists the keys of both sites.
func (c *change) check() error {
	c.clock.pass(11 * time.Second) // an unknown kid may be looked for again
	for i, from := range c.nodes {
		message := fmt.Appendf(nil, "news of node %d", i)
		signature, err := from.ring.SignNews(keys.TestPurpose, message)
		if err != nil {
			return err
		}
		token, err := from.ring.Sign(keys.IDToken, keys.ES256, claims)
		if err != nil && (from.site != "busan" || !errors.Is(err, keys.ErrNoKey)) {
			return fmt.Errorf("node %d: %w", i, err)
		}
		for j, to := range c.nodes {
			if !keys.BelievesNews(to.ring, from.site, message, signature, c.seen) {
				return fmt.Errorf("node %d does not believe the news of node %d", j, i)
			}
			if token == "" || slices.Contains(kids(c.t, to.ring), kidOf(c.t, token)) {
				continue
			}
			if _, err := to.ring.Verify(keys.IDToken, token); err != nil {
				return fmt.Errorf("node %d refuses a token of node %d: %w", j, i, err)
			}
		}
	}
	records, err := c.store.SigningKeys(c.t.Context())
	if err != nil {
		return err
	}
	for j, to := range c.nodes {
		for _, r := range records {
			if !keys.Believes(to.ring, r, c.seen) {
				return fmt.Errorf("node %d does not believe the manifest of %s (%s)", j, r.KeyID, r.State)
			}
		}
	}
	return nil
}

// At every moment of a rotation in the documented order every node of every
// site verifies every manifest and all news, while keys rotate and nodes start
// as they like.
func TestRotationIsNeverNoticed(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		c := newChange(t)
		rt.Repeat(map[string]func(*rapid.T){
			"": func(rt *rapid.T) {
				if err := c.check(); err != nil {
					rt.Fatal(err)
				}
			},
			"step": func(rt *rapid.T) {
				if err := c.step(); err != nil {
					rt.Fatal(err)
				}
			},
			"roll": func(*rapid.T) { c.roll() },
			"restart": func(rt *rapid.T) {
				n := rapid.SampledFrom(c.nodes).Draw(rt, "node")
				named := n.named
				listed := c.listed
				c.listed = named["seoul"] // with the configuration it had
				c.start(n)
				c.listed = listed
			},
			"one looks": func(rt *rapid.T) {
				keys.Tick(t.Context(), rapid.SampledFrom(c.nodes).Draw(rt, "node").ring)
			},
			"minutes": func(*rapid.T) { c.pass(2 * time.Minute) },
			"days":    func(*rapid.T) { c.pass(3 * day) },
		})
	})
}
