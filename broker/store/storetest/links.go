package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/store"
)

func testLinks(t *testing.T, o Options) {
	s := o.New(t)
	later := noon.Add(time.Hour)
	tests := []struct {
		name string
		run  func(t *testing.T, a store.Account, first store.IdentityKey)
	}{
		{"a link ends all sessions, and the fact is in the feed", func(t *testing.T, a store.Account, _ store.IdentityKey) {
			l := store.Link{IdentityKey: newKey(t), AccountID: a.ID, CreatedAt: later}
			said := must[store.Fact](t)(s.LinkIdentityEndSessions(t.Context(), l, 0, later))
			wantSame(t, said, store.Fact{Kind: store.AccountEpoch, ID: a.ID, Epoch: 2, Revision: said.Revision, At: later})
			wantSame(t, must[[]store.Fact](t)(s.FactsSince(t.Context(), said.Revision-1, 1)), []store.Fact{said})
			a.Epoch = 2
			wantSame(t, must[store.Account](t)(s.AccountByIdentity(t.Context(), l.IdentityKey, 0)), a)
		}},
		{"the same link sent twice is one, and ends sessions once", func(t *testing.T, a store.Account, _ store.IdentityKey) {
			l := store.Link{IdentityKey: newKey(t), AccountID: a.ID, CreatedAt: later}
			said := must[store.Fact](t)(s.LinkIdentityEndSessions(t.Context(), l, 0, later))
			wantSame(t, must[store.Fact](t)(s.LinkIdentityEndSessions(t.Context(), l, 0, later)), said)
			wantNothingSince(t, s, said.Revision)
		}},
		{"an identity that is linked is not linked again, and no session ends", func(t *testing.T, a store.Account, first store.IdentityKey) {
			other, before := open(t, s, newKey(t)), lastRevision(t, s)
			for _, account := range []string{a.ID, other.ID} {
				_, err := s.LinkIdentityEndSessions(t.Context(), store.Link{IdentityKey: first, AccountID: account, CreatedAt: later}, 0, later)
				wantIs(t, err, store.ErrConflict)
			}
			wantNothingSince(t, s, before)
			wantSame(t, must[store.Account](t)(s.AccountByIdentity(t.Context(), first, 0)), a)
		}},
		{"nothing is linked to an account that does not exist, nor taken from one", func(t *testing.T, _ store.Account, first store.IdentityKey) {
			before, nobody := lastRevision(t, s), newID(t)
			_, err := s.LinkIdentityEndSessions(t.Context(), store.Link{IdentityKey: newKey(t), AccountID: nobody, CreatedAt: noon}, 0, noon)
			wantIs(t, err, store.ErrNotFound)
			_, err = s.UnlinkIdentity(t.Context(), first, nobody, 0, noon)
			wantIs(t, err, store.ErrNotFound)
			wantNothingSince(t, s, before)
		}},
		{"an unlinked identity finds nobody, and all sessions end", func(t *testing.T, a store.Account, first store.IdentityKey) {
			second := link(t, s, a.ID)
			said := must[store.Fact](t)(s.UnlinkIdentity(t.Context(), first, a.ID, 0, later))
			wantSame(t, said, store.Fact{Kind: store.AccountEpoch, ID: a.ID, Epoch: 2, Revision: said.Revision, At: later})
			_, err := s.AccountByIdentity(t.Context(), first, 0)
			wantIs(t, err, store.ErrNotFound)
			a.Epoch = 2
			wantSame(t, must[store.Account](t)(s.AccountByIdentity(t.Context(), second.IdentityKey, 0)), a)
			wantSame(t, must[[]store.Link](t)(s.Links(t.Context(), a.ID)), []store.Link{second})
		}},
		{"the same unlinking sent twice is one", func(t *testing.T, a store.Account, first store.IdentityKey) {
			link(t, s, a.ID)
			said := must[store.Fact](t)(s.UnlinkIdentity(t.Context(), first, a.ID, 0, later))
			wantSame(t, must[store.Fact](t)(s.UnlinkIdentity(t.Context(), first, a.ID, 0, later)), said)
			_, err := s.UnlinkIdentity(t.Context(), first, a.ID, 0, later.Add(time.Second))
			wantIs(t, err, store.ErrNotFound)
			wantNothingSince(t, s, said.Revision)
		}},
		{"the last link stays", func(t *testing.T, a store.Account, first store.IdentityKey) {
			before := lastRevision(t, s)
			_, err := s.UnlinkIdentity(t.Context(), first, a.ID, 0, later)
			wantIs(t, err, store.ErrLast)
			wantNothingSince(t, s, before)
			wantSame(t, must[store.Account](t)(s.AccountByIdentity(t.Context(), first, 0)), a)
		}},
		{"nobody takes another account's link", func(t *testing.T, a store.Account, first store.IdentityKey) {
			link(t, s, a.ID)
			other := open(t, s, newKey(t))
			link(t, s, other.ID)
			_, err := s.UnlinkIdentity(t.Context(), first, other.ID, 0, later)
			wantIs(t, err, store.ErrNotFound)
			wantSame(t, must[store.Account](t)(s.AccountByIdentity(t.Context(), first, 0)), a)
		}},
		{"who saw an older epoch links and unlinks nothing", func(t *testing.T, a store.Account, first store.IdentityKey) {
			second := link(t, s, a.ID)
			must[store.Fact](t)(s.EndSessions(t.Context(), a.ID, noon))
			before := lastRevision(t, s)
			l := store.Link{IdentityKey: newKey(t), AccountID: a.ID, CreatedAt: later}
			_, err := s.LinkIdentityEndSessions(t.Context(), l, a.Epoch, later)
			wantIs(t, err, store.ErrNotFound)
			_, err = s.UnlinkIdentity(t.Context(), first, a.ID, a.Epoch, later)
			wantIs(t, err, store.ErrNotFound)
			wantNothingSince(t, s, before)
			must[store.Fact](t)(s.LinkIdentityEndSessions(t.Context(), l, a.Epoch+1, later))
			must[store.Fact](t)(s.UnlinkIdentity(t.Context(), second.IdentityKey, a.ID, a.Epoch+2, later))
		}},
		{"an unlinked identity is free again", func(t *testing.T, a store.Account, first store.IdentityKey) {
			link(t, s, a.ID)
			must[store.Fact](t)(s.UnlinkIdentity(t.Context(), first, a.ID, 0, later))
			open(t, s, first)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			first := newKey(t)
			tt.run(t, open(t, s, first), first)
		})
	}
}

