package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Whoever waits need not do anything, script or not, and may do something.
func TestAWaitingPageAsksAgainByItself(t *testing.T) {
	for _, lang := range languages {
		view := Wait{Frame: frame(lang), RetryHref: "/login/a?b&c", Seconds: 7, CancelAction: "/login/a/cancel", StepToken: "step"}
		w := httptest.NewRecorder()
		if err := testPages(t).Write(w, http.StatusServiceUnavailable, view); err != nil {
			t.Fatal(err)
		}
		if got := w.Header().Get("Retry-After"); got != "7" {
			t.Errorf("%s: Retry-After is %q", lang, got)
		}
		doc := parse(t, w.Body)
		refreshes := 0
		for _, meta := range elements(doc, "meta") {
			if attr(meta, "http-equiv") == "refresh" && attr(meta, "content") == "7;url=/login/a?b&c" {
				refreshes++
			}
		}
		if refreshes != 1 {
			t.Errorf("%s: the page asks again %d times", lang, refreshes)
		}
		if got := attr(byID(doc, "onward"), "href"); got != view.RetryHref {
			t.Errorf("%s: the link leads to %q", lang, got)
		}
		if byID(doc, "cancel") == nil || !strings.Contains(text(doc), "7") {
			t.Errorf("%s: %s", lang, text(doc))
		}
	}
}

func TestAWaitingPageLeadsNowhereElse(t *testing.T) {
	for _, href := range []string{"https://evil.example/", "//evil.example/", "javascript:alert(1)", `/\evil`, "/a\n;url=https://evil.example"} {
		doc := draw(t, Wait{Frame: frame("en"), RetryHref: href})
		for _, meta := range elements(doc, "meta") {
			if attr(meta, "http-equiv") == "refresh" {
				t.Errorf("%q: the page loads %q", href, attr(meta, "content"))
			}
		}
	}
}
