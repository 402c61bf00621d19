package web

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The policy is written out here a second time on purpose: changing it takes two.
func TestHeadersOfEveryPage(t *testing.T) {
	for _, lang := range languages {
		for name, view := range allViews(lang) {
			w := httptest.NewRecorder()
			if err := testPages(t).Write(w, http.StatusOK, view); err != nil {
				t.Fatal(err)
			}
			body := w.Body.String()
			start := strings.Index(body, "<style>") + len("<style>")
			sum := sha256.Sum256([]byte(body[start:strings.Index(body, "</style>")]))
			sites := ""
			if len(view.frame().Elsewhere.Places) > 0 {
				sites = " https://busan.login.example.kr https://tokyo.login.example.kr"
			}
			want := http.Header{
				"Content-Type":     {"text/html; charset=utf-8"},
				"Content-Language": {lang},
				"Content-Length":   w.Header()["Content-Length"],
				"Content-Security-Policy": {"default-src 'none'; style-src 'self' 'sha256-" +
					base64.StdEncoding.EncodeToString(sum[:]) + "'; script-src 'self'; img-src 'self' data:; " +
					"connect-src 'self'; form-action 'self'" + sites + "; base-uri 'none'; frame-ancestors 'none'; " +
					"require-trusted-types-for 'script'; trusted-types 'none'"},
				"Referrer-Policy":        {"same-origin"},
				"X-Content-Type-Options": {"nosniff"},
				"X-Frame-Options":        {"DENY"},
				"X-Robots-Tag":           {"noindex"},
				"Permissions-Policy": {"publickey-credentials-get=(self), publickey-credentials-create=(self), " +
					"camera=(), microphone=(), geolocation=()"},
				"Strict-Transport-Security": {"max-age=63072000; includeSubDomains"},
				"Cache-Control":             {"no-store"},
			}
			if strings.HasPrefix(name, "problem ") {
				want.Set("Retry-After", "30")
			}
			if name == "wait" {
				want.Set("Retry-After", "7")
			}
			if diff := cmp.Diff(want, w.Header()); diff != "" {
				t.Errorf("%s in %s: headers (-want +got)\n%s", name, lang, diff)
			}
		}
	}
}

func TestHeadersAreNotSharedForWriting(t *testing.T) {
	w := write(t, testPages(t), menuView("ko"))
	w.Header().Add("Cache-Control", "public")
	if got := write(t, testPages(t), menuView("ko")).Header().Values("Cache-Control"); len(got) != 1 {
		t.Errorf("the next page says Cache-Control %q", got)
	}
}

func TestDevSaysNothingAboutHTTPS(t *testing.T) {
	dev, err := New(Options{Dev: true})
	if err != nil {
		t.Fatal(err)
	}
	if got := write(t, dev, menuView("ko")).Header().Get("Strict-Transport-Security"); got != "" {
		t.Errorf("Strict-Transport-Security is %q in dev", got)
	}
}
