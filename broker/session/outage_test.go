package session

import (
	"errors"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/store"
)

// declared are providers whose outage an operator declared.
type declared map[string]time.Time

func (d declared) Declared(provider string) (time.Time, bool) {
	until, ok := d[provider]
	return until, ok
}

// While an operator has declared the outage of its provider, a session lives on
// up to the ceiling; nothing that ended comes back.
func TestSessionsLiveOnInADeclaredOutage(t *testing.T) {
	kakao, naver := declared{"kakao": {}}, declared{"naver": {}}
	const ceiling = 6 * time.Hour // beside an hour idle and a day in all
	tests := []struct {
		name    string
		outages declared
		used    time.Duration // last, after it began
		wait    time.Duration // after it began
		fact    store.Fact
		holds   bool
	}{
		{"no outage, unused too long", nil, 0, time.Hour, store.Fact{}, false},
		{"another provider's outage", naver, 0, time.Hour, store.Fact{}, false},
		{"unused for longer than usual", kakao, 0, 7*time.Hour - time.Second, store.Fact{}, true},
		{"unused for longer than the ceiling", kakao, 0, 7 * time.Hour, store.Fact{}, false},
		{"older than usual", kakao, 30*time.Hour - 2*time.Second, 30*time.Hour - time.Second, store.Fact{}, true},
		{"older than the ceiling", kakao, 30*time.Hour - 2*time.Second, 30 * time.Hour, store.Fact{}, false},
		{"ended", kakao, 0, 2 * time.Hour, store.Fact{Kind: store.SessionEnded, ID: "sid-1"}, false},
		{"its account disabled", kakao, 0, 2 * time.Hour, store.Fact{Kind: store.AccountDisabled, ID: "acc"}, false},
		{
			"its provider's word is worth nothing", kakao, 0, 2 * time.Hour,
			store.Fact{Kind: store.ProviderSessionsEnded, ID: "kakao", Epoch: 1 << 40},
			false,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHouse(t)
			h.keeper.Outages, h.keeper.Ceiling = tt.outages, ceiling
			s := h.sample()
			began := h.now
			h.now = began.Add(tt.used)
			w := httptest.NewRecorder()
			h.must(h.keeper.Write(w, s))
			h.keep(w)
			h.facts.said = append(h.facts.said, tt.fact)
			h.now = began.Add(tt.wait)
			found, err := h.read()
			if errors.Is(err, ErrNone) == tt.holds {
				t.Fatalf("read: %v", err)
			}
			if tt.holds && found.AuthTime != s.AuthTime {
				t.Errorf("auth_time %d, want the old one, %d", found.AuthTime, s.AuthTime)
			}
		})
	}
}

// The cookie and the fact that a session ended last as long as it may live.
func TestTheCeilingCountsWhereverASessionsLifeDoes(t *testing.T) {
	h := newHouse(t)
	h.keeper.Outages, h.keeper.Ceiling = declared{}, 6*time.Hour
	w := httptest.NewRecorder()
	s := h.sample()
	h.must(h.keeper.Write(w, s))
	result := w.Result()
	h.must(result.Body.Close())
	if age := result.Cookies()[0].MaxAge; age != int((30 * time.Hour).Seconds()) {
		t.Errorf("the cookie lasts %d s", age)
	}
	h.must(h.keeper.End(t.Context(), httptest.NewRecorder(), s))
	if until := h.facts.said[0].Until; !until.Equal(time.Unix(s.Began, 0).Add(30 * time.Hour)) {
		t.Errorf("the fact lasts until %s", until)
	}
}
