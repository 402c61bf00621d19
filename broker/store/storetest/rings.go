package storetest

import (
	"bytes"
	"cmp"
	"slices"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/keys"
	"github.com/bongsu/bongsu/keys/seal"
)

// dawn is a whole second, as key records want it.
var dawn = time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)

func testSecrets(t *testing.T, o Options) {
	s := o.New(t)
	t.Run("the first secret of a name stays", func(t *testing.T) {
		name, first := "salt "+newID(t), randomBytes(t, 60)
		for _, wrapped := range [][]byte{first, randomBytes(t, 60), first} {
			if kept := must[[]byte](t)(s.EnsureSecret(t.Context(), name, wrapped)); !bytes.Equal(kept, first) {
				t.Fatal("another secret than the first is kept")
			}
		}
	})
	t.Run("names do not share", func(t *testing.T) {
		a, b := randomBytes(t, 32), randomBytes(t, 32)
		must[[]byte](t)(s.EnsureSecret(t.Context(), "a", a))
		if kept := must[[]byte](t)(s.EnsureSecret(t.Context(), "b", b)); !bytes.Equal(kept, b) {
			t.Error("b is not kept")
		}
	})
}

func newSigningKey(t testing.TB, site string, a keys.Algorithm, generation int64) keys.Record {
	t.Helper()
	return keys.Record{
		KeyID: site + "-" + newID(t), Site: site, Algorithm: a, Generation: generation, State: keys.Staged,
		Public: []byte(`{"kty":"EC"}`), Wrapped: randomBytes(t, 150), Manifest: randomBytes(t, 700), CreatedAt: dawn,
	}
}

func insertKey(t testing.TB, s Store, r keys.Record, want bool) {
	t.Helper()
	if got := must[bool](t)(s.InsertSigningKey(t.Context(), r)); got != want {
		t.Fatalf("inserted: %v, want %v", got, want)
	}
}

func signingKeys(t testing.TB, s Store) []keys.Record {
	t.Helper()
	all := must[[]keys.Record](t)(s.SigningKeys(t.Context()))
	slices.SortFunc(all, func(a, b keys.Record) int { return cmp.Compare(a.KeyID, b.KeyID) })
	return all
}

func testSigningKeys(t *testing.T, o Options) {
	tests := []struct {
		name string
		run  func(t *testing.T, s Store)
	}{
		{"an empty store has none", func(t *testing.T, s Store) {
			if all := signingKeys(t, s); len(all) != 0 {
				t.Errorf("there are %d", len(all))
			}
		}},
		{"the keys of all sites come back as they were", func(t *testing.T, s Store) {
			want := []keys.Record{
				newSigningKey(t, "busan", keys.RS256, 1), newSigningKey(t, "seoul", keys.ES256, 1), newSigningKey(t, "seoul", keys.ES256, 2),
			}
			want[0].State, want[0].PublishedAt, want[0].ActivatedAt = keys.Active, dawn.Add(time.Hour), dawn.Add(2*time.Hour)
			for _, r := range want {
				insertKey(t, s, r, true)
			}
			slices.SortFunc(want, func(a, b keys.Record) int { return cmp.Compare(a.KeyID, b.KeyID) })
			wantSame(t, signingKeys(t, s), want)
		}},
		{"a generation that is taken stays as it is", func(t *testing.T, s Store) {
			first := newSigningKey(t, "seoul", keys.EdDSA, 1)
			insertKey(t, s, first, true)
			insertKey(t, s, newSigningKey(t, "seoul", keys.EdDSA, 1), false)
			insertKey(t, s, first, false)
			wantSame(t, signingKeys(t, s), []keys.Record{first})
		}},
		{"a kid is taken once", func(t *testing.T, s Store) {
			first := newSigningKey(t, "seoul", keys.EdDSA, 1)
			insertKey(t, s, first, true)
			first.Generation = 2
			_, err := s.InsertSigningKey(t.Context(), first)
			wantIs(t, err, store.ErrConflict)
		}},
		{"a key moves on, and each state has its time", testKeyLife},
		{"a key moves only from where it is", func(t *testing.T, s Store) {
			r := newSigningKey(t, "seoul", keys.ES256, 1)
			insertKey(t, s, r, true)
			wantIs(t, s.AdvanceSigningKey(t.Context(), r.KeyID, keys.Published, keys.Active, dawn, []byte("m")), keys.ErrConflict)
			wantIs(t, s.AdvanceSigningKey(t.Context(), newID(t), keys.Staged, keys.Published, dawn, []byte("m")), keys.ErrConflict)
			wantSame(t, signingKeys(t, s), []keys.Record{r})
		}},
		{"a manifest is replaced only by who has seen it", func(t *testing.T, s Store) {
			r := newSigningKey(t, "seoul", keys.ES256, 1)
			insertKey(t, s, r, true)
			next := randomBytes(t, 700)
			wantIs(t, s.ReplaceManifest(t.Context(), r.KeyID, next, next), keys.ErrConflict)
			wantIs(t, s.ReplaceManifest(t.Context(), newID(t), r.Manifest, next), keys.ErrConflict)
			wantSame(t, signingKeys(t, s), []keys.Record{r})
			if err := s.ReplaceManifest(t.Context(), r.KeyID, r.Manifest, next); err != nil {
				t.Fatal(err)
			}
			r.Manifest = next
			wantSame(t, signingKeys(t, s), []keys.Record{r})
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.run(t, o.New(t)) })
	}
}

