package storetest

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"slices"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/keys"
)

func newIdentity(t testing.TB, site string) keys.IdentityRecord {
	t.Helper()
	return keys.IdentityRecord{
		Site: site, State: keys.Active, Public: ed25519.PublicKey(randomBytes(t, 32)), Wrapped: randomBytes(t, 60), CreatedAt: dawn,
	}
}

// ensure stores a new active identity of site and returns it.
func ensure(t testing.TB, s Store, site string) keys.IdentityRecord {
	t.Helper()
	made := newIdentity(t, site)
	wantSame(t, must[keys.IdentityRecord](t)(s.EnsureSiteIdentity(t.Context(), made)), made)
	return made
}

// stage stores a new staged identity of seoul and returns it.
func stage(t testing.TB, s Store) keys.IdentityRecord {
	t.Helper()
	made := newIdentity(t, "seoul")
	made.State, made.CreatedAt = keys.Staged, dawn.Add(time.Hour)
	wantSame(t, must[keys.IdentityRecord](t)(s.StageSiteIdentity(t.Context(), made)), made)
	return made
}

func use(t testing.TB, s Store, r keys.IdentityRecord, at time.Time) {
	t.Helper()
	if err := s.UseSiteIdentity(t.Context(), r.Site, r.Public, at); err != nil {
		t.Fatal(err)
	}
}

// wantIdentities checks which identities site has, in the order of their states.
func wantIdentities(t testing.TB, s Store, site string, want ...keys.IdentityRecord) {
	t.Helper()
	got := must[[]keys.IdentityRecord](t)(s.SiteIdentities(t.Context(), site))
	slices.SortFunc(got, func(a, b keys.IdentityRecord) int { return cmp.Compare(a.State, b.State) })
	slices.SortFunc(want, func(a, b keys.IdentityRecord) int { return cmp.Compare(a.State, b.State) })
	wantSame(t, got, want)
}

func testIdentities(t *testing.T, o Options) {
	tests := []struct {
		name string
		run  func(t *testing.T, s Store)
	}{
		{"the first identity of a site stays", func(t *testing.T, s Store) {
			first := newIdentity(t, "seoul")
			for _, candidate := range []keys.IdentityRecord{first, newIdentity(t, "seoul"), first} {
				wantSame(t, must[keys.IdentityRecord](t)(s.EnsureSiteIdentity(t.Context(), candidate)), first)
			}
			other := ensure(t, s, "busan")
			wantIdentities(t, s, "seoul", first)
			wantIdentities(t, s, "busan", other)
			wantIdentities(t, s, "tokyo")
		}},
		{"the first staged identity stays", func(t *testing.T, s Store) {
			active := ensure(t, s, "seoul")
			first := stage(t, s)
			for range 2 {
				wantSame(t, must[keys.IdentityRecord](t)(s.StageSiteIdentity(t.Context(), newIdentity(t, "seoul"))), first)
			}
			wantIdentities(t, s, "seoul", active, first)
		}},
		{"a site without an identity stages none", func(t *testing.T, s Store) {
			_, err := s.StageSiteIdentity(t.Context(), newIdentity(t, "seoul"))
			wantIs(t, err, keys.ErrConflict)
			wantIdentities(t, s, "seoul")
		}},
		{"an identity is staged, used and dropped, and each step may be said again", testIdentityLife},
		{"only what is staged is used", func(t *testing.T, s Store) {
			active := ensure(t, s, "seoul")
			stranger := newIdentity(t, "seoul")
			wantIs(t, s.UseSiteIdentity(t.Context(), "seoul", stranger.Public, dawn), keys.ErrConflict)
			staged := stage(t, s)
			wantIs(t, s.UseSiteIdentity(t.Context(), "seoul", stranger.Public, dawn), keys.ErrConflict)
			wantIs(t, s.UseSiteIdentity(t.Context(), "busan", staged.Public, dawn), keys.ErrConflict)
			wantIdentities(t, s, "seoul", active, staged)
		}},
		{"only what is retiring is dropped", func(t *testing.T, s Store) {
			active := ensure(t, s, "seoul")
			staged := stage(t, s)
			wantIs(t, s.DropSiteIdentity(t.Context(), "seoul", active.Public), keys.ErrConflict)
			wantIs(t, s.DropSiteIdentity(t.Context(), "seoul", staged.Public), keys.ErrConflict)
			wantIs(t, s.DropSiteIdentity(t.Context(), "busan", active.Public), keys.ErrConflict)
			wantIdentities(t, s, "seoul", active, staged)
		}},
		{"of racing candidates one is staged, and everybody is told which", func(t *testing.T, s Store) {
			ensure(t, s, "seoul")
			told := make([]keys.IdentityRecord, 8)
			for _, err := range race(t.Context(), len(told), func(ctx context.Context, i int) (err error) {
				told[i], err = s.StageSiteIdentity(ctx, newIdentity(t, "seoul"))
				return err
			}) {
				if err != nil {
					t.Fatal(err)
				}
			}
			for _, r := range told {
				wantSame(t, r, told[0])
			}
		}},
		{"racing calls use an identity once", func(t *testing.T, s Store) {
			before := ensure(t, s, "seoul")
			next := stage(t, s)
			for _, err := range race(t.Context(), 8, func(ctx context.Context, _ int) error {
				return s.UseSiteIdentity(ctx, "seoul", next.Public, dawn)
			}) {
				if err != nil {
					t.Fatal(err)
				}
			}
			next.State, before.State, before.RetiredAt = keys.Active, keys.Retiring, dawn
			wantIdentities(t, s, "seoul", next, before)
		}},
		{"what is out of bounds is refused", func(t *testing.T, s Store) {
			for _, change := range []func(*keys.IdentityRecord){
				func(r *keys.IdentityRecord) { r.Site = "" },
				func(r *keys.IdentityRecord) { r.Public = nil },
				func(r *keys.IdentityRecord) { r.Wrapped = randomBytes(t, 5<<10) },
			} {
				r := newIdentity(t, "seoul")
				change(&r)
				_, err := s.EnsureSiteIdentity(t.Context(), r)
				wantIs(t, err, store.ErrInvalid)
				_, err = s.StageSiteIdentity(t.Context(), r)
				wantIs(t, err, store.ErrInvalid)
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.run(t, o.New(t)) })
	}
}

func testIdentityLife(t *testing.T, s Store) {
	other := ensure(t, s, "busan")
	active := ensure(t, s, "seoul")
	for i := range 2 {
		at := dawn.Add(time.Duration(i+2) * time.Hour)
		next := stage(t, s)
		use(t, s, next, at)
		use(t, s, next, at.Add(time.Minute)) // the second time changes nothing

		before := active
		active = next
		active.State, before.State, before.RetiredAt = keys.Active, keys.Retiring, at
		wantIdentities(t, s, "seoul", active, before)
		wantSame(t, must[keys.IdentityRecord](t)(s.EnsureSiteIdentity(t.Context(), newIdentity(t, "seoul"))), active)
		_, err := s.StageSiteIdentity(t.Context(), newIdentity(t, "seoul"))
		wantIs(t, err, keys.ErrConflict)

		for range 2 {
			if err := s.DropSiteIdentity(t.Context(), "seoul", before.Public); err != nil {
				t.Fatal(err)
			}
			wantIdentities(t, s, "seoul", active)
		}
	}
	wantIdentities(t, s, "busan", other)
}
