package broker_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/bongsu/bongsu/broker/brokertest"
)

func TestAB25RefreshTokensAndForeignAudiencesAtUserinfo(t *testing.T) {
	n := brokertest.StartNode(t)
	got := n.Redeem(n.Login(n.NewBrowser(), "kakao", "vic", brokertest.RP1.Request(func(v url.Values) {
		v.Set("scope", "openid profile offline_access orders.read nonsense")
		v.Set("resource", brokertest.API)
	})))
	access := got.Text("access_token")
	claims := brokertest.Claims(access)
	if claims["aud"] != brokertest.API || claims["scope"] != "orders.read" || claims["acr"] == nil || header(t, access)["typ"] != "at+jwt" {
		t.Fatalf("the access token says %v", claims)
	}
	refused(t, n.Userinfo(access), "invalid_token")
	refused(t, n.Userinfo(got.Text("refresh_token")), "invalid_token")
	// Its own website and the resource server may ask, others may not.
	for _, asker := range []brokertest.Website{brokertest.RP1, brokertest.RP2} {
		if answer := active(t, n.Introspect(asker, access)); answer["aud"] != brokertest.API || answer["scope"] != "orders.read" {
			t.Errorf("introspection says %v", answer)
		}
	}
	inactive(t, n.Introspect(brokertest.ES256, access))
	// The same grant gives one for userinfo, on demand.
	ours := n.Refresh(brokertest.RP1, got.Text("refresh_token"), set("resource", n.Issuer))
	if claims := brokertest.Claims(ours.Text("access_token")); claims["aud"] != n.Issuer || claims["scope"] != "openid profile offline_access" {
		t.Errorf("the token for userinfo says %v", claims)
	}
	both := n.Login(n.NewBrowser(), "kakao", "vic", brokertest.RP1.Request(func(v url.Values) {
		v.Set("scope", "openid profile orders.read")
		v["resource"] = []string{brokertest.API, n.Issuer}
	}))
	refused(t, n.Redeem(both), "invalid_target") // which one?
	refused(t, n.Redeem(both, func(v url.Values) { v["resource"] = []string{brokertest.API, n.Issuer} }), "invalid_target")
	if got := n.Userinfo(n.Redeem(both, set("resource", n.Issuer)).Text("access_token")); got.Status != http.StatusOK {
		t.Errorf("userinfo answers %d %s", got.Status, got.Body)
	}
}

// A resource is for those it is registered for.
func TestResourcesAreForTheirClients(t *testing.T) {
	n := brokertest.StartNode(t)
	for _, tt := range []struct {
		website  brokertest.Website
		resource string
	}{
		{brokertest.RP2, brokertest.API},
		{brokertest.RP1, brokertest.API + "/"},
		{brokertest.RP1, "nonsense"},
		{brokertest.RP1, ""},
	} {
		r := tt.website.Request(set("resource", tt.resource))
		if got := redirectTarget(t, n, n.Ask(http.MethodGet, "/authorize?"+r.Encode()), tt.website); got.Get("error") != "invalid_target" {
			t.Errorf("%s for %s: %v", tt.resource, tt.website.ID, got)
		}
	}
	own := func(change ...func(url.Values)) brokertest.Response {
		form := url.Values{"grant_type": {"client_credentials"}, "resource": {brokertest.API}, "scope": {"orders.write"}}
		for _, f := range change {
			f(form)
		}
		return n.Post("/token", form, "Authorization", brokertest.RP1.Basic())
	}
	if answer := active(t, n.Introspect(brokertest.RP2, own().Text("access_token"))); answer["scope"] != "orders.write" || answer["sub"] != brokertest.RP1.ID {
		t.Errorf("introspection says %v", answer)
	}
	refused(t, own(set("scope", "orders.write openid")), "invalid_scope")
	refused(t, own(set("resource", "https://other.example")), "invalid_target")
}

