package broker_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/audit"
	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/providers/fakeidp"
)

// outages are the ways in which one endpoint of a provider that works fails.
func outages(u *fakeidp.Upstream, e fakeidp.Endpoint) map[string]func() {
	reply := func(status int, kind, body string) func() {
		return func() { u.AnswerWith(e, fakeidp.Reply(status, kind, body)) }
	}
	return map[string]func(){
		"no answer":       func() { u.Delay(e, 5*time.Second) },
		"500":             reply(http.StatusInternalServerError, "text/html", "<h1>Internal error</h1>"),
		"503":             reply(http.StatusServiceUnavailable, "application/json", `{"error":"temporarily_unavailable"}`),
		"200 and nothing": reply(http.StatusOK, "application/json", ""),
		"200 and {}":      reply(http.StatusOK, "application/json", "{}"),
		"200 and a page":  reply(http.StatusOK, "text/html", "<h1>We will be back soon</h1>"),
	}
}

// keyOutages is [outages] of the published keys, and the one that only they have.
func keyOutages(u *fakeidp.Upstream) map[string]func() {
	all := outages(u, fakeidp.JWKS)
	all["200 and no keys"] = func() { u.AnswerWith(fakeidp.JWKS, fakeidp.Reply(http.StatusOK, "application/json", `{"keys":[]}`)) }
	return all
}

// AB-59: keys that cannot be had verify nothing. Each outage meets a node of its
// own: a fetch that gets no answer outlives the login that waited for it, and the
// next login would wait for the same one.
func TestAB59KeysThatVanishInAnOutage(t *testing.T) {
	for outage := range keyOutages(nil) {
		t.Run(outage, func(t *testing.T) {
			n := brokertest.StartNode(t)
			p := n.Upstream("p")
			fail := keyOutages(p)[outage]
			claimsOf(t, n, n.NewBrowser(), "p", "vic") // the key is known and young

			fail()
			p.SignWith(fakeidp.ForeignKey()) // nobody's signature
			legRefused(t, n, "p", "vic")

			n.Clock.Advance(25 * time.Hour) // longer than a key is believed, or missed
			p.SignWith(nil)
			legRefused(t, n, "p", "vic")
		})
		t.Run(outage+", and a new key", func(t *testing.T) {
			n := brokertest.StartNode(t)
			p := n.Upstream("p")
			fail := keyOutages(p)[outage]
			claimsOf(t, n, n.NewBrowser(), "p", "vic")
			p.RotateKeys()
			fail()
			legRefused(t, n, "p", "vic")
		})
	}
}

// AB-59: what cannot be checked was not proven. A check that the provider's
// outage makes impossible ends the leg; the same login goes on by another way.
func TestAB59ChecksThatVanishInAnOutage(t *testing.T) {
	n := brokertest.StartNode(t)
	p, naver := n.Upstream("p"), n.Upstream("naver")
	vic := claimsOf(t, n, n.NewBrowser(), "p", "vic")
	claimsOf(t, n, n.NewBrowser(), "naver", "vic")
	t.Run("no ID token, and a userinfo that would do", func(t *testing.T) {
		t.Cleanup(p.Reset)
		p.EditAnswer(fakeidp.Token, func(a map[string]any) { delete(a, "id_token") })
		legRefused(t, n, "p", "vic")
	})
	for name, fail := range outages(naver, fakeidp.Userinfo) {
		t.Run("a profile that alone proves who it is: "+name, func(t *testing.T) {
			t.Cleanup(naver.Reset)
			fail()
			legRefused(t, n, "naver", "vic")
		})
	}
	claimsOf(t, n, n.NewBrowser(), "naver", "vic") // it was the outage that kept them out
	if again := claimsOf(t, n, n.NewBrowser(), "p", "vic"); again["sub"] != vic["sub"] {
		t.Error("Vic lost the account")
	}
}

// AB-59, the other half: an OpenID provider's userinfo is mere profile. Whoever
// is known and proven comes in without it, as who they were; an answer about
// somebody else is no outage.
func TestAB59ProfileOfAProvenIdentity(t *testing.T) {
	n := brokertest.StartNode(t)
	p := n.Upstream("p")
	claiming(p, map[string]any{"email": vicsEmail, "email_verified": true})
	vic := claimsOf(t, n, n.NewBrowser(), "p", "vic")
	p.Reset()
	for name, fail := range outages(p, fakeidp.Userinfo) {
		t.Run(name, func(t *testing.T) {
			t.Cleanup(p.Reset)
			p.EditClaims(func(c map[string]any) { delete(c, "email") })
			fail()
			before := n.Rows()
			got := claimsOf(t, n, n.NewBrowser(), "p", "vic")
			for _, claim := range []string{"sub", "email", "email_verified", "name", "acr"} {
				if got[claim] != vic[claim] {
					t.Errorf("%s was %v and is %v", claim, vic[claim], got[claim])
				}
			}
			if after := n.Rows(); after["accounts"] != before["accounts"] || after["links"] != before["links"] {
				t.Errorf("%v became %v", before, after)
			}
		})
	}
	t.Run("somebody else's", func(t *testing.T) {
		t.Cleanup(p.Reset)
		p.EditAnswer(fakeidp.Userinfo, func(a map[string]any) { a["sub"] = p.Subject("mal") })
		legRefused(t, n, "p", "vic")
		if got := n.Events(audit.LegFailed); got[len(got)-1].Reason != "theirs.trust" {
			t.Errorf("the reason is %q", got[len(got)-1].Reason)
		}
	})
}
