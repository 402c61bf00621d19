package fakeidp_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bongsu/bongsu/providers/fakeidp"
)

func fail(t *testing.T, u *fakeidp.Upstream, f fakeidp.Fault) {
	t.Helper()
	if err := u.SetFault(f); err != nil {
		t.Fatalf("SetFault(%q): %v", f, err)
	}
}

// What stands first is what people try first; scripts rely on every name.
func TestKinds(t *testing.T) {
	w := start(t, fakeidp.Options{})
	var names []fakeidp.Fault
	numbers := map[string]bool{}
	for _, k := range fakeidp.Kinds() {
		names = append(names, k.Name)
		if k.Title == "" || k.Group == "" {
			t.Errorf("%s has title %q and group %q", k.Name, k.Title, k.Group)
		}
		if k.Number != "" && numbers[k.Number] {
			t.Errorf("%s is there twice", k.Number)
		}
		numbers[k.Number] = true
	}
	first := []fakeidp.Fault{fakeidp.Dark, fakeidp.Slow, fakeidp.Error, fakeidp.Denied, fakeidp.BadSignature}
	if !slices.Equal(names[:5], first) {
		t.Errorf("kinds begin %v, want %v", names[:5], first)
	}
	for n := 1; n <= 25; n++ {
		if number := fmt.Sprintf("F%02d", n); !numbers[number] && n != 23 && n != 24 {
			t.Errorf("no fault is %s", number)
		}
	}
	for _, name := range w.Names() {
		u := w.upstream(t, name)
		for _, f := range names {
			applies := slices.ContainsFunc(u.Kinds(), func(k fakeidp.Kind) bool { return k.Name == f })
			u.ClearFault()
			err := u.SetFault(f)
			switch {
			case applies && (err != nil || u.Fault() != f):
				t.Errorf("%s: %s: %v, fault is %q", name, f, err, u.Fault())
			case !applies && (!errors.Is(err, fakeidp.ErrNotApplicable) || u.Fault() != ""):
				t.Errorf("%s: %s: %v, want ErrNotApplicable; fault is %q", name, f, err, u.Fault())
			}
			if applies == slices.Contains(cannot(u.Dialect()), f) {
				t.Errorf("%s: %s applies: %v", name, f, applies)
			}
		}
		fail(t, u, "")
		if err := u.SetFault("haunted"); !errors.Is(err, fakeidp.ErrUnknownFault) || u.Fault() != "" {
			t.Errorf("%s: %v, fault is %q", name, err, u.Fault())
		}
	}
}

// cannot is how an upstream on plain HTTP cannot fail.
func cannot(d fakeidp.Dialect) []fakeidp.Fault {
	never := []fakeidp.Fault{fakeidp.WrongCertificate}
	switch d {
	case fakeidp.Naver, fakeidp.OAuth2:
		never = append(never, fakeidp.BadSignature, fakeidp.KeyDropped, fakeidp.StolenKey, fakeidp.Clock, fakeidp.MovedMetadata)
	case fakeidp.Apple:
		never = append(never, fakeidp.UserinfoDown)
	}
	return never
}

// A dark upstream takes every request and answers none, until somebody ends the wait.
func TestDark(t *testing.T) {
	tests := []struct {
		name string
		end  func(u *fakeidp.Upstream, w *world, giveUp func())
		want error // of the client; nil is a closed connection
	}{
		{"the client gives up", func(_ *fakeidp.Upstream, _ *world, giveUp func()) { giveUp() }, context.Canceled},
		{"the fault is cleared", func(u *fakeidp.Upstream, _ *world, _ func()) { u.ClearFault() }, nil},
		{"the fault is another", func(u *fakeidp.Upstream, _ *world, _ func()) { _ = u.SetFault(fakeidp.Error) }, nil},
		{"the server closes", func(_ *fakeidp.Upstream, w *world, _ func()) { w.Close() }, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			held := make(chan fakeidp.Event, 8)
			w := start(t, fakeidp.Options{OnEvent: func(e fakeidp.Event) {
				if e.What == fakeidp.Held {
					held <- e
				}
			}})
			u := w.upstream(t, "kakao")
			fail(t, u, fakeidp.Dark)
			ctx, giveUp := context.WithCancel(t.Context())
			defer giveUp()
			failed := make(chan error)
			targets := []string{u.URL(fakeidp.Authorize), u.URL(fakeidp.Token), u.URL(fakeidp.JWKS), u.Issuer() + "/nowhere"}
			for _, target := range targets {
				go func() {
					_, err := w.try(ctx, http.MethodPost, target, url.Values{"code": {"c"}})
					failed <- err
				}()
			}
			for range targets {
				<-held
			}
			tt.end(u, w, giveUp)
			for range targets {
				if err := <-failed; err == nil || tt.want != nil && !errors.Is(err, tt.want) {
					t.Errorf("the client sees %v, want %v", err, tt.want)
				}
			}
		})
	}
}

