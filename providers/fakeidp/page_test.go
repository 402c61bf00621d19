package fakeidp_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/bongsu/bongsu/providers/fakeidp"
)

func language(tag string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Accept-Language", tag) }
}

// The page says in the browser's language that it is not the real one.
func TestPageLanguages(t *testing.T) {
	w := start(t, fakeidp.Options{})
	u := w.upstream(t, "kakao")
	target := u.URL(fakeidp.Authorize) + "?" + request(u).Encode()
	tests := []struct{ accept, lang, badge string }{
		{"ko-KR,ko;q=0.9,en;q=0.8", "ko", "모의 화면"},
		{"ja", "ja", "シミュレーション"},
		{"en-GB", "en", "Simulation"},
		{"fr", "en", "Simulation"},
		{"", "en", "Simulation"},
		{";;q=\xff", "en", "Simulation"},
	}
	for _, tt := range tests {
		a := w.get(t, target, language(tt.accept))
		if !strings.Contains(a.body, `<html lang="`+tt.lang+`">`) || !strings.Contains(a.body, tt.badge) {
			t.Errorf("Accept-Language %q: no page in %s", tt.accept, tt.lang)
		}
	}
}

// What a request says is text on the page, never markup.
func TestPageEscapes(t *testing.T) {
	w := start(t, fakeidp.Options{})
	for _, name := range w.Names() {
		u := w.upstream(t, name)
		v := request(u)
		const evil = `"><script>alert(1)</script>`
		v.Set("state", evil)
		v.Set("person", evil)
		a := w.page(t, u, v)
		if strings.Contains(a.body, "<script") {
			t.Errorf("%s: markup on the page", name)
		}
		if csp := a.header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") {
			t.Errorf("%s: policy %q", name, csp)
		}
		if got := w.press(t, u, v, "continue").Get("state"); got != evil {
			t.Errorf("%s: state came back as %q", name, got)
		}
	}
}

// One control says no, in the words of the dialect.
func TestCancel(t *testing.T) {
	w := start(t, fakeidp.Options{})
	for _, name := range w.Names() {
		u := w.upstream(t, name)
		want := "access_denied"
		if name == "apple" {
			want = "user_cancelled_authorize"
		}
		back := w.press(t, u, request(u), "cancel")
		if back.Get("error") != want || back.Get("state") != "st&te" || back.Has("code") {
			t.Errorf("%s: the browser brings back %v", name, back)
		}
	}
}

// The default person is the same one each time; person= at the end of the
// page's address, even a second time, chooses another.
func TestPersonParameter(t *testing.T) {
	w := start(t, fakeidp.Options{})
	for _, name := range w.Names() {
		u := w.upstream(t, name)
		subject := func(target string) string {
			var code string
			page := w.get(t, target)
			if u.Dialect() == fakeidp.Apple {
				_, fields := form(t, page.body, "continue")
				code = fields.Get("code")
			} else {
				code = returned(t, w.get(t, link(t, page.body, "continue"))).Get("code")
			}
			return w.subject(t, u, w.redeem(t, u, code))
		}
		target := u.URL(fakeidp.Authorize) + "?" + request(u).Encode()
		first, again := subject(target), subject(target)
		if first != again || first != u.Subject(fakeidp.DefaultPerson) {
			t.Errorf("%s: the default person is %q, then %q", name, first, again)
		}
		if got := subject(target + "&person=solo&person=vic"); got != u.Subject("vic") {
			t.Errorf("%s: person=vic is %q", name, got)
		}
		page := w.get(t, target+"&person=vic")
		if got := subject(link(t, page.body, "person-haru")); got != first {
			t.Errorf("%s: the page's link to the default person leads to %q", name, got)
		}
	}
}

