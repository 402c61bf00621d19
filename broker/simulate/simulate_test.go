package simulate

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

// shippedScript is a script of the program with one node a site, which is as
// much as the replays of every test run can afford.
func shippedScript(t testing.TB, name string) *Script {
	t.Helper()
	s, err := Open(name)
	if err != nil {
		t.Fatal(err)
	}
	for i := range s.Sites {
		s.Sites[i].Nodes = 1
	}
	return s
}

func played(t testing.TB, s *Script) *Report {
	t.Helper()
	r, err := Run(t.Context(), s, 1)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// On the day Kakao's login is gone for 20 hours, everyone with another linked
// way gets in, nobody else is moved, and it comes back without being run over.
func TestKakao2022(t *testing.T) {
	s := shippedScript(t, "kakao-2022")
	r := played(t, s)

	if len(r.Detections) != len(s.Sites) || r.Detected("kakao") > 15*time.Second {
		t.Errorf("found out: %+v", r.Detections)
	}
	if len(r.Returns) != len(s.Sites) {
		t.Errorf("came back: %+v", r.Returns)
	}
	for _, b := range r.Returns {
		if b.After > 15*time.Minute {
			t.Errorf("%s gave all logins back after %v", b.Site, b.After)
		}
	}
	if r.FalseTrips != 0 {
		t.Errorf("%d times something that works was called down", r.FalseTrips)
	}
	dark := r.Hours[3] // 17:00: nothing changes
	affected := dark.Logins * 26 / 100
	if got := dark.SavedAtOnce; got < affected*84/100 || dark.SavedByOneClick > got/1000 {
		t.Errorf("of %d with another way %d were saved at once, %d with a click more", affected, got, dark.SavedByOneClick)
	}
	if want := float64(dark.Logins) * 0.46 * 0.85; math.Abs(float64(dark.Stranded)/want-1) > 0.2 {
		t.Errorf("%d were stranded of about %.0f who have no other way", dark.Stranded, want)
	}
	if lost := dark.GaveUp; lost > dark.Logins/1000 {
		t.Errorf("%d gave up although they had another way", lost)
	}
	if r.WronglyMoved > r.Logins/200 {
		t.Errorf("%d of %d were moved although Kakao worked", r.WronglyMoved, r.Logins)
	}
	for _, h := range r.Herds {
		if h.Ceiling > 0 && float64(h.Peak) > h.Ceiling*1.1 {
			t.Errorf("%s: %d logins began in one second, above the ceiling of %v", h.Provider, h.Peak, h.Ceiling)
		}
	}
}

// What goes in comes out: nobody is counted twice and nobody is lost.
func TestEverybodyIsAccountedFor(t *testing.T) {
	s := small(t)
	s.Phases = append(s.Phases, Phase{At: 10 * time.Minute, Provider: "kakao"}, Phase{At: 20 * time.Minute, Provider: "kakao", Login: 1, Token: 1, Probe: 1})
	r := played(t, s)
	known := r.Completed + r.Left + r.GaveUp + r.Stranded
	if under := r.Logins - known; under < 0 || under > r.Logins/20 {
		t.Errorf("%d logins, %d of them accounted for", r.Logins, known)
	}
	hours := 0
	for _, h := range r.Hours {
		hours += h.Logins
	}
	if hours != r.Logins {
		t.Errorf("the hours have %d logins, the whole %d", hours, r.Logins)
	}
	again := played(t, s)
	if first, second := encoded(t, r), encoded(t, again); first != second {
		t.Error("the same seed gave another report")
	}
	other, err := Run(t.Context(), s, 2)
	if err != nil || encoded(t, other) == encoded(t, r) {
		t.Errorf("another seed gave the same report (%v)", err)
	}
}

// A quiet day moves nobody.
func TestNothingHappens(t *testing.T) {
	r := played(t, small(t))
	if r.WronglyMoved != 0 || r.FalseTrips != 0 || r.Saved() != 0 || len(r.Detections) != 0 || r.Stranded != 0 {
		t.Errorf("on a quiet day: %+v", r.Counts)
	}
	if share := float64(r.Completed) / float64(r.Logins); share < 0.8 {
		t.Errorf("%.2f of the logins were completed", share)
	}
}

// What one site alone cannot reach stays first elsewhere.
func TestOneSiteIsCutOff(t *testing.T) {
	s := small(t)
	s.Sites = []Site{{Name: "seoul", Share: 0.4, Nodes: 1}, {Name: "busan", Share: 0.3, Nodes: 1}, {Name: "tokyo", Share: 0.3, Nodes: 1}}
	s.Phases = []Phase{{At: 10 * time.Minute, Provider: "kakao", Sites: []string{"tokyo"}}}
	r := played(t, s)
	if len(r.Detections) != 1 || r.Detections[0].Site != "tokyo" || r.Detections[0].After > 15*time.Second {
		t.Errorf("found out: %+v", r.Detections)
	}
	if r.WronglyMoved > r.Logins/1000 || r.FalseTrips != 0 {
		t.Errorf("others moved %d people, and were wrong %d times", r.WronglyMoved, r.FalseTrips)
	}
}

// A replay ends when it is told to.
func TestRunEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, small(t), 1); !errors.Is(err, context.Canceled) {
		t.Errorf("Run = %v", err)
	}
}

func TestReportIsReadable(t *testing.T) {
	s := small(t)
	s.Phases = []Phase{{At: time.Minute, Provider: "kakao"}, {At: 10 * time.Minute, Provider: "kakao", Login: 1, Token: 1, Probe: 1}}
	var text strings.Builder
	if _, err := played(t, s).WriteTo(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"logins begun", "stranded: no way of theirs worked for them", "FOUND OUT AFTER", "ALL LOGINS BACK AFTER", "TURNED AWAY", "+0:01:00"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the report does not say %q:\n%s", want, text.String())
		}
	}
}

func TestShippedScripts(t *testing.T) {
	want := []string{"azure-2021", "facebook-2021", "google-2020", "kakao-2022", "line-2023"}
	if got := Shipped(); !slices.Equal(got, want) {
		t.Fatalf("shipped: %v", got)
	}
	for _, name := range want {
		if s, err := Open(name); err != nil || s.About == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Open("../report"); !errors.Is(err, ErrScript) {
		t.Errorf("Open of something else = %v", err)
	}
}

// small is half an hour of one site, 20 logins a second.
func small(t testing.TB) *Script {
	t.Helper()
	s := shippedScript(t, "kakao-2022")
	s.For, s.Phases, s.People, s.LoginsPerDay = 30*time.Minute, nil, 17_280_000, 0.1
	s.Hours = slices.Repeat([]float64{1}, 24)
	s.Sites = []Site{{Name: "seoul", Share: 1, Nodes: 1}}
	return s
}

func encoded(t testing.TB, r *Report) string {
	t.Helper()
	whole := *r
	whole.Seed = 0
	text, err := json.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func BenchmarkAnHourOfACountry(b *testing.B) {
	s, err := Open("kakao-2022")
	if err != nil {
		b.Fatal(err)
	}
	s.For, s.Phases = time.Hour, s.Phases[:1]
	s.Phases[0].At = 30 * time.Minute
	for b.Loop() {
		played(b, s)
	}
}
