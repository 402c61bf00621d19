package keys_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bongsu/bongsu/keys"
	"github.com/bongsu/bongsu/keys/keystest"
	"github.com/bongsu/bongsu/keys/wrap"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	day    = 24 * time.Hour
	issuer = "https://login.example.com"
)

var (
	errStore = errors.New("store is away")
	away     = func(context.Context, string) error { return errStore }

	everyAlgorithm = []keys.Algorithm{keys.ES256, keys.EdDSA, keys.RS256}
	everyKind      = []keys.Kind{keys.IDToken, keys.AccessToken, keys.LogoutToken}

	claims = []byte(`{"iss":"https://login.example.com","sub":"minji","aud":"demo","exp":1}`)
)

// clock is a hand-turned clock.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func siteKey(t testing.TB, fill byte) *wrap.Key {
	t.Helper()
	k, err := wrap.New(bytes.Repeat([]byte{fill}, wrap.SecretSize))
	if err != nil {
		t.Fatalf("wrap.New: %v", err)
	}
	return k
}

// options are those of a node of seoul that signs with ES256 on store.
func options(t testing.TB, store keys.Store, change ...func(*keys.Options)) keys.Options {
	t.Helper()
	o := keys.Options{
		Issuer: issuer, Site: "seoul", Algorithms: []keys.Algorithm{keys.ES256},
		Store: store, Wrap: siteKey(t, 1), GenerateRSA: keystest.RSA(),
	}
	for _, c := range change {
		c(&o)
	}
	return o
}

func at(c *clock) func(*keys.Options) { return func(o *keys.Options) { o.Now = c.Now } }

func signs(a ...keys.Algorithm) func(*keys.Options) {
	return func(o *keys.Options) { o.Algorithms = a }
}

// inBusan makes a node of the other site, with a site key of its own.
func inBusan(t testing.TB) func(*keys.Options) {
	return func(o *keys.Options) { o.Site, o.Wrap = "busan", siteKey(t, 2) }
}

func knows(identities map[string][]ed25519.PublicKey) func(*keys.Options) {
	return func(o *keys.Options) { o.SiteIdentities = identities }
}

func open(t testing.TB, store keys.Store, change ...func(*keys.Options)) *keys.Ring {
	t.Helper()
	r, err := keys.Open(t.Context(), options(t, store, change...))
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return r
}

// identities gives store identities of both sites before any key is made, so
// that each site's configuration can name the other's.
func identities(t testing.TB, store *keystest.Store) map[string][]ed25519.PublicKey {
	t.Helper()
	all := map[string][]ed25519.PublicKey{}
	for _, change := range []func(*keys.Options){func(*keys.Options) {}, inBusan(t)} {
		elsewhere := keystest.NewStore()
		o := options(t, elsewhere, change)
		if _, err := keys.Open(t.Context(), o); err != nil {
			t.Fatalf("Open: %v", err)
		}
		made, err := elsewhere.EnsureSiteIdentity(t.Context(), keys.IdentityRecord{Site: o.Site})
		if err != nil {
			t.Fatalf("EnsureSiteIdentity: %v", err)
		}
		if _, err := store.EnsureSiteIdentity(t.Context(), made); err != nil {
			t.Fatalf("EnsureSiteIdentity: %v", err)
		}
		all[o.Site] = []ed25519.PublicKey{made.Public}
	}
	return all
}

func mustSign(t testing.TB, r *keys.Ring, k keys.Kind, a keys.Algorithm) string {
	t.Helper()
	token, err := r.Sign(k, a, claims)
	if err != nil {
		t.Fatalf("Sign: %v", err)
	}
	return token
}

// kidOf returns the kid that a token names.
func kidOf(t testing.TB, token string) string {
	t.Helper()
	encoded, _, _ := strings.Cut(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		t.Fatalf("header of %q: %v", token, err)
	}
	var header struct {
		KeyID string `json:"kid"`
	}
	if err := json.Unmarshal(raw, &header); err != nil {
		t.Fatalf("header of %q: %v", token, err)
	}
	return header.KeyID
}

// kids returns the kids of the key set, and fails the test when the set shows
// anything it must not (AB-28).
func kids(t testing.TB, r *keys.Ring) []string {
	t.Helper()
	members := map[string][]string{
		"RSA": {"alg", "e", "kid", "kty", "n", "use"},
		"EC":  {"alg", "crv", "kid", "kty", "use", "x", "y"},
		"OKP": {"alg", "crv", "kid", "kty", "use", "x"},
	}
	var set struct {
		Keys []map[string]string `json:"keys"`
	}
	if err := json.Unmarshal(r.JWKS().Body, &set); err != nil {
		t.Fatalf("key set: %v", err)
	}
	var all []string
	for _, key := range set.Keys {
		var names []string
		for name := range key {
			names = append(names, name)
		}
		slices.Sort(names)
		if !slices.Equal(names, members[key["kty"]]) {
			t.Errorf("a key of type %q shows %v, want %v", key["kty"], names, members[key["kty"]])
		}
		if key["use"] != "sig" || slices.Contains(all, key["kid"]) {
			t.Errorf("key %q has use %q; known already: %v", key["kid"], key["use"], all)
		}
		all = append(all, key["kid"])
	}
	return all
}

// states returns the state of every stored key by kid.
func states(t testing.TB, store *keystest.Store) map[string]keys.State {
	t.Helper()
	records, err := store.SigningKeys(t.Context())
	if err != nil {
		t.Fatalf("SigningKeys: %v", err)
	}
	all := map[string]keys.State{}
	for _, r := range records {
		all[r.KeyID] = r.State
	}
	return all
}

// inState returns the kids of the stored keys in state s.
func inState(t testing.TB, store *keystest.Store, s keys.State) []string {
	t.Helper()
	var all []string
	for keyID, state := range states(t, store) {
		if state == s {
			all = append(all, keyID)
		}
	}
	slices.Sort(all)
	return all
}
