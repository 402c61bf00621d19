package keys_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/bongsu/bongsu/keys"
	"github.com/bongsu/bongsu/keys/keystest"
)

func TestOpenMakesWhatIsNeededToSign(t *testing.T) {
	store := keystest.NewStore()
	r := open(t, store, signs(everyAlgorithm...))
	if active := inState(t, store, keys.Active); len(active) != 3 || len(states(t, store)) != 3 {
		t.Errorf("stored %v, want an active key for each algorithm and nothing else", states(t, store))
	}
	for _, a := range everyAlgorithm {
		for _, k := range everyKind {
			token := mustSign(t, r, k, a)
			if !slices.Contains(kids(t, r), kidOf(t, token)) {
				t.Errorf("%s: the key set lacks the key that signs", a)
			}
			if got, err := r.Verify(k, token); err != nil || !bytes.Equal(got, claims) {
				t.Errorf("%s, kind %d: verified %q, error %v", a, k, got, err)
			}
		}
	}
}

func TestSecondStartOnlyReads(t *testing.T) {
	store := keystest.NewStore()
	keys.Tick(t.Context(), open(t, store, signs(everyAlgorithm...)))
	before := states(t, store)
	inserts, reads := store.Calls("InsertSigningKey"), store.Calls("SigningKeys")
	open(t, store, signs(everyAlgorithm...))
	if n := store.Calls("InsertSigningKey") - inserts; n != 0 {
		t.Errorf("%d inserts", n)
	}
	if n := store.Calls("SigningKeys") - reads; n != 1 {
		t.Errorf("%d reads, want 1", n)
	}
	if len(before) != 6 || len(states(t, store)) != 6 {
		t.Errorf("%d keys before, %d after; want 6 and 6", len(before), len(states(t, store)))
	}
}

func TestNodesStartingTogetherShareTheirKeys(t *testing.T) {
	store := keystest.NewStore()
	rsa := keystest.RSA()
	rings := make([]*keys.Ring, 6)
	var starting sync.WaitGroup
	for i := range rings {
		o := options(t, store, signs(everyAlgorithm...))
		o.GenerateRSA = rsa
		starting.Go(func() {
			r, err := keys.Open(context.WithoutCancel(t.Context()), o)
			if err != nil {
				t.Errorf("Open: %v", err)
				return
			}
			keys.Tick(context.WithoutCancel(t.Context()), r)
			rings[i] = r
		})
	}
	starting.Wait()
	if t.Failed() {
		t.FailNow()
	}
	if len(inState(t, store, keys.Active)) != 3 || len(inState(t, store, keys.Published)) != 3 || len(states(t, store)) != 6 {
		t.Fatalf("stored %v, want one active and one published key for each algorithm", states(t, store))
	}
	for i, r := range rings {
		keys.Tick(t.Context(), r)
		if !bytes.Equal(r.JWKS().Body, rings[0].JWKS().Body) || r.JWKS().ETag != rings[0].JWKS().ETag {
			t.Errorf("node %d serves another key set than node 0", i)
		}
		for _, a := range everyAlgorithm {
			if _, err := rings[0].Verify(keys.IDToken, mustSign(t, r, keys.IDToken, a)); err != nil {
				t.Errorf("node 0 refuses what node %d signed with %s: %v", i, a, err)
			}
		}
	}
}

// Websites know the key set by other libraries than ours.
func TestKeySetVerifiesWhatIsSigned(t *testing.T) {
	r := open(t, keystest.NewStore(), signs(everyAlgorithm...))
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(r.JWKS().Body, &set); err != nil {
		t.Fatalf("key set: %v", err)
	}
	for _, a := range everyAlgorithm {
		token := mustSign(t, r, keys.AccessToken, a)
		signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(a)})
		if err != nil {
			t.Fatalf("%s: %v", a, err)
		}
		found := set.Key(signed.Signatures[0].Protected.KeyID)
		if len(found) != 1 || found[0].Algorithm != string(a) {
			t.Fatalf("%s: the key set has %d keys of that kid", a, len(found))
		}
		if got, err := signed.Verify(found[0]); err != nil || !bytes.Equal(got, claims) {
			t.Errorf("%s: verified %q, error %v", a, got, err)
		}
		if again, err := signed.CompactSerialize(); err != nil || again != token {
			t.Errorf("%s: the prepared header differs from the signed one: %s", a, again)
		}
		if typ := signed.Signatures[0].Protected.ExtraHeaders[jose.HeaderType]; typ != "at+jwt" {
			t.Errorf("%s: typ %v", a, typ)
		}
		thumbprint, err := found[0].Thumbprint(crypto.SHA256)
		if err != nil {
			t.Fatalf("%s: %v", a, err)
		}
		if want := "seoul-" + base64.RawURLEncoding.EncodeToString(thumbprint)[:22]; found[0].KeyID != want {
			t.Errorf("%s: kid %s, want %s", a, found[0].KeyID, want)
		}
	}
}

