package storetest

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/bongsu/bongsu/broker/store"
)

// today is noon's day.
var today = noon.Unix() / (24 * 60 * 60)

func note(t testing.TB, s Store, batch ...store.Activity) {
	t.Helper()
	if err := s.NoteActivity(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
}

func wantCoverage(t testing.TB, s Store, q store.CoverageQuery, active, covered int64) {
	t.Helper()
	gotActive, gotCovered, err := s.Coverage(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	if gotActive != active || gotCovered != covered {
		t.Errorf("%+v: %d active, %d covered, want %d and %d", q, gotActive, gotCovered, active, covered)
	}
}

func testActivity(t *testing.T, o Options) {
	tests := []struct {
		name string
		run  func(t *testing.T, s Store)
	}{
		{"an account is covered by any link that survives", testCoverage},
		{"ways in are counted by the set that people have", testWaysIn},
		{"the latest day stays, and old ones are purged a few at a time", func(t *testing.T, s Store) {
			a, b, c := open(t, s, newKey(t)), open(t, s, newKey(t)), open(t, s, newKey(t))
			note(t, s, store.Activity{Client: "demo", Account: a.ID, Day: today})
			note(t, s, store.Activity{Client: "demo", Account: a.ID, Day: today - 50},
				store.Activity{Client: "demo", Account: b.ID, Day: today - 20}, store.Activity{Client: "demo", Account: c.ID, Day: today - 30})
			q := store.CoverageQuery{Client: "demo", Surviving: []string{"kakao"}, SinceDay: today}
			wantCoverage(t, s, q, 1, 1)
			for _, want := range []int{1, 1, 0} {
				if gone := must[int](t)(s.PurgeActivity(t.Context(), today, 1)); gone != want {
					t.Errorf("%d went, want %d", gone, want)
				}
			}
			if gone := must[int](t)(s.PurgeActivity(t.Context(), today+1, 0)); gone != 0 {
				t.Errorf("%d of none went", gone)
			}
			q.SinceDay = 0
			wantCoverage(t, s, q, 1, 1)
		}},
		{"a batch may name an account twice, and one nobody knows", func(t *testing.T, s Store) {
			a := open(t, s, newKey(t))
			note(t, s, store.Activity{Client: "demo", Account: a.ID, Day: today}, store.Activity{Client: "demo", Account: a.ID, Day: today - 9},
				store.Activity{Client: "demo", Account: newID(t), Day: today})
			note(t, s)
			wantCoverage(t, s, store.CoverageQuery{Client: "demo", Surviving: []string{"kakao"}, SinceDay: today}, 1, 1)
		}},
		{"a batch may be full", func(t *testing.T, s Store) {
			batch := make([]store.Activity, store.MaxActivity)
			for i := range batch {
				batch[i] = store.Activity{Client: "demo", Account: newID(t), Day: today}
			}
			for _, i := range []int{0, 499, store.MaxActivity - 1} {
				batch[i].Account = open(t, s, newKey(t)).ID
			}
			note(t, s, batch...)
			wantCoverage(t, s, store.CoverageQuery{Client: "demo", Surviving: []string{"kakao"}, SinceDay: today}, 3, 3)
			if gone := must[int](t)(s.PurgeActivity(t.Context(), today+1, store.MaxActivity)); gone != store.MaxActivity {
				t.Errorf("%d records went, want %d", gone, store.MaxActivity)
			}
		}},
		{"racing batches in all orders lose nothing", func(t *testing.T, s Store) {
			batch := make([]store.Activity, 40)
			for i := range batch {
				batch[i] = store.Activity{Client: "demo", Account: open(t, s, newKey(t)).ID, Day: today}
			}
			winners(t, race(t.Context(), racers, func(ctx context.Context, i int) error {
				mine := slices.Clone(batch)
				if i%2 == 1 {
					slices.Reverse(mine)
				}
				return s.NoteActivity(ctx, mine)
			}), nil)
			wantCoverage(t, s, store.CoverageQuery{Client: "demo", Surviving: []string{"kakao"}, SinceDay: today}, 40, 40)
		}},
		{"bounds", func(t *testing.T, s Store) {
			wantInvalid(t, s.NoteActivity(t.Context(), make([]store.Activity, store.MaxActivity+1)))
			wantInvalid(t, s.NoteActivity(t.Context(), []store.Activity{{Client: "", Account: "a"}}))
			wantInvalid(t, s.NoteActivity(t.Context(), []store.Activity{{Client: "demo", Account: ""}}))
			for _, q := range []store.CoverageQuery{
				{Surviving: make([]string, store.MaxSurviving+1)}, {Surviving: []string{""}}, {Client: strings.Repeat("a", store.MaxClientID+1)},
			} {
				_, _, err := s.Coverage(t.Context(), q)
				wantInvalid(t, err)
			}
			for _, providers := range [][]string{make([]string, store.MaxWays+1), {""}} {
				_, err := s.WaysIn(t.Context(), store.WaysQuery{Providers: providers})
				wantInvalid(t, err)
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.run(t, o.New(t)) })
	}
}

// linked opens an account that has those links.
func linked(t testing.TB, s Store, providers ...string) string {
	t.Helper()
	a := open(t, s, store.IdentityKey{Provider: providers[0], Subject: newID(t)})
	for _, p := range providers[1:] {
		l := store.Link{IdentityKey: store.IdentityKey{Provider: p, Subject: newID(t)}, AccountID: a.ID, CreatedAt: noon}
		if err := s.LinkIdentity(t.Context(), l); err != nil {
			t.Fatal(err)
		}
	}
	return a.ID
}

func testWaysIn(t *testing.T, s Store) {
	last := make([]string, store.MaxWays)
	for i := range last {
		last[i] = "way" + strings.Repeat("x", i)
	}
	last[0], last[store.MaxWays-1] = "kakao", "google"
	two, twice, gone := linked(t, s, "kakao", "naver"), linked(t, s, "kakao", "kakao", "google"), linked(t, s, "naver")
	must[store.Fact](t)(s.DisableAccount(t.Context(), gone, noon))
	for _, id := range []string{two, twice, gone, linked(t, s, "kakao", "naver"), linked(t, s, "apple")} {
		note(t, s, store.Activity{Client: "demo", Account: id, Day: today}, store.Activity{Client: "shop", Account: id, Day: today - 1})
	}
	note(t, s, store.Activity{Client: "demo", Account: linked(t, s, "naver"), Day: today - 2}, store.Activity{Client: "demo", Account: newID(t), Day: today})
	for _, tt := range []struct {
		providers []string
		want      map[uint64]int64
	}{
		{[]string{"kakao", "naver", "google"}, map[uint64]int64{0: 1, 1 | 2: 2, 1 | 4: 1}},
		{[]string{"google", "kakao"}, map[uint64]int64{0: 1, 2: 2, 1 | 2: 1}},
		{last, map[uint64]int64{0: 1, 1: 2, 1 | 1<<(store.MaxWays-1): 1}},
		{nil, map[uint64]int64{0: 4}},
	} {
		got := map[uint64]int64{}
		for _, c := range must[[]store.WaysCount](t)(s.WaysIn(t.Context(), store.WaysQuery{Providers: tt.providers, SinceDay: today - 1})) {
			got[c.Ways] += c.Accounts
		}
		if !maps.Equal(got, tt.want) {
			t.Errorf("%v: got %v, want %v", tt.providers, got, tt.want)
		}
	}
	if got := must[[]store.WaysCount](t)(s.WaysIn(t.Context(), store.WaysQuery{SinceDay: today + 1})); len(got) != 0 {
		t.Errorf("nobody was there, and yet %v", got)
	}
}

func testCoverage(t *testing.T, s Store) {
	account := func(providers ...string) string { return linked(t, s, providers...) }
	solo, both, all, old, gone := account("kakao"), account("kakao", "naver"), account("kakao", "naver", "google"), account("naver"), account("naver")
	must[store.Fact](t)(s.DisableAccount(t.Context(), gone, noon))
	for _, id := range []string{solo, both, gone} {
		note(t, s, store.Activity{Client: "demo", Account: id, Day: today})
	}
	note(t, s, store.Activity{Client: "demo", Account: old, Day: today - 91},
		store.Activity{Client: "shop", Account: both, Day: today}, store.Activity{Client: "shop", Account: all, Day: today - 90})
	since := today - 90
	for _, tt := range []struct {
		client          string
		surviving       []string
		active, covered int64
	}{
		{"demo", []string{"kakao", "naver", "google"}, 2, 2},
		{"demo", []string{"naver", "google"}, 2, 1},
		{"demo", []string{"google"}, 2, 0},
		{"demo", nil, 2, 0},
		{"shop", []string{"google"}, 2, 1},
		{"nobody", []string{"kakao"}, 0, 0},
		{"", []string{"naver"}, 3, 2}, // of all clients, each account once
		{"", []string{"google", "kakao"}, 3, 3},
	} {
		wantCoverage(t, s, store.CoverageQuery{Client: tt.client, Surviving: tt.surviving, SinceDay: since}, tt.active, tt.covered)
	}
}
