package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/store"
)

func testGrantsOfAccount(t *testing.T, o Options) {
	s := o.New(t)
	a, other := open(t, s, newKey(t)), open(t, s, newKey(t))
	grants := make([]store.Grant, 4)
	for i := range grants {
		grants[i] = newGrant(t, newID(t), a.ID)
		grants[i].CreatedAt = minute(i)
		grants[i].ExpiresAt = minute(60 + i)
	}
	grants[3].ExpiresAt = time.Time{} // never
	for _, i := range []int{2, 0, 3, 1} {
		claim(t, s, grants[i])
	}
	claim(t, s, newGrant(t, newID(t), other.ID))
	for _, tt := range []struct {
		name  string
		at    time.Time
		limit int
		want  []store.Grant
	}{
		{"newest first", noon, 10, []store.Grant{grants[3], grants[2], grants[1], grants[0]}},
		{"at most so many", noon, 2, []store.Grant{grants[3], grants[2]}},
		{"none that has expired", minute(61), 10, []store.Grant{grants[3], grants[2]}},
		{"one without an end stays", minute(900), 10, []store.Grant{grants[3]}},
		{"none asked for", noon, 0, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wantSame(t, must[[]store.Grant](t)(s.GrantsOfAccount(t.Context(), a.ID, tt.at, tt.limit)), tt.want)
		})
	}
	t.Run("nobody has none", func(t *testing.T) {
		wantSame(t, must[[]store.Grant](t)(s.GrantsOfAccount(t.Context(), newID(t), noon, 10)), []store.Grant(nil))
	})
}

