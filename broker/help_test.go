package broker_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/bongsu/bongsu/broker/brokertest"
)

// set changes one parameter.
func set(name, value string) func(url.Values) {
	return func(v url.Values) { v.Set(name, value) }
}

// without leaves parameters out.
func without(names ...string) func(url.Values) {
	return func(v url.Values) {
		for _, name := range names {
			v.Del(name)
		}
	}
}

// doubled sends a parameter twice: as it is, and other before or behind it.
func doubled(name, other string, before bool) func(url.Values) {
	return func(v url.Values) {
		v[name] = append(v[name], other)
		if before {
			v[name] = []string{v[name][1], v[name][0]}
		}
	}
}

// refusedOnOurPage checks that an answer is our own page with status 400, sends
// the browser nowhere and links to nothing that is foreign.
func refusedOnOurPage(t *testing.T, answer brokertest.Response, foreign ...string) {
	t.Helper()
	if answer.Status != http.StatusBadRequest {
		t.Errorf("answered %d, want a page with 400", answer.Status)
	}
	if kind := answer.Header.Get("Content-Type"); !strings.HasPrefix(kind, "text/html") {
		t.Errorf("the answer is %q", kind)
	}
	for _, header := range []string{"Location", "Refresh", "Set-Cookie"} {
		if value := answer.Header.Get(header); value != "" {
			t.Errorf("the page sets %s: %s", header, value)
		}
	}
	leadsNowhere(t, answer, foreign...)
}

// leadsNowhere checks that nothing in an answer leads to or names foreign.
func leadsNowhere(t *testing.T, answer brokertest.Response, foreign ...string) {
	t.Helper()
	all := strings.ToLower(string(answer.Body) + answer.Header.Get("Location") + answer.Header.Get("Refresh"))
	for _, name := range foreign {
		if strings.Contains(all, strings.ToLower(name)) {
			t.Errorf("the answer mentions %s", name)
		}
	}
}

// refused checks an answer of a machine endpoint: one of the given errors, with
// its status, stored by nobody, without a token.
func refused(t *testing.T, answer brokertest.Response, codes ...string) {
	t.Helper()
	status := map[string]int{
		"invalid_client": http.StatusUnauthorized, "invalid_token": http.StatusUnauthorized,
	}
	got := answer.Text("error")
	for _, code := range codes {
		want := status[code]
		if want == 0 {
			want = http.StatusBadRequest
		}
		if got == code && answer.Status == want {
			if answer.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("Cache-Control is %q", answer.Header.Get("Cache-Control"))
			}
			for _, token := range []string{"access_token", "id_token", "refresh_token"} {
				if _, ok := answer.JSON()[token]; ok {
					t.Errorf("the refusal carries %s", token)
				}
			}
			return
		}
	}
	t.Errorf("answered %d %s, want %v", answer.Status, answer.Body, codes)
}

// unchanged checks at the end of a test that nothing was left behind by what
// came after the call.
func unchanged(t *testing.T, n *brokertest.Node) {
	t.Helper()
	before := n.Rows()
	t.Cleanup(func() {
		if after := n.Rows(); !after.Same(before) {
			t.Errorf("left behind: %v became %v", before, after)
		}
	})
}

// noSession checks that the browser is logged in nowhere.
func noSession(t *testing.T, n *brokertest.Node, b *brokertest.Browser) {
	t.Helper()
	r := brokertest.RP1.Request(set("prompt", "none"))
	if got := n.Answered(b.Open(n.AuthorizeURL(r)), r); got.Error != "login_required" {
		t.Errorf("prompt=none answers %q, so there is a session", got.Error)
	}
}

// hasSession checks the opposite.
func hasSession(t *testing.T, n *brokertest.Node, b *brokertest.Browser) {
	t.Helper()
	r := brokertest.RP1.Request(set("prompt", "none"))
	if got := n.Answered(b.Open(n.AuthorizeURL(r)), r); got.Code == "" {
		t.Errorf("prompt=none answers %q, so the session is gone", got.Error)
	}
}

func discovery(t *testing.T, n *brokertest.Node) map[string]any {
	t.Helper()
	answer := n.Ask(http.MethodGet, "/.well-known/openid-configuration")
	if answer.Status != http.StatusOK {
		t.Fatalf("discovery answers %d", answer.Status)
	}
	return answer.JSON()
}

var reference = regexp.MustCompile(`(?i)(?:href|action|src|content|poster|formaction)\s*=\s*["']?([^"'\s>]*)`)

// staysHere checks that no link, form or header of a page leads to an origin
// that is neither ours nor the website's own.
func staysHere(t *testing.T, n *brokertest.Node, what string, answer brokertest.Response) {
	t.Helper()
	base, err := url.Parse(n.Issuer + "/")
	if err != nil {
		t.Fatal(err)
	}
	found := []string{answer.Header.Get("Location")}
	for _, m := range reference.FindAllStringSubmatch(string(answer.Body), -1) {
		found = append(found, html.UnescapeString(m[1]))
	}
	for _, text := range found {
		if strings.HasPrefix(text, "data:image/svg+xml,") {
			continue // the page's own icon
		}
		// as browsers read it: tabs are dropped, a backslash is a slash
		to, err := base.Parse(strings.ReplaceAll(strings.ReplaceAll(text, "\t", ""), `\`, "/"))
		if err != nil || to.Host != base.Host && to.Host != "rp1.example" {
			t.Errorf("%s leads to %q", what, text)
		}
	}
	if refresh := answer.Header.Get("Refresh"); refresh != "" {
		t.Errorf("%s refreshes to %q", what, refresh)
	}
}

// onEveryStore runs a test on SQLite and on PostgreSQL.
func onEveryStore(t *testing.T, test func(*testing.T, *brokertest.Node)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, brokertest.StartNode(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, brokertest.StartNode(t, brokertest.OnPostgres(t))) })
}
