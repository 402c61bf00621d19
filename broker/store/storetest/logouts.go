package storetest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/store"
)

// newLogout returns a logout of client that waits since noon.
func newLogout(cause, client string) store.Logout {
	return store.Logout{
		Cause: cause, ClientID: client, SID: "sid-1", AccountID: "acc", Subject: "u_1", State: store.LogoutTrying,
		NextAt: noon, CreatedAt: noon, ChangedAt: noon, ExpiresAt: noon.Add(time.Hour),
	}
}

// logoutVerbs calls every verb about logouts and assertions, in a way that
// would succeed.
func logoutVerbs(t testing.TB, s Store) []verb {
	t.Helper()
	waits := newLogout("verbs", "demo")
	if err := s.AddLogouts(t.Context(), []store.Logout{waits}); err != nil {
		t.Fatal(err)
	}
	assertion := newAssertion(t)
	return []verb{
		{"GrantsOfSession", func(ctx context.Context) error { _, err := s.GrantsOfSession(ctx, "sid-1", noon, 1); return err }},
		{"AddLogouts", func(ctx context.Context) error { return s.AddLogouts(ctx, []store.Logout{waits}) }},
		{"LogoutsOf", func(ctx context.Context) error { _, err := s.LogoutsOf(ctx, "verbs"); return err }},
		{"SettleLogout", func(ctx context.Context) error { return s.SettleLogout(ctx, waits) }},
		{"TakeLogouts", func(ctx context.Context) error {
			_, err := s.TakeLogouts(ctx, noon, noon.Add(time.Minute), 1)
			return err
		}},
		{"LogoutFeed", func(ctx context.Context) error { _, err := s.LogoutFeed(ctx); return err }},
		{"AdvanceLogoutFeed", func(ctx context.Context) error { return s.AdvanceLogoutFeed(ctx, 1) }},
		{"PurgeLogouts", func(ctx context.Context) error { _, err := s.PurgeLogouts(ctx, noon, 1); return err }},
		{"ClaimAssertion", func(ctx context.Context) error { return s.ClaimAssertion(ctx, assertion) }},
		{"PurgeAssertions", func(ctx context.Context) error { _, err := s.PurgeAssertions(ctx, noon, 1); return err }},
	}
}

func testSessionGrants(t *testing.T, o Options) {
	s := o.New(t)
	a := open(t, s, newKey(t))
	var want []store.Grant
	for i := range 4 {
		g := newGrant(t, newID(t), a.ID)
		g.ID, g.SID = fmt.Sprintf("%026d", i), "sid-1"
		if i == 1 {
			g.ExpiresAt = noon
		}
		if i == 2 {
			g.ExpiresAt = time.Time{}
		}
		claim(t, s, g)
		want = append(want, g)
	}
	other := newGrant(t, newID(t), a.ID)
	claim(t, s, other)
	without := newGrant(t, newID(t), a.ID)
	without.SID = ""
	claim(t, s, without)

	ofSession := func(at time.Time, limit int) []store.Grant {
		return must[[]store.Grant](t)(s.GrantsOfSession(t.Context(), "sid-1", at, limit))
	}
	wantSame(t, ofSession(noon, 10), []store.Grant{want[3], want[2], want[0]})
	wantSame(t, ofSession(noon, 2), []store.Grant{want[3], want[2]})
	wantSame(t, ofSession(noon.Add(-time.Second), 10), []store.Grant{want[3], want[2], want[1], want[0]})
	wantSame(t, ofSession(noon.Add(48*time.Hour), 10), []store.Grant{want[2]})
	if got := ofSession(noon, 0); len(got) != 0 {
		t.Errorf("no grants wanted, got %d", len(got))
	}
	_, err := s.GrantsOfSession(t.Context(), "", noon, 1)
	wantInvalid(t, err)
}

func testLogouts(t *testing.T, o Options) {
	s := o.New(t)
	tests := []struct {
		name string
		run  func(t *testing.T, s Store)
	}{
		{"what is added comes back as it was, by client, and is not added twice", testAddLogouts},
		{"an attempt is given to one, until its time is over", testTakeLogouts},
		{"who comes late settles nothing", testSettleLogouts},
		{"the feed's mark only rises", testLogoutFeed},
		{"what has expired is purged", testPurgeLogouts},
		{"bounds", testLogoutBounds},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.run(t, s) })
	}
	t.Run("of racing takers each gets what no other got", func(t *testing.T) { testRacingTakers(t, o.New(t)) })
}