func testPersonal(t *testing.T, o Options) {
	s := o.New(t)
	tests := []struct {
		name string
		run  func(t *testing.T, a store.Account, key store.IdentityKey)
	}{
		{"a language is kept, and nothing else changes", func(t *testing.T, a store.Account, key store.IdentityKey) {
			for _, a.Language = range []string{"ja", "en", ""} {
				if err := s.KeepLanguage(t.Context(), a.ID, a.Language); err != nil {
					t.Fatal(err)
				}
				wantSame(t, must[store.Account](t)(s.AccountByIdentity(t.Context(), key, 0)), a)
			}
			wantIs(t, s.KeepLanguage(t.Context(), newID(t), "ko"), store.ErrNotFound)
			wantInvalid(t, s.KeepLanguage(t.Context(), a.ID, strings.Repeat("k", store.MaxLanguage+1)))
		}},
		{"a deleted account is a tombstone with its seed", func(t *testing.T, a store.Account, key store.IdentityKey) {
			said := must[store.Fact](t)(s.DeleteAccount(t.Context(), a.ID, a.Epoch, minute(1)))
			wantSame(t, said, store.Fact{Kind: store.AccountDisabled, ID: a.ID, Epoch: 2, Revision: said.Revision, At: minute(1)})
			wantSame(t, must[store.Account](t)(s.Account(t.Context(), a.ID, 0)), store.Account{
				ID: a.ID, Seed: a.Seed, Epoch: 2, Disabled: true, DeletedAt: minute(1), CreatedAt: a.CreatedAt, UpdatedAt: minute(1),
			})
			_, err := s.AccountByIdentity(t.Context(), key, 0)
			wantIs(t, err, store.ErrNotFound)
			wantSame(t, must[[]store.Link](t)(s.Links(t.Context(), a.ID)), []store.Link(nil))
			wantSame(t, must[[]store.Fact](t)(s.FactsSince(t.Context(), said.Revision-1, 1)), []store.Fact{said})
		}},
		{"deleting it twice is once", func(t *testing.T, a store.Account, _ store.IdentityKey) {
			said := must[store.Fact](t)(s.DeleteAccount(t.Context(), a.ID, 0, minute(1)))
			wantSame(t, must[store.Fact](t)(s.DeleteAccount(t.Context(), a.ID, 0, minute(2))), said)
			wantNothingSince(t, s, said.Revision)
		}},
		{"one that was disabled goes too", func(t *testing.T, a store.Account, _ store.IdentityKey) {
			must[store.Fact](t)(s.DisableAccount(t.Context(), a.ID, noon))
			if said := must[store.Fact](t)(s.DeleteAccount(t.Context(), a.ID, 0, minute(1))); said.Epoch != 2 || said.Lifted {
				t.Errorf("got %+v", said)
			}
		}},
		{"who saw an older epoch deletes nothing, nor is nobody deleted", func(t *testing.T, a store.Account, key store.IdentityKey) {
			must[store.Fact](t)(s.EndSessions(t.Context(), a.ID, noon))
			_, err := s.DeleteAccount(t.Context(), a.ID, a.Epoch, noon)
			wantIs(t, err, store.ErrNotFound)
			must[store.Account](t)(s.AccountByIdentity(t.Context(), key, 0))
			_, err = s.DeleteAccount(t.Context(), newID(t), 0, noon)
			wantIs(t, err, store.ErrNotFound)
		}},
		{"nothing brings a deleted account back", func(t *testing.T, a store.Account, _ store.IdentityKey) {
			must[store.Fact](t)(s.DeleteAccount(t.Context(), a.ID, 0, noon))
			link := store.Link{IdentityKey: newKey(t), AccountID: a.ID, CreatedAt: noon}
			_, err := s.EnableAccount(t.Context(), a.ID, noon)
			wantIs(t, err, store.ErrNotFound)
			wantIs(t, s.LinkIdentity(t.Context(), link), store.ErrNotFound)
			_, err = s.LinkIdentityEndSessions(t.Context(), link, 0, noon)
			wantIs(t, err, store.ErrNotFound)
			wantIs(t, s.KeepLanguage(t.Context(), a.ID, "ko"), store.ErrNotFound)
			wantIs(t, s.GiveConsent(t.Context(), newConsent(a.ID)), store.ErrNotFound)
			if err := s.FillProfile(t.Context(), a); err != nil {
				t.Fatal(err)
			}
			if err := s.NoteEvents(t.Context(), []store.AccountEvent{newEvent(t, a.ID, 1)}); err != nil {
				t.Fatal(err)
			}
			wantSame(t, must[[]store.AccountEvent](t)(s.EventsOf(t.Context(), a.ID, 9)), []store.AccountEvent(nil))
			if now := must[store.Account](t)(s.Account(t.Context(), a.ID, 0)); now.Name != "" || !now.Disabled {
				t.Errorf("the tombstone is %+v", now)
			}
		}},
		{"the same identity opens another account", func(t *testing.T, a store.Account, key store.IdentityKey) {
			must[store.Fact](t)(s.DeleteAccount(t.Context(), a.ID, 0, noon))
			second := open(t, s, key)
			wantSame(t, must[store.Account](t)(s.AccountByIdentity(t.Context(), key, 0)), second)
		}},
		{"consents, history and activity go with it, grants stay until they expire", func(t *testing.T, a store.Account, _ store.IdentityKey) {
			give(t, s, newConsent(a.ID))
			g := newGrant(t, newID(t), a.ID)
			claim(t, s, g)
			note(t, s, store.Activity{Client: "only", Account: a.ID, Day: today})
			if err := s.NoteEvents(t.Context(), []store.AccountEvent{newEvent(t, a.ID, 1)}); err != nil {
				t.Fatal(err)
			}
			must[store.Fact](t)(s.DeleteAccount(t.Context(), a.ID, 0, noon))
			wantSame(t, must[[]store.Consent](t)(s.ConsentsOf(t.Context(), a.ID, 9)), []store.Consent(nil))
			wantSame(t, must[[]store.AccountEvent](t)(s.EventsOf(t.Context(), a.ID, 9)), []store.AccountEvent(nil))
			wantSame(t, must[[]store.Grant](t)(s.GrantsOfAccount(t.Context(), a.ID, noon, 9)), []store.Grant{g})
			wantCoverage(t, s, store.CoverageQuery{Client: "only", SinceDay: today}, 0, 0)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			key := newKey(t)
			tt.run(t, open(t, s, key), key)
		})
	}
	t.Run("deleted by many and linked by many at once: one deletion, and no link is left", func(t *testing.T) { testDeleteRace(t, s) })
}

