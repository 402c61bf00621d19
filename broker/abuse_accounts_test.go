package broker_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/bongsu/bongsu/broker/audit"
	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/providers/fakeidp"
)

const (
	vicsEmail = "vic@example.com" // what the simulated providers know of vic
	vicsPhone = "+821099887766"
)

// claimsOf logs person in by way and returns what the website learns of them.
func claimsOf(t *testing.T, n *brokertest.Node, b *brokertest.Browser, way, person string) map[string]any {
	t.Helper()
	tokens := n.Redeem(n.Login(b, way, person, brokertest.RP1.Request(set("prompt", "login"))))
	if tokens.Status != http.StatusOK {
		t.Fatalf("the code gave %d %s", tokens.Status, tokens.Body)
	}
	claims := brokertest.Claims(tokens.Text("id_token"))
	if sub, _ := claims["sub"].(string); sub == "" {
		t.Fatalf("the ID token has no sub: %v", claims)
	}
	return claims
}

// matchPage walks a login by way until the broker asks whose the identity is.
// Text and controls of that page are returned, without the code that differs
// on every page.
func matchPage(t *testing.T, n *brokertest.Node, b *brokertest.Browser, way, person string) string {
	t.Helper()
	b.Open(n.AuthorizeURL(brokertest.RP1.Request()))
	b.Click("way-" + way)
	page := b.Continue(person)
	if !page.Has("new-account") {
		t.Fatalf("an unknown identity ends at %s: %s", page.URL, page.Text())
	}
	text := page.Text()
	for _, id := range page.IDs("") {
		text += " #" + id
	}
	return supportCodes.ReplaceAllString(text, "")
}

var supportCodes = regexp.MustCompile(`\b[0-9A-Z]{4}-[0-9A-Z]{4}\b`)

// claiming makes the provider say more of whoever comes than it knows.
func claiming(upstream *fakeidp.Upstream, more map[string]any) {
	edit := func(document map[string]any) {
		for name, value := range more {
			if value == nil {
				delete(document, name)
				continue
			}
			document[name] = value
		}
	}
	upstream.EditClaims(edit)
	upstream.EditAnswer(fakeidp.Userinfo, edit)
}

// strangerTo checks that Mal, of whom q says claims, is nobody the broker
// knows: it shows what it shows to anybody, makes an account of Mal's own and
// leaves Vic's alone.
func strangerTo(t *testing.T, n *brokertest.Node, mal string, vic, claims map[string]any) {
	t.Helper()
	q := n.Upstream("q")
	t.Cleanup(q.Reset)
	other := make(map[string]any, len(claims))
	for name, value := range claims {
		other[name] = value
		switch name {
		case "email":
			other[name] = "nobody-has-this@example.com"
		case "phone_number":
			other[name] = "+821000000000"
		}
	}
	claiming(q, other)
	want := matchPage(t, n, n.NewBrowser(), "q", mal)
	claiming(q, claims)
	b, before := n.NewBrowser(), n.Rows()
	if got := matchPage(t, n, b, "q", mal); got != want {
		t.Errorf("the page differs where the address is somebody's:\n%s\n%s", got, want)
	}
	if after := n.Rows(); !after.Same(before) {
		t.Errorf("before the person's word %v became %v", before, after)
	}
	mals := claimsOf(t, n, b, "q", mal)
	if mals["sub"] == vic["sub"] {
		t.Error("Mal is in Vic's account")
	}
	after := n.Rows()
	if after["accounts"] != before["accounts"]+1 || after["links"] != before["links"]+1 {
		t.Errorf("one new account made of %v %v", before, after)
	}
	again := claimsOf(t, n, n.NewBrowser(), "p", "vic")
	if again["sub"] != vic["sub"] || again["email"] != vic["email"] {
		t.Errorf("Vic was %v and is %v", vic, again)
	}
}