// link gives the account another link.
func link(t testing.TB, s Store, accountID string) store.Link {
	t.Helper()
	l := store.Link{IdentityKey: newKey(t), AccountID: accountID, CreatedAt: noon}
	if err := s.LinkIdentity(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	return l
}

func testLinkRace(t *testing.T, s Store) {
	key, before := newKey(t), lastRevision(t, s)
	accounts := make([]store.Account, racers)
	for i := range accounts {
		accounts[i] = open(t, s, newKey(t))
	}
	won := winners(t, race(t.Context(), racers, func(ctx context.Context, i int) error {
		_, err := s.LinkIdentityEndSessions(ctx, store.Link{IdentityKey: key, AccountID: accounts[i].ID, CreatedAt: noon}, 0, noon)
		return err
	}), store.ErrConflict)
	if len(won) != 1 {
		t.Fatalf("%d were linked", len(won))
	}
	want := accounts[won[0]]
	want.Epoch = 2
	wantSame(t, must[store.Account](t)(s.AccountByIdentity(t.Context(), key, 0)), want)
	wantNothingSince(t, s, before+1)
}

func testUnlinkRace(t *testing.T, s Store) {
	first := newKey(t)
	a := open(t, s, first)
	links := []store.IdentityKey{first}
	for range racers - 1 {
		links = append(links, link(t, s, a.ID).IdentityKey)
	}
	won := winners(t, race(t.Context(), racers, func(ctx context.Context, i int) error {
		_, err := s.UnlinkIdentity(ctx, links[i], a.ID, 0, noon)
		return err
	}), store.ErrLast)
	if len(won) != racers-1 {
		t.Errorf("%d of %d were unlinked", len(won), racers)
	}
	if left := must[[]store.Link](t)(s.Links(t.Context(), a.ID)); len(left) != 1 {
		t.Errorf("%d links are left", len(left))
	}
	if now := must[store.Account](t)(s.Account(t.Context(), a.ID, 0)); now.Epoch != racers {
		t.Errorf("epoch %d after %d unlinkings", now.Epoch, racers-1)
	}
}