func TestSignRefuses(t *testing.T) {
	r := open(t, keystest.NewStore())
	tests := []struct {
		name   string
		kind   keys.Kind
		alg    keys.Algorithm
		claims []byte
		want   error // nil: any
	}{
		{"an algorithm that is not in use", keys.IDToken, keys.EdDSA, claims, keys.ErrNoKey},
		{"an algorithm that does not exist", keys.IDToken, "none", claims, keys.ErrNoKey},
		{"a kind that does not exist", 9, keys.ES256, claims, nil},
		{"more than a reader would look at", keys.IDToken, keys.ES256, make([]byte, keys.MaxToken), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			token, err := r.Sign(tt.kind, tt.alg, tt.claims)
			if err == nil || token != "" || (tt.want != nil && !errors.Is(err, tt.want)) {
				t.Errorf("token of %d, error %v, want %v", len(token), err, tt.want)
			}
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	other := ed25519.PublicKey(make([]byte, ed25519.PublicKeySize))
	tests := []struct {
		name   string
		change func(*keys.Options)
		want   string
	}{
		{"no issuer", func(o *keys.Options) { o.Issuer = "" }, "required"},
		{"no store", func(o *keys.Options) { o.Store = nil }, "required"},
		{"no wrapping key", func(o *keys.Options) { o.Wrap = nil }, "required"},
		{"no site", func(o *keys.Options) { o.Site = "" }, "site"},
		{"a site that cannot stand in a kid", func(o *keys.Options) { o.Site = "Seoul 1" }, "site"},
		{"no algorithm", func(o *keys.Options) { o.Algorithms = nil }, "at least one"},
		{"an unknown algorithm", func(o *keys.Options) { o.Algorithms = []keys.Algorithm{"HS256"} }, `"HS256"`},
		{"keys that rotate before anybody has seen the next", func(o *keys.Options) { o.ActiveFor = time.Hour }, "publish window"},
		{"another site key than the identity was made with", func(o *keys.Options) { o.Wrap = siteKey(t, 9) }, "site key"},
		{"another identity in the configuration", func(o *keys.Options) {
			o.SiteIdentities = map[string][]ed25519.PublicKey{"seoul": {other}}
		}, "another identity"},
		{"randomness that fails", func(o *keys.Options) {
			o.Site = "daegu"
			o.GenerateRSA = func(io.Reader) (*rsa.PrivateKey, error) { return nil, errors.New("no randomness") }
			o.Algorithms = []keys.Algorithm{keys.RS256}
		}, "no randomness"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			store := keystest.NewStore()
			open(t, store)
			_, err := keys.Open(t.Context(), options(t, store, tt.change))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one saying %q", err, tt.want)
			}
		})
	}
}

func TestOpenRefusesAStoreThatIsAway(t *testing.T) {
	for _, verb := range []string{"EnsureSiteIdentity", "SigningKeys", "InsertSigningKey"} {
		store := keystest.NewStore()
		store.Intercept(func(_ context.Context, called string) error {
			if called == verb {
				return errStore
			}
			return nil
		})
		if _, err := keys.Open(t.Context(), options(t, store)); !errors.Is(err, errStore) {
			t.Errorf("%s fails: error %v, want %v", verb, err, errStore)
		}
	}
}

