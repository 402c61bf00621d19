package broker_test

import (
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/bongsu/bongsu/broker/audit"
	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/dev/browser"
	"github.com/bongsu/bongsu/providers/fakeidp"
)

// AB-54: while P is down, nothing leads into the account of somebody who has
// only P.
func TestAB54FallbackToAnIdentityNeverLinked(t *testing.T) {
	n := brokertest.StartNode(t)
	vic := claimsOf(t, n, n.NewBrowser(), "p", "vic")
	hers := map[string]any{"email": vicsEmail, "email_verified": true, "phone_number": vicsPhone, "phone_number_verified": true, "name": "Vic Kim"}
	claiming(n.Upstream("q"), hers)
	p := n.Upstream("p")
	for _, fault := range []fakeidp.Fault{fakeidp.Error, fakeidp.BadSignature} {
		t.Run(string(fault), func(t *testing.T) {
			if err := p.SetFault(fault); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(p.ClearFault)
			unchanged(t, n)
			b := n.NewBrowser()
			b.Open(n.AuthorizeURL(brokertest.RP1.Request(set("login_hint", vicsEmail))))
			b.Click("way-p")
			if page := b.Continue("vic"); !page.Has("way-q") {
				t.Fatalf("no way on at %s: %s", page.URL, page.Text())
			}
			b.Click("way-q")
			page := b.Continue("mal")
			if !page.Has("existing-account") || !page.Has("new-account") {
				t.Fatalf("at %s: %s", page.URL, page.Text())
			}
			b.Click("existing-account")
			b.Click("way-p")
			if page = b.Continue("vic"); page.Has("link") || !page.Has("not-existing") {
				t.Errorf("P is down and proves something: %s", page.Text())
			}
			noSession(t, n, b)
		})
	}
	for _, path := range []string{"/passkey", "/login/passkey", "/account/passkey"} {
		if got := n.Post(path, url.Values{"a": {"b"}}, sameOrigin(n, "")...); got.Status != http.StatusNotFound && got.Status != http.StatusMethodNotAllowed {
			t.Errorf("%s answers %d", path, got.Status)
		}
	}
	if again := claimsOf(t, n, n.NewBrowser(), "p", "vic"); again["sub"] != vic["sub"] {
		t.Error("Vic lost the account")
	}
}

// AB-57: the way that the website does not take is not taken, however it is
// asked for.
func TestAB57ChoosingTheWeakWayByParameter(t *testing.T) {
	narrow := brokertest.Website{ID: "RP-narrow", Secret: "narrow-secret-of-more-than-thirty-two", RedirectURI: "https://narrow.example/cb"}
	n := brokertest.StartNode(t, func(s *brokertest.Setup) {
		s.Clients = []*client.Client{{
			ID: narrow.ID, Name: narrow.ID, FirstParty: true, RedirectURIs: []string{narrow.RedirectURI},
			SecretHashes: [][32]byte{client.HashSecret(narrow.Secret)}, Providers: []string{"p"},
		}}
	})
	b := n.NewBrowser()
	claimsOf(t, n, b, "p", "vic")
	linkWay(t, n, b, "q", "vic")
	claimsOf(t, n, b, "q", "vic") // the session is one by Q now
	offersP := func(t *testing.T, page *browser.Page) {
		t.Helper()
		ways := slices.DeleteFunc(page.IDs("way-"), func(id string) bool { return id == "way-p" })
		if !page.Has("way-p") || len(ways) > 0 {
			t.Errorf("at %s: %s", page.URL, page.Text())
		}
	}
	t.Run("idp_hint", func(t *testing.T) { offersP(t, b.Open(n.AuthorizeURL(narrow.Request(set("idp_hint", "q"))))) })
	t.Run("a bookmarked link", func(t *testing.T) {
		page := b.Open(n.AuthorizeURL(narrow.Request()))
		offersP(t, page)
		offersP(t, b.Open(n.Issuer+page.URL.Path+"/go/q"))
	})
	t.Run("the session by Q", func(t *testing.T) {
		r := narrow.Request(set("prompt", "none"))
		if got := n.Answered(b.Open(n.AuthorizeURL(r)), r); got.Error != "login_required" {
			t.Errorf("prompt=none answers %q", got.Error)
		}
	})
	t.Run("the callback of another login", func(t *testing.T) {
		wide := n.NewBrowser()
		wide.Open(n.AuthorizeURL(brokertest.RP1.Request()))
		wide.Click("way-q")
		answer := cameFrom(t, wide, *wide.Page().URL, "vic")
		for _, other := range []*brokertest.Browser{b, n.NewBrowser()} {
			other.Open(n.AuthorizeURL(narrow.Request(set("prompt", "login"))))
			if page := other.Open(answer); page.Status != http.StatusBadRequest {
				t.Errorf("answered %d at %s", page.Status, page.URL)
			}
		}
	})
	t.Run("the callback of an older login of this browser", func(t *testing.T) {
		mine := n.NewBrowser()
		wide, tight := brokertest.RP1.Request(), narrow.Request()
		mine.Open(n.AuthorizeURL(wide))
		mine.Click("way-q")
		answer := cameFrom(t, mine, *mine.Page().URL, "vic")
		offersP(t, mine.Open(n.AuthorizeURL(tight)))
		if got := n.Answered(mine.Open(answer), wide); got.Code == "" {
			t.Errorf("the older login gets %q", got.Error)
		}
		quiet := narrow.Request(set("prompt", "none"))
		if got := n.Answered(mine.Open(n.AuthorizeURL(quiet)), quiet); got.Error != "login_required" {
			t.Errorf("with what it ended in the website gets %q", got.Error)
		}
	})
	t.Run("the state of this login at Q's callback", func(t *testing.T) {
		mine := n.NewBrowser()
		mine.Open(n.AuthorizeURL(narrow.Request()))
		state := mine.Click("way-p").URL.Query().Get("state")
		asked := n.Upstream("q").Count(fakeidp.Token)
		if page := mine.Open(callback(n, "q", url.Values{"code": {"code"}, "state": {state}})); page.Status != http.StatusBadRequest {
			t.Errorf("answered %d at %s", page.Status, page.URL)
		}
		if n.Upstream("q").Count(fakeidp.Token) != asked {
			t.Error("q was asked")
		}
	})
	t.Run("an edited form", func(t *testing.T) {
		mine, r := n.NewBrowser(), narrow.Request()
		mine.Open(n.AuthorizeURL(r))
		mine.Click("way-p")
		if page := mine.Continue("edited"); !page.Has("new-account") {
			t.Fatalf("at %s: %s", page.URL, page.Text())
		}
		edited := url.Values{"way": {"q"}, "provider": {"q"}, "idp_hint": {"q"}, "client_id": {"RP-1"}}
		if got := n.Answered(mine.Submit("new-account", edited), r); got.Code == "" {
			t.Errorf("the form gets %q", got.Error)
		}
		ended := n.Events(audit.LoginCompleted)
		if last := ended[len(ended)-1]; last.Provider != "p" || last.Client != narrow.ID {
			t.Errorf("the login ended by %s for %s", last.Provider, last.Client)
		}
	})
	t.Run("an identity linked on the way", func(t *testing.T) {
		other := n.NewBrowser()
		other.Open(n.AuthorizeURL(narrow.Request()))
		other.Click("way-p")
		if page := other.Continue("newcomer"); page.Has("existing-account") {
			offersP(t, other.Click("existing-account"))
		}
	})
}