// People who have no account at an upstream are not offered there.
func TestPeopleOffered(t *testing.T) {
	w := start(t, fakeidp.Options{People: []fakeidp.Person{{Name: "vic", FullName: "Vic", At: []string{"p"}}}})
	tests := map[string][]string{
		"kakao":  {"haru", "minji", "solo"},
		"naver":  {"haru", "minji"},
		"google": {"haru"},
		"p":      {"haru", "vic"},
	}
	for name, want := range tests {
		var got []string
		for _, p := range w.upstream(t, name).People() {
			got = append(got, p.Name)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s offers %v, want %v", name, got, want)
		}
	}
}

func TestPageOfAPersonWithoutName(t *testing.T) {
	w := start(t, fakeidp.Options{})
	u := w.upstream(t, "kakao")
	for _, name := range []string{strings.Repeat("x", 65), "a\x00b", "\xff"} {
		v := request(u)
		v.Set("person", name)
		if a := w.get(t, u.URL(fakeidp.Authorize)+"?"+v.Encode()); a.status != http.StatusBadRequest {
			t.Errorf("person %q: status %d", name, a.status)
		}
	}
}

// A request with the wrong client or redirect URI goes nowhere; any other
// mistake is told to the redirect URI.
func TestAuthorizeRefuses(t *testing.T) {
	w := start(t, fakeidp.Options{Clients: map[string]fakeidp.Client{
		"p": {ID: "client", Secret: "secret", RedirectURIs: []string{callback, "http://localhost:*"}},
	}})
	u := w.upstream(t, "p")
	tests := []struct {
		name string
		edit func(url.Values)
		want string // error at the redirect URI; "" is a page of the upstream
	}{
		{"another client", func(v url.Values) { v.Set("client_id", "client2") }, ""},
		{"no client", func(v url.Values) { v.Del("client_id") }, ""},
		{"another redirect URI", func(v url.Values) { v.Set("redirect_uri", callback+"2") }, ""},
		{"no redirect URI", func(v url.Values) { v.Del("redirect_uri") }, ""},
		{"a script as redirect URI", func(v url.Values) { v.Set("redirect_uri", "javascript:alert(1)") }, ""},
		{"a state beyond all bounds", func(v url.Values) { v.Set("state", strings.Repeat("s", 2049)) }, ""},
		{"implicit flow", func(v url.Values) { v.Set("response_type", "token") }, "unsupported_response_type"},
		{"fragment", func(v url.Values) { v.Set("response_mode", "fragment") }, "invalid_request"},
		{"plain challenge", func(v url.Values) { v.Set("code_challenge_method", "plain") }, "invalid_request"},
		{"short challenge", func(v url.Values) { v.Set("code_challenge", "abc") }, "invalid_request"},
		{"nobody signed in", func(v url.Values) { v.Set("prompt", "none") }, "login_required"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := request(u)
			tt.edit(v)
			a := w.get(t, u.URL(fakeidp.Authorize)+"?"+v.Encode())
			if tt.want == "" {
				if a.status != http.StatusBadRequest || a.header.Get("Location") != "" {
					t.Errorf("status %d, Location %q", a.status, a.header.Get("Location"))
				}
				return
			}
			if back := returned(t, a); back.Get("error") != tt.want || back.Get("state") != "st&te" {
				t.Errorf("the browser brings back %v, want error %s", back, tt.want)
			}
		})
	}
	t.Run("a registered prefix", func(t *testing.T) {
		v := request(u)
		v.Set("redirect_uri", "http://localhost:4711/cb")
		w.page(t, u, v)
	})
}

// An OpenID upstream can answer by form post as well.
func TestFormPost(t *testing.T) {
	w := start(t, fakeidp.Options{})
	u := w.upstream(t, "q")
	v := request(u)
	v.Set("response_mode", "form_post")
	back := w.press(t, u, v, "continue")
	if back.Get("state") != "st&te" {
		t.Errorf("state came back as %q", back.Get("state"))
	}
	w.redeem(t, u, back.Get("code"))

	v.Set("response_type", "token")
	action, fields := form(t, w.page(t, u, v).body, "continue")
	if action != callback || fields.Get("error") != "unsupported_response_type" {
		t.Errorf("the form brings %v to %s", fields, action)
	}
}
