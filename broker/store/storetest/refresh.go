package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/store"
)

const (
	idle  = 7 * 24 * time.Hour
	grace = 3 * time.Second
)

// newFamily returns what a code is claimed with that gives refresh tokens.
func newFamily(t testing.TB, account string) store.Grant {
	t.Helper()
	g := newGrant(t, newID(t), account)
	g.Epoch, g.Resources = 1, []string{"https://api.example.kr", "urn:orders"}
	g.ExpiresAt = noon.Add(30 * 24 * time.Hour)
	g.Refresh = store.Family{Key: randomBytes(t, 61), Count: 1, UsedAt: noon}
	return g
}

// used is the use of token number count of g, a while after noon.
func used(t testing.TB, g store.Grant, count int64, after time.Duration) store.Rotation {
	t.Helper()
	return store.Rotation{GrantID: g.ID, Count: count, Attempt: newID(t), At: noon.Add(after), Idle: idle, Grace: grace}
}

// rotate uses a token, which must be good or within its grace.
func rotate(t testing.TB, s Store, r store.Rotation, graced bool) {
	t.Helper()
	got, err := s.RotateRefresh(t.Context(), r)
	if err != nil || got != graced {
		t.Fatalf("token %d at %s: graced %t, error %v; want graced %t", r.Count, r.At, got, err, graced)
	}
}

// wantRefused uses a token in vain.
func wantRefused(t testing.TB, s Store, r store.Rotation, want error) {
	t.Helper()
	_, err := s.RotateRefresh(t.Context(), r)
	wantIs(t, err, want)
	for _, other := range []error{store.ErrReplayed, store.ErrUsed, store.ErrNotFound, store.ErrUnavailable} {
		if !errors.Is(want, other) && errors.Is(err, other) {
			t.Errorf("%v is also %v", err, other)
		}
	}
}