// serve calls the handler without a network and returns how long it took and
// whether it answered.
func serve(s *fakeidp.Server, target string) (took time.Duration, answered bool) {
	from := time.Now()
	r := httptest.NewRequest(http.MethodGet, target, http.NoBody)
	w := httptest.NewRecorder()
	defer func() {
		took = time.Since(from)
		if recover() == nil {
			answered = true
		}
	}()
	s.ServeHTTP(w, r)
	return 0, true
}

// The times are those of the documentation.
func TestFaultTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := fakeidp.New(fakeidp.Options{BaseURL: "http://127.0.0.1:1"})
		if err != nil {
			t.Fatal(err)
		}
		u, _ := s.Upstream("kakao")
		token := u.URL(fakeidp.Token)

		fail(t, u, fakeidp.Dark)
		if took, answered := serve(s, token); took != time.Minute || answered {
			t.Errorf("dark: %v, answered %v", took, answered)
		}
		fail(t, u, fakeidp.Slow)
		for _, target := range []string{token, u.URL(fakeidp.Authorize), u.Issuer() + "/nowhere"} {
			if took, answered := serve(s, target); took != 8*time.Second || !answered {
				t.Errorf("slow: %s: %v, answered %v", target, took, answered)
			}
		}
		u.Delay(fakeidp.Token, time.Second)
		if took, _ := serve(s, token); took != 9*time.Second {
			t.Errorf("slow and delayed: %v", took)
		}
		fail(t, u, "")
		if took, answered := serve(s, token); took != time.Second || !answered {
			t.Errorf("delayed: %v, answered %v", took, answered)
		}
		if took, _ := serve(s, u.URL(fakeidp.JWKS)); took != 0 {
			t.Errorf("another endpoint: %v", took)
		}
		u.Delay(fakeidp.Token, 0)
		if took, _ := serve(s, token); took != 0 {
			t.Errorf("healthy: %v", took)
		}
	})
}

// Healing releases whoever still waits for a slow answer.
func TestHealingEndsSlowness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := fakeidp.New(fakeidp.Options{BaseURL: "http://127.0.0.1:1", SlowBy: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		u, _ := s.Upstream("naver")
		fail(t, u, fakeidp.Slow)
		for _, end := range []func(){u.ClearFault, s.Close} {
			done := make(chan bool)
			go func() {
				_, answered := serve(s, u.URL(fakeidp.Token))
				done <- answered
			}()
			synctest.Wait()
			end()
			if answered := <-done; answered != (u.Fault() == "") {
				t.Errorf("fault %q: answered %v", u.Fault(), answered)
			}
			fail(t, u, fakeidp.Slow)
		}
	})
}

