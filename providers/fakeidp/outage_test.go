package fakeidp_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bongsu/bongsu/providers/fakeidp"
)

// Browsers and brokers as they name themselves.
const (
	desktopAgent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/156.0 Safari/537.36"
	phoneAgent   = "Mozilla/5.0 (Linux; Android 16; SM-S948N) AppleWebKit/537.36 Chrome/156.0 Mobile Safari/537.36"
	appAgent     = "Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 Mobile Safari/537.36 KAKAOTALK 11.9.0"
	brokerAgent  = "Bongsu"
	probeAgent   = "Bongsu probe"
)

func agent(text string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("User-Agent", text) }
}

func failWith(t *testing.T, u *fakeidp.Upstream, f fakeidp.Fault, s fakeidp.Scope) {
	t.Helper()
	if err := u.SetFaultWith(f, s); err != nil {
		t.Fatalf("SetFaultWith(%q, %+v): %v", f, s, err)
	}
}

// tokenAnswer redeems a good code of person.
func (w *world) tokenAnswer(t *testing.T, u *fakeidp.Upstream, person string) answer {
	t.Helper()
	f := u.Script()
	u.ClearFault() // the person came back before
	v := request(u)
	v.Set("person", person)
	code := w.press(t, u, v, "continue").Get("code")
	if len(f) > 0 {
		if err := u.Play(f); err != nil {
			t.Fatal(err)
		}
	}
	return w.do(t, http.MethodPost, u.URL(fakeidp.Token), redemption(t, u, code), agent(brokerAgent))
}

// metadata asks for discovery and keys, where there are any, and wants both.
func (w *world) metadata(t *testing.T, u *fakeidp.Upstream) {
	t.Helper()
	for _, e := range []fakeidp.Endpoint{fakeidp.Discovery, fakeidp.JWKS} {
		if target := u.URL(e); target != "" {
			if a := w.get(t, target); a.status != http.StatusOK {
				t.Errorf("%s: %s: status %d", u.Name(), e, a.status)
			}
		}
	}
}

// ask opens the login page as a browser, whatever it shows.
func (w *world) ask(t *testing.T, u *fakeidp.Upstream, person string, edit ...func(*http.Request)) answer {
	t.Helper()
	v := request(u)
	v.Set("person", person)
	return w.get(t, u.URL(fakeidp.Authorize)+"?"+v.Encode(), edit...)
}

// pressed presses the button as a browser, whatever it leads to: for an answer
// by form post that is a page whose form goes to the broker.
func (w *world) pressed(t *testing.T, u *fakeidp.Upstream, person string, edit ...func(*http.Request)) answer {
	t.Helper()
	page := w.ask(t, u, person, edit...)
	if strings.Contains(page.body, `<button id="continue"`) {
		return page
	}
	return w.get(t, link(t, page.body, "continue"), edit...)
}

// leads reports whether a browser comes back to the broker from here.
func (a answer) leads() bool {
	return a.status == http.StatusFound || strings.Contains(a.body, `action="`+strings.ReplaceAll(callback, "&", "&amp;")+`"`)
}

// F05, and F19 with its feed: metadata is fine while nobody gets in.
func TestCoreDown(t *testing.T) {
	w := start(t, fakeidp.Options{})
	for _, name := range w.Names() {
		for _, f := range []fakeidp.Fault{fakeidp.CoreDown, fakeidp.StatusFeedLies} {
			u := w.upstream(t, name)
			fail(t, u, f)
			w.metadata(t, u)
			if a := w.ask(t, u, "haru"); a.status != http.StatusServiceUnavailable {
				t.Errorf("%s: %s: page has status %d", name, f, a.status)
			}
			if a := w.tokenAnswer(t, u, "haru"); a.status != http.StatusServiceUnavailable || strings.HasPrefix(a.body, "{") {
				t.Errorf("%s: %s: token has status %d, %s", name, f, a.status, a.body)
			}
			if userinfo := u.URL(fakeidp.Userinfo); userinfo != "" && w.get(t, userinfo).status != http.StatusServiceUnavailable {
				t.Errorf("%s: %s: userinfo answers", name, f)
			}
			u.ClearFault()
			w.login(t, u, "haru")
		}
	}
}

// F19: the feed tells the truth, except when it is told not to.
func TestStatusFeed(t *testing.T) {
	w := start(t, fakeidp.Options{})
	u := w.upstream(t, "kakao")
	indicator := func() string {
		t.Helper()
		status, _ := w.get(t, u.URL(fakeidp.Status)).document(t)["status"].(map[string]any)
		return text(t, status, "indicator")
	}
	if got := indicator(); got != "none" {
		t.Errorf("healthy: %s", got)
	}
	fail(t, u, fakeidp.CoreDown)
	if got := indicator(); got != "major" {
		t.Errorf("down: %s", got)
	}
	fail(t, u, fakeidp.StatusFeedLies)
	if got := indicator(); got != "none" {
		t.Errorf("down and lying: %s", got)
	}
	failWith(t, u, fakeidp.StatusFeedLies, fakeidp.Scope{Variant: "red"})
	if got := indicator(); got != "major" {
		t.Errorf("up and red: %s", got)
	}
	w.login(t, u, "haru")
}

