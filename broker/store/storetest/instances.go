package storetest

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/bongsu/bongsu/broker/store"
)

func newFingerprint(provider, clientID string) store.Fingerprint {
	return store.Fingerprint{Provider: provider, Kind: "kakao", Issuer: "https://kauth.example", ClientID: clientID, At: noon}
}

func keep(t testing.TB, s Store, f store.Fingerprint) store.Fingerprint {
	t.Helper()
	return must[store.Fingerprint](t)(s.KeepFingerprint(t.Context(), f))
}

func testFingerprints(t *testing.T, o Options) {
	tests := []struct {
		name string
		run  func(t *testing.T, s Store)
	}{
		{"the first stands, whatever is said later", func(t *testing.T, s Store) {
			first, second := newFingerprint("kakao", "one"), newFingerprint("kakao", "two")
			wantSame(t, keep(t, s, first), first)
			wantSame(t, keep(t, s, second), first)
			wantSame(t, must[store.Fingerprint](t)(s.Fingerprint(t.Context(), "kakao")), first)
			_, err := s.Fingerprint(t.Context(), "naver")
			wantIs(t, err, store.ErrNotFound)
		}},
		{"several instances of a kind stand side by side", func(t *testing.T, s Store) {
			keep(t, s, newFingerprint("kakao", "one"))
			other := newFingerprint("kakao-shop", "two")
			wantSame(t, keep(t, s, other), other)
			wantSame(t, must[[]store.Fingerprint](t)(s.Fingerprints(t.Context())), []store.Fingerprint{newFingerprint("kakao", "one"), other})
		}},
		{"the same client at the same issuer is one instance", func(t *testing.T, s Store) {
			first := keep(t, s, newFingerprint("kakao", "one"))
			stands, err := s.KeepFingerprint(t.Context(), newFingerprint("kakao-2", "one"))
			wantIs(t, err, store.ErrConflict)
			wantSame(t, stands, first)
			elsewhere := newFingerprint("kakao-2", "one")
			elsewhere.Issuer = "https://other.example"
			wantSame(t, keep(t, s, elsewhere), elsewhere)
		}},
		{"a fingerprint is migrated, once and again", func(t *testing.T, s Store) {
			from, to := keep(t, s, newFingerprint("kakao", "one")), newFingerprint("kakao", "two")
			to.At = minute(1)
			pin := newPin("{}")
			pin.Provider = "kakao"
			must[store.Pin](t)(s.KeepPin(t.Context(), pin))
			replaceSecret(t, s, newProviderSecret("a"), "")
			for range 2 {
				if err := s.MigrateFingerprint(t.Context(), from, to); err != nil {
					t.Fatal(err)
				}
			}
			wantSame(t, must[store.Fingerprint](t)(s.Fingerprint(t.Context(), "kakao")), to)
			_, err := s.Pin(t.Context(), "kakao")
			wantIs(t, err, store.ErrNotFound)
			wantSecrets(t, s)
		}},
		{"what does not stand is not migrated", func(t *testing.T, s Store) {
			keep(t, s, newFingerprint("kakao", "one"))
			keep(t, s, newFingerprint("naver", "taken"))
			wantIs(t, s.MigrateFingerprint(t.Context(), newFingerprint("kakao", "two"), newFingerprint("kakao", "three")), store.ErrConflict)
			wantIs(t, s.MigrateFingerprint(t.Context(), newFingerprint("kakao", "one"), newFingerprint("kakao", "taken")), store.ErrConflict)
			wantIs(t, s.MigrateFingerprint(t.Context(), newFingerprint("line", "one"), newFingerprint("line", "two")), store.ErrNotFound)
			wantInvalid(t, s.MigrateFingerprint(t.Context(), newFingerprint("kakao", "one"), newFingerprint("naver", "two")))
		}},
		{"of racing instances one keeps the client", func(t *testing.T, s Store) {
			won := winners(t, race(t.Context(), racers, func(ctx context.Context, i int) error {
				_, err := s.KeepFingerprint(ctx, newFingerprint("kakao-"+strconv.Itoa(i), "one"))
				return err
			}), store.ErrConflict)
			if len(won) != 1 {
				t.Errorf("%d instances are the same client", len(won))
			}
		}},
		{"of racing migrations one is made", func(t *testing.T, s Store) {
			from := keep(t, s, newFingerprint("kakao", "one"))
			won := winners(t, race(t.Context(), racers, func(ctx context.Context, i int) error {
				return s.MigrateFingerprint(ctx, from, newFingerprint("kakao", "next-"+strconv.Itoa(i)))
			}), store.ErrConflict)
			if len(won) != 1 {
				t.Errorf("%d migrations were made", len(won))
			}
		}},
		{"bounds", testFingerprintBounds},
		{"links are set aside", testLinksAside},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.run(t, o.New(t)) })
	}
}

