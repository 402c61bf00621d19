package broker_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/broker/choice"
	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/dev/browser"
	"github.com/bongsu/bongsu/providers/fakeidp"
)

// payloadOf reads the claims of a token of ours, unchecked.
func payloadOf(t *testing.T, token string) map[string]any {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("no token: %q", token)
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(raw, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

// A website gets the claims it names one by one, each where it wanted it.
func TestClaimsOneByOne(t *testing.T) {
	n := brokertest.StartNode(t)
	asked := brokertest.RP1.Request(set("scope", "openid"),
		set("claims", `{"id_token":{"email":{"essential":true}},"userinfo":{"name":null}}`))
	tokens := n.Redeem(n.Login(n.NewBrowser(), "kakao", "vic", asked))
	idToken := payloadOf(t, tokens.Text("id_token"))
	if idToken["email"] == nil || idToken["name"] != nil || idToken["email_verified"] != nil {
		t.Errorf("ID token %v", idToken)
	}
	userinfo := n.Ask(http.MethodGet, "/userinfo", "Authorization", "Bearer "+tokens.Text("access_token"))
	if userinfo.Text("name") == "" || userinfo.Text("email") != "" {
		t.Errorf("userinfo %s", userinfo.Body)
	}
	if scope := tokens.Text("scope"); scope != "openid" {
		t.Errorf("scope %q", scope)
	}
}

// What a website calls essential binds, at the menu and at the end; what it
// would like does not.
func TestEssentialClaims(t *testing.T) {
	n := brokertest.StartNode(t)
	b := n.NewBrowser()
	first := n.Redeem(n.Login(b, "kakao", "vic", brokertest.RP1.Request()))
	sub, _ := payloadOf(t, first.Text("id_token"))["sub"].(string)
	tests := []struct {
		name, claims, want string
	}{
		{"an acr that nobody here reaches", `{"id_token":{"acr":{"essential":true,"values":["phrh","level9"]}}}`, "unmet_authentication_requirements"},
		{"an acr that nobody knows", `{"id_token":{"acr":{"essential":true,"value":"level9"}}}`, "unmet_authentication_requirements"},
		{"one of several is enough", `{"id_token":{"acr":{"essential":true,"values":["phrh","urn:bongsu:acr:provider"]}}}`, ""},
		{"a wish", `{"id_token":{"acr":{"values":["phrh"]}}}`, ""},
		{"the person who is there", `{"id_token":{"sub":{"value":"` + sub + `"}}}`, ""},
		{"another person, with nothing to be shown", `{"id_token":{"sub":{"value":"u_other"}}}`, "login_required"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := brokertest.RP1.Request(set("claims", tt.claims), set("prompt", "none"))
			if got := n.Answered(b.Open(n.AuthorizeURL(r)), r); got.Error != tt.want {
				t.Errorf("the website got %q", got.Error)
			}
		})
	}
	t.Run("another person logs in", func(t *testing.T) {
		r := brokertest.RP1.Request(set("claims", `{"userinfo":{"sub":{"value":"u_other"}}}`))
		b.Open(n.AuthorizeURL(r))
		b.Click("way-kakao")
		if got := n.Answered(b.Continue("vic"), r); got.Error != "login_required" {
			t.Errorf("the website got %q", got.Error)
		}
	})
}

// Where every way that is strong enough is merely down, the person still finds
// all of them on the page, and the website is told to try again.
func TestEveryStrongEnoughWayIsDown(t *testing.T) {
	picky := brokertest.Website{ID: "RP-picky", Secret: "picky-secret-of-more-than-thirty-two", RedirectURI: "https://picky.example/cb"}
	n := brokertest.StartNode(t, func(s *brokertest.Setup) {
		s.Clients = []*client.Client{{
			ID: picky.ID, Name: picky.ID, FirstParty: true, RedirectURIs: []string{picky.RedirectURI}, Providers: []string{"p"},
			MinACR: choice.ACRProvider, SecretHashes: [][32]byte{client.HashSecret(picky.Secret)},
		}}
	})
	gone := func(r brokertest.Request, page *browser.Page, b *brokertest.Browser) string {
		t.Helper()
		if !page.Has("way-p") || !page.Has("cancel") {
			t.Fatalf("no way on: %d %s", page.Status, page.Text())
		}
		return n.Answered(b.Click("cancel"), r).Error
	}
	b, r := n.NewBrowser(), picky.Request()
	if got := gone(r, b.Open(n.AuthorizeURL(r)), b); got != "access_denied" {
		t.Errorf("p works, and the website got %q", got)
	}
	must(t, n.Upstream("p").SetFault(fakeidp.Error))
	b, r = n.NewBrowser(), picky.Request()
	b.Open(n.AuthorizeURL(r))
	b.Click("way-p")
	if got := gone(r, b.Continue("vic"), b); got != "temporarily_unavailable" {
		t.Errorf("p is down, and the website got %q", got)
	}
}

// postBack reads the page that sends an answer by form: where, and what.
func postBack(t *testing.T, page *browser.Page) (action string, fields map[string]string) {
	t.Helper()
	root, err := html.Parse(bytes.NewReader(page.Body))
	if err != nil {
		t.Fatal(err)
	}
	fields = map[string]string{}
	attr := func(n *html.Node, name string) string {
		for _, a := range n.Attr {
			if a.Key == name {
				return a.Val
			}
		}
		return ""
	}
	for node := range root.Descendants() {
		switch {
		case node.Data == "form" && attr(node, "id") == "back":
			action = attr(node, "action")
		case node.Data == "input" && attr(node, "type") == "hidden":
			fields[attr(node, "name")] = attr(node, "value")
		}
	}
	return action, fields
}

// Every ending goes by form where the website asked for it, errors included, and
// the page may send its form to that website alone.
func TestFormPost(t *testing.T) {
	n := brokertest.StartNode(t)
	b := n.NewBrowser()
	hard := `a"b<c>&'` + "한"
	ask := func(changes ...string) brokertest.Request {
		r := brokertest.RP1.Request(set("response_mode", "form_post"), set("state", hard))
		for i := 0; i+1 < len(changes); i += 2 {
			r.Set(changes[i], changes[i+1])
		}
		return r
	}
	check := func(t *testing.T, page *browser.Page, want string) map[string]string {
		t.Helper()
		action, fields := postBack(t, page)
		if action != brokertest.RP1.RedirectURI || fields["state"] != hard || fields["iss"] != n.Issuer {
			t.Errorf("the form goes to %q with %v", action, fields)
		}
		if policy := page.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "form-action 'self' https://rp1.example; ") {
			t.Errorf("policy %q", policy)
		}
		if page.Status != http.StatusOK || page.Header.Get("Cache-Control") != "no-store" || fields["error"] != want {
			t.Errorf("%d with error %q, want %q", page.Status, fields["error"], want)
		}
		return fields
	}
	t.Run("a login", func(t *testing.T) {
		r := ask()
		b.Open(n.AuthorizeURL(r))
		b.Click("way-kakao")
		page := b.Continue("vic")
		if page.Has("new-account") {
			page = b.Click("new-account")
		}
		fields := check(t, page, "")
		n.Secret("code", fields["code"])
		if got := n.Redeem(brokertest.Answer{Request: r, Code: fields["code"]}); got.Status != http.StatusOK {
			t.Errorf("the code: %d %s", got.Status, got.Body)
		}
		if sent := b.Click("return"); sent.URL.String() != brokertest.RP1.RedirectURI {
			t.Errorf("the button leads to %s", sent.URL)
		}
	})
	t.Run("a session", func(t *testing.T) {
		n.Secret("code", check(t, b.Open(n.AuthorizeURL(ask("prompt", "none"))), "")["code"])
	})
	t.Run("a cancelled login", func(t *testing.T) {
		b.Open(n.AuthorizeURL(ask("prompt", "login")))
		check(t, b.Click("cancel"), "access_denied")
	})
	t.Run("a request that is wrong", func(t *testing.T) {
		check(t, b.Open(n.AuthorizeURL(ask("scope", "email"))), "invalid_scope")
		check(t, b.Open(n.AuthorizeURL(ask("max_age", "-1"))), "invalid_request")
	})
	t.Run("nobody is there", func(t *testing.T) {
		check(t, n.NewBrowser().Open(n.AuthorizeURL(ask("prompt", "none"))), "login_required")
	})
	t.Run("a redirect URI that is not registered", func(t *testing.T) {
		page := b.Open(n.AuthorizeURL(ask("redirect_uri", "https://evil.example/cb")))
		if action, _ := postBack(t, page); action != "" || strings.Contains(page.Header.Get("Content-Security-Policy"), "evil") {
			t.Errorf("the form goes to %q", action)
		}
	})
}
