package storetest

import (
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/store"
)

// claim stores g, which must be the first claim of its login.
func claim(t testing.TB, s Store, g store.Grant) {
	t.Helper()
	if got := must[string](t)(s.ClaimCode(t.Context(), g)); got != g.ID {
		t.Fatalf("ClaimCode gave grant %q, want %q", got, g.ID)
	}
}

func testClaims(t *testing.T, o Options) {
	s := o.New(t)
	a := open(t, s, newKey(t))
	tests := []struct {
		name string
		run  func(t *testing.T)
	}{
		{"the first claim gives the grant, which comes back as it was", func(t *testing.T) {
			g := newGrant(t, newID(t), a.ID)
			claim(t, s, g)
			granted, account, err := s.GrantedAccount(t.Context(), g.ID)
			if err != nil {
				t.Fatal(err)
			}
			wantSame(t, granted, g)
			wantSame(t, account, a)
		}},
		{"a grant without scope, amr and session comes back without", func(t *testing.T) {
			g := newGrant(t, newID(t), a.ID)
			g.Scope, g.Claims, g.AMR, g.SID, g.ExpiresAt = nil, nil, nil, "", time.Time{}
			claim(t, s, g)
			granted, _, err := s.GrantedAccount(t.Context(), g.ID)
			if err != nil {
				t.Fatal(err)
			}
			wantSame(t, granted, g)
		}},
		{"a repeated claim of the same grant is the same claim", func(t *testing.T) {
			g := newGrant(t, newID(t), a.ID)
			for range 3 {
				claim(t, s, g)
			}
		}},
		{"a replay learns the grant that the code gave", func(t *testing.T) {
			g := newGrant(t, newID(t), a.ID)
			claim(t, s, g)
			replay := newGrant(t, g.LoginID, a.ID)
			replay.CodeHash = g.CodeHash
			first, err := s.ClaimCode(t.Context(), replay)
			wantIs(t, err, store.ErrReplayed)
			if first != g.ID {
				t.Errorf("replay learnt grant %q, want %q", first, g.ID)
			}
			_, _, err = s.GrantedAccount(t.Context(), replay.ID)
			wantIs(t, err, store.ErrNotFound)
		}},
		{"another code of the same login is used, and learns nothing", func(t *testing.T) {
			g := newGrant(t, newID(t), a.ID)
			claim(t, s, g)
			first, err := s.ClaimCode(t.Context(), newGrant(t, g.LoginID, a.ID))
			wantIs(t, err, store.ErrUsed)
			if first != "" {
				t.Errorf("learnt grant %q", first)
			}
		}},
		{"a grant belongs to one login", func(t *testing.T) {
			g := newGrant(t, newID(t), a.ID)
			claim(t, s, g)
			other := newGrant(t, newID(t), a.ID)
			other.ID = g.ID
			_, err := s.ClaimCode(t.Context(), other)
			wantIs(t, err, store.ErrConflict)
		}},
		{"an unknown grant is not found", func(t *testing.T) {
			_, _, err := s.GrantedAccount(t.Context(), newID(t))
			wantIs(t, err, store.ErrNotFound)
		}},
		{"a grant of nobody is not found", func(t *testing.T) {
			g := newGrant(t, newID(t), newID(t))
			claim(t, s, g)
			_, _, err := s.GrantedAccount(t.Context(), g.ID)
			wantIs(t, err, store.ErrNotFound)
		}},
		{"a grant shows its account as it is now", func(t *testing.T) {
			account := open(t, s, newKey(t))
			g := newGrant(t, newID(t), account.ID)
			claim(t, s, g)
			must[store.Fact](t)(s.EndSessions(t.Context(), account.ID, noon))
			must[store.Fact](t)(s.DisableAccount(t.Context(), account.ID, noon))
			_, now, err := s.GrantedAccount(t.Context(), g.ID)
			if err != nil || now.Epoch != 2 || !now.Disabled {
				t.Errorf("got epoch %d, disabled %v, error %v", now.Epoch, now.Disabled, err)
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, tt.run)
	}
	t.Run("expired grants are purged, oldest first, a few at a time", func(t *testing.T) { testPurgeGrants(t, o.New(t)) })
}

func testPurgeGrants(t *testing.T, s Store) {
	a := open(t, s, newKey(t))
	grants := make([]store.Grant, 6)
	for i := range grants {
		grants[i] = newGrant(t, newID(t), a.ID)
		grants[i].ExpiresAt = noon.Add(time.Duration(i) * time.Second)
	}
	grants[5].ExpiresAt = time.Time{} // never
	for _, i := range []int{3, 0, 4, 5, 1, 2} {
		claim(t, s, grants[i])
	}
	steps := []struct {
		at    time.Time
		limit int
		want  int
		stays int // the first grant that is still there
	}{
		{noon, 10, 0, 0},
		{noon.Add(time.Hour), 0, 0, 0},
		{noon.Add(time.Hour), -1, 0, 0},
		{noon.Add(time.Hour), 2, 2, 2},
		{noon.Add(3 * time.Second), 10, 1, 3},
		{noon.Add(time.Hour), 10, 2, 5},
		{noon.Add(time.Hour), 10, 0, 5},
	}
	for _, step := range steps {
		if gone := must[int](t)(s.PurgeGrants(t.Context(), step.at, step.limit)); gone != step.want {
			t.Fatalf("purged %d of at most %d before %s, want %d", gone, step.limit, step.at, step.want)
		}
		for i, g := range grants {
			_, _, err := s.GrantedAccount(t.Context(), g.ID)
			if i < step.stays {
				wantIs(t, err, store.ErrNotFound)
			} else if err != nil {
				t.Fatalf("grant %d is gone: %v", i, err)
			}
		}
	}
}
