package broker_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/audit"
	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/broker/dev/browser"
	"github.com/bongsu/bongsu/providers/fakeidp"
)

// linkWay links person's identity at way to the account of the browser's
// session, as a person does who signed in just now.
func linkWay(t *testing.T, n *brokertest.Node, b *brokertest.Browser, way, person string) {
	t.Helper()
	page := proveNew(t, n, b, way, person)
	if !page.Has("link") {
		t.Fatalf("linking %s at %s ends at %s: %s", person, way, page.URL, page.Text())
	}
	if page = b.Click("link"); page.URL.Path != "/account" || page.Has("link-"+way) {
		t.Fatalf("the yes ends at %s: %s", page.URL, page.Text())
	}
}

// proveNew goes from the account page to where an identity at way was proven.
func proveNew(t *testing.T, n *brokertest.Node, b *brokertest.Browser, way, person string) *browser.Page {
	t.Helper()
	b.Open(n.Issuer + "/account")
	if page := b.Click("link-" + way); !page.Has("way-" + way) {
		t.Fatalf("linking %s begins at %s: %s", way, page.URL, page.Text())
	}
	b.Click("way-" + way)
	return b.Continue(person)
}

// sameLinks checks at the end of a test that who has which identity, and which
// sessions hold, is as it was, whatever logins came after.
func sameLinks(t *testing.T, n *brokertest.Node) {
	t.Helper()
	before := n.Rows()
	t.Cleanup(func() {
		after := n.Rows()
		for _, table := range []string{"accounts", "links", "facts"} {
			if after[table] != before[table] {
				t.Errorf("left behind: %v became %v", before, after)
			}
		}
	})
}

// accountForm is what a form of the account page would send.
func accountForm(n *brokertest.Node, b *brokertest.Browser, id string) url.Values {
	_, form := b.Open(n.Issuer + "/account").Form(id)
	return form
}

// sameOrigin are the headers of one of our own forms, sent by hand.
func sameOrigin(n *brokertest.Node, cookies string) []string {
	return []string{"Origin", n.Issuer, "Sec-Fetch-Site", "same-origin", "Cookie", cookies}
}

// AB-49: a stolen session older than five minutes changes nothing.
func TestAB49LinkingWithoutFreshProof(t *testing.T) {
	n := brokertest.StartNode(t)
	b := n.NewBrowser()
	claimsOf(t, n, b, "p", "vic")
	linkWay(t, n, b, "kakao", "vic")
	links, unlinks := accountForm(n, b, "link-q"), accountForm(n, b, "unlink-kakao")
	stolen := cookieHeader(b)
	n.Clock.Advance(5*time.Minute + time.Second)
	unchanged(t, n)
	for path, form := range map[string]url.Values{
		"/account/link/q": links, "/account/unlink/kakao": unlinks, "/account/unlink/p": links,
	} {
		got := n.Post(path, form, sameOrigin(n, stolen)...)
		if got.Status != http.StatusForbidden {
			t.Errorf("%s answers %d", path, got.Status)
		}
		for _, way := range []string{"p", "kakao"} {
			if strings.HasSuffix(path, "unlink/"+way) {
				continue // what goes proves nothing
			}
			if !strings.Contains(string(got.Body), `id="way-`+way+`"`) {
				t.Errorf("%s does not ask for %s: %s", path, way, got.Body)
			}
		}
		if strings.Contains(string(got.Body), `id="way-q"`) {
			t.Errorf("%s lets an identity prove itself that the account does not have", path)
		}
	}
	for _, path := range []string{"/account/passkey", "/account/email", "/account/recovery"} {
		if got := n.Post(path, links, sameOrigin(n, stolen)...); got.Status != http.StatusNotFound {
			t.Errorf("%s answers %d", path, got.Status)
		}
	}
	t.Run("somebody else's identity does not help", func(t *testing.T) {
		b.Open(n.Issuer + "/account")
		page := b.Click("link-q")
		if page.Status != http.StatusForbidden || page.Has("way-q") {
			t.Fatalf("%d %s", page.Status, page.Text())
		}
		b.Click("way-p")
		if page = b.Continue("mal"); !page.Has("way-p") || page.Has("way-q") || page.Has("link") {
			t.Errorf("Mal's identity leads to %s", page.Text())
		}
		if e := n.Events(audit.LinkRefused); len(e) == 0 || e[len(e)-1].Reason != "not_owner" {
			t.Errorf("events %+v", e)
		}
	})
}

// AB-49: an identity that the account has opens the way, and every other
// session ends with the change.
func TestAB49FreshProofOpensTheWay(t *testing.T) { onEveryStore(t, abuse49) }