func testFingerprintBounds(t *testing.T, s Store) {
	for _, spoil := range []func(f *store.Fingerprint){
		func(f *store.Fingerprint) { f.Provider = "" },
		func(f *store.Fingerprint) { f.Kind = "" },
		func(f *store.Fingerprint) { f.Issuer = "" },
		func(f *store.Fingerprint) { f.ClientID = "" },
		func(f *store.Fingerprint) { f.Issuer = strings.Repeat("x", store.MaxIssuer+1) },
		func(f *store.Fingerprint) { f.ClientID = "a\x00b" },
	} {
		bad := newFingerprint("kakao", "one")
		spoil(&bad)
		_, err := s.KeepFingerprint(t.Context(), bad)
		wantInvalid(t, err)
		wantInvalid(t, s.MigrateFingerprint(t.Context(), newFingerprint("kakao", "one"), bad))
	}
	long := newFingerprint("kakao", strings.Repeat("c", store.MaxClientID))
	long.Issuer = "https://" + strings.Repeat("i", store.MaxIssuer-8)
	wantSame(t, keep(t, s, long), long)
	_, err := s.SetLinksAside(t.Context(), "kakao", "kakao", 1)
	wantInvalid(t, err)
}

// testLinksAside: nobody is found by a link that was set aside, and it does not
// count as another way.
func testLinksAside(t *testing.T, s Store) {
	var keys []store.IdentityKey
	for range 3 {
		key := newKey(t)
		open(t, s, key)
		keys = append(keys, key)
	}
	second := newKey(t)
	second.Provider = "naver"
	a := must[store.Account](t)(s.AccountByIdentity(t.Context(), keys[0], 0))
	if err := s.LinkIdentity(t.Context(), store.Link{IdentityKey: second, AccountID: a.ID, CreatedAt: noon}); err != nil {
		t.Fatal(err)
	}
	wantCounts := func(provider string, links, alone int64) {
		t.Helper()
		l, n, err := s.CountLinks(t.Context(), provider)
		if err != nil || l != links || n != alone {
			t.Errorf("%s has %d links, %d alone, %v; want %d and %d", provider, l, n, err, links, alone)
		}
	}
	wantCounts("kakao", 3, 2)
	wantCounts("naver", 1, 0)
	for _, want := range []int{2, 1, 0} {
		if got := must[int](t)(s.SetLinksAside(t.Context(), "kakao", "kakao~1", 2)); got != want {
			t.Errorf("moved %d, want %d", got, want)
		}
	}
	wantCounts("kakao", 0, 0)
	wantCounts("naver", 1, 1)
	wantCounts("kakao~1", 3, 2)
	for _, key := range keys {
		_, err := s.AccountByIdentity(t.Context(), key, 0)
		wantIs(t, err, store.ErrNotFound)
	}
	if links := must[[]store.Link](t)(s.Links(t.Context(), a.ID)); len(links) != 2 {
		t.Errorf("the account has %d links, want both", len(links))
	}
}

func newProviderSecret(id string) store.ProviderSecret {
	return store.ProviderSecret{
		Provider: "kakao", ID: id, Issuer: "https://kauth.example", ClientID: "one", Wrapped: []byte("new " + id), Former: []byte("old"),
		By: "ops", At: noon,
	}
}

func replaceSecret(t testing.TB, s Store, p store.ProviderSecret, standing string) {
	t.Helper()
	if err := s.ReplaceProviderSecret(t.Context(), p, standing); err != nil {
		t.Fatal(err)
	}
}

func wantSecrets(t testing.TB, s Store, want ...store.ProviderSecret) {
	t.Helper()
	wantSame(t, must[[]store.ProviderSecret](t)(s.ProviderSecrets(t.Context())), want)
}

