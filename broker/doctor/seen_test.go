package doctor

import (
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/habit"
)

// What a website was seen to do says what its registration cannot.
func TestWhatAWebsiteWasSeenToDo(t *testing.T) {
	server, d := world(t, "")
	since := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	later := since.Add(time.Hour)
	well := habit.Seen{Since: since, At: later, Requests: 4, PKCE: 4, State: 4, Nonce: 4}
	with := func(change func(*habit.Seen)) habit.Seen {
		seen := well
		change(&seen)
		return seen
	}
	tests := []struct {
		name, entry string
		age         time.Duration
		seen        habit.Seen
		level       Level
		want        string
	}{
		{"nobody came", `{}`, 0, habit.Seen{Since: since}, OK, "login requests this node saw none since 2026-11-01 12:00Z"},
		{"all is well", `{}`, 0, well, OK, "PKCE seen every request carries a challenge"},
		{"requests without a challenge", `{}`, 0, with(func(s *habit.Seen) { s.PKCE = 1 }), Problem, "3 of 4 requests carry no challenge and were refused"},
		{"the same where it is optional", `{"pkce":"optional"}`, 0, with(func(s *habit.Seen) { s.PKCE = 1 }), Advice, "3 of 4 requests carry no challenge"},
		{"requests without a state", `{}`, 0, with(func(s *habit.Seen) { s.State = 0 }), Advice, "4 of 4 requests carry no state"},
		{"requests without a nonce", `{}`, 0, with(func(s *habit.Seen) { s.Nonce = 3 }), Advice, "1 of 4 requests carry no nonce"},
		{
			"refresh tokens that it cannot have", `{}`, 0,
			with(func(s *habit.Seen) { s.Scopes = []string{"offline_access"} }), Advice, "is given no refresh token",
		},
		{
			"an address that nobody asks for", `{"redirect_uris":["https://shop.invalid/old"]}`, 2 * longEnough,
			well, Advice, "redirect URI https://shop.invalid/old was not asked for",
		},
		{"a scope that nobody asks for", `{"optional_scopes":["phone"]}`, 2 * longEnough, well, Advice, "optional scope phone was not asked for"},
		{"nothing to tell", `{"backchannel_logout_uri":"x"}`, 0, well, OK, "this node had nothing to tell"},
		{
			"a website that hears", `{"backchannel_logout_uri":"x"}`, 0,
			with(func(s *habit.Seen) { s.Told, s.TookAt = &habit.Told{At: later}, later }), OK, "took word of an ended session at 2026-11-01 13:00Z",
		},
		{
			"a website that does not hear", `{"backchannel_logout_uri":"x"}`, 0,
			with(func(s *habit.Seen) {
				s.Told, s.Missed = &habit.Told{At: later, Error: "tell website: it answered 500"}, 3
			}),
			Problem, "did not arrive at 2026-11-01 13:00Z: it answered 500; 3 attempts in a row failed, it never took one",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d.Now = func() time.Time { return later.Add(tt.age) }
			found, err := d.Examine(t.Context(), Patient{Issuer: server.URL, Registration: []byte(tt.entry), Seen: &tt.seen})
			if err != nil {
				t.Fatal(err)
			}
			if !says(found, tt.level, tt.want) {
				t.Errorf("found %+v, want %s: %s", found, tt.level, tt.want)
			}
		})
	}
}

func TestWhatIsNewMayStillBeUnused(t *testing.T) {
	server, d := world(t, "")
	found, err := d.Examine(t.Context(), Patient{
		Issuer: server.URL, Registration: []byte(`{"optional_scopes":["phone"]}`),
		Seen: &habit.Seen{Since: d.Now(), Requests: 1},
	})
	if err != nil || says(found, Advice, "was not asked for") {
		t.Errorf("found %+v, %v", found, err)
	}
}