func abuse49(t *testing.T, n *brokertest.Node) {
	b, other := n.NewBrowser(), n.NewBrowser()
	sub := claimsOf(t, n, b, "p", "vic")["sub"]
	elsewhere := n.Redeem(n.Login(other, "p", "vic", brokertest.RP2.Request()))
	n.Clock.Advance(6 * time.Minute)
	before := cookieHeader(b)
	b.Open(n.Issuer + "/account")
	b.Click("link-q")
	b.Click("way-p")
	page := b.Continue("vic")
	if !page.Has("way-q") || page.Has("way-p") {
		t.Fatalf("after the proof: %s", page.Text())
	}
	b.Click("way-q")
	b.Continue("vic")
	if page = b.Click("link"); page.URL.Path != "/account" || !page.Has("unlink-q") {
		t.Fatalf("the yes ends at %s: %s", page.URL, page.Text())
	}
	hasSession(t, n, b)
	noSession(t, n, other)
	refused(t, n.Userinfo(elsewhere.Text("access_token")), "invalid_token")
	r := brokertest.RP1.Request(set("prompt", "none"))
	if got := redirectTarget(t, n, n.Ask(http.MethodGet, "/authorize?"+r.Encode(), "Cookie", before), brokertest.RP1); got.Get("error") != "login_required" {
		t.Errorf("the session before answers %q", got.Get("error"))
	}
	if again := claimsOf(t, n, n.NewBrowser(), "q", "vic")["sub"]; again != sub {
		t.Errorf("by the new way %v is %v", sub, again)
	}
	if e := n.Events(audit.AccountLinked); len(e) != 1 || e[0].Provider != "q" {
		t.Errorf("events %+v", e)
	}
}

// AB-50: linking begins by a form of the account page and ends in its session.
func TestAB50ForcedLinking(t *testing.T) {
	n := brokertest.StartNode(t)
	vic, mal := n.NewBrowser(), n.NewBrowser()
	claimsOf(t, n, vic, "p", "vic")
	claimsOf(t, n, mal, "p", "mal")
	form := accountForm(n, vic, "link-q")
	foreign := accountForm(n, mal, "link-q")

	mal.Open(n.Issuer + "/account")
	mal.Click("link-q")
	mal.Click("way-q")
	address := *mal.Page().URL // the provider's page of Mal's own link
	answer := cameFrom(t, mal, address, "mal")
	sameLinks(t, n)

	t.Run("the answer of a link that Mal began", func(t *testing.T) {
		page := vic.Open(answer)
		if page.Status != http.StatusBadRequest || page.Has("link") {
			t.Errorf("answered %d: %s", page.Status, page.Text())
		}
		hasSession(t, n, vic)
	})
	t.Run("by GET", func(t *testing.T) {
		for _, path := range []string{"/account/link/q", "/account/unlink/p", "/account/link?provider=q"} {
			if got := n.Ask(http.MethodGet, path, "Cookie", cookieHeader(vic)); got.Status != http.StatusMethodNotAllowed && got.Status != http.StatusNotFound {
				t.Errorf("%s answers %d", path, got.Status)
			}
		}
	})
	t.Run("by a foreign page", func(t *testing.T) {
		for name, headers := range map[string][]string{
			"another site":   {"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"},
			"another origin": {"Origin", "http://evil.localhost:1", "Sec-Fetch-Site", "same-site"},
			"no origin":      {"Origin", "null", "Sec-Fetch-Site", "cross-site"},
		} {
			for _, path := range []string{"/account/link/q", "/account/unlink/p"} {
				got := n.Post(path, form, append(headers, "Cookie", cookieHeader(vic))...)
				if got.Status != http.StatusForbidden || got.Header.Get("Set-Cookie") != "" {
					t.Errorf("%s from %s answers %d", path, name, got.Status)
				}
			}
		}
	})
	t.Run("without the form's own value", func(t *testing.T) {
		for name, f := range map[string]url.Values{"none": {"a": {"b"}}, "Mal's": foreign} {
			if got := n.Post("/account/link/q", f, sameOrigin(n, cookieHeader(vic))...); got.Status != http.StatusForbidden {
				t.Errorf("%s: answers %d", name, got.Status)
			}
		}
	})
	t.Run("with Mal's cookies planted beside Vic's session", func(t *testing.T) {
		planted := n.NewBrowser()
		claimsOf(t, n, planted, "p", "vic")
		var pairs []string
		for _, c := range mal.Cookies("localhost") {
			if strings.Contains(c.Name, "_login_") {
				pairs = append(pairs, c.Name+"="+c.Value)
			}
		}
		if len(pairs) == 0 {
			t.Fatal("Mal has no pending login")
		}
		at, err := url.Parse(answer)
		if err != nil {
			t.Fatal(err)
		}
		got := n.Ask(http.MethodGet, at.RequestURI(), "Cookie", cookieHeader(planted)+"; "+strings.Join(pairs, "; "))
		if got.Status != http.StatusForbidden || strings.Contains(string(got.Body), `id="link"`) {
			t.Errorf("answered %d: %s", got.Status, got.Body)
		}
		if q := n.Upstream("q"); q.Count(fakeidp.Token) != 0 {
			t.Error("the provider was asked about it")
		}
	})
}

