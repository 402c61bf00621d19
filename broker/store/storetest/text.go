package storetest

import (
	"strings"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/store"
)

// texts are alike to the eye, to a database that normalises, or to one that
// trims; all of them are different.
var texts = []struct{ name, text string }{
	{"Hangul, composed", "\uAC01"},
	{"Hangul, decomposed", "\u1100\u1161\u11A8"},
	{"Latin, composed", "caf\u00E9"},
	{"Latin, decomposed", "cafe\u0301"},
	{"a family", "👨‍👩‍👧‍👦"},
	{"a flag", "🇰🇷"},
	{"beyond the basic plane", "𐍈𠮷"},
	{"right to left", "مرحبا\u200F"},
	{"lower case", "straße"},
	{"upper case", "STRASSE"},
	{"dotless", "ı"},
	{"space behind", "a "},
	{"space in front", " a"},
	{"bare", "a"},
	{"quotes", `'"\;--`},
	{"percent", "%_%"},
	{"control", "a\u0001\u001b"},
	{"line", "a\nb\r\n"},
	{"zero width", "a\u200B"},
	{"replacement", "\uFFFD"},
	{"number", "007"},
	{"shorter number", "7"},
	{"null", "NULL"},
	{"as long as may be", strings.Repeat("각", 85)},
}

func testText(t *testing.T, o Options) {
	s := o.New(t)
	stored := make([]store.Account, len(texts))
	for i, tt := range texts {
		a := newAccount(t)
		a.Name, a.Email, a.Phone, a.Picture, a.Locale = tt.text, tt.text, tt.text, tt.text, tt.text
		if err := s.OpenAccount(t.Context(), a, store.IdentityKey{Provider: "kakao", Subject: tt.text}); err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		stored[i] = a
	}
	for i, tt := range texts {
		t.Run(tt.name, func(t *testing.T) {
			key := store.IdentityKey{Provider: "kakao", Subject: tt.text}
			wantSame(t, must[store.Account](t)(s.AccountByIdentity(t.Context(), key, 0)), stored[i])
			links := must[[]store.Link](t)(s.Links(t.Context(), stored[i].ID))
			wantSame(t, links, []store.Link{{IdentityKey: key, AccountID: stored[i].ID, CreatedAt: noon}})
		})
	}
}

func testTimes(t *testing.T, o Options) {
	s := o.New(t)
	seoul := time.FixedZone("KST", 9*60*60)
	tests := []struct {
		name      string
		put, want time.Time
	}{
		{"another zone", time.Date(2026, 3, 1, 21, 0, 0, 1000, seoul), time.Date(2026, 3, 1, 12, 0, 0, 1000, time.UTC)},
		{"less than a microsecond is cut", time.Date(2026, 3, 1, 12, 0, 0, 1999, time.UTC), time.Date(2026, 3, 1, 12, 0, 0, 1000, time.UTC)},
		{"before 1970", time.Date(1969, 12, 31, 23, 59, 59, 999_999_000, time.UTC), time.Date(1969, 12, 31, 23, 59, 59, 999_999_000, time.UTC)},
		{"the end of a leap day", time.Date(2028, 2, 29, 23, 59, 59, 0, seoul), time.Date(2028, 2, 29, 14, 59, 59, 0, time.UTC)},
		{"far away", time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)},
		{"never", time.Time{}, time.Time{}},
		{"with a monotonic clock", time.Now(), time.Time{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.want.IsZero() && !tt.put.IsZero() {
				tt.want = tt.put.UTC().Truncate(time.Microsecond)
			}
			key := newKey(t)
			a := newAccount(t)
			a.CreatedAt, a.UpdatedAt = tt.put, tt.put
			if err := s.OpenAccount(t.Context(), a, key); err != nil {
				t.Fatal(err)
			}
			got := must[store.Account](t)(s.AccountByIdentity(t.Context(), key, 0))
			wantTime(t, got.CreatedAt, tt.want)
			wantTime(t, got.UpdatedAt, tt.want)

			g := newGrant(t, newID(t), a.ID)
			g.AuthTime, g.CreatedAt, g.ExpiresAt = tt.put, tt.put, tt.put
			claim(t, s, g)
			granted, _, err := s.GrantedAccount(t.Context(), g.ID)
			if err != nil {
				t.Fatal(err)
			}
			wantTime(t, granted.AuthTime, tt.want)
			wantTime(t, granted.ExpiresAt, tt.want)

			f := record(t, s, store.Fact{Kind: store.SessionEnded, ID: newID(t), At: tt.put, Until: tt.put})
			wantTime(t, f.At, tt.want)
			page := must[[]store.Fact](t)(s.FactsSince(t.Context(), f.Revision-1, 1))
			wantTime(t, page[0].Until, tt.want)
		})
	}
}

// wantTime wants the very same value: wall clock, zone, no monotonic reading.
func wantTime(t testing.TB, got, want time.Time) {
	t.Helper()
	if got != want {
		t.Errorf("got %#v, want %#v", got, want)
	}
}
