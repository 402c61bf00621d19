package broker_test

import (
	"slices"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/broker/choice"
	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/broker/store"
)

// goesOn makes RP2 a website whose people may go on while no database answers.
func goesOn(s *brokertest.Setup) {
	s.Configure = func(c *config.Config) {
		for _, website := range c.Clients {
			website.Continuation = website.ID == brokertest.RP2.ID
		}
	}
}

// alone is a node that was started while no database answers, with a browser that
// logged in before. The session of that login is over.
type alone struct {
	n     *brokertest.Node
	known *brokertest.Browser
	sub   string
	w     wire
}

func newAlone(t *testing.T) *alone {
	t.Helper()
	a := &alone{n: brokertest.StartNode(t, goesOn)}
	a.n.Behind(a.w.between)
	a.n.Restart(func(*config.Config) {})
	a.known = a.n.NewBrowser()
	tokens := a.n.Redeem(a.n.Login(a.known, "p", "vic", brokertest.RP2.Request()))
	a.sub, _ = brokertest.Claims(tokens.Text("id_token"))["sub"].(string)
	a.n.Login(a.known, "p", "vic", brokertest.RP1.Request())
	return a
}

// cut takes every database away and starts the node anew, half a day later.
func (a *alone) cut() {
	a.n.Restart(func(*config.Config) {
		a.w.cut.Store(true)
		a.n.Clock.Advance(13 * time.Hour)
	})
}

// away opens a request in a browser and checks that it is told that databases are
// away, with a way on.
func (a *alone) away(t *testing.T, what string, b *brokertest.Browser, r brokertest.Request) {
	t.Helper()
	saysSo(t, what, time.Now(), b.Open(a.n.AuthorizeURL(r)))
}

// Every database is gone, and a node starts from its disk. Who was here before goes
// on where the website allows it, as the same subject; nobody else is taken for
// anybody. With a database back all is as it was.
func TestAKnownDeviceGoesOnWithoutAnyDatabase(t *testing.T) {
	a := newAlone(t)
	n := a.n
	a.cut()

	a.away(t, "an unknown device", n.NewBrowser(), brokertest.RP2.Request())
	a.away(t, "a website that does not allow it", a.known, brokertest.RP1.Request())
	a.away(t, "a website that requires more", a.known, brokertest.RP2.Request(
		set("claims", `{"id_token":{"acr":{"essential":true,"values":["`+choice.ACRProvider+`"]}}}`)))
	silent := brokertest.RP2.Request(set("prompt", "none"))
	if got := n.Answered(a.known.Open(n.AuthorizeURL(silent)), silent); got.Error != "temporarily_unavailable" {
		t.Errorf("prompt=none answers %q", got.Error)
	}

	r := brokertest.RP2.Request(set("scope", "openid email offline_access"))
	a.known.Open(n.AuthorizeURL(r))
	if page := a.known.Click("way-p"); !page.Has("continue") {
		t.Fatalf("at %s instead of the provider: %s", page.URL, page.Text())
	}
	saysSo(t, "somebody else", time.Now(), a.known.Continue("mallory"))
	a.known.Click("onward") // the same login
	a.known.Click("way-p")
	got := n.Answered(a.known.Continue("vic"), r)
	if got.Code == "" {
		t.Fatalf("the known device ends with %q", got.Error)
	}
	tokens := n.Redeem(got)
	claims := brokertest.Claims(tokens.Text("id_token"))
	if claims["sub"] != a.sub || claims["acr"] != choice.ACRContinued || claims["email"] == nil {
		t.Errorf("the ID token says %v, want the subject %s", claims, a.sub)
	}
	if seconds, ok := tokens.JSON()["expires_in"].(float64); tokens.Text("refresh_token") != "" || !ok || seconds > 300 {
		t.Errorf("tokens: %s", tokens.Body)
	}
	refused(t, n.Redeem(got), "invalid_grant")
	if acrs, _ := discovery(t, n)["acr_values_supported"].([]any); !slices.Contains(acrs, any(choice.ACRContinued)) {
		t.Errorf("discovery lists %v", acrs)
	}

	a.w.cut.Store(false)
	eventually(t, "the node is whole", func() bool { return takesWrites(n) })
	eventually(t, "it takes logins as ever", func() bool { return n.Broker.Contact().Writer() })
	noSession(t, n, a.known)
	tokens = n.Redeem(n.Login(a.known, "p", "vic", brokertest.RP2.Request()))
	if claims := brokertest.Claims(tokens.Text("id_token")); claims["sub"] != a.sub || claims["acr"] != choice.ACRProvider {
		t.Errorf("with the database back the ID token says %v", claims)
	}
	hasSession(t, n, a.known)
}

// Signing out everywhere, said while no database answers, ends a known device.
func TestSigningOutEverywhereEndsAKnownDevice(t *testing.T) {
	a := newAlone(t)
	found, err := a.n.Broker.Accounts().AccountByIdentity(t.Context(), store.IdentityKey{Provider: "p", Subject: a.n.Upstream("p").Subject("vic")}, 0)
	must(t, err)
	a.cut()
	if page := a.known.Open(a.n.AuthorizeURL(brokertest.RP2.Request())); !page.Has("way-p") {
		t.Fatalf("the device is not known: %s", page.Text())
	}
	must(t, a.n.Broker.Negative().Apply(t.Context(), store.Fact{
		Kind: store.AccountEpoch, ID: found.ID, Epoch: found.Epoch + 1, At: time.Now().UTC(),
	}))
	a.away(t, "afterwards", a.known, brokertest.RP2.Request())
}