func TestAB27ForgedTokensAtIntrospectionAndRevocation(t *testing.T) {
	n := brokertest.StartNode(t)
	got := offline(t, n, brokertest.RP1)
	for _, real := range []string{got.Text("access_token"), got.Text("id_token")} {
		for name, forged := range forgeries(t, n, real) {
			inactive(t, n.Introspect(brokertest.RP1, forged))
			if answer := n.Revoke(brokertest.RP1, forged); answer.Status != http.StatusOK {
				t.Errorf("revoking one with %s answers %d %s", name, answer.Status, answer.Body)
			}
			refused(t, n.Refresh(brokertest.RP1, forged), "invalid_grant")
		}
	}
	inactive(t, n.Introspect(brokertest.RP1, got.Text("id_token")))
	active(t, n.Introspect(brokertest.RP1, got.Text("access_token")))
	active(t, n.Introspect(brokertest.RP1, got.Text("refresh_token")))
}

// Introspection wants proof; whoever has none learns nothing.
func TestIntrospectionAndRevocationWantTheirClients(t *testing.T) {
	n := brokertest.StartNode(t)
	got := offline(t, n, brokertest.RP1)
	access := url.Values{"token": {got.Text("access_token")}}
	for _, path := range []string{"/introspect", "/revoke"} {
		refused(t, n.Post(path, access), "invalid_client")
		refused(t, n.Post(path, access, "Authorization", "Bearer "+got.Text("access_token")), "invalid_client")
		refused(t, n.Post(path, access, "Authorization", brokertest.Website{ID: brokertest.RP1.ID, Secret: "wrong"}.Basic()), "invalid_client")
		refused(t, n.Post(path, url.Values{}, "Authorization", brokertest.RP1.Basic()), "invalid_request")
		refused(t, n.Post(path+"?token=x", access, "Authorization", brokertest.RP1.Basic()), "invalid_request")
		if got := n.Ask(http.MethodGet, path); got.Status != http.StatusMethodNotAllowed {
			t.Errorf("GET %s answers %d", path, got.Status)
		}
	}
	refused(t, n.Introspect(brokertest.RP3, got.Text("access_token")), "invalid_client")
	answer := active(t, n.Introspect(brokertest.RP1, got.Text("access_token"), set("token_type_hint", "refresh_token")))
	if answer["iss"] != n.Issuer || answer["token_type"] != "Bearer" || answer["client_id"] != brokertest.RP1.ID {
		t.Errorf("introspection says %v", answer)
	}
}

// An access token is revoked alone, a refresh token with all that its login gave.
func TestRevocation(t *testing.T) { onEveryStore(t, revocation) }

func revocation(t *testing.T, n *brokertest.Node) {
	revoke := func(website brokertest.Website, token string) {
		t.Helper()
		for range 2 { // it may be said again
			if got := n.Revoke(website, token); got.Status != http.StatusOK || len(got.Body) != 0 {
				t.Errorf("revoking answers %d %s", got.Status, got.Body)
			}
		}
	}
	first := offline(t, n, brokertest.RP1)
	revoke(brokertest.RP1, first.Text("access_token"))
	refused(t, n.Userinfo(first.Text("access_token")), "invalid_token")
	inactive(t, n.Introspect(brokertest.RP1, first.Text("access_token")))
	second := refreshed(t, n, brokertest.RP1, first.Text("refresh_token"))
	revoke(brokertest.RP1, first.Text("refresh_token")) // the one before ends the family too
	refused(t, n.Refresh(brokertest.RP1, second.Text("refresh_token")), "invalid_grant")
	refused(t, n.Userinfo(second.Text("access_token")), "invalid_token")
	inactive(t, n.Introspect(brokertest.RP1, second.Text("refresh_token")))

	app := offline(t, n, brokertest.RP3)
	revoke(brokertest.RP3, app.Text("refresh_token"))
	refused(t, n.Userinfo(app.Text("access_token")), "invalid_token")

	own := n.Post("/token", url.Values{"grant_type": {"client_credentials"}}, "Authorization", brokertest.RP1.Basic())
	active(t, n.Introspect(brokertest.RP1, own.Text("access_token")))
	revoke(brokertest.RP1, own.Text("access_token"))
	inactive(t, n.Introspect(brokertest.RP1, own.Text("access_token")))
}