func testKeyLife(t *testing.T, s Store) {
	r, lost := newSigningKey(t, "seoul", keys.ES256, 1), newSigningKey(t, "seoul", keys.ES256, 2)
	insertKey(t, s, r, true)
	insertKey(t, s, lost, true)
	for i, to := range []keys.State{keys.Published, keys.Active, keys.Retiring, keys.Removed} {
		at := dawn.Add(time.Duration(i+1) * time.Hour)
		manifest := []byte("signed " + to)
		if err := s.AdvanceSigningKey(t.Context(), r.KeyID, r.State, to, at, manifest); err != nil {
			t.Fatal(err)
		}
		r.State, r.Manifest = to, manifest
		*map[keys.State]*time.Time{
			keys.Published: &r.PublishedAt, keys.Active: &r.ActivatedAt, keys.Retiring: &r.RetiringAt, keys.Removed: &r.RemovedAt,
		}[to] = at
	}
	if err := s.AdvanceSigningKey(t.Context(), lost.KeyID, keys.Staged, keys.Withdrawn, dawn, []byte("gone")); err != nil {
		t.Fatal(err)
	}
	lost.State, lost.Manifest, lost.RemovedAt = keys.Withdrawn, []byte("gone"), dawn
	want := []keys.Record{r, lost}
	slices.SortFunc(want, func(a, b keys.Record) int { return cmp.Compare(a.KeyID, b.KeyID) })
	wantSame(t, signingKeys(t, s), want)
}

func newSealingKey(t testing.TB, generation int64) seal.Record {
	t.Helper()
	return seal.Record{
		ID: newID(t)[:8], Generation: generation, Wrapped: randomBytes(t, 60), CreatedAt: dawn, ExpiresAt: dawn.Add(time.Duration(generation) * time.Hour),
	}
}

func insertSealing(t testing.TB, s Store, r seal.Record, want bool) {
	t.Helper()
	if got := must[bool](t)(s.InsertSealingKey(t.Context(), r)); got != want {
		t.Fatalf("inserted: %v, want %v", got, want)
	}
}

func sealingKeys(t testing.TB, s Store) []seal.Record {
	t.Helper()
	all := must[[]seal.Record](t)(s.SealingKeys(t.Context()))
	slices.SortFunc(all, func(a, b seal.Record) int { return cmp.Compare(a.Generation, b.Generation) })
	return all
}

func testSealingKeys(t *testing.T, o Options) {
	tests := []struct {
		name string
		run  func(t *testing.T, s Store)
	}{
		{"keys come back as they were", func(t *testing.T, s Store) {
			want := []seal.Record{newSealingKey(t, 1), newSealingKey(t, 2), newSealingKey(t, 5)}
			for _, i := range []int{2, 0, 1} {
				insertSealing(t, s, want[i], true)
			}
			wantSame(t, sealingKeys(t, s), want)
		}},
		{"a generation that is taken stays as it is", func(t *testing.T, s Store) {
			first := newSealingKey(t, 1)
			insertSealing(t, s, first, true)
			insertSealing(t, s, newSealingKey(t, 1), false)
			wantSame(t, sealingKeys(t, s), []seal.Record{first})
		}},
		{"an id is taken once", func(t *testing.T, s Store) {
			first := newSealingKey(t, 1)
			insertSealing(t, s, first, true)
			first.Generation = 2
			_, err := s.InsertSealingKey(t.Context(), first)
			wantIs(t, err, store.ErrConflict)
		}},
		{"expired keys are deleted, and only those", func(t *testing.T, s Store) {
			var all []seal.Record
			for generation := range int64(4) {
				r := newSealingKey(t, generation+1)
				insertSealing(t, s, r, true)
				all = append(all, r)
			}
			for range 2 {
				if err := s.DeleteSealingKeys(t.Context(), dawn.Add(3*time.Hour)); err != nil {
					t.Fatal(err)
				}
				wantSame(t, sealingKeys(t, s), all[2:])
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.run(t, o.New(t)) })
	}
}