func testDeleteRace(t *testing.T, s Store) {
	a, before := open(t, s, newKey(t)), lastRevision(t, s)
	facts := map[int64]bool{}
	said := make([]store.Fact, racers)
	winners(t, race(t.Context(), racers, func(ctx context.Context, i int) (err error) {
		if i%2 == 0 {
			said[i], err = s.DeleteAccount(ctx, a.ID, 0, minute(i))
			return err
		}
		l := store.Link{IdentityKey: store.IdentityKey{Provider: "naver", Subject: fmt.Sprint(before, i)}, AccountID: a.ID, CreatedAt: noon}
		_, err = s.LinkIdentityEndSessions(ctx, l, 0, noon)
		return err
	}), store.ErrNotFound)
	for i := 0; i < racers; i += 2 {
		facts[said[i].Revision] = true
	}
	if len(facts) != 1 {
		t.Errorf("it was deleted %d times", len(facts))
	}
	wantSame(t, must[[]store.Link](t)(s.Links(t.Context(), a.ID)), []store.Link(nil))
}

func newConsent(accountID string) store.Consent {
	return store.Consent{
		AccountID: accountID, ClientID: "shop", Scope: []string{"openid", "profile"}, Declined: []string{"phone"}, GivenAt: noon,
	}
}

func give(t testing.TB, s Store, c store.Consent) {
	t.Helper()
	if err := s.GiveConsent(t.Context(), c); err != nil {
		t.Fatalf("GiveConsent: %v", err)
	}
}

