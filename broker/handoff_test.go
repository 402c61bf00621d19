package broker_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/bongsu/bongsu/broker/audit"
	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/broker/contact"
	"github.com/bongsu/bongsu/broker/dev/browser"
)

// A login goes on at another site when its own cannot go on with it: real brokers
// at origins of their own, whose cookies stay apart.
func TestLoginsGoOnElsewhere(t *testing.T) {
	n := newNation(t, newWorld(t, nationHosts...))
	t.Run("entrances", func(t *testing.T) { testEntrances(t, n) })
	t.Run("once, in this browser, at that site", func(t *testing.T) { testHandoffsOnce(t, n) })
	t.Run("in a partition", func(t *testing.T) { testHandoffsCutOff(t, n) })
	t.Run("round a broken way", func(t *testing.T) { testBrokenWay(t, n) })
	t.Run("from a site that dies", func(t *testing.T) { testDyingSite(t, n) })
}

// onward goes on at another site, as the page offers.
func onward(t *testing.T, b *brokertest.Browser, page *browser.Page, site string) *browser.Page {
	t.Helper()
	if b.Page() != page {
		b.Open(offered(t, page, site))
	} else {
		b.Click("other-" + site + "." + nationHost)
	}
	next := b.Page()
	standsAt(t, next, site)
	return next
}

// offered is the address at which a page offers to go on at another site.
func offered(t *testing.T, page *browser.Page, site string) string {
	t.Helper()
	address, ok := page.Leads("other-" + site + "." + nationHost)
	if !ok {
		t.Fatalf("%s does not offer to go on at %s: %s", page.URL.Path, site, page.Text())
	}
	return address
}

// standsAt checks that a page is of a site's own origin.
func standsAt(t *testing.T, page *browser.Page, site string) {
	t.Helper()
	if page.URL.Host != site+"."+nationHost {
		t.Fatalf("the page is of %s, not of %s: %s", page.URL.Host, site, page.Text())
	}
}

// arrives checks that the website knows the person, and returns as whom.
func arrives(t *testing.T, page *browser.Page) string {
	t.Helper()
	subject := page.TextOf("claim-sub")
	if subject == "" || page.URL.Host != nationShop {
		t.Fatalf("the login ended at %s: %s", page.URL, page.Text())
	}
	return subject
}

// A site answers at the issuer and at its own origin, with the same documents, and
// nowhere else.
func testEntrances(t *testing.T, n *nation) {
	client := &http.Client{Transport: n.transport(), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	get := func(host, named string) *http.Response {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+host+"/.well-known/openid-configuration", http.NoBody)
		must(t, err)
		r.Host = named
		response, err := client.Do(r)
		must(t, err)
		must(t, response.Body.Close())
		return response
	}
	busan := "busan." + nationHost
	for _, tt := range []struct {
		host, named string
		want        int
	}{
		{nationHost, nationHost, 200},
		{busan, busan, 200},
		{busan, nationHost, 200},
		{busan, "seoul." + nationHost, http.StatusMisdirectedRequest},
		{busan, "evil.example", http.StatusMisdirectedRequest},
	} {
		if got := get(tt.host, tt.named); got.StatusCode != tt.want {
			t.Errorf("%s asked as %s answers %d", tt.host, tt.named, got.StatusCode)
		}
	}
	// Our own forms are same-origin at each of them.
	b := n.person()
	b.Open(strings.Replace(b.Open(nationShopURL+"/login").URL.String(), nationHost, busan, 1)) // no login of busan's
	onward(t, b, b.Open(nationShopURL+"/login"), "busan")
	if page := b.Click("cancel"); page.URL.Host != nationShop {
		t.Errorf("the form of busan's page ended at %s: %s", page.URL, page.Text())
	}
}

// AB-66, AB-67: one success only, in the browser that began it, at the site that it
// is for; and nothing is left behind by the rest.
func testHandoffsOnce(t *testing.T, n *nation) {
	b, mal := n.person(), n.person()
	page := b.Open(nationShopURL + "/login")
	mal.Open(nationShopURL + "/login") // has a mark
	address := offered(t, page, "busan")
	for name, wrong := range map[string]string{
		"at tokyo": strings.Replace(address, "busan.", "tokyo.", 1), "at seoul": strings.Replace(address, "busan.", "seoul.", 1),
		"edited": strings.Replace(address, "login=", "login=A", 1), "with another": address + "&return_to=https://evil.example",
	} {
		got := b.Open(wrong)
		if name == "with another" {
			continue // what nobody reads changes nothing: this was the one success
		}
		if got.Status != http.StatusBadRequest || len(got.Header.Values("Set-Cookie")) != 0 {
			t.Errorf("%s: %d, at %s", name, got.Status, got.URL)
		}
	}
	if got := mal.Open(address); got.Status != http.StatusBadRequest {
		t.Errorf("in another browser: %d", got.Status)
	}
	for _, site := range []string{"tokyo", "busan"} { // one node, and two of which one decides
		raced(t, b, offered(t, b.Open(page.URL.String()), site))
	}
}

// raced has a browser follow a handoff many times at once: one of them is the first.
func raced(t *testing.T, b *brokertest.Browser, address string) {
	t.Helper()
	statuses := followed(t, b, address)
	if statuses[http.StatusOK] != 1 || statuses[http.StatusBadRequest] != 7 {
		t.Errorf("at %s, of 8 at once: %v", address, statuses)
	}
}

