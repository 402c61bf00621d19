package broker_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/bongsu/bongsu/broker/dev"
)

// testFormPost is a website that takes its answers by form: the browser sends it
// by itself, with the shipped policy and nothing to complain about.
func testFormPost(t *testing.T, c *chrome, i *dev.Instance) {
	got := make(chan url.Values, 8)
	website := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if r.Method == http.MethodPost && r.URL.Path == "/cb" && r.ParseForm() == nil {
			got <- r.PostForm
			_, _ = io.WriteString(w, `<!doctype html><link rel="icon" href="data:,"><p id="greeting">Hello`)
			return
		}
		w.WriteHeader(http.StatusNotFound)
	}))
	t.Cleanup(website.Close)
	ask := func(more string) string {
		return i.Issuer() + "/authorize?" + url.Values{
			"client_id": {"demo"}, "redirect_uri": {website.URL + "/cb"}, "response_type": {"code"}, "scope": {"openid"},
			"response_mode": {"form_post"}, "state": {`a "b" <c>`},
		}.Encode() + more
	}
	b := c.tab(t, "en")
	b.open(ask(""))
	b.enter("kakao", "minji")
	answer := <-got
	if answer.Get("code") == "" || answer.Get("state") != `a "b" <c>` || answer.Get("iss") != i.Issuer() {
		t.Errorf("the website got %v", answer)
	}
	b.open(ask("&prompt=login"))
	b.click("cancel") // our own form first, and then the website's
	b.see("greeting")
	if answer := <-got; answer.Get("error") != "access_denied" {
		t.Errorf("the website got %v", answer)
	}
}