func TestAB44UnverifiedEmail(t *testing.T) {
	n := brokertest.StartNode(t)
	vic := claimsOf(t, n, n.NewBrowser(), "p", "vic")
	if vic["email"] != vicsEmail {
		t.Fatalf("Vic's address is %v", vic["email"])
	}
	for name, verified := range map[string]any{"false": false, "missing": nil, "a text": "false", "zero": 0} {
		t.Run(name, func(t *testing.T) {
			strangerTo(t, n, "mal-"+name[:1], vic, map[string]any{"email": vicsEmail, "email_verified": verified})
		})
	}
	t.Run("and the website is not told that it is", func(t *testing.T) {
		for _, verified := range []any{false, nil, "false", 0, "yes", 1} {
			claiming(n.Upstream("q"), map[string]any{"email": vicsEmail, "email_verified": verified})
			mal := claimsOf(t, n, n.NewBrowser(), "q", "mallory")
			if mal["email_verified"] == true {
				t.Errorf("%v became verified", verified)
			}
		}
	})
}

func TestAB45VerifiedEmailIsNoProofEither(t *testing.T) {
	n := brokertest.StartNode(t)
	claiming(n.Upstream("p"), map[string]any{"phone_number": vicsPhone, "phone_number_verified": true})
	vic := claimsOf(t, n, n.NewBrowser(), "p", "vic")
	for name, claims := range map[string]map[string]any{
		"the address":       {"email": vicsEmail, "email_verified": true},
		"in other letters":  {"email": "VIC@Example.COM", "email_verified": true},
		"the phone number":  {"phone_number": vicsPhone, "phone_number_verified": true},
		"both and the name": {"email": vicsEmail, "email_verified": true, "phone_number": vicsPhone, "phone_number_verified": true, "name": "Vic Kim"},
	} {
		t.Run(name, func(t *testing.T) { strangerTo(t, n, "mal-"+name[:6], vic, claims) })
	}
	t.Run("saying that the account is one's own proves nothing", func(t *testing.T) {
		claiming(n.Upstream("q"), map[string]any{"email": vicsEmail, "email_verified": true})
		unchanged(t, n)
		b := n.NewBrowser()
		matchPage(t, n, b, "q", "mal-again")
		page := b.Click("existing-account")
		if !page.Has("way-p") || page.Has("greeting") {
			t.Fatalf("the existing account is not asked for by its own way: %s", page.Text())
		}
		noSession(t, n, b.Tab())
		b.Click("way-p")
		page = b.Continue("mal-at-p") // Mal's own identity at Vic's provider
		if !page.Has("not-existing") || !page.Has("way-p") || page.Has("link") {
			t.Errorf("another identity of the same provider ends at %s: %s", page.URL, page.Text())
		}
		noSession(t, n, b)
	})
}

func TestAB46EmailThatMoves(t *testing.T) {
	n := brokertest.StartNode(t)
	p := n.Upstream("p")
	vic := claimsOf(t, n, n.NewBrowser(), "p", "vic")
	address := func(document map[string]any) {
		switch document["sub"] {
		case p.Subject("vic"):
			document["email"] = "vic-has-moved@example.com"
		case p.Subject("mal"):
			document["email"], document["email_verified"] = vicsEmail, true
		}
	}
	p.EditClaims(address)
	p.EditAnswer(fakeidp.Userinfo, address)
	mal := claimsOf(t, n, n.NewBrowser(), "p", "mal")
	if mal["sub"] == vic["sub"] {
		t.Error("who has the address now has the account")
	}
	again := claimsOf(t, n, n.NewBrowser(), "p", "vic")
	if again["sub"] != vic["sub"] {
		t.Error("Vic lost the account with the address")
	}
	if rows := n.Rows(); rows["accounts"] != 2 || rows["links"] != 2 {
		t.Errorf("two people left %v", rows)
	}
}