func testRefresh(t *testing.T, o Options) {
	s := o.New(t)
	a := open(t, s, newKey(t))
	tests := []struct {
		name string
		run  func(t *testing.T, g store.Grant)
	}{
		{"the claim makes the family, which comes back as it was", func(t *testing.T, g store.Grant) {
			granted, account, err := s.RefreshFamily(t.Context(), g.ID, 0)
			if err != nil {
				t.Fatal(err)
			}
			wantSame(t, granted, g)
			wantSame(t, account, a)
		}},
		{"one token after the other", func(t *testing.T, g store.Grant) {
			for n := range int64(5) {
				r := used(t, g, n+1, time.Duration(n)*time.Hour)
				rotate(t, s, r, false)
				granted := must2(t)(s.RefreshFamily(t.Context(), g.ID, n+2))
				want := g
				want.Refresh.Count, want.Refresh.Attempt, want.Refresh.UsedAt = n+2, r.Attempt, r.At
				wantSame(t, granted, want)
			}
		}},
		{"a repeated attempt is the same attempt, whenever it comes", func(t *testing.T, g store.Grant) {
			r := used(t, g, 1, time.Minute)
			r.Grace = 0
			rotate(t, s, r, false)
			r.At = r.At.Add(time.Hour)
			rotate(t, s, r, false)
			rotate(t, s, used(t, g, 2, 2*time.Hour), false)
		}},
		{"within the grace the previous token gives the same successor", func(t *testing.T, g store.Grant) {
			rotate(t, s, used(t, g, 1, 0), false)
			rotate(t, s, used(t, g, 1, grace), true)
			rotate(t, s, used(t, g, 2, time.Minute), false)
		}},
		{"after the grace it ends the family", func(t *testing.T, g store.Grant) {
			rotate(t, s, used(t, g, 1, 0), false)
			wantRefused(t, s, used(t, g, 1, grace+time.Microsecond), store.ErrReplayed)
			wantRefused(t, s, used(t, g, 2, time.Minute), store.ErrUsed)
			wantRefused(t, s, used(t, g, 1, time.Minute), store.ErrReplayed)
			if granted := must2(t)(s.RefreshFamily(t.Context(), g.ID, 0)); granted.Refresh.EndedAt.IsZero() {
				t.Error("the family does not say that it has ended")
			}
		}},
		{"without a grace it ends the family at once", func(t *testing.T, g store.Grant) {
			rotate(t, s, used(t, g, 1, 0), false)
			again := used(t, g, 1, 0)
			again.Grace = 0
			wantRefused(t, s, again, store.ErrReplayed)
			wantRefused(t, s, used(t, g, 2, 0), store.ErrUsed)
		}},
		{"within the grace, too, once its successor was used", func(t *testing.T, g store.Grant) {
			rotate(t, s, used(t, g, 1, 0), false)
			rotate(t, s, used(t, g, 2, time.Second), false)
			wantRefused(t, s, used(t, g, 1, time.Second), store.ErrReplayed)
			wantRefused(t, s, used(t, g, 3, time.Second), store.ErrUsed)
		}},
		{"a token of the future was given before the store was put back: nobody knows who has it", func(t *testing.T, g store.Grant) {
			wantRefused(t, s, used(t, g, 7, time.Minute), store.ErrReplayed)
			wantRefused(t, s, used(t, g, 1, time.Minute), store.ErrUsed)
		}},
		{"unused for too long it is gone, and nobody is accused", func(t *testing.T, g store.Grant) {
			rotate(t, s, used(t, g, 1, 0), false)
			wantRefused(t, s, used(t, g, 2, idle), store.ErrNotFound)
			rotate(t, s, used(t, g, 2, idle-time.Microsecond), false)
		}},
		{"it ends with its grant, however busy", func(t *testing.T, g store.Grant) {
			for n := range int64(5) {
				rotate(t, s, used(t, g, n+1, time.Duration(n+1)*6*24*time.Hour-time.Microsecond), false)
			}
			wantRefused(t, s, used(t, g, 6, 30*24*time.Hour), store.ErrNotFound)
			wantRefused(t, s, used(t, g, 1, 30*24*time.Hour), store.ErrNotFound)
		}},
		{"a grant without a family has no tokens", func(t *testing.T, _ store.Grant) {
			g := newGrant(t, newID(t), a.ID)
			claim(t, s, g)
			wantRefused(t, s, used(t, g, 1, 0), store.ErrNotFound)
			_, _, err := s.RefreshFamily(t.Context(), g.ID, 0)
			wantIs(t, err, store.ErrNotFound)
		}},
		{"an unknown family is not found", func(t *testing.T, g store.Grant) {
			g.ID = newID(t)
			wantRefused(t, s, used(t, g, 1, 0), store.ErrNotFound)
			_, _, err := s.RefreshFamily(t.Context(), g.ID, 0)
			wantIs(t, err, store.ErrNotFound)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := newFamily(t, a.ID)
			claim(t, s, g)
			tt.run(t, g)
		})
	}
	t.Run("a replay that spares the family ends nothing, and its attempt goes on", func(t *testing.T) {
		g := newFamily(t, a.ID)
		claim(t, s, g)
		first := used(t, g, 1, 0)
		rotate(t, s, first, false)
		late := used(t, g, 1, time.Hour)
		late.Spares = true
		wantRefused(t, s, late, store.ErrReplayed)
		if stands := must2(t)(s.RefreshFamily(t.Context(), g.ID, 2)).Refresh; stands.Attempt != first.Attempt || !stands.EndedAt.IsZero() {
			t.Errorf("the family stands as %+v, want the attempt %q alive", stands, first.Attempt)
		}
		late.Attempt = first.Attempt
		rotate(t, s, late, false)
		rotate(t, s, used(t, g, 2, time.Hour), false)
	})
	t.Run("bounds", func(t *testing.T) { testRefreshBounds(t, s, a) })
}

// must2 is must for the grant of two values.
func must2(t testing.TB) func(store.Grant, store.Account, error) store.Grant {
	t.Helper()
	return func(g store.Grant, _ store.Account, err error) store.Grant {
		t.Helper()
		return must[store.Grant](t)(g, err)
	}
}

