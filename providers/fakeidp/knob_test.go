package fakeidp_test

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/bongsu/bongsu/providers/fakeidp"
)

// Each signer lies in its own way; only the honest ones verify.
func TestSigners(t *testing.T) {
	w := start(t, fakeidp.Options{})
	p, q := w.upstream(t, "p"), w.upstream(t, "q")
	first := p.PublishedKeys()[0]
	foreign := q.PublishedKeys()[0]
	tests := []struct {
		name     string
		signer   fakeidp.Signer
		alg, kid string
		verifies bool
	}{
		{"as ever", nil, "RS256", first, true},
		{"newest key", fakeidp.NewestKey(), "RS256", first, true},
		{"key by its id", fakeidp.KeyID(first), "RS256", first, true},
		{"none", fakeidp.Unsigned(), "none", "", false},
		{"HS256 with the public key", fakeidp.HMAC(p.PublicKeyPEM()), "HS256", first, false},
		{"the other upstream's key", fakeidp.KeyOf(q), "RS256", foreign, false},
		{"a key nobody published", fakeidp.ForeignKey(), "RS256", first, false},
		{"a key in the header", fakeidp.EmbeddedKey(), "RS256", "", false},
		{"ES256", fakeidp.ES256("ec"), "ES256", "ec", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p.SignWith(tt.signer)
			token := text(t, w.login(t, p, "vic"), "id_token")
			h := payload(t, token, 0)
			if h["alg"] != tt.alg || tt.kid != "" && h["kid"] != tt.kid {
				t.Errorf("header %v, want alg %s, kid %s", h, tt.alg, tt.kid)
			}
			if _, err := w.verify(t, p, token); (err == nil) != tt.verifies {
				t.Errorf("verifies: %v", err)
			}
		})
	}
	if first == foreign {
		t.Error("two upstreams share a key")
	}
	p.SignWith(fakeidp.KeyID("never"))
	form := redemption(t, p, w.press(t, p, request(p), "continue").Get("code"))
	if a := w.do(t, http.MethodPost, p.URL(fakeidp.Token), form); a.status != http.StatusServiceUnavailable {
		t.Errorf("a key that never was: status %d", a.status)
	}
}

// Claims and headers can be anything, and the signature still holds.
func TestEdits(t *testing.T) {
	w := start(t, fakeidp.Options{})
	u := w.upstream(t, "p")
	u.EditClaims(func(c map[string]any) {
		c["iss"] = "https://q.example"
		delete(c, "exp")
	})
	u.EditHeader(func(h map[string]any) { h["jku"] = "https://evil.example/jwks" })
	u.EditAnswer(fakeidp.Userinfo, func(d map[string]any) { d["sub"] = "someone else" })
	u.EditAnswer(fakeidp.Discovery, func(d map[string]any) { d["issuer"] = "https://evil.example" })
	u.EditAnswer(fakeidp.JWKS, func(d map[string]any) { d["extra"] = true })
	u.EditResponse(func(v url.Values) { v.Add("iss", "https://q.example") })

	back := w.press(t, u, request(u), "continue")
	if got := back["iss"]; !slices.Equal(got, []string{"https://q.example"}) {
		t.Errorf("the browser brings back iss %q", got)
	}
	token := w.redeem(t, u, back.Get("code"))
	claims, err := w.verify(t, u, text(t, token, "id_token"))
	if err != nil {
		t.Fatal(err)
	}
	contains(t, claims, map[string]any{"iss": "https://q.example", "exp": nil})
	contains(t, payload(t, text(t, token, "id_token"), 0), map[string]any{"jku": "https://evil.example/jwks"})
	contains(t, w.userinfo(t, u, text(t, token, "access_token")).document(t), map[string]any{"sub": "someone else"})
	contains(t, w.get(t, u.URL(fakeidp.Discovery)).document(t), map[string]any{"issuer": "https://evil.example"})
	contains(t, w.get(t, u.URL(fakeidp.JWKS)).document(t), map[string]any{"extra": true})

	u.Reset()
	token = w.login(t, u, "vic")
	contains(t, payload(t, text(t, token, "id_token"), 1), map[string]any{"iss": u.Issuer()})
	contains(t, w.userinfo(t, u, text(t, token, "access_token")).document(t), map[string]any{"sub": u.Subject("vic")})
}

// RFC 9207: what is advertised is sent, with errors too.
func TestAdvertiseIss(t *testing.T) {
	w := start(t, fakeidp.Options{})
	u := w.upstream(t, "p")
	u.AdvertiseIss(true)
	contains(t, w.get(t, u.URL(fakeidp.Discovery)).document(t), map[string]any{"authorization_response_iss_parameter_supported": true})
	for _, id := range []string{"continue", "cancel"} {
		if got := w.press(t, u, request(u), id).Get("iss"); got != u.Issuer() {
			t.Errorf("%s: iss is %q", id, got)
		}
	}
	u.AdvertiseIss(false)
	if back := w.press(t, u, request(u), "continue"); back.Has("iss") {
		t.Errorf("iss is %q", back.Get("iss"))
	}
}

