package storetest

import (
	"strings"
	"testing"

	"github.com/bongsu/bongsu/broker/store"
)

func testSeeds(t *testing.T, o Options) {
	s := o.New(t)
	a, b := open(t, s, newKey(t)), open(t, s, newKey(t))
	if b.ID < a.ID {
		a, b = b, a
	}
	first, second := store.AccountSeed{AccountID: a.ID, Seed: a.Seed}, store.AccountSeed{AccountID: b.ID, Seed: b.Seed}
	if err := s.NoteActivity(t.Context(), []store.Activity{{Client: "demo", Account: b.ID, Day: today}}); err != nil {
		t.Fatal(err)
	}
	seeds := func(client, after string, limit int) []store.AccountSeed {
		t.Helper()
		return must[[]store.AccountSeed](t)(s.AccountSeeds(t.Context(), client, after, limit))
	}
	wantSame(t, seeds("", "", 10), []store.AccountSeed{first, second})
	wantSame(t, seeds("", "", 1), []store.AccountSeed{first})
	wantSame(t, seeds("", a.ID, 10), []store.AccountSeed{second})
	wantSame(t, seeds("demo", "", 10), []store.AccountSeed{second})
	wantSame(t, seeds("demo", b.ID, 10), []store.AccountSeed(nil))
	wantSame(t, seeds("other", "", 10), []store.AccountSeed(nil))
	wantSame(t, seeds("", "", 0), []store.AccountSeed(nil))
	_, err := s.AccountSeeds(t.Context(), strings.Repeat("a", store.MaxClientID+1), "", 1)
	wantInvalid(t, err)
}