// F06: the page says 200 and leads nowhere; so does what the person's yes meets.
func TestErrorPage(t *testing.T) {
	w := start(t, fakeidp.Options{})
	says := map[string]string{"kakao": "KOE003", "naver": "일시적인 오류", "google": "AADSTS90033", "apple": "AADSTS90033", "p": "AADSTS90033", "plain": "AADSTS90033"}
	for name, want := range says {
		u := w.upstream(t, name)
		page := w.page(t, u, request(u))
		fail(t, u, fakeidp.ErrorPage)
		a := w.ask(t, u, "haru")
		if a.status != http.StatusOK || !strings.Contains(a.body, want) || !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
			t.Errorf("%s: status %d: %s", name, a.status, a.body)
		}
		for _, way := range []string{"<a ", "<form", "<button", "http-equiv"} {
			if strings.Contains(a.body, way) {
				t.Errorf("%s: the page holds %s", name, way)
			}
		}
		if u.Dialect() != fakeidp.Apple { // whose open page goes to the broker by itself
			if a := w.get(t, link(t, page.body, "continue")); a.leads() {
				t.Errorf("%s: the button leads on", name)
			}
		}
		w.metadata(t, u)
	}
}

// F09 and F11: one endpoint answers 5xx, or not at all.
func TestOneEndpointDown(t *testing.T) {
	held := make(chan struct{}, 1)
	w := start(t, fakeidp.Options{OnEvent: func(e fakeidp.Event) {
		if e.What == fakeidp.Held {
			held <- struct{}{}
		}
	}})
	for _, name := range w.Names() {
		u := w.upstream(t, name)
		tokens := w.login(t, u, "haru")
		fail(t, u, fakeidp.TokenDown)
		w.metadata(t, u)
		if a := w.ask(t, u, "haru"); a.status != http.StatusOK {
			t.Errorf("%s: page has status %d", name, a.status)
		}
		if a := w.tokenAnswer(t, u, "haru"); a.status != http.StatusServiceUnavailable {
			t.Errorf("%s: token has status %d", name, a.status)
		}
		target, down := u.URL(fakeidp.Token), fakeidp.TokenDown
		if u.URL(fakeidp.Userinfo) != "" {
			fail(t, u, fakeidp.UserinfoDown)
			if a := w.userinfo(t, u, text(t, tokens, "access_token")); a.status != http.StatusServiceUnavailable {
				t.Errorf("%s: userinfo has status %d", name, a.status)
			}
			if a := w.tokenAnswer(t, u, "haru"); a.status != http.StatusOK {
				t.Errorf("%s: token has status %d while userinfo is down", name, a.status)
			}
			target, down = u.URL(fakeidp.Userinfo), fakeidp.UserinfoDown
		}
		failWith(t, u, down, fakeidp.Scope{Variant: "timeout"})
		ctx, giveUp := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() {
			_, err := w.try(ctx, http.MethodPost, target, nil)
			ended <- err
		}()
		<-held
		giveUp()
		if err := <-ended; err == nil {
			t.Errorf("%s: %s answers", name, target)
		}
		u.ClearFault()
	}
}