func testRefreshBounds(t *testing.T, s Store, a store.Account) {
	for name, change := range map[string]func(*store.Grant){
		"a family without its key":      func(g *store.Grant) { g.Refresh.Key = nil },
		"a long key":                    func(g *store.Grant) { g.Refresh.Key = make([]byte, store.MaxFamilyKey+1) },
		"an empty key":                  func(g *store.Grant) { g.Refresh.Key = []byte{} },
		"a family that has begun":       func(g *store.Grant) { g.Refresh.Count = 2 },
		"a family that has ended":       func(g *store.Grant) { g.Refresh.EndedAt = noon },
		"a family of no time":           func(g *store.Grant) { g.Refresh.UsedAt = time.Time{} },
		"a resource with a space":       func(g *store.Grant) { g.Resources = []string{"urn:a b"} },
		"more resources than there are": func(g *store.Grant) { g.Resources = []string{string(make([]byte, store.MaxResources+1))} },
		"an epoch below zero":           func(g *store.Grant) { g.Epoch = -1 },
	} {
		g := newFamily(t, a.ID)
		change(&g)
		if _, err := s.ClaimCode(t.Context(), g); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	g := newFamily(t, a.ID)
	claim(t, s, g)
	for name, change := range map[string]func(*store.Rotation){
		"no grant":        func(r *store.Rotation) { r.GrantID = "" },
		"no number":       func(r *store.Rotation) { r.Count = 0 },
		"no attempt":      func(r *store.Rotation) { r.Attempt = "" },
		"no time":         func(r *store.Rotation) { r.At = time.Time{} },
		"no idle time":    func(r *store.Rotation) { r.Idle = 0 },
		"a grace of less": func(r *store.Rotation) { r.Grace = -1 },
	} {
		r := used(t, g, 1, 0)
		change(&r)
		if _, err := s.RotateRefresh(t.Context(), r); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("a rotation with %s: %v", name, err)
		}
	}
	rotate(t, s, used(t, g, 1, 0), false)
}

func testRefreshRaces(t *testing.T, s Store) {
	a := open(t, s, newKey(t))
	t.Run("one token, many uses without a grace: one is the first, and the family is dead", func(t *testing.T) {
		g := newFamily(t, a.ID)
		claim(t, s, g)
		won := winners(t, race(t.Context(), racers, func(ctx context.Context, _ int) error {
			r := used(t, g, 1, 0)
			r.Grace = 0
			_, err := s.RotateRefresh(ctx, r)
			return err
		}), store.ErrReplayed)
		if len(won) != 1 {
			t.Errorf("%d used it", len(won))
		}
		wantRefused(t, s, used(t, g, 2, 0), store.ErrUsed)
	})
	t.Run("one token, many uses within the grace: all get one successor", func(t *testing.T) {
		g := newFamily(t, a.ID)
		claim(t, s, g)
		graced := make([]bool, racers)
		winners(t, race(t.Context(), racers, func(ctx context.Context, i int) (err error) {
			graced[i], err = s.RotateRefresh(ctx, used(t, g, 1, time.Duration(i)*time.Millisecond))
			return err
		}), nil)
		firsts := 0
		for _, again := range graced {
			if !again {
				firsts++
			}
		}
		if firsts != 1 {
			t.Errorf("%d were told they were first", firsts)
		}
		rotate(t, s, used(t, g, 2, time.Second), false)
	})
	t.Run("one attempt, many calls: it is one", func(t *testing.T) {
		g := newFamily(t, a.ID)
		claim(t, s, g)
		r := used(t, g, 1, 0)
		r.Grace = 0
		winners(t, race(t.Context(), racers, func(ctx context.Context, _ int) error {
			_, err := s.RotateRefresh(ctx, r)
			return err
		}), nil)
		rotate(t, s, used(t, g, 2, 0), false)
	})
}

func testReplicaFamily(t *testing.T, r Replica) {
	a := open(t, r.Store, newKey(t))
	g := newFamily(t, a.ID)
	claim(t, r.Store, g)
	r.CatchUp()
	rotate(t, r.Store, used(t, g, 1, 0), false)
	if then := must2(t)(r.Store.RefreshFamily(t.Context(), g.ID, 1)); then.Refresh.Count != 1 {
		t.Errorf("the replica was not asked, or caught up by itself: it counts %d", then.Refresh.Count)
	}
	if now := must2(t)(r.Store.RefreshFamily(t.Context(), g.ID, 2)); now.Refresh.Count != 2 {
		t.Errorf("it counts %d, want 2", now.Refresh.Count)
	}
	r.LoseWriter()
	_, _, err := r.Store.RefreshFamily(t.Context(), g.ID, 2)
	wantUnavailable(t, err)
	_, err = r.Store.RotateRefresh(t.Context(), used(t, g, 2, 0))
	wantUnavailable(t, err)
}