// Somebody who can write to the database must not be able to have a key
// believed that the site did not sign for.
func TestRecordsAreNotBelievedWithoutTheirManifest(t *testing.T) {
	tests := []struct {
		name   string
		change func(active, next *keys.Record)
	}{
		{"no manifest", func(active, _ *keys.Record) { active.Manifest = nil }},
		{"another key's manifest", func(active, next *keys.Record) { active.Manifest = next.Manifest }},
		{"another state", func(active, _ *keys.Record) { active.State = keys.Retiring }},
		{"another site", func(active, _ *keys.Record) { active.Site = "busan" }},
		{"another algorithm", func(active, _ *keys.Record) { active.Algorithm = keys.RS256 }},
		{"another generation", func(active, _ *keys.Record) { active.Generation = 9 }},
		{"another kid", func(active, _ *keys.Record) { active.KeyID = "seoul-AAAAAAAAAAAAAAAAAAAAAA" }},
		{"a changed manifest", func(active, _ *keys.Record) {
			active.Manifest = bytes.Replace(active.Manifest, []byte("."), []byte(".e30"), 1)
		}},
		{"a manifest as long as a book", func(active, _ *keys.Record) { active.Manifest = make([]byte, 1<<20) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			store := keystest.NewStore()
			first := open(t, store)
			keys.Tick(t.Context(), first)
			active, next := inState(t, store, keys.Active)[0], inState(t, store, keys.Published)[0]
			var nextRecord keys.Record
			store.ChangeSigningKey(next, func(r *keys.Record) { nextRecord = *r })
			store.ChangeSigningKey(active, func(r *keys.Record) { tt.change(r, &nextRecord) })

			var log bytes.Buffer
			r := open(t, store, func(o *keys.Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
			if slices.Contains(kids(t, r), active) {
				t.Error("the key is in the key set")
			}
			if _, err := r.Verify(keys.IDToken, mustSign(t, first, keys.IDToken, keys.ES256)); !errors.Is(err, keys.ErrToken) {
				t.Errorf("its tokens verify: error %v", err)
			}
			if kid := kidOf(t, mustSign(t, r, keys.IDToken, keys.ES256)); kid == active {
				t.Error("the key signs")
			}
			if !strings.Contains(log.String(), "of no use") {
				t.Error("nothing is logged")
			}
		})
	}
}

// The public column is for people who look: only the manifest counts.
func TestPublicColumnIsNotRead(t *testing.T) {
	store := keystest.NewStore()
	first := open(t, store)
	store.ChangeSigningKey(kids(t, first)[0], func(r *keys.Record) { r.Public = []byte(`{"kty":"oct","k":"AAAA"}`) })
	if got, want := open(t, store).JWKS().Body, first.JWKS().Body; !bytes.Equal(got, want) {
		t.Errorf("key set %s, want %s", got, want)
	}
}

func TestAPrivateKeyOfNoUseIsReplaced(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(active, next *keys.Record)
	}{
		{"damaged", func(active, _ *keys.Record) { active.Wrapped[20] ^= 1 }},
		{"another key's", func(active, next *keys.Record) { active.Wrapped = next.Wrapped }},
		{"another key's, wrapped for this one", func(active, next *keys.Record) {
			der, err := siteKey(t, 1).Unwrap(next.KeyID, next.Wrapped)
			if err != nil {
				t.Fatalf("Unwrap: %v", err)
			}
			if active.Wrapped, err = siteKey(t, 1).Wrap(active.KeyID, der); err != nil {
				t.Fatalf("Wrap: %v", err)
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			store := keystest.NewStore()
			first := open(t, store)
			keys.Tick(t.Context(), first)
			token := mustSign(t, first, keys.IDToken, keys.ES256)
			active, next := inState(t, store, keys.Active)[0], inState(t, store, keys.Published)[0]
			var nextRecord keys.Record
			store.ChangeSigningKey(next, func(r *keys.Record) { nextRecord = *r })
			store.ChangeSigningKey(active, func(r *keys.Record) { tt.change(r, &nextRecord) })

			r := open(t, store)
			if kid := kidOf(t, mustSign(t, r, keys.IDToken, keys.ES256)); kid != next {
				t.Errorf("signs with %s, want the next key %s", kid, next)
			}
			keys.Tick(t.Context(), r)
			if s := states(t, store)[active]; s != keys.Retiring {
				t.Errorf("the key is %s, want retiring: its tokens live", s)
			}
			if _, err := r.Verify(keys.IDToken, token); err != nil {
				t.Errorf("what it signed is refused: %v", err)
			}
			if len(inState(t, store, keys.Published)) != 1 {
				t.Error("there is no next key")
			}
		})
	}
}

// A node that starts while nothing can be written signs with the next key, if the
// one that signed was withdrawn meanwhile.
func TestOpenWithAWithdrawnKeyWhileNothingCanBeWritten(t *testing.T) {
	store := keystest.NewStore()
	ring := open(t, store)
	if err := ring.Keep(t.Context()); err != nil {
		t.Fatal(err)
	}
	stolen := kidOf(t, mustSign(t, ring, keys.AccessToken, keys.ES256))
	store.Intercept(func(_ context.Context, verb string) error {
		if verb == "AdvanceSigningKey" || verb == "InsertSigningKey" {
			return errStore
		}
		return nil
	})
	again := open(t, store, func(o *keys.Options) {
		o.Withdrawn = func(keyID string) bool { return keyID == stolen }
	})
	if next := kidOf(t, mustSign(t, again, keys.AccessToken, keys.ES256)); next == stolen {
		t.Error("the withdrawn key signs")
	}
	if bytes.Contains(again.JWKS().Body, []byte(stolen)) {
		t.Error("the withdrawn key is in the key set")
	}
}
