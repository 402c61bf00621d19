package storetest

import (
	"bytes"
	"context"
	"sync"
	"testing"

	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/keys"
)

// racers is how many callers race; more than any pool has connections.
const racers = 24

func testRaces(t *testing.T, o Options) {
	s := o.New(t)
	a := open(t, s, newKey(t))
	tests := []struct {
		name string
		run  func(t *testing.T)
	}{
		{"one login, a code for each caller: one claims, the others find it used", func(t *testing.T) {
			login := newID(t)
			grants := make([]store.Grant, racers)
			for i := range grants {
				grants[i] = newGrant(t, login, a.ID)
			}
			won := winners(t, raceClaims(t, s, grants, nil), store.ErrUsed)
			wantOneGrant(t, s, grants, won)
		}},
		{"one code, many callers: one claims, the others replay and learn its grant", func(t *testing.T) {
			grants := make([]store.Grant, racers)
			grants[0] = newGrant(t, newID(t), a.ID)
			for i := range grants[1:] {
				grants[i+1] = newGrant(t, grants[0].LoginID, a.ID)
				grants[i+1].CodeHash = grants[0].CodeHash
			}
			learnt := make([]string, racers)
			won := winners(t, raceClaims(t, s, grants, learnt), store.ErrReplayed)
			wantOneGrant(t, s, grants, won)
			for i, grantID := range learnt {
				if grantID != grants[won[0]].ID {
					t.Errorf("caller %d learnt grant %q, want %q", i, grantID, grants[won[0]].ID)
				}
			}
		}},
		{"one attempt, sent many times: all claim the same", func(t *testing.T) {
			g := newGrant(t, newID(t), a.ID)
			grants := make([]store.Grant, racers)
			for i := range grants {
				grants[i] = g
			}
			if won := winners(t, raceClaims(t, s, grants, nil), nil); len(won) != racers {
				t.Errorf("%d of %d were told they claimed it", len(won), racers)
			}
		}},
		{"one identity, an account for each caller: one opens", func(t *testing.T) {
			key := newKey(t)
			accounts := make([]store.Account, racers)
			for i := range accounts {
				accounts[i] = newAccount(t)
			}
			won := winners(t, race(t.Context(), racers, func(ctx context.Context, i int) error {
				return s.OpenAccount(ctx, accounts[i], key)
			}), store.ErrConflict)
			if len(won) != 1 {
				t.Fatalf("%d opened an account", len(won))
			}
			wantSame(t, must[store.Account](t)(s.AccountByIdentity(t.Context(), key, 0)), accounts[won[0]])
		}},
		{"one identity, many accounts: one is linked", func(t *testing.T) {
			key := newKey(t)
			accounts := make([]store.Account, racers)
			for i := range accounts {
				accounts[i] = open(t, s, newKey(t))
			}
			won := winners(t, race(t.Context(), racers, func(ctx context.Context, i int) error {
				return s.LinkIdentity(ctx, store.Link{IdentityKey: key, AccountID: accounts[i].ID, CreatedAt: noon})
			}), store.ErrConflict)
			if len(won) != 1 {
				t.Fatalf("%d were linked", len(won))
			}
			wantSame(t, must[store.Account](t)(s.AccountByIdentity(t.Context(), key, 0)), accounts[won[0]])
		}},
		{"one identity, many accounts that end their sessions: one is linked", func(t *testing.T) { testLinkRace(t, s) }},
		{"every link at once unlinked: one stays", func(t *testing.T) { testUnlinkRace(t, s) }},
		{"every end of sessions counts", func(t *testing.T) {
			account := open(t, s, newKey(t))
			winners(t, race(t.Context(), racers, func(ctx context.Context, _ int) error {
				_, err := s.EndSessions(ctx, account.ID, noon)
				return err
			}), nil)
			if now := must[store.Account](t)(s.Account(t.Context(), account.ID, 0)); now.Epoch != racers+1 {
				t.Errorf("epoch %d after %d ends", now.Epoch, racers)
			}
		}},
		{"disabling and enabling: one of each is news", func(t *testing.T) { testOneIsNews(t, s) }},
		{"one fact, said by many, is one", func(t *testing.T) {
			f := store.Fact{Kind: store.GrantRevoked, ID: newID(t), At: noon}
			wantOneRevision(t, s, func(ctx context.Context) (store.Fact, error) { return s.RecordFact(ctx, f) })
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, tt.run)
	}
	t.Run("keys and secrets", func(t *testing.T) { testKeyRaces(t, o.New(t)) })
	t.Run("refresh tokens", func(t *testing.T) { testRefreshRaces(t, o.New(t)) })
}

// raceClaims claims all grants at once.
func raceClaims(t *testing.T, s Store, grants []store.Grant, learnt []string) []error {
	return race(t.Context(), len(grants), func(ctx context.Context, i int) error {
		grantID, err := s.ClaimCode(ctx, grants[i])
		if learnt != nil {
			learnt[i] = grantID
		}
		return err
	})
}

// wantOneGrant checks that there is one winner, and that its grant alone exists.
func wantOneGrant(t *testing.T, s Store, grants []store.Grant, won []int) {
	t.Helper()
	if len(won) != 1 {
		t.Fatalf("%d claimed", len(won))
	}
	for i, g := range grants {
		granted, _, err := s.GrantedAccount(t.Context(), g.ID)
		if i == won[0] {
			if err != nil {
				t.Fatal(err)
			}
			wantSame(t, granted, g)
		} else {
			wantIs(t, err, store.ErrNotFound)
		}
	}
}

func testOneIsNews(t *testing.T, s Store) {
	account := open(t, s, newKey(t))
	wantOneRevision(t, s, func(ctx context.Context) (store.Fact, error) { return s.DisableAccount(ctx, account.ID, noon) })
	wantOneRevision(t, s, func(ctx context.Context) (store.Fact, error) { return s.EnableAccount(ctx, account.ID, noon) })
	if now := must[store.Account](t)(s.Account(t.Context(), account.ID, 0)); now.Epoch != 2 || now.Disabled {
		t.Errorf("the account is %+v", now)
	}
}

// wantOneRevision races say, which must change something once.
func wantOneRevision(t *testing.T, s Store, say func(ctx context.Context) (store.Fact, error)) {
	t.Helper()
	before := lastRevision(t, s)
	var mu sync.Mutex
	revisions := map[int64]bool{}
	winners(t, race(t.Context(), racers, func(ctx context.Context, _ int) error {
		f, err := say(ctx)
		mu.Lock()
		defer mu.Unlock()
		revisions[f.Revision] = true
		return err
	}), nil)
	if len(revisions) != 1 || !revisions[before+1] {
		t.Errorf("after revision %d the callers got %v", before, revisions)
	}
	wantNothingSince(t, s, before+1)
}

func testKeyRaces(t *testing.T, s Store) {
	inserted := func(t *testing.T, insert func(ctx context.Context, i int) (bool, error)) {
		t.Helper()
		yes := make([]bool, racers)
		winners(t, race(t.Context(), racers, func(ctx context.Context, i int) (err error) {
			yes[i], err = insert(ctx, i)
			return err
		}), nil)
		count := 0
		for _, y := range yes {
			if y {
				count++
			}
		}
		if count != 1 {
			t.Errorf("%d were told they inserted it", count)
		}
	}
	signing := make([]keys.Record, racers)
	for i := range signing {
		signing[i] = newSigningKey(t, "seoul", keys.RS256, 1)
	}
	t.Run("one generation, many signing keys: one is inserted", func(t *testing.T) {
		inserted(t, func(ctx context.Context, i int) (bool, error) { return s.InsertSigningKey(ctx, signing[i]) })
	})
	t.Run("one step, many callers: one takes it", func(t *testing.T) {
		r := signingKeys(t, s)[0]
		won := winners(t, race(t.Context(), racers, func(ctx context.Context, _ int) error {
			return s.AdvanceSigningKey(ctx, r.KeyID, keys.Staged, keys.Published, dawn, []byte("m"))
		}), keys.ErrConflict)
		if len(won) != 1 {
			t.Errorf("%d took it", len(won))
		}
	})
	t.Run("one generation, many sealing keys: one is inserted", func(t *testing.T) {
		inserted(t, func(ctx context.Context, _ int) (bool, error) { return s.InsertSealingKey(ctx, newSealingKey(t, 1)) })
	})
	t.Run("one name, many secrets: all get the same", func(t *testing.T) {
		kept := make([][]byte, racers)
		winners(t, race(t.Context(), racers, func(ctx context.Context, i int) (err error) {
			kept[i], err = s.EnsureSecret(ctx, "salt", randomBytes(t, 40))
			return err
		}), nil)
		for _, k := range kept {
			if !bytes.Equal(k, kept[0]) {
				t.Error("two secrets were kept")
			}
		}
	})
	t.Run("one site, many identities: all get the same", func(t *testing.T) {
		kept := make([]keys.IdentityRecord, racers)
		winners(t, race(t.Context(), racers, func(ctx context.Context, i int) (err error) {
			kept[i], err = s.EnsureSiteIdentity(ctx, newIdentity(t, "seoul"))
			return err
		}), nil)
		for _, k := range kept {
			wantSame(t, k, kept[0])
		}
	})
}