func testProviderSecrets(t *testing.T, o Options) {
	tests := []struct {
		name string
		run  func(t *testing.T, s Store)
	}{
		{"a secret replaces the one that stands", func(t *testing.T, s Store) {
			wantSecrets(t, s)
			first, second := newProviderSecret("a"), newProviderSecret("b")
			for range 2 {
				replaceSecret(t, s, first, "")
			}
			wantSecrets(t, s, first)
			wantIs(t, s.ReplaceProviderSecret(t.Context(), second, ""), store.ErrConflict)
			wantIs(t, s.ReplaceProviderSecret(t.Context(), second, "c"), store.ErrConflict)
			for range 2 {
				replaceSecret(t, s, second, "a")
			}
			wantSecrets(t, s, second)
		}},
		{"the one before is dropped", func(t *testing.T, s Store) {
			wantIs(t, s.DropFormerSecret(t.Context(), "kakao", "a"), store.ErrNotFound)
			first := newProviderSecret("a")
			replaceSecret(t, s, first, "")
			wantIs(t, s.DropFormerSecret(t.Context(), "kakao", "b"), store.ErrConflict)
			first.Former = nil
			for range 2 {
				if err := s.DropFormerSecret(t.Context(), "kakao", "a"); err != nil {
					t.Fatal(err)
				}
			}
			wantSecrets(t, s, first)
		}},
		{"both are forgotten", func(t *testing.T, s Store) {
			replaceSecret(t, s, newProviderSecret("a"), "")
			wantIs(t, s.ForgetProviderSecret(t.Context(), "kakao", "b"), store.ErrConflict)
			for range 2 {
				if err := s.ForgetProviderSecret(t.Context(), "kakao", "a"); err != nil {
					t.Fatal(err)
				}
			}
			wantSecrets(t, s)
		}},
		{"of racing secrets one stands", func(t *testing.T, s Store) {
			for _, standing := range []string{"", "w0"} {
				won := winners(t, race(t.Context(), racers, func(ctx context.Context, i int) error {
					return s.ReplaceProviderSecret(ctx, newProviderSecret("r"+standing+strconv.Itoa(i)), standing)
				}), store.ErrConflict)
				if len(won) != 1 {
					t.Fatalf("%d secrets replaced %q", len(won), standing)
				}
				stands := must[[]store.ProviderSecret](t)(s.ProviderSecrets(t.Context()))[0]
				replaceSecret(t, s, newProviderSecret("w0"), stands.ID)
			}
		}},
		{"bounds", func(t *testing.T, s Store) {
			for _, spoil := range []func(p *store.ProviderSecret){
				func(p *store.ProviderSecret) { p.Provider = "" },
				func(p *store.ProviderSecret) { p.ID = "" },
				func(p *store.ProviderSecret) { p.Issuer = "" },
				func(p *store.ProviderSecret) { p.ClientID = "" },
				func(p *store.ProviderSecret) { p.Wrapped = nil },
				func(p *store.ProviderSecret) { p.Wrapped = make([]byte, store.MaxSecret+1) },
				func(p *store.ProviderSecret) { p.Former = make([]byte, store.MaxSecret+1) },
				func(p *store.ProviderSecret) { p.By = "" },
			} {
				bad := newProviderSecret("a")
				spoil(&bad)
				wantInvalid(t, s.ReplaceProviderSecret(t.Context(), bad, ""))
			}
			wantInvalid(t, s.DropFormerSecret(t.Context(), "kakao", ""))
			wantInvalid(t, s.ForgetProviderSecret(t.Context(), "", "a"))
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.run(t, o.New(t)) })
	}
}

// testReplicaInstances: a replica says what stands, and never that nothing does.
func testReplicaInstances(t *testing.T, r Replica) {
	first := keep(t, r.Store, newFingerprint("kakao", "one"))
	replaceSecret(t, r.Store, newProviderSecret("a"), "")
	r.CatchUp()
	r.LoseWriter()
	wantSame(t, keep(t, r.Store, newFingerprint("kakao", "two")), first)
	wantSecrets(t, r.Store, newProviderSecret("a"))
	_, err := r.Store.KeepFingerprint(t.Context(), newFingerprint("naver", "three"))
	wantUnavailable(t, err)
	if errors.Is(err, store.ErrConflict) {
		t.Error("a failure is a conflict")
	}
}

// prepareInstances stores what instanceVerbs are about.
func prepareInstances(t testing.TB, s Store) {
	t.Helper()
	keep(t, s, newFingerprint("kakao", "one"))
	replaceSecret(t, s, newProviderSecret("a"), "")
}

// instanceVerbs calls every verb of instances in a way that would succeed, in
// this order, after prepareInstances.
func instanceVerbs(s Store) []verb {
	one, two := newFingerprint("kakao", "one"), newFingerprint("kakao", "two")
	return []verb{
		{"KeepFingerprint", func(ctx context.Context) error { _, err := s.KeepFingerprint(ctx, one); return err }},
		{"Fingerprint", func(ctx context.Context) error { _, err := s.Fingerprint(ctx, "kakao"); return err }},
		{"ReplaceProviderSecret", func(ctx context.Context) error {
			return s.ReplaceProviderSecret(ctx, newProviderSecret("b"), "a")
		}},
		{"DropFormerSecret", func(ctx context.Context) error { return s.DropFormerSecret(ctx, "kakao", "b") }},
		{"Fingerprints", func(ctx context.Context) error { _, err := s.Fingerprints(ctx); return err }},
		{"ProviderSecrets", func(ctx context.Context) error { _, err := s.ProviderSecrets(ctx); return err }},
		{"ForgetProviderSecret", func(ctx context.Context) error { return s.ForgetProviderSecret(ctx, "kakao", "b") }},
		{"CountLinks", func(ctx context.Context) error { _, _, err := s.CountLinks(ctx, "kakao"); return err }},
		{"SetLinksAside", func(ctx context.Context) error { _, err := s.SetLinksAside(ctx, "line", "line~1", 1); return err }},
		{"MigrateFingerprint", func(ctx context.Context) error { return s.MigrateFingerprint(ctx, one, two) }},
	}
}