func testAddLogouts(t *testing.T, s Store) {
	batch := []store.Logout{newLogout("added", "b"), newLogout("added", "a"), newLogout("added", "a")}
	batch[1].SID, batch[1].AccountID, batch[1].Subject = "", "", ""
	if err := s.AddLogouts(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	again := newLogout("added", "b")
	again.State, again.Attempts = store.LogoutRefused, 7
	if err := s.AddLogouts(t.Context(), []store.Logout{again}); err != nil {
		t.Fatal(err)
	}
	if err := s.AddLogouts(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	wantSame(t, must[[]store.Logout](t)(s.LogoutsOf(t.Context(), "added")), []store.Logout{batch[1], batch[2], batch[0]})
	wantSame(t, len(must[[]store.Logout](t)(s.LogoutsOf(t.Context(), "other"))), 0)
	if err := s.AdvanceLogoutFeed(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	settleAll(t, s, batch)
}

// settleAll takes the logouts out of the way of the next test.
func settleAll(t *testing.T, s Store, all []store.Logout) {
	t.Helper()
	for _, l := range all {
		l.State = store.LogoutDelivered
		if err := s.SettleLogout(t.Context(), l); err != nil {
			t.Fatal(err)
		}
	}
}

func testTakeLogouts(t *testing.T, s Store) {
	first, second, later := newLogout("taken", "a"), newLogout("taken", "b"), newLogout("taken", "c")
	second.NextAt, later.NextAt = noon.Add(time.Second), noon.Add(time.Hour)
	if err := s.AddLogouts(t.Context(), []store.Logout{later, second, first}); err != nil {
		t.Fatal(err)
	}
	take := func(at time.Time, limit int) []store.Logout {
		return must[[]store.Logout](t)(s.TakeLogouts(t.Context(), at, at.Add(time.Minute), limit))
	}
	wantSame(t, len(take(noon.Add(-time.Second), 10)), 0)
	wantSame(t, len(take(noon.Add(time.Minute), 0)), 0)
	at := noon.Add(2 * time.Second)
	first.Attempts, first.NextAt, first.ChangedAt = 1, at.Add(time.Minute), at
	wantSame(t, take(at, 1), []store.Logout{first})
	second.Attempts, second.NextAt, second.ChangedAt = 1, at.Add(time.Minute), at
	wantSame(t, take(at, 10), []store.Logout{second})
	wantSame(t, len(take(at, 10)), 0)
	at = at.Add(time.Minute) // who took them is gone
	if got := take(at, 10); len(got) != 2 || got[0].Attempts != 2 {
		t.Fatalf("after the time of an attempt: %+v", got)
	}
	first.Attempts, second.Attempts = 2, 2
	settleAll(t, s, []store.Logout{first, second, later})
	_, err := s.TakeLogouts(t.Context(), noon, noon, 1)
	wantInvalid(t, err)
}

func testSettleLogouts(t *testing.T, s Store) {
	l := newLogout("settled", "a")
	if err := s.AddLogouts(t.Context(), []store.Logout{l}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		l = must[[]store.Logout](t)(s.TakeLogouts(t.Context(), l.NextAt, l.NextAt.Add(time.Minute), 1))[0]
	}
	late := l
	late.Attempts, late.State = 1, store.LogoutRefused
	wantIs(t, s.SettleLogout(t.Context(), late), store.ErrConflict)
	l.State, l.ChangedAt = store.LogoutDelivered, noon.Add(time.Hour)
	for range 2 {
		if err := s.SettleLogout(t.Context(), l); err != nil {
			t.Fatal(err)
		}
	}
	wantSame(t, must[[]store.Logout](t)(s.LogoutsOf(t.Context(), "settled")), []store.Logout{l})
	other := l
	other.State = store.LogoutTrying
	wantIs(t, s.SettleLogout(t.Context(), other), store.ErrConflict)
	other.ClientID = "nobody"
	wantIs(t, s.SettleLogout(t.Context(), other), store.ErrNotFound)
}

func testLogoutFeed(t *testing.T, s Store) {
	for _, step := range []struct{ raise, want int64 }{{3, 3}, {2, 3}, {9, 9}, {9, 9}} {
		if err := s.AdvanceLogoutFeed(t.Context(), step.raise); err != nil {
			t.Fatal(err)
		}
		wantSame(t, must[int64](t)(s.LogoutFeed(t.Context())), step.want)
	}
}

func testPurgeLogouts(t *testing.T, s Store) {
	old, young := newLogout("purged", "a"), newLogout("purged", "b")
	old.ExpiresAt = noon.Add(-time.Hour)
	if err := s.AddLogouts(t.Context(), []store.Logout{old, young}); err != nil {
		t.Fatal(err)
	}
	wantSame(t, must[int](t)(s.PurgeLogouts(t.Context(), noon, 0)), 0)
	wantSame(t, must[int](t)(s.PurgeLogouts(t.Context(), noon, 10)), 1)
	wantSame(t, must[[]store.Logout](t)(s.LogoutsOf(t.Context(), "purged")), []store.Logout{young})
}

func testLogoutBounds(t *testing.T, s Store) {
	long := func(n int) string { return strings.Repeat("a", n+1) }
	for name, change := range map[string]func(*store.Logout){
		"no cause":           func(l *store.Logout) { l.Cause = "" },
		"a long cause":       func(l *store.Logout) { l.Cause = long(store.MaxCause) },
		"no client":          func(l *store.Logout) { l.ClientID = "" },
		"a long session id":  func(l *store.Logout) { l.SID = long(store.MaxID) },
		"a long account id":  func(l *store.Logout) { l.AccountID = long(store.MaxID) },
		"a long subject":     func(l *store.Logout) { l.Subject = long(store.MaxSubject) },
		"a state that isn't": func(l *store.Logout) { l.State = "lost" },
		"negative attempts":  func(l *store.Logout) { l.Attempts = -1 },
		"no end":             func(l *store.Logout) { l.ExpiresAt = time.Time{} },
	} {
		t.Run(name, func(t *testing.T) {
			l := newLogout("bounds", "a")
			change(&l)
			wantInvalid(t, s.AddLogouts(t.Context(), []store.Logout{newLogout("bounds", "b"), l}))
		})
	}
	wantInvalid(t, s.AddLogouts(t.Context(), make([]store.Logout, store.MaxLogouts+1)))
	wantSame(t, len(must[[]store.Logout](t)(s.LogoutsOf(t.Context(), "bounds"))), 0)
	_, err := s.LogoutsOf(t.Context(), "")
	wantInvalid(t, err)
}

func testRacingTakers(t *testing.T, s Store) {
	var batch []store.Logout
	for i := range store.MaxLogouts {
		batch = append(batch, newLogout("raced", fmt.Sprintf("client-%03d", i)))
	}
	if err := s.AddLogouts(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var got []string
	race(t.Context(), racers, func(ctx context.Context, _ int) error {
		for {
			taken, err := s.TakeLogouts(ctx, noon, noon.Add(time.Hour), 7)
			if err != nil {
				t.Errorf("TakeLogouts: %v", err)
			}
			if len(taken) == 0 {
				return nil
			}
			mu.Lock()
			for _, l := range taken {
				got = append(got, l.ClientID)
			}
			mu.Unlock()
		}
	})
	// A taker that met others may have come away with nothing while something waited.
	for _, l := range must[[]store.Logout](t)(s.TakeLogouts(t.Context(), noon, noon.Add(time.Hour), store.MaxLogouts)) {
		got = append(got, l.ClientID)
	}
	slices.Sort(got)
	if len(slices.Compact(slices.Clone(got))) != len(got) || len(got) != store.MaxLogouts {
		t.Errorf("%d were taken of %d, some twice: %v", len(got), store.MaxLogouts, got)
	}
}

func newAssertion(t testing.TB) store.Assertion {
	t.Helper()
	return store.Assertion{ClientID: "demo", TokenID: randomBytes(t, 32), Attempt: newID(t), ExpiresAt: noon.Add(time.Minute)}
}

func testAssertions(t *testing.T, o Options) {
	s := o.New(t)
	a := newAssertion(t)
	for range 2 {
		if err := s.ClaimAssertion(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	replay, elsewhere := a, a
	replay.Attempt, elsewhere.Attempt, elsewhere.ClientID = newID(t), newID(t), "another"
	wantIs(t, s.ClaimAssertion(t.Context(), replay), store.ErrUsed)
	if err := s.ClaimAssertion(t.Context(), elsewhere); err != nil {
		t.Errorf("the same jti of another client: %v", err)
	}
	wantSame(t, must[int](t)(s.PurgeAssertions(t.Context(), noon, 10)), 0)
	wantSame(t, must[int](t)(s.PurgeAssertions(t.Context(), noon.Add(time.Hour), 1)), 1)
	wantSame(t, must[int](t)(s.PurgeAssertions(t.Context(), noon.Add(time.Hour), 10)), 1)
	for name, change := range map[string]func(*store.Assertion){
		"no client":     func(a *store.Assertion) { a.ClientID = "" },
		"a short jti":   func(a *store.Assertion) { a.TokenID = a.TokenID[1:] },
		"no attempt":    func(a *store.Assertion) { a.Attempt = "" },
		"no end to it ": func(a *store.Assertion) { a.ExpiresAt = time.Time{} },
	} {
		t.Run(name, func(t *testing.T) {
			broken := newAssertion(t)
			change(&broken)
			wantInvalid(t, s.ClaimAssertion(t.Context(), broken))
		})
	}
	t.Run("of racing claims one wins", func(t *testing.T) {
		raced := newAssertion(t)
		attempts := make([]string, racers)
		for i := range attempts {
			attempts[i] = newID(t)
		}
		won := winners(t, race(t.Context(), racers, func(ctx context.Context, i int) error {
			mine := raced
			mine.Attempt = attempts[i]
			return s.ClaimAssertion(ctx, mine)
		}), store.ErrUsed)
		if len(won) != 1 {
			t.Errorf("%d claimed it", len(won))
		}
	})
}