func testConsents(t *testing.T, o Options) {
	s := o.New(t)
	withdraw := func(t *testing.T, a store.Account, at time.Time) store.Fact {
		t.Helper()
		return record(t, s, store.Fact{
			Kind: store.ConsentWithdrawn, ID: store.WithdrawnConsent(a.ID, "shop"), Epoch: at.UnixMicro(), At: at,
		})
	}
	absent := func(t *testing.T, a store.Account) {
		t.Helper()
		_, err := s.Consent(t.Context(), a.ID, "shop", nil)
		wantIs(t, err, store.ErrNotFound)
	}
	tests := []struct {
		name string
		run  func(t *testing.T, a store.Account)
	}{
		{"a consent comes back as it was given", func(t *testing.T, a store.Account) {
			absent(t, a)
			give(t, s, newConsent(a.ID))
			wantSame(t, must[store.Consent](t)(s.Consent(t.Context(), a.ID, "shop", nil)), newConsent(a.ID))
		}},
		{"a later one takes its place, an earlier one does not", func(t *testing.T, a store.Account) {
			later := newConsent(a.ID)
			later.Scope, later.Declined, later.GivenAt = []string{"openid", "email"}, nil, minute(1)
			give(t, s, later)
			give(t, s, newConsent(a.ID))
			wantSame(t, must[store.Consent](t)(s.Consent(t.Context(), a.ID, "shop", nil)), later)
		}},
		{"an account's are listed, latest first, and nobody else's", func(t *testing.T, a store.Account) {
			give(t, s, newConsent(open(t, s, newKey(t)).ID))
			first, second := newConsent(a.ID), newConsent(a.ID)
			second.ClientID, second.GivenAt = "game", minute(1)
			give(t, s, first)
			give(t, s, second)
			wantSame(t, must[[]store.Consent](t)(s.ConsentsOf(t.Context(), a.ID, 9)), []store.Consent{second, first})
			wantSame(t, must[[]store.Consent](t)(s.ConsentsOf(t.Context(), a.ID, 1)), []store.Consent{second})
			wantSame(t, must[[]store.Consent](t)(s.ConsentsOf(t.Context(), a.ID, 0)), []store.Consent(nil))
		}},
		{"a withdrawn one is gone, and one that was given before it arrives in vain", func(t *testing.T, a store.Account) {
			give(t, s, newConsent(a.ID))
			said := withdraw(t, a, minute(1))
			absent(t, a)
			give(t, s, newConsent(a.ID))
			absent(t, a)
			wantNothingSince(t, s, said.Revision)
		}},
		{"what is given after a withdrawal stands, also when that arrives later", func(t *testing.T, a store.Account) {
			again := newConsent(a.ID)
			again.GivenAt = minute(2)
			withdraw(t, a, minute(1))
			give(t, s, again)
			withdraw(t, a, minute(1))
			wantSame(t, must[store.Consent](t)(s.Consent(t.Context(), a.ID, "shop", nil)), again)
			other := open(t, s, newKey(t))
			again.AccountID = other.ID
			give(t, s, again)
			withdraw(t, other, minute(1))
			wantSame(t, must[store.Consent](t)(s.Consent(t.Context(), other.ID, "shop", nil)), again)
		}},
		{"nobody consents for nobody, nor to what breaks the bounds", func(t *testing.T, a store.Account) {
			wantIs(t, s.GiveConsent(t.Context(), newConsent(newID(t))), store.ErrNotFound)
			for _, spoil := range []func(c *store.Consent){
				func(c *store.Consent) { c.ClientID = "" },
				func(c *store.Consent) { c.Scope = []string{"a b"} },
				func(c *store.Consent) { c.Declined = []string{strings.Repeat("a", store.MaxScope+1)} },
			} {
				c := newConsent(a.ID)
				spoil(&c)
				wantInvalid(t, s.GiveConsent(t.Context(), c))
			}
		}},
		{"of many given at once the latest stands", func(t *testing.T, a store.Account) {
			winners(t, race(t.Context(), racers, func(ctx context.Context, i int) error {
				c := newConsent(a.ID)
				c.GivenAt = minute(i)
				return s.GiveConsent(ctx, c)
			}), nil)
			if c := must[store.Consent](t)(s.Consent(t.Context(), a.ID, "shop", nil)); !c.GivenAt.Equal(minute(racers - 1)) {
				t.Errorf("given at %s", c.GivenAt)
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.run(t, open(t, s, newKey(t))) })
	}
}

// newEvent returns the n-th event of an account in time.
func newEvent(t testing.TB, accountID string, n int) store.AccountEvent {
	t.Helper()
	return store.AccountEvent{
		ID: fmt.Sprintf("%06d%s", n, newID(t)), AccountID: accountID, At: minute(n), What: "signed_in", ClientID: "shop",
		Provider: "kakao", Device: "Android Chrome", Site: "seoul", SID: newID(t),
	}
}

func testHistories(t *testing.T, o Options) {
	s := o.New(t)
	noteAll := func(t *testing.T, batch ...store.AccountEvent) {
		t.Helper()
		if err := s.NoteEvents(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	of := func(t *testing.T, a store.Account, limit int) []store.AccountEvent {
		t.Helper()
		return must[[]store.AccountEvent](t)(s.EventsOf(t.Context(), a.ID, limit))
	}
	t.Run("events come back latest first, once each", func(t *testing.T) {
		a := open(t, s, newKey(t))
		first, second := newEvent(t, a.ID, 1), newEvent(t, a.ID, 2)
		noteAll(t, second, first)
		noteAll(t, first)
		wantSame(t, of(t, a, 9), []store.AccountEvent{second, first})
		wantSame(t, of(t, a, 1), []store.AccountEvent{second})
	})
	t.Run("an account keeps its newest, whoever else is noted", func(t *testing.T) {
		a, other := open(t, s, newKey(t)), open(t, s, newKey(t))
		var batch []store.AccountEvent
		for i := range store.MaxHistory + 60 {
			batch = append(batch, newEvent(t, a.ID, i))
		}
		batch = append(batch, newEvent(t, other.ID, 0))
		noteAll(t, batch...)
		kept := of(t, a, 1000)
		if len(kept) != store.MaxHistory || kept[0].ID != batch[store.MaxHistory+59].ID {
			t.Errorf("kept %d, the newest %s", len(kept), kept[0].ID)
		}
		if len(of(t, other, 9)) != 1 {
			t.Error("another account's went with them")
		}
	})
	t.Run("old ones are purged, a few at a time", func(t *testing.T) {
		s := o.New(t)
		a := open(t, s, newKey(t))
		if err := s.NoteEvents(t.Context(), []store.AccountEvent{newEvent(t, a.ID, 1), newEvent(t, a.ID, 2), newEvent(t, a.ID, 3)}); err != nil {
			t.Fatal(err)
		}
		for _, step := range []struct{ limit, want int }{{0, 0}, {1, 1}, {9, 1}, {9, 0}} {
			if gone := must[int](t)(s.PurgeEvents(t.Context(), minute(3), step.limit)); gone != step.want {
				t.Errorf("%d went, want %d", gone, step.want)
			}
		}
	})
	t.Run("what breaks the bounds is not noted", func(t *testing.T) {
		a := open(t, s, newKey(t))
		for _, spoil := range []func(e *store.AccountEvent){
			func(e *store.AccountEvent) { e.ID = "" },
			func(e *store.AccountEvent) { e.What = "" },
			func(e *store.AccountEvent) { e.Device = strings.Repeat("a", store.MaxDevice+1) },
			func(e *store.AccountEvent) { e.Site = "\xff" },
		} {
			e := newEvent(t, a.ID, 1)
			spoil(&e)
			wantInvalid(t, s.NoteEvents(t.Context(), []store.AccountEvent{e}))
		}
		wantInvalid(t, s.NoteEvents(t.Context(), make([]store.AccountEvent, store.MaxEvents+1)))
		noteAll(t)
	})
	t.Run("noted by many at once: all are there", func(t *testing.T) {
		a, b := open(t, s, newKey(t)), open(t, s, newKey(t))
		winners(t, race(t.Context(), racers, func(ctx context.Context, i int) error {
			return s.NoteEvents(ctx, []store.AccountEvent{newEvent(t, b.ID, i), newEvent(t, a.ID, i)})
		}), nil)
		if len(of(t, a, 99)) != racers || len(of(t, b, 99)) != racers {
			t.Errorf("%d and %d of %d", len(of(t, a, 99)), len(of(t, b, 99)), racers)
		}
	})
}

func testReplicaPersonal(t *testing.T, r Replica) {
	a := open(t, r.Store, newKey(t))
	give(t, r.Store, newConsent(a.ID))
	r.CatchUp()
	second := newConsent(a.ID)
	second.ClientID = "game"
	give(t, r.Store, second)
	wantSame(t, must[store.Consent](t)(r.Store.Consent(t.Context(), a.ID, "game", second.Scope)), second)
	if all := must[[]store.Consent](t)(r.Store.ConsentsOf(t.Context(), a.ID, 9)); len(all) != 2 {
		t.Errorf("the writer knows 2 consents, listed %d", len(all))
	}
	r.LoseWriter()
	wantSame(t, must[store.Consent](t)(r.Store.Consent(t.Context(), a.ID, "shop", nil)), newConsent(a.ID))
	_, err := r.Store.Consent(t.Context(), a.ID, "game", nil)
	wantUnavailable(t, err)
	wantSame(t, must[[]store.Consent](t)(r.Store.ConsentsOf(t.Context(), a.ID, 9)), []store.Consent{newConsent(a.ID)})
	must[[]store.Grant](t)(r.Store.GrantsOfAccount(t.Context(), a.ID, noon, 9))
	must[[]store.AccountEvent](t)(r.Store.EventsOf(t.Context(), a.ID, 9))
	for name, err := range map[string]error{
		"GiveConsent": r.Store.GiveConsent(t.Context(), second), "KeepLanguage": r.Store.KeepLanguage(t.Context(), a.ID, "ko"),
		"NoteEvents": r.Store.NoteEvents(t.Context(), []store.AccountEvent{newEvent(t, a.ID, 1)}),
	} {
		if !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s without a writer: %v", name, err)
		}
	}
	_, err = r.Store.DeleteAccount(t.Context(), a.ID, 0, noon)
	wantUnavailable(t, err)
}

// personal are the verbs of people about their own accounts.
func personal(t testing.TB, s Store, a store.Account) []verb {
	t.Helper()
	give(t, s, newConsent(a.ID))
	gone, consent, event := open(t, s, newKey(t)), newConsent(a.ID), newEvent(t, a.ID, 1)
	return []verb{
		{"GrantsOfAccount", func(ctx context.Context) error { _, err := s.GrantsOfAccount(ctx, a.ID, noon, 9); return err }},
		{"KeepLanguage", func(ctx context.Context) error { return s.KeepLanguage(ctx, a.ID, "ko") }},
		{"DeleteAccount", func(ctx context.Context) error { _, err := s.DeleteAccount(ctx, gone.ID, 0, noon); return err }},
		{"GiveConsent", func(ctx context.Context) error { return s.GiveConsent(ctx, consent) }},
		{"Consent", func(ctx context.Context) error { _, err := s.Consent(ctx, a.ID, "shop", nil); return err }},
		{"ConsentsOf", func(ctx context.Context) error { _, err := s.ConsentsOf(ctx, a.ID, 9); return err }},
		{"NoteEvents", func(ctx context.Context) error { return s.NoteEvents(ctx, []store.AccountEvent{event}) }},
		{"EventsOf", func(ctx context.Context) error { _, err := s.EventsOf(ctx, a.ID, 9); return err }},
		{"PurgeEvents", func(ctx context.Context) error { _, err := s.PurgeEvents(ctx, noon, 9); return err }},
	}
}
