package storetest

import (
	"math"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/store"
)

func testAccounts(t *testing.T, o Options) {
	s := o.New(t)
	tests := []struct {
		name string
		run  func(t *testing.T)
	}{
		{"an account is found by the identity it was opened with", func(t *testing.T) {
			key := newKey(t)
			a := open(t, s, key)
			wantSame(t, must[store.Account](t)(s.AccountByIdentity(t.Context(), key, 0)), a)
			wantSame(t, must[store.Account](t)(s.Account(t.Context(), a.ID, 0)), a)
		}},
		{"an empty profile stays empty", func(t *testing.T) {
			key := newKey(t)
			a := store.Account{ID: newID(t), Seed: randomBytes(t, 32)}
			if err := s.OpenAccount(t.Context(), a, key); err != nil {
				t.Fatal(err)
			}
			wantSame(t, must[store.Account](t)(s.AccountByIdentity(t.Context(), key, 0)), a)
		}},
		{"an empty profile is filled, once", func(t *testing.T) { testFillProfile(t, s) }},
		{"an unknown identity is not found", func(t *testing.T) {
			_, err := s.AccountByIdentity(t.Context(), newKey(t), 0)
			wantIs(t, err, store.ErrNotFound)
		}},
		{"the same subject at another provider is somebody else", func(t *testing.T) {
			key := newKey(t)
			open(t, s, key)
			key.Provider = "naver"
			_, err := s.AccountByIdentity(t.Context(), key, 0)
			wantIs(t, err, store.ErrNotFound)
		}},
		{"an unknown account is not found", func(t *testing.T) {
			_, err := s.Account(t.Context(), newID(t), 0)
			wantIs(t, err, store.ErrNotFound)
		}},
		{"an identity opens no second account, and nothing of it stays", func(t *testing.T) {
			key := newKey(t)
			first, second := open(t, s, key), newAccount(t)
			wantIs(t, s.OpenAccount(t.Context(), second, key), store.ErrConflict)
			_, err := s.Account(t.Context(), second.ID, 0)
			wantIs(t, err, store.ErrNotFound)
			wantSame(t, must[store.Account](t)(s.AccountByIdentity(t.Context(), key, 0)), first)
		}},
		{"an account is not opened twice, and the second identity stays free", func(t *testing.T) {
			a, key := open(t, s, newKey(t)), newKey(t)
			wantIs(t, s.OpenAccount(t.Context(), a, key), store.ErrConflict)
			_, err := s.AccountByIdentity(t.Context(), key, 0)
			wantIs(t, err, store.ErrNotFound)
		}},
		{"a second way leads to the same account", func(t *testing.T) { testSecondWay(t, s) }},
		{"an identity that is linked is not linked again, to whichever account", func(t *testing.T) {
			key := newKey(t)
			a, b := open(t, s, key), open(t, s, newKey(t))
			for _, account := range []string{a.ID, b.ID} {
				l := store.Link{IdentityKey: key, AccountID: account, CreatedAt: noon}
				wantIs(t, s.LinkIdentity(t.Context(), l), store.ErrConflict)
			}
		}},
		{"nothing is linked to an account that does not exist", func(t *testing.T) {
			l := store.Link{IdentityKey: newKey(t), AccountID: newID(t), CreatedAt: noon}
			wantIs(t, s.LinkIdentity(t.Context(), l), store.ErrNotFound)
			_, err := s.AccountByIdentity(t.Context(), l.IdentityKey, 0)
			wantIs(t, err, store.ErrNotFound)
		}},
		{"an unknown account has no links", func(t *testing.T) {
			if links := must[[]store.Link](t)(s.Links(t.Context(), newID(t))); len(links) != 0 {
				t.Errorf("got %d links", len(links))
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, tt.run)
	}
}

func testSecondWay(t *testing.T, s Store) {
	first := newKey(t)
	a := open(t, s, first)
	want := []store.Link{{IdentityKey: first, AccountID: a.ID, CreatedAt: a.CreatedAt}}
	for i, provider := range []string{"naver", "google"} {
		l := store.Link{
			IdentityKey: store.IdentityKey{Provider: provider, Subject: newID(t)}, AccountID: a.ID,
			CreatedAt: noon.Add(time.Duration(i+1) * time.Hour),
		}
		if err := s.LinkIdentity(t.Context(), l); err != nil {
			t.Fatal(err)
		}
		wantSame(t, must[store.Account](t)(s.AccountByIdentity(t.Context(), l.IdentityKey, 0)), a)
		want = append(want, l)
	}
	wantSame(t, must[[]store.Link](t)(s.Links(t.Context(), a.ID)), want)
}

func testEpochs(t *testing.T, o Options) {
	s := o.New(t)
	later := noon.Add(time.Hour)
	tests := []struct {
		name string
		run  func(t *testing.T, a store.Account)
	}{
		{"a disabled account is found, disabled, and the fact is in the feed", func(t *testing.T, a store.Account) {
			said := must[store.Fact](t)(s.DisableAccount(t.Context(), a.ID, later))
			want := store.Fact{Kind: store.AccountDisabled, ID: a.ID, Epoch: 1, Revision: said.Revision, At: later}
			wantSame(t, said, want)
			wantSame(t, must[[]store.Fact](t)(s.FactsSince(t.Context(), said.Revision-1, 1)), []store.Fact{said})
			a.Disabled = true
			wantSame(t, must[store.Account](t)(s.Account(t.Context(), a.ID, 1)), a)
		}},
		{"disabling twice changes nothing", func(t *testing.T, a store.Account) {
			first := must[store.Fact](t)(s.DisableAccount(t.Context(), a.ID, noon))
			wantSame(t, must[store.Fact](t)(s.DisableAccount(t.Context(), a.ID, later)), first)
			wantNothingSince(t, s, first.Revision)
		}},
		{"an enabled account has a higher epoch and the fact is lifted", func(t *testing.T, a store.Account) {
			first := must[store.Fact](t)(s.DisableAccount(t.Context(), a.ID, noon))
			lifted := must[store.Fact](t)(s.EnableAccount(t.Context(), a.ID, later))
			wantSame(t, lifted, store.Fact{
				Kind: store.AccountDisabled, ID: a.ID, Epoch: 2, Revision: first.Revision + 1, Lifted: true, At: later,
			})
			a.Epoch = 2
			wantSame(t, must[store.Account](t)(s.Account(t.Context(), a.ID, 2)), a)
		}},
		{"enabling twice changes nothing", func(t *testing.T, a store.Account) {
			must[store.Fact](t)(s.DisableAccount(t.Context(), a.ID, noon))
			lifted := must[store.Fact](t)(s.EnableAccount(t.Context(), a.ID, noon))
			wantSame(t, must[store.Fact](t)(s.EnableAccount(t.Context(), a.ID, later)), lifted)
			wantNothingSince(t, s, lifted.Revision)
		}},
		{"an account that was enabled can be disabled again", func(t *testing.T, a store.Account) {
			must[store.Fact](t)(s.DisableAccount(t.Context(), a.ID, noon))
			lifted := must[store.Fact](t)(s.EnableAccount(t.Context(), a.ID, noon))
			again := must[store.Fact](t)(s.DisableAccount(t.Context(), a.ID, later))
			if again.Lifted || again.Epoch != lifted.Epoch || again.Revision != lifted.Revision+1 {
				t.Errorf("got %+v after %+v", again, lifted)
			}
		}},
		{"every end of sessions raises the epoch by one", func(t *testing.T, a store.Account) {
			for want := int64(2); want <= 4; want++ {
				said := must[store.Fact](t)(s.EndSessions(t.Context(), a.ID, later))
				wantSame(t, said, store.Fact{
					Kind: store.AccountEpoch, ID: a.ID, Epoch: want, Revision: said.Revision, At: later,
				})
			}
			a.Epoch = 4
			wantSame(t, must[store.Account](t)(s.Account(t.Context(), a.ID, 4)), a)
		}},
		{"the writer tells of an account also to who knows of a later epoch", func(t *testing.T, a store.Account) {
			wantSame(t, must[store.Account](t)(s.Account(t.Context(), a.ID, math.MaxInt64)), a)
		}},
		{"an unknown account is neither disabled nor enabled nor signed out", func(t *testing.T, _ store.Account) {
			before := lastRevision(t, s)
			_, err := s.DisableAccount(t.Context(), newID(t), noon)
			wantIs(t, err, store.ErrNotFound)
			_, err = s.EnableAccount(t.Context(), newID(t), noon)
			wantIs(t, err, store.ErrNotFound)
			_, err = s.EndSessions(t.Context(), newID(t), noon)
			wantIs(t, err, store.ErrNotFound)
			wantNothingSince(t, s, before)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.run(t, open(t, s, newKey(t))) })
	}
}

func testFillProfile(t *testing.T, s store.Store) {
	key := newKey(t)
	a := store.Account{ID: newID(t), Seed: randomBytes(t, 32), Epoch: 1}
	if err := s.OpenAccount(t.Context(), a, key); err != nil {
		t.Fatal(err)
	}
	filled := newAccount(t)
	filled.ID, filled.Seed, filled.Epoch, filled.Disabled = a.ID, a.Seed, a.Epoch, false
	filled.UpdatedAt = noon
	if err := s.FillProfile(t.Context(), filled); err != nil {
		t.Fatal(err)
	}
	filled.CreatedAt = a.CreatedAt
	wantSame(t, must[store.Account](t)(s.AccountByIdentity(t.Context(), key, 0)), filled)

	other := filled
	other.Name, other.Email = "somebody else", "else@example.com"
	if err := s.FillProfile(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	wantSame(t, must[store.Account](t)(s.Account(t.Context(), a.ID, 0)), filled)

	other.ID = newID(t)
	if err := s.FillProfile(t.Context(), other); err != nil {
		t.Errorf("an account that does not exist: %v", err)
	}
	_, err := s.Account(t.Context(), other.ID, 0)
	wantIs(t, err, store.ErrNotFound)
}
