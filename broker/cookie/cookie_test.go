package cookie_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/cookie"
)

func jar(t *testing.T, issuer string) cookie.Jar {
	t.Helper()
	parsed, err := url.Parse(issuer)
	if err != nil {
		t.Fatalf("parse issuer: %v", err)
	}
	return cookie.NewJar(parsed)
}

func TestAttributesFollowTheIssuer(t *testing.T) {
	tests := []struct {
		name, issuer, cookie string
		secure               bool
	}{
		{"https takes the host prefix", "https://login.example.kr", "__Host-bongsu_session", true},
		{"http on loopback takes the port", "http://localhost:8417", "bongsu_8417_session", false},
		{"http without a port is port 80", "http://localhost", "bongsu_80_session", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			jar(t, tt.issuer).Set(w, "session", "v", time.Hour)
			set := w.Result().Cookies()
			if len(set) != 1 {
				t.Fatalf("%d cookies set, want 1", len(set))
			}
			c := set[0]
			if c.Name != tt.cookie || c.Secure != tt.secure || !c.HttpOnly || c.Path != "/" ||
				c.Domain != "" || c.SameSite != http.SameSiteLaxMode || c.MaxAge != 3600 {
				t.Errorf("cookie %+v", c)
			}
		})
	}
}

// What several hosts have in common is named so that nobody takes it for one
// host's own.
func TestACookieOfADomain(t *testing.T) {
	w := httptest.NewRecorder()
	shared := cookie.Shared("login.example.kr")
	shared.Set(w, "mark", "v", time.Hour)
	set := w.Result().Cookies()
	if len(set) != 1 {
		t.Fatalf("%d cookies set, want 1", len(set))
	}
	c := set[0]
	if c.Name != "__Secure-bongsu_mark" || c.Domain != "login.example.kr" || !c.Secure || !c.HttpOnly || c.Path != "/" ||
		c.SameSite != http.SameSiteLaxMode {
		t.Errorf("cookie %+v", c)
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.AddCookie(c)
	if shared.Read(r, "mark") != "v" || jar(t, "https://login.example.kr").Read(r, "mark") != "" {
		t.Error("the cookie is not the domain's alone")
	}
}

func TestACookieSentTwiceIsWorthNothing(t *testing.T) {
	j := jar(t, "http://localhost:8417")
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Cookie", "bongsu_8417_session=mine; bongsu_8417_session=planted")
	if got := j.Read(r, "session"); got != "" {
		t.Errorf("read %q of a doubled cookie", got)
	}
	r.Header.Set("Cookie", "bongsu_8417_session=mine; bongsu_9000_session=others")
	if got := j.Read(r, "session"); got != "mine" {
		t.Errorf("read %q, want mine", got)
	}
	r.Header.Set("Cookie", "bongsu_8417_session="+strings.Repeat("x", cookie.MaxValue+1))
	if got := j.Read(r, "session"); got != "" {
		t.Errorf("read an over-long cookie of %d bytes", len(got))
	}
}

func TestTheOldestCookiesMakeRoom(t *testing.T) {
	j := jar(t, "http://localhost:8417")
	value := strings.Repeat("x", 2000)
	tests := []struct {
		name    string
		present []string
		size    int
		cleared string
	}{
		{"there is room", []string{"login_a", "login_b"}, 2000, ""},
		{"one has to go", []string{"login_b", "login_a", "login_c"}, 2000, "login_a"},
		{"two have to go", []string{"login_a", "login_b", "login_c"}, 3300, "login_a login_b"},
		{"others are never touched", []string{"session", "known", "login_z"}, 2000, "login_z"},
		{"the one being renewed stays", []string{"login_keep", "login_x", "login_y"}, 2000, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			for _, name := range tt.present {
				r.AddCookie(&http.Cookie{Name: "bongsu_8417_" + name, Value: value})
			}
			w := httptest.NewRecorder()
			j.Bound(w, r, "login_", "login_keep", tt.size)
			var cleared []string
			for _, c := range w.Result().Cookies() {
				if c.MaxAge >= 0 {
					t.Errorf("cookie %s was set, not cleared", c.Name)
				}
				cleared = append(cleared, strings.TrimPrefix(c.Name, "bongsu_8417_"))
			}
			if got := strings.Join(cleared, " "); got != tt.cleared {
				t.Errorf("cleared %q, want %q", got, tt.cleared)
			}
		})
	}
}
