package demo_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/dev/browser"
)

// Whatever goes wrong, there is a page with a way on.
func TestLoginThatFails(t *testing.T) {
	tests := []struct {
		name   string
		break_ func(i *issuer)
		status int
		code   string
		says   string
	}{
		{"the person cancelled", func(i *issuer) {
			i.answer = func(q url.Values) {
				q.Del("code")
				q.Set("error", "access_denied")
				q.Set("error_description", "The person cancelled.")
			}
		}, http.StatusOK, "access_denied", "로그인을 취소했어요."},
		{"the issuer answers with an error", func(i *issuer) {
			i.answer = func(q url.Values) { q.Del("code"); q.Set("error", "login_required") }
		}, http.StatusOK, "login_required", "로그인이 끝나지 않았어요."},
		{"the issuer could not check", func(i *issuer) {
			i.answer = func(q url.Values) { q.Del("code"); q.Set("error", "temporarily_unavailable") }
		}, http.StatusServiceUnavailable, "temporarily_unavailable", "지금은 확인할 수"},
		{"the state is another's", func(i *issuer) {
			i.answer = func(q url.Values) { q.Set("state", "stolen") }
		}, http.StatusBadRequest, "", "이미 끝났거나"},
		{"another issuer answers", func(i *issuer) {
			i.answer = func(q url.Values) { q.Set("iss", "https://evil.example") }
		}, http.StatusBadRequest, "", "이미 끝났거나"},
		{"the issuer does not say who it is", func(i *issuer) {
			i.answer = func(q url.Values) { q.Del("iss") }
		}, http.StatusBadRequest, "", "이미 끝났거나"},
		{"a parameter is doubled", func(i *issuer) {
			i.answer = func(q url.Values) { q.Add("code", "c2") }
		}, http.StatusBadRequest, "", "이미 끝났거나"},
		{"the code is refused", func(i *issuer) { i.refuse = "invalid_grant" }, http.StatusBadGateway, "invalid_grant", "답을 확인하지 못해서"},
		{"the code could not be checked", func(i *issuer) { i.refuse = "temporarily_unavailable" }, http.StatusServiceUnavailable, "temporarily_unavailable", "지금은 확인할 수"},
		{"the signature is spoiled", func(i *issuer) {
			i.spoil = func(token string) string {
				head, signature, _ := strings.Cut(token, ".")
				payload, signature, _ := strings.Cut(signature, ".")
				return head + "." + payload + "." + strings.Repeat("A", len(signature))
			}
		}, http.StatusBadGateway, "", "답을 확인하지 못해서"},
		{"there is no ID token", func(i *issuer) { i.spoil = func(string) string { return "" } }, http.StatusBadGateway, "", "답을 확인하지 못해서"},
		{"the nonce is another's", func(i *issuer) { i.claims["nonce"] = "n" }, http.StatusBadGateway, "", "답을 확인하지 못해서"},
		{"the token is for another client", func(i *issuer) { i.claims["aud"] = "other" }, http.StatusBadGateway, "", "답을 확인하지 못해서"},
		{"the access token is another's", func(i *issuer) { i.claims["at_hash"] = "AAAAAAAAAAAAAAAAAAAAAA" }, http.StatusBadGateway, "", "답을 확인하지 못해서"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newShop(t)
			s.issuer.set(func() { tt.break_(s.issuer) })

			p := s.open("/login")

			if p.Status != tt.status || p.TextOf("error") != tt.code || !strings.Contains(p.TextOf("reason"), tt.says) {
				t.Errorf("status %d, error %q, reason %q; want %d, %q, %q", p.Status, p.TextOf("error"), p.TextOf("reason"), tt.status, tt.code, tt.says)
			}
			if len(s.logins) != 0 || p.Has("logout") {
				t.Error("somebody was logged in")
			}
			s.issuer.set(func() {
				s.issuer.answer, s.issuer.spoil, s.issuer.refuse = nil, nil, ""
				s.issuer.claims = map[string]any{"sub": "u_1", "name": "김하늘"}
			})
			if p = s.click("retry"); p.TextOf("greeting") == "" {
				t.Errorf("trying again led to %s: %q", p.URL, p.Text())
			}
		})
	}
}

func TestIssuerThatIsGone(t *testing.T) {
	s := newShop(t)
	s.issuer.set(func() { s.issuer.dead = true })
	p := s.open("/login")
	if p.Status != http.StatusServiceUnavailable || p.Header.Get("Retry-After") == "" || !strings.Contains(p.TextOf("reason"), "응답이 없어요") {
		t.Errorf("status %d, reason %q", p.Status, p.TextOf("reason"))
	}
	s.issuer.set(func() { s.issuer.dead = false })
	if p = s.click("retry"); p.TextOf("greeting") == "" {
		t.Errorf("back again: %q", p.Text())
	}
}

// A callback counts once, in the browser that began it, and within its time.
func TestCallbackCountsOnce(t *testing.T) {
	s := newShop(t)
	s.open("/login")
	callback := ""
	for _, r := range s.Requests("") {
		if strings.Contains(r.URL, "/callback?") {
			callback = r.URL
		}
	}
	p, err := s.Open(t.Context(), callback)
	if err != nil || p.Status != http.StatusBadRequest || !p.Has("home") {
		t.Errorf("the same callback again: status %d, %v", p.Status, err)
	}
	if p = s.open("/"); p.TextOf("greeting") == "" {
		t.Error("the person is logged out by it")
	}
	other := browser.New(browser.Options{})
	defer other.Close()
	if p, err = other.Open(t.Context(), callback); err != nil || p.Status != http.StatusBadRequest {
		t.Errorf("the callback in another browser: %v", err)
	}
}

func TestLoginThatTookTooLong(t *testing.T) {
	s := newShop(t)
	s.issuer.set(func() {
		s.issuer.answer = func(url.Values) { s.now = s.now.Add(40 * time.Minute) }
	})
	if p := s.open("/login"); p.Status != http.StatusBadRequest || !p.Has("retry") {
		t.Errorf("status %d: %q", p.Status, p.Text())
	}
}

// Nothing that somebody else wrote becomes markup.
func TestForeignTextIsEscaped(t *testing.T) {
	const nasty = `"><script>alert(1)</script>{{.}}`
	s := newShop(t)
	s.issuer.set(func() {
		s.issuer.claims = map[string]any{"sub": nasty, "name": nasty, "bongsu_way": nasty, nasty: nasty}
	})
	p := s.open("/login")
	if strings.Contains(string(p.Body), "<script>alert") {
		t.Error("a claim became a script")
	}
	s.issuer.set(func() {
		s.issuer.answer = func(q url.Values) {
			q.Del("code")
			q.Set("error", nasty)
			q.Set("error_description", nasty+"\x1b[31m\n"+strings.Repeat("x", 1000))
		}
	})
	p = s.open("/login")
	if body := string(p.Body); strings.Contains(body, "<script>alert") || strings.Contains(body, "\x1b") || strings.Contains(body, strings.Repeat("x", 400)) {
		t.Error("an error became more than a line of text")
	}
}