// Under error the person's page lives, and every server endpoint fails in the
// dialect's own form.
func TestError(t *testing.T) {
	w := start(t, fakeidp.Options{})
	tests := []struct {
		upstream string
		endpoint fakeidp.Endpoint
		status   int
		contains string
	}{
		{"kakao", fakeidp.Token, 400, `"error_code":"KOE003"`},
		{"kakao", fakeidp.Userinfo, 400, `"code":-1`},
		{"kakao", fakeidp.TokenInfo, 400, `"code":-1`},
		{"kakao", fakeidp.JWKS, 400, `"error":"server_error"`},
		{"naver", fakeidp.Token, 200, `"error":"server_error"`},
		{"naver", fakeidp.Userinfo, 500, `"resultcode":"500"`},
		{"google", fakeidp.Token, 500, `"error":"internal_failure"`},
		{"google", fakeidp.Userinfo, 503, "<h1>"},
		{"google", fakeidp.JWKS, 503, "<h1>"},
		{"apple", fakeidp.Token, 500, `"error":"server_error"`},
		{"apple", fakeidp.JWKS, 503, "<h1>"},
		{"p", fakeidp.Token, 503, `"error":"temporarily_unavailable"`},
		{"p", fakeidp.Userinfo, 503, "<h1>"},
		{"p", fakeidp.JWKS, 503, "<h1>"},
		{"plain", fakeidp.Token, 503, `"error":"temporarily_unavailable"`},
	}
	for _, tt := range tests {
		u := w.upstream(t, tt.upstream)
		fail(t, u, fakeidp.Error)
		back := w.press(t, u, request(u), "continue")
		if back.Get("code") == "" {
			t.Errorf("%s: the browser brings back %v", tt.upstream, back)
		}
		method := http.MethodGet
		if tt.endpoint == fakeidp.Token {
			method = http.MethodPost
		}
		a := w.do(t, method, u.URL(tt.endpoint), redemption(t, u, back.Get("code")))
		if a.status != tt.status || !strings.Contains(a.body, tt.contains) {
			t.Errorf("%s %s: status %d, %s; want %d, %s", tt.upstream, tt.endpoint, a.status, a.body, tt.status, tt.contains)
		}
		if discovery := u.URL(fakeidp.Discovery); discovery != "" && w.get(t, discovery).status != http.StatusOK {
			t.Errorf("%s: discovery fails", tt.upstream)
		}
		u.ClearFault()
		w.login(t, u, "vic")
	}
}

// Under denied, whoever continues comes back as one who declined.
func TestDenied(t *testing.T) {
	w := start(t, fakeidp.Options{})
	for _, name := range w.Names() {
		u := w.upstream(t, name)
		fail(t, u, fakeidp.Denied)
		back := w.press(t, u, request(u), "continue")
		if back.Has("code") || back.Get("error") == "" || back.Get("state") != "st&te" {
			t.Errorf("%s: the browser brings back %v", name, back)
		}
	}
}

// Under bad-signature tokens look right and do not verify.
func TestBadSignature(t *testing.T) {
	w := start(t, fakeidp.Options{})
	for _, name := range []string{"kakao", "google", "apple", "p"} {
		u := w.upstream(t, name)
		fail(t, u, fakeidp.BadSignature)
		token := text(t, w.login(t, u, "vic"), "id_token")
		if kid := text(t, payload(t, token, 0), "kid"); !slices.Contains(u.PublishedKeys(), kid) {
			t.Errorf("%s: kid %q is not published", name, kid)
		}
		if _, err := w.verify(t, u, token); err == nil {
			t.Errorf("%s: the token verifies", name)
		}
		u.ClearFault()
		if _, err := w.verify(t, u, text(t, w.login(t, u, "vic"), "id_token")); err != nil {
			t.Errorf("%s: healed: %v", name, err)
		}
	}
}

// Events tell the story of a login, without its secrets.
func TestEvents(t *testing.T) {
	events := make(chan fakeidp.Event, 16)
	w := start(t, fakeidp.Options{OnEvent: func(e fakeidp.Event) { events <- e }})
	u := w.upstream(t, "kakao")
	w.login(t, u, "minji")
	w.press(t, u, request(u), "cancel")
	w.userinfo(t, u, "bogus")
	fail(t, u, fakeidp.Denied)
	fail(t, u, fakeidp.Denied)
	u.ClearFault()
	u.ClearFault()

	want := []fakeidp.Event{
		{What: fakeidp.PageShown, Endpoint: fakeidp.Authorize, Person: "minji"},
		{What: fakeidp.Continued, Endpoint: fakeidp.Continue, Person: "minji"},
		{What: fakeidp.Redeemed, Endpoint: fakeidp.Token, Person: "minji"},
		{What: fakeidp.PageShown, Endpoint: fakeidp.Authorize, Person: "haru"},
		{What: fakeidp.Declined, Endpoint: fakeidp.Cancel, Person: "haru"},
		{What: fakeidp.Refused, Endpoint: fakeidp.Userinfo, Detail: "unknown or expired access token"},
		{What: fakeidp.FaultSet, Detail: "denied"},
		{What: fakeidp.FaultCleared, Detail: "denied"},
	}
	for _, e := range want {
		e.Upstream = "kakao"
		got := <-events
		if got.At.IsZero() {
			t.Error("an event without a time")
		}
		got.At = time.Time{}
		if got != e {
			t.Errorf("event %+v, want %+v", got, e)
		}
	}
	if len(events) > 0 {
		t.Errorf("one more: %+v", <-events)
	}
}