func TestAB47SameSubjectAtTwoProviders(t *testing.T) {
	const number = "1001"
	n := brokertest.StartNode(t, func(s *brokertest.Setup) {
		s.Upstreams = func(o *fakeidp.Options) {
			o.People = append(o.People,
				fakeidp.Person{Name: "vic", FullName: "Vic Kim", Email: vicsEmail, Subjects: map[string]string{"p": number}},
				fakeidp.Person{Name: "mal", FullName: "Mal Kim", Subjects: map[string]string{"q": number}})
		}
	})
	if p, q := n.Upstream("p").Subject("vic"), n.Upstream("q").Subject("mal"); p != number || q != number {
		t.Fatalf("the subjects are %s and %s", p, q)
	}
	vic := claimsOf(t, n, n.NewBrowser(), "p", "vic")
	mal := claimsOf(t, n, n.NewBrowser(), "q", "mal")
	if vic["sub"] == mal["sub"] {
		t.Error("one account for two people")
	}
	if rows := n.Rows(); rows["accounts"] != 2 || rows["links"] != 2 {
		t.Errorf("two people left %v", rows)
	}
	for person, want := range map[string]map[string]any{"vic": vic, "mal": mal} {
		way := map[string]string{"vic": "p", "mal": "q"}[person]
		if again := claimsOf(t, n, n.NewBrowser(), way, person); again["sub"] != want["sub"] || again["name"] != want["name"] {
			t.Errorf("%s was %v and is %v", person, want, again)
		}
	}
}

func TestAB48AccountMadeInAdvance(t *testing.T) {
	n := brokertest.StartNode(t, func(s *brokertest.Setup) {
		s.Configure = func(c *config.Config) {
			for i := range c.Providers {
				c.Providers[i].Name = "Provider " + strings.ToUpper(c.Providers[i].ID)
			}
		}
	})
	hers := map[string]any{"email": vicsEmail, "email_verified": true, "phone_number": vicsPhone, "phone_number_verified": true}
	claiming(n.Upstream("q"), hers)
	malsBrowser := n.NewBrowser()
	mal := claimsOf(t, n, malsBrowser, "q", "mal")
	malsSession := cookieHeader(malsBrowser)

	claiming(n.Upstream("p"), hers)
	vicsBrowser := n.NewBrowser()
	vic := claimsOf(t, n, vicsBrowser, "p", "vic")
	if vic["sub"] == mal["sub"] {
		t.Fatal("Vic is in Mal's account")
	}
	if len(n.Events(audit.AccountOpened)) != 2 {
		t.Errorf("%d accounts were opened", len(n.Events(audit.AccountOpened)))
	}
	if page := vicsBrowser.Open(n.Issuer + "/account"); page.Has("link-p") || !page.Has("link-q") {
		t.Errorf("Vic's account says %s", page.Text())
	}
	t.Run("in the same browser too", func(t *testing.T) {
		b := n.NewBrowser()
		claimsOf(t, n, b, "q", "mal") // Mal sat here before and did not log out
		if again := claimsOf(t, n, b, "p", "vic"); again["sub"] != vic["sub"] {
			t.Error("Vic is placed where Mal was")
		}
		r := brokertest.RP1.Request(set("prompt", "none"))
		tokens := n.Redeem(n.Answered(b.Open(n.AuthorizeURL(r)), r))
		if sub := brokertest.Claims(tokens.Text("id_token"))["sub"]; sub != vic["sub"] {
			t.Error("the browser is still Mal's")
		}
	})
	t.Run("Mal's session stays Mal's", func(t *testing.T) {
		r := brokertest.RP1.Request(set("prompt", "none"))
		answer := n.Ask(http.MethodGet, "/authorize?"+r.Encode(), "Cookie", malsSession)
		location := redirectTarget(t, n, answer, brokertest.RP1)
		tokens := n.Redeem(brokertest.Answer{Request: r, URL: &url.URL{}, Code: location.Get("code")})
		if sub := brokertest.Claims(tokens.Text("id_token"))["sub"]; sub != mal["sub"] {
			t.Errorf("Mal's cookie is now %v", sub)
		}
	})
}
