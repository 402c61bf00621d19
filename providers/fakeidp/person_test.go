package fakeidp_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/bongsu/bongsu/providers/fakeidp"
)

// Subjects look like those of the real service, and no two people share one.
func TestSubjects(t *testing.T) {
	w := start(t, fakeidp.Options{People: []fakeidp.Person{{
		Name: "twin", FullName: "Twin", Subjects: map[string]string{"p": "1001", "q": "1001"},
	}}})
	tests := map[string]string{
		"kakao":  `^[1-9][0-9]{9,15}$`,
		"naver":  `^[A-Za-z0-9_-]{43}$`,
		"google": `^1[0-9]{20}$`,
		"apple":  `^[0-9]{6}\.[0-9a-f]{32}\.[0-9]{4}$`,
		"p":      `^[0-9a-f]{24}$`,
		"plain":  `^[0-9a-f]{20}$`,
	}
	for name, form := range tests {
		u := w.upstream(t, name)
		seen := map[string]bool{}
		for i := range 2000 {
			subject := u.Subject(fmt.Sprintf("person%d", i))
			if !regexp.MustCompile(form).MatchString(subject) {
				t.Fatalf("%s: subject %q", name, subject)
			}
			if seen[subject] {
				t.Fatalf("%s: two people are %q", name, subject)
			}
			seen[subject] = true
		}
	}
	for _, name := range []string{"kakao", "naver", "google", "apple"} {
		for _, person := range []string{"minji", "solo", "haru", "vic"} {
			if got, want := w.upstream(t, name).Subject(person), fakeidp.Subject(name, person); got != want {
				t.Errorf("%s at %s is %q, and %q", person, name, got, want)
			}
		}
	}
	p, q := w.upstream(t, "p"), w.upstream(t, "q")
	if p.Subject("vic") == q.Subject("vic") {
		t.Error("vic is the same at p and q")
	}
	if p.Subject("twin") != "1001" || q.Subject("twin") != "1001" {
		t.Error("fixed subjects are not kept")
	}
	solo, err := strconv.ParseInt(fakeidp.Subject("kakao", "solo"), 10, 64)
	if err != nil || solo <= 1<<53 || int64(float64(solo)) == solo {
		t.Errorf("solo's number %d survives a float64", solo)
	}
}

// Anybody has a profile; those in Options replace the known ones.
func TestPersonNamed(t *testing.T) {
	w := start(t, fakeidp.Options{People: []fakeidp.Person{{Name: "minji", FullName: "Another Minji"}}})
	tests := []struct{ name, full, email string }{
		{"", "이하루", "haru@example.com"},
		{"solo", "박솔로", "solo@example.com"},
		{"minji", "Another Minji", ""},
		{"vic", "Vic Kim", "vic@example.com"},
	}
	for _, tt := range tests {
		p := w.PersonNamed(tt.name)
		if p.FullName != tt.full || p.Email != tt.email {
			t.Errorf("%q is %q <%s>, want %q <%s>", tt.name, p.FullName, p.Email, tt.full, tt.email)
		}
	}
	if p := w.PersonNamed("홍 길동"); p.FullName != "홍 길동" || !strings.HasSuffix(p.Email, "@example.com") {
		t.Errorf("a name that is no mailbox: %+v", p)
	}
}

func TestOptions(t *testing.T) {
	good := "http://127.0.0.1:8419"
	tests := []struct {
		name string
		o    fakeidp.Options
		ok   bool
	}{
		{"only a base URL", fakeidp.Options{BaseURL: good}, true},
		{"no base URL", fakeidp.Options{}, false},
		{"a trailing slash", fakeidp.Options{BaseURL: good + "/"}, false},
		{"a name that is no path element", fakeidp.Options{BaseURL: good, Upstreams: []fakeidp.Spec{{Name: "a/b", Dialect: fakeidp.OpenID}}}, false},
		{"an unknown dialect", fakeidp.Options{BaseURL: good, Upstreams: []fakeidp.Spec{{Name: "p"}}}, false},
		{"a name twice", fakeidp.Options{BaseURL: good, Upstreams: []fakeidp.Spec{{Name: "kakao"}, {Name: "kakao"}}}, false},
		{"a client of nobody", fakeidp.Options{BaseURL: good, Clients: map[string]fakeidp.Client{"discord": {}}}, false},
	}
	for _, tt := range tests {
		s, err := fakeidp.New(tt.o)
		if (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
		if tt.ok && strings.Join(s.Names(), " ") != "kakao naver line google apple" {
			t.Errorf("%s: upstreams %v", tt.name, s.Names())
		}
	}
}