// A new key works at once beside the old one; a withdrawn one is gone from the
// set and can still sign.
func TestKeyRotation(t *testing.T) {
	w := start(t, fakeidp.Options{})
	u := w.upstream(t, "p")
	before := text(t, w.login(t, u, "vic"), "id_token")
	k1 := u.PublishedKeys()[0]
	k2 := u.RotateKeys()
	if got := u.PublishedKeys(); !slices.Equal(got, []string{k1, k2}) || k1 == k2 {
		t.Fatalf("published %v", got)
	}
	after := text(t, w.login(t, u, "vic"), "id_token")
	if kid := payload(t, after, 0)["kid"]; kid != k2 {
		t.Errorf("signed by %v, want %v", kid, k2)
	}
	for _, token := range []string{before, after} {
		if _, err := w.verify(t, u, token); err != nil {
			t.Errorf("while both are published: %v", err)
		}
	}
	u.WithdrawKey(k1)
	if _, err := w.verify(t, u, before); err == nil {
		t.Error("the withdrawn key still verifies")
	}
	u.SignWith(fakeidp.KeyID(k1))
	if kid := payload(t, text(t, w.login(t, u, "vic"), "id_token"), 0)["kid"]; kid != k1 {
		t.Errorf("signed by %v, want the withdrawn %v", kid, k1)
	}
	u.RestoreKey(k1)
	if _, err := w.verify(t, u, before); err != nil {
		t.Errorf("restored: %v", err)
	}
}

// Any answer can be replaced, and is counted all the same.
func TestAnswerWith(t *testing.T) {
	w := start(t, fakeidp.Options{})
	u := w.upstream(t, "p")
	u.AnswerWith(fakeidp.JWKS, fakeidp.Reply(http.StatusTeapot, "text/plain", "short and stout"))
	u.AnswerWith(fakeidp.Discovery, fakeidp.Redirect("https://evil.example/"))
	u.AnswerWith(fakeidp.Token, func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("grant " + r.PostForm.Get("grant_type")))
	})
	if a := w.get(t, u.URL(fakeidp.JWKS)); a.status != http.StatusTeapot || a.body != "short and stout" {
		t.Errorf("JWKS: %d %q", a.status, a.body)
	}
	if a := w.get(t, u.URL(fakeidp.Discovery)); a.header.Get("Location") != "https://evil.example/" {
		t.Errorf("discovery: %d %v", a.status, a.header)
	}
	if a := w.do(t, http.MethodPost, u.URL(fakeidp.Token), url.Values{"grant_type": {"x"}}); a.body != "grant x" {
		t.Errorf("token: %q", a.body)
	}
	want := map[fakeidp.Endpoint]int{fakeidp.JWKS: 1, fakeidp.Discovery: 1, fakeidp.Token: 1}
	if got := u.Counts(); !maps.Equal(got, want) {
		t.Errorf("counts %v, want %v", got, want)
	}
	u.AnswerWith(fakeidp.JWKS, nil)
	if a := w.get(t, u.URL(fakeidp.JWKS)); a.status != http.StatusOK {
		t.Errorf("restored: status %d", a.status)
	}
	u.Reset()
	if got := u.Counts(); len(got) != 0 {
		t.Errorf("counts %v after reset", got)
	}
}

// Any claims can be had signed, as an ID token would be now.
func TestSign(t *testing.T) {
	w := start(t, fakeidp.Options{})
	u := w.upstream(t, "p")
	token, err := u.Sign(map[string]any{"sub": "x", "events": map[string]any{}})
	if err != nil {
		t.Fatal(err)
	}
	claims, err := w.verify(t, u, token)
	if err != nil || claims["sub"] != "x" {
		t.Errorf("claims %v, %v", claims, err)
	}
	if _, err := u.Sign(map[string]any{"sub": func() {}}); err == nil {
		t.Error("claims that JSON cannot hold are signed")
	}
}

// Knobs are turned while people log in.
func TestKnobsAreSafe(t *testing.T) {
	w := start(t, fakeidp.Options{})
	u := w.upstream(t, "p")
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 10 {
				if _, err := w.try(t.Context(), http.MethodGet, u.URL(fakeidp.JWKS), nil); err != nil {
					t.Error(err)
				}
			}
		})
		all.Go(func() {
			for range 10 {
				u.EditAnswer(fakeidp.JWKS, func(map[string]any) {})
				u.AnswerWith(fakeidp.Token, fakeidp.Reply(200, "text/plain", ""))
				u.Delay(fakeidp.Token, 1)
				u.WithdrawKey("none")
				_ = u.SetFault(fakeidp.Denied)
				u.Reset()
			}
		})
	}
	all.Wait()
}

func TestBodiesAreBounded(t *testing.T) {
	w := start(t, fakeidp.Options{})
	u := w.upstream(t, "p")
	form := url.Values{"code": {strings.Repeat("c", 65<<10)}}
	if a := w.do(t, http.MethodPost, u.URL(fakeidp.Token), form); a.status != http.StatusBadRequest {
		t.Errorf("status %d", a.status)
	}
}