// F10, F15 and F25: what the token endpoint and the profile say, in each
// dialect's own words.
func TestWordsOfFailure(t *testing.T) {
	w := start(t, fakeidp.Options{})
	tests := []struct {
		fault    fakeidp.Fault
		variant  string
		upstream string
		endpoint fakeidp.Endpoint
		status   int
		contains string
	}{
		{fakeidp.CredentialsRejected, "", "kakao", fakeidp.Token, 401, `"error_code":"KOE010"`},
		{fakeidp.CredentialsRejected, "", "naver", fakeidp.Token, 200, `"error_description":"wrong client id / client secret pair"`},
		{fakeidp.CredentialsRejected, "", "google", fakeidp.Token, 401, `"error":"invalid_client"`},
		{fakeidp.CredentialsRejected, "", "apple", fakeidp.Token, 400, `"error":"invalid_client"`},
		{fakeidp.CredentialsRejected, "", "p", fakeidp.Token, 401, `"error":"invalid_client"`},
		{fakeidp.CredentialsRejected, "", "plain", fakeidp.Token, 401, `"error":"invalid_client"`},

		{fakeidp.Disguised, "", "kakao", fakeidp.Token, 400, `"error_code":"KOE003"`},
		{fakeidp.Disguised, "", "kakao", fakeidp.Userinfo, 400, `"code":-7`},
		{fakeidp.Disguised, "", "naver", fakeidp.Token, 200, `"error":"server_error"`},
		{fakeidp.Disguised, "", "naver", fakeidp.Userinfo, 200, `"resultcode":"500"`},
		{fakeidp.Disguised, "", "google", fakeidp.Token, 404, "<h1>"},
		{fakeidp.Disguised, "", "google", fakeidp.Userinfo, 404, "<h1>"},
		{fakeidp.Disguised, "", "apple", fakeidp.Token, 404, "<h1>"},
		{fakeidp.Disguised, "", "p", fakeidp.Token, 401, `"error":"unauthorized"`},
		{fakeidp.Disguised, "", "plain", fakeidp.Userinfo, 401, `"error":"unauthorized"`},
		{fakeidp.Disguised, "200", "google", fakeidp.Token, 200, `"errcode":-1`},
		{fakeidp.Disguised, "401", "kakao", fakeidp.Token, 401, `"message":"Unauthorized"`},
		{fakeidp.Disguised, "404", "naver", fakeidp.Token, 404, "<h1>"},

		{fakeidp.Gone, "", "kakao", fakeidp.Token, 400, `"error_code":"KOE125"`},
		{fakeidp.Gone, "", "kakao", fakeidp.Userinfo, 400, `"code":-12`},
		{fakeidp.Gone, "", "naver", fakeidp.Token, 200, `"error":"unauthorized_client"`},
		{fakeidp.Gone, "", "naver", fakeidp.Userinfo, 403, `"resultcode":"403"`},
		{fakeidp.Gone, "", "google", fakeidp.Token, 401, `"error":"deleted_client"`},
		{fakeidp.Gone, "", "apple", fakeidp.Token, 400, `"error":"unauthorized_client"`},
		{fakeidp.Gone, "", "p", fakeidp.Token, 401, `"error":"unauthorized_client"`},
		{fakeidp.Gone, "", "plain", fakeidp.Token, 401, `"error":"unauthorized_client"`},
	}
	for _, tt := range tests {
		u := w.upstream(t, tt.upstream)
		access := text(t, w.login(t, u, "haru"), "access_token")
		failWith(t, u, tt.fault, fakeidp.Scope{Variant: tt.variant})
		var a answer
		if tt.endpoint == fakeidp.Token {
			a = w.tokenAnswer(t, u, "haru")
		} else {
			a = w.userinfo(t, u, access)
		}
		if a.status != tt.status || !strings.Contains(a.body, tt.contains) {
			t.Errorf("%s %s: %s %s: status %d, %s; want %d, %s", tt.fault, tt.variant, tt.upstream, tt.endpoint, a.status, a.body, tt.status, tt.contains)
		}
		w.metadata(t, u)
		if page := w.ask(t, u, "haru"); (page.status == http.StatusOK) == (tt.fault == fakeidp.Gone) {
			t.Errorf("%s: %s: page has status %d", tt.fault, tt.upstream, page.status)
		}
		u.ClearFault()
		w.login(t, u, "haru")
	}
}

// F14: every answer comes, in 8 to 25 s, half of them after more than 15.
func TestBrownout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := fakeidp.New(fakeidp.Options{BaseURL: "http://127.0.0.1:1"})
		if err != nil {
			t.Fatal(err)
		}
		u, _ := s.Upstream("kakao")
		fail(t, u, fakeidp.Brownout)
		var all []time.Duration
		for range 200 {
			took, answered := serve(s, u.URL(fakeidp.Token))
			if !answered || took < 8*time.Second || took > 25*time.Second {
				t.Fatalf("answered %v after %v", answered, took)
			}
			all = append(all, took)
		}
		slices.Sort(all)
		if p50, p95 := all[100], all[190]; p50 < 13*time.Second || p95 < 22*time.Second {
			t.Errorf("median %v, p95 %v", p50, p95)
		}
	})
}

// F02 and F03 where there is no network to break: the connection breaks or
// stays silent.
func TestConnectionFaultsOnPlainHTTP(t *testing.T) {
	w := start(t, fakeidp.Options{HoldFor: 50 * time.Millisecond})
	u := w.upstream(t, "kakao")
	for _, s := range []struct {
		fault    fakeidp.Fault
		variants []string
	}{
		{fakeidp.DNS, []string{"servfail", "nxdomain", "stale"}},
		{fakeidp.HalfOpen, []string{"silent", "drop", "reset", "trickle"}},
	} {
		for _, variant := range s.variants {
			failWith(t, u, s.fault, fakeidp.Scope{Variant: variant})
			for _, e := range []fakeidp.Endpoint{fakeidp.Authorize, fakeidp.JWKS, fakeidp.Status} {
				if a, err := w.try(t.Context(), http.MethodGet, u.URL(e), nil); err == nil {
					t.Errorf("%s %s: %s answers %d", s.fault, variant, e, a.status)
				}
			}
		}
	}
	if f, _ := u.Weather("seoul"); f != fakeidp.HalfOpen {
		t.Errorf("a network would be told %q", f)
	}
}
