package consent

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/negative"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/broker/store/sqlstore"
)

const person = "aaaaaaaaaaaaaaaaaaaaaaaaaa"

// registered is a register on a real store, with one person in it, and the time.
func registered(t *testing.T) (*Register, *time.Time) {
	t.Helper()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	opened, err := sqlstore.Open(t.Context(), sqlstore.Options{Driver: sqlstore.SQLite, Path: filepath.Join(t.TempDir(), "bongsu.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := opened.Close(); err != nil {
			t.Error(err)
		}
	})
	key := store.IdentityKey{Provider: "kakao", Subject: "1"}
	if err := opened.OpenAccount(t.Context(), store.Account{ID: person, Seed: make([]byte, 32), CreatedAt: now, UpdatedAt: now}, key); err != nil {
		t.Fatal(err)
	}
	facts, err := negative.Open(t.Context(), negative.Options{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	r, err := New(Options{Records: opened, Negatives: facts, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	return r, &now
}

func given(t *testing.T, r *Register, client string) store.Consent {
	t.Helper()
	c, err := r.Of(t.Context(), person, client, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A yes and a no are remembered for one website, the later word about each scope.
func TestTheLaterWordCounts(t *testing.T) {
	r, now := registered(t)
	say := func(yes, no []string) {
		t.Helper()
		if err := r.Give(t.Context(), person, "shop", yes, no); err != nil {
			t.Fatal(err)
		}
		*now = now.Add(time.Minute)
	}
	if missing := Missing(given(t, r, "shop"), []string{"openid", "email"}); len(missing) != 2 {
		t.Errorf("before anything was said only %v is missing", missing)
	}
	say([]string{"openid", "email"}, []string{"phone"})
	if missing := Missing(given(t, r, "shop"), []string{"openid", "email", "phone", "profile"}); !slices.Equal(missing, []string{"profile"}) {
		t.Errorf("asked again about %v", missing)
	}
	say([]string{"phone"}, []string{"email"})
	c := given(t, r, "shop")
	slices.Sort(c.Scope)
	if !slices.Equal(c.Scope, []string{"openid", "phone"}) || !slices.Equal(c.Declined, []string{"email"}) {
		t.Errorf("yes to %v, no to %v", c.Scope, c.Declined)
	}
	if other := given(t, r, "another"); len(other.Scope)+len(other.Declined) != 0 {
		t.Errorf("another website has %v", other)
	}
}

// What was taken away is gone at once, also for a node that still reads the old
// record; a new yes counts, even within the same moment.
func TestWhatIsTakenAwayIsGone(t *testing.T) {
	r, _ := registered(t)
	for range 2 {
		if err := r.Give(t.Context(), person, "shop", []string{"openid"}, nil); err != nil {
			t.Fatal(err)
		}
		if c := given(t, r, "shop"); len(c.Scope) != 1 {
			t.Fatalf("a yes gave %v", c)
		}
		if services, err := r.Services(t.Context(), person); err != nil || len(services) != 1 || services[0].ClientID != "shop" {
			t.Errorf("services %v, %v", services, err)
		}
		if err := r.TakeAway(t.Context(), person, "shop"); err != nil {
			t.Fatal(err)
		}
		if c := given(t, r, "shop"); len(c.Scope) != 0 {
			t.Errorf("still there: %v", c)
		}
		if services, err := r.Services(t.Context(), person); err != nil || len(services) != 0 {
			t.Errorf("services %v, %v", services, err)
		}
	}
}