// cameFrom signs person in at a provider's page and returns where that would
// lead, without going there.
func cameFrom(t *testing.T, b *brokertest.Browser, at url.URL, person string) string {
	t.Helper()
	query := at.Query()
	query.Set("person", person)
	at.RawQuery = query.Encode()
	href, _ := b.Tab().Open(at.String()).Attribute("continue", "href")
	back, err := at.Parse(href)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, back.String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	to, err := answer.Location()
	if err != nil {
		t.Fatalf("the provider answers %d: %v", answer.StatusCode, err)
	}
	return to.String()
}

// AB-51: an identity that another account has stays where it is.
func TestAB51IdentityAlreadyInUse(t *testing.T) { onEveryStore(t, abuse51) }

func abuse51(t *testing.T, n *brokertest.Node) {
	vic := claimsOf(t, n, n.NewBrowser(), "q", "vic")
	mal := n.NewBrowser()
	claimsOf(t, n, mal, "p", "mal")
	sameLinks(t, n)
	page := proveNew(t, n, mal, "q", "vic")
	if page.Status != http.StatusConflict || page.Has("link") || !page.Has("onward") {
		t.Fatalf("answered %d: %s", page.Status, page.Text())
	}
	for _, word := range []string{"Vic Kim", vicsEmail, "kakao", "Kakao"} {
		if strings.Contains(page.Text(), word) {
			t.Errorf("the page says %q: %s", word, page.Text())
		}
	}
	told := make(map[string]bool)
	for _, e := range n.Events(audit.LinkRefused) {
		if e.Reason != "taken" || e.Provider != "q" {
			t.Errorf("event %+v", e)
		}
		told[e.Account] = true
	}
	if len(told) != 2 {
		t.Errorf("%d accounts have the event in their log", len(told))
	}
	if page := mal.Click("onward"); !page.Has("way-q") {
		t.Errorf("the way on is %s: %s", page.URL, page.Text())
	}
	hasSession(t, n, mal)
	if page := mal.Open(n.Issuer + "/account"); !page.Has("link-q") || page.Has("unlink-q") {
		t.Errorf("Mal's account says %s", page.Text())
	}
	if again := claimsOf(t, n, n.NewBrowser(), "q", "vic"); again["sub"] != vic["sub"] {
		t.Error("Vic lost the account")
	}
}

// AB-52: what was obtained through an identity ends with it, and the last one
// stays.
func TestAB52RemovingAnIdentity(t *testing.T) { onEveryStore(t, abuse52) }

func abuse52(t *testing.T, n *brokertest.Node) {
	b := n.NewBrowser()
	sub := claimsOf(t, n, b, "p", "vic")["sub"]
	linkWay(t, n, b, "q", "vic")

	thief := n.NewBrowser() // has Vic's identity at p
	tokens := n.Redeem(n.Login(thief, "p", "vic", brokertest.RP1.Request()))
	unused := n.Login(thief, "p", "vic", brokertest.RP2.Request())
	underway := n.NewBrowser()
	r := brokertest.RP1.Request()
	underway.Open(n.AuthorizeURL(r))
	underway.Click("way-p")

	b.Open(n.Issuer + "/account")
	page := b.Click("unlink-p")
	if page.Status != http.StatusForbidden || page.Has("way-p") || !page.Has("way-q") {
		t.Fatalf("the identity that goes may prove it: %d %s", page.Status, page.Text())
	}
	b.Click("way-q")
	if page = b.Continue("vic"); !page.Has("unlink") {
		t.Fatalf("at %s: %s", page.URL, page.Text())
	}
	if page = b.Click("unlink"); page.URL.Path != "/account" || !page.Has("link-p") || page.Has("unlink-q") {
		t.Fatalf("the yes ends at %s: %s", page.URL, page.Text())
	}
	began := time.Now()
	noSession(t, n, thief)
	refused(t, n.Userinfo(tokens.Text("access_token")), "invalid_token")
	refused(t, n.Redeem(unused), "invalid_grant")
	if page := underway.Continue("vic"); !page.Has("new-account") {
		t.Errorf("a login by the removed identity ends at %s: %s", page.URL, page.Text())
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("all of it ended after %s", took)
	}
	hasSession(t, n, b)
	if e := n.Events(audit.AccountUnlinked); len(e) != 1 || e[0].Provider != "p" {
		t.Errorf("events %+v", e)
	}

	t.Run("the last one stays", func(t *testing.T) {
		before := n.Rows()
		form := accountForm(n, b, "link-p")
		got := n.Post("/account/unlink/q", form, sameOrigin(n, cookieHeader(b))...)
		if got.Status != http.StatusConflict || !strings.Contains(string(got.Body), `href="/account"`) {
			t.Errorf("answers %d: %s", got.Status, got.Body)
		}
		if after := n.Rows(); !after.Same(before) {
			t.Errorf("%v became %v", before, after)
		}
		if again := claimsOf(t, n, n.NewBrowser(), "q", "vic")["sub"]; again != sub {
			t.Errorf("%v is %v now", sub, again)
		}
	})
	if fresh := claimsOf(t, n, n.NewBrowser(), "p", "vic")["sub"]; fresh == sub {
		t.Error("the removed identity leads to the account")
	}
}
