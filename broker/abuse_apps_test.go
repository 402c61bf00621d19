package broker_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/bongsu/bongsu/broker/audit"
	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/providers/fakeidp"
)

// withPlainProviders adds the providers without ID tokens that can say which app
// a token belongs to: by the token itself, by introspection, GitHub and Facebook.
func withPlainProviders(s *brokertest.Setup) {
	s.Upstreams = func(o *fakeidp.Options) {
		o.Upstreams = append(o.Upstreams,
			fakeidp.Spec{Name: "plain", Dialect: fakeidp.OAuth2}, fakeidp.Spec{Name: "asked", Dialect: fakeidp.OAuth2},
			fakeidp.Spec{Name: "github"}, fakeidp.Spec{Name: "facebook"},
		)
	}
	s.Configure = func(c *config.Config) {
		for i := range c.Providers {
			if p := &c.Providers[i]; p.ID == "asked" {
				p.TokenInfo, p.Endpoints["tokeninfo"] = "introspection", strings.TrimSuffix(p.Endpoints["tokeninfo"], "/tokeninfo")+"/introspect"
			}
		}
	}
}

func TestAB42AccessTokenOfAnotherApp(t *testing.T) {
	n := brokertest.StartNode(t, withPlainProviders)
	without := func(answer map[string]any) {
		delete(answer, "client_id") // plain OAuth 2.0
		delete(answer, "app")       // GitHub
		if data, ok := answer["data"].(map[string]any); ok {
			delete(data, "app_id") // Facebook
		}
	}
	for _, way := range []string{"plain", "asked", "github", "facebook"} {
		u := n.Upstream(way)
		foreign := map[string]string{"github": "gho_", "facebook": "EAA"}[way] + u.AccessToken("vic", "another-app")
		n.Secret("a token of another app", foreign)
		for _, variant := range []struct {
			name  string
			spoil func()
		}{
			{"the token is another app's", func() {
				u.EditAnswer(fakeidp.Token, func(answer map[string]any) { answer["access_token"] = foreign })
			}},
			{"token-info cannot be reached", func() {
				u.AnswerWith(fakeidp.TokenInfo, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
			}},
			{"token-info names no app", func() { u.EditAnswer(fakeidp.TokenInfo, without) }},
		} {
			t.Run(way+": "+variant.name, func(t *testing.T) {
				u.Reset()
				variant.spoil()
				legRefused(t, n, way, "vic")
				if got := u.Count(fakeidp.Userinfo); got != 0 {
					t.Errorf("the profile was asked for %d times", got)
				}
			})
		}
		u.Reset()
		n.Login(n.NewBrowser(), way, "vic", brokertest.RP1.Request())
	}

	t.Run("offered by a browser or an app", func(t *testing.T) { testOfferedTokens(t, n) })
}

// testOfferedTokens: no endpoint takes a provider's token from outside, whoever
// it was issued to.
func testOfferedTokens(t *testing.T, n *brokertest.Node) {
	u := n.Upstream("plain")
	u.Reset()
	before := n.Rows()
	own := u.AccessToken("vic", u.Client().ID)
	n.Secret("a token of a person", own)

	b := n.NewBrowser()
	b.Open(n.AuthorizeURL(brokertest.RP1.Request()))
	page := b.Click("way-plain")
	state := page.URL.Query().Get("state")
	b.Open(n.Issuer + "/callback/plain?" + url.Values{"state": {state}, "access_token": {own}}.Encode())
	noSession(t, n, b)

	for _, grant := range []string{"urn:ietf:params:oauth:grant-type:token-exchange", "urn:ietf:params:oauth:grant-type:jwt-bearer"} {
		form := url.Values{"grant_type": {grant}, "subject_token": {own}, "assertion": {own}}
		if got := n.Post("/token", form, "Authorization", brokertest.RP1.Basic()); got.Status != http.StatusBadRequest || got.JSON()["access_token"] != nil {
			t.Errorf("%s: %d %s", grant, got.Status, got.Body)
		}
	}
	if got := n.Userinfo(own); got.Status != http.StatusUnauthorized {
		t.Errorf("userinfo answers a provider's token with %d", got.Status)
	}
	if after := n.Rows(); !after.Same(before) {
		t.Errorf("left behind: %v became %v", before, after)
	}
	if u.Count(fakeidp.Userinfo) != 0 || u.Count(fakeidp.Token) != 0 {
		t.Errorf("the provider was asked: %v", u.Counts())
	}
	if len(n.Events(audit.LoginCompleted)) == 0 {
		t.Error("nobody ever logged in here: the test proves nothing")
	}
}
