package demo

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
)

// Every language says everything, with the same gaps to fill.
func TestCatalogueIsComplete(t *testing.T) {
	korean := reflect.ValueOf(catalogue["ko"])
	for lang, t1 := range catalogue {
		value := reflect.ValueOf(t1)
		for i := range value.NumField() {
			name, text := value.Type().Field(i).Name, value.Field(i).String()
			if text == "" {
				t.Errorf("%s: %s says nothing", lang, name)
			}
			if strings.Count(text, "%s") != strings.Count(korean.Field(i).String(), "%s") {
				t.Errorf("%s: %s has other gaps than in Korean", lang, name)
			}
		}
	}
}

// A particle that depends on the last sound never follows a name. What fills
// these gaps ends in 로그인.
func TestParticlesFollowFixedNouns(t *testing.T) {
	particle := regexp.MustCompile(`%s(을|를|이|가|은|는|로|으로)`)
	for _, text := range []string{korean.Greeting, korean.Titled, korean.During, korean.Login} {
		if particle.MatchString(text) {
			t.Errorf("a particle follows a name in %q", text)
		}
	}
	if !strings.HasSuffix(fmt.Sprintf(korean.Login, "x"), "로그인") {
		t.Errorf("%q does not end in 로그인", korean.Login)
	}
}

func TestWhen(t *testing.T) {
	now := time.Date(2026, 11, 22, 15, 44, 0, 0, time.Local)
	if got := korean.when(now.Add(-2*time.Minute), now); got != "오늘 15:42" {
		t.Errorf("today is %q", got)
	}
	if got := korean.when(now.AddDate(0, 0, -1), now); got != "11월 21일 15:44" {
		t.Errorf("yesterday is %q", got)
	}
}

func TestVisitsAreBounded(t *testing.T) {
	now := time.Date(2026, 11, 22, 15, 44, 0, 0, time.UTC)
	v := newVisits(func() time.Time { return now })
	for i := range maxVisits + 10 {
		v.begin(fmt.Sprint(i), "state", pending{began: now})
		now = now.Add(time.Second)
	}
	if len(v.byID) != maxVisits {
		t.Errorf("%d visits kept, want %d", len(v.byID), maxVisits)
	}
	if _, ok := v.take("0", "state"); ok {
		t.Error("the stalest visit did not make room")
	}
	last := fmt.Sprint(maxVisits + 9)
	for i := range maxPending + 3 {
		now = now.Add(time.Second)
		v.begin(last, fmt.Sprint("s", i), pending{began: now})
	}
	if got := len(v.byID[last].pending); got != maxPending {
		t.Errorf("%d logins under way kept, want %d", got, maxPending)
	}
	for i := range maxEntries + 5 {
		next := fmt.Sprint("fresh", i)
		v.enter(last, next, person{subject: "u"}, entry{at: now})
		last = next
	}
	if got := len(v.view(last).entries); got != maxEntries {
		t.Errorf("%d logins kept, want %d", got, maxEntries)
	}
	now = now.Add(visitLife + time.Second)
	if v.view(last).person != nil {
		t.Error("a visit that was left half a day ago is still logged in")
	}
}