// A site whose own way to a provider is gone carries the login to one that reaches
// it: the person sees the provider, and then the website.
func testBrokenWay(t *testing.T, n *nation) {
	n.cutOff("seoul")
	n.sites["seoul"].cut.Store(nationAbroad, true)
	b := n.person()
	page := b.Open(nationShopURL + "/login")
	if !strings.Contains(page.Text(), "Kakao Login continues through another address") {
		t.Fatalf("seoul shows %s", page.Text())
	}
	b.Click("way-kakao")
	page = b.Continue("minji")
	if page.URL.Host == nationHost || page.URL.Host == "seoul."+nationHost {
		t.Fatalf("the login is at %s: %s", page.URL, page.Text())
	}
	subject := arrives(t, b.Click("new-account"))
	// The website named the provider: the same, without a menu.
	other := n.person()
	page = other.Open(nationShopURL + "/login?idp_hint=kakao")
	if !page.Has("continue") {
		t.Fatalf("the hint leads to %s: %s", page.URL, page.Text())
	}
	if again := arrives(t, other.Continue("minji")); again != subject {
		t.Errorf("minji is %s, and %s", subject, again)
	}
	if sent := n.sites["seoul"].told(audit.LoginCarried); sent != 2 {
		t.Errorf("seoul says that it sent %d", sent)
	}
	// Whoever went and comes Back finds the login where it was.
	third := n.person()
	page = third.Open(nationShopURL + "/login")
	third.Click("way-kakao")
	page = third.Open(page.URL.String())
	if !page.Has("way-naver") || !strings.Contains(page.Text(), "Didn’t finish signing in with Kakao?") {
		t.Errorf("Back shows %s", page.Text())
	}
	n.sites["seoul"].cut.Clear()
}

// Nobody knows a writer, and the node that issued a code, and alone decides about it,
// dies before the website redeems it: that could not be checked, which is neither a
// yes nor a no, and the login that the website begins then ends at another site, as
// the same subject and without a page.
func TestACodeThatDiedWithItsNode(t *testing.T) {
	n := newNation(t, newWorld(t, nationHosts...))
	b := n.person()
	b.Open(nationShopURL + "/login")
	b.Click("way-naver")
	b.Continue("sora")
	subject := arrives(t, b.Click("new-account"))
	n.falls(contact.WriterLost)

	page := b.Open(nationShopURL + "/login?prompt=login&idp_hint=naver")
	b.Open(page.URL.String() + "&person=sora")
	page = n.dyingBeforeRedeemed(b, "continue")
	if got := page.TextOf("error"); got != "temporarily_unavailable" || page.URL.Host != nationShop {
		t.Fatalf("the code ended at %s with %q: %s", page.URL, got, page.Text())
	}
	if again := arrives(t, b.Click("retry")); again != subject {
		t.Errorf("sora is %s, and was %s", again, subject)
	}
}

// dyingBeforeRedeemed presses the button that ends a login, and has seoul die, and its
// name lead to tokyo, before the website redeems its code.
func (n *nation) dyingBeforeRedeemed(b *brokertest.Browser, button string) *browser.Page {
	n.t.Helper()
	asked, release := n.hold()
	var end *browser.Page
	redeemed := make(chan error, 1)
	go func() {
		var err error
		end, err = b.Browser.Click(context.WithoutCancel(n.t.Context()), button)
		redeemed <- err
	}()
	<-asked
	n.kill("seoul")
	n.front.Store(n.sites["tokyo"])
	release()
	must(n.t, <-redeemed)
	return end
}

// A login whose site dies ends at another one, wherever it was.
func testDyingSite(t *testing.T, n *nation) {
	browsers := map[string]*brokertest.Browser{}
	pages := map[string]*browser.Page{}
	begin := func(name string) *brokertest.Browser {
		browsers[name] = n.person()
		pages[name] = browsers[name].Open(nationShopURL + "/login")
		return browsers[name]
	}
	begin("menu")
	begin("two sites")
	begin("provider").Click("way-naver")
	begin("back").Click("way-naver")
	b := begin("match")
	b.Click("way-naver")
	pages["match"] = b.Continue("haneul")
	code := n.person()
	code.Open(nationShopURL + "/login")
	code.Click("way-naver")
	code.Continue("jisu")
	arrives(t, n.dyingBeforeRedeemed(code, "new-account"))
	n.front.Store(nil)

	for _, tt := range []struct {
		name string
		walk func(b *brokertest.Browser)
	}{
		{"menu", func(b *brokertest.Browser) {
			onward(t, b, pages["menu"], "busan")
			b.Click("way-naver")
			b.Continue("one")
		}},
		{"back", func(b *brokertest.Browser) {
			onward(t, b, pages["back"], "busan")
			b.Click("way-kakao")
			b.Continue("two")
		}},
		{"match", func(b *brokertest.Browser) {
			if page := onward(t, b, pages["match"], "tokyo"); !page.Has("new-account") {
				t.Fatalf("what was proven is lost: %s", page.Text())
			}
		}},
		{"provider", func(b *brokertest.Browser) {
			n.front.Store(n.sites["tokyo"]) // the name leads elsewhere by then
			b.Continue("three")
		}},
		{"two sites", func(b *brokertest.Browser) {
			page := onward(t, b, pages["two sites"], "busan")
			n.kill("busan")
			onward(t, b, page, "tokyo")
			b.Click("way-naver")
			b.Continue("four")
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := browsers[tt.name]
			tt.walk(b)
			n.front.Store(n.sites["tokyo"])
			arrives(t, b.Click("new-account"))
		})
	}
}
