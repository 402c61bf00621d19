package broker_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/audit"
	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/broker/store/pgtest"
)

// atAccount is a browser of a person at their account page.
func atAccount(t *testing.T, n *brokertest.Node, person string) *brokertest.Browser {
	t.Helper()
	b := n.NewBrowser()
	n.Redeem(n.Login(b, "kakao", person, brokertest.RP1.Request()))
	b.Open(n.Issuer + "/account")
	return b
}

func buttons(b *brokertest.Browser, prefix string) []string { return b.Page().IDs(prefix) }

func TestAccountPageShowsWhereOneIsSignedIn(t *testing.T) {
	n := brokertest.StartNode(t)
	first, second := atAccount(t, n, "minji"), atAccount(t, n, "minji")
	page := first.Open(n.Issuer + "/account")
	ends := buttons(first, "end-")
	if len(ends) != 2 || !page.Has("sign-out-everywhere") || !strings.Contains(page.Text(), "This device") {
		t.Fatalf("%v: %s", ends, page.Text())
	}
	if result := first.Click(ends[1]); result.Status != http.StatusOK || !result.Has("onward") {
		t.Fatalf("ending the other one: %d %s", result.Status, result.Text())
	}
	noSession(t, n, second)
	hasSession(t, n, first)
	first.Open(n.Issuer + "/account")
	if left := buttons(first, "end-"); len(left) != 1 {
		t.Errorf("still shown: %v", left)
	}
	if result := first.Click(buttons(first, "end-")[0]); !result.Has("onward") {
		t.Errorf("ending this one: %d %s", result.Status, result.Text())
	}
	noSession(t, n, first)
}

func TestSignOutEverywhere(t *testing.T) {
	n := brokertest.StartNode(t)
	first, second := atAccount(t, n, "minji"), atAccount(t, n, "minji")
	other := atAccount(t, n, "another")
	first.Open(n.Issuer + "/account")
	if page := first.Click("sign-out-everywhere"); !page.Has("go") || !page.Has("back") {
		t.Fatalf("%d %s", page.Status, page.Text())
	}
	page := first.Click("go")
	if page.Status != http.StatusOK || !strings.Contains(page.Text(), "Ends by itself in time") || !page.Has("onward") {
		t.Errorf("the result is %d %s", page.Status, page.Text())
	}
	if page := first.Click("onward"); !page.Has("sign-in") {
		t.Errorf("no way on: %s", page.Text())
	}
	noSession(t, n, first)
	noSession(t, n, second)
	hasSession(t, n, other)
}

func TestWebsitesWithAccess(t *testing.T) {
	n := brokertest.StartNode(t)
	b, r := asksConsent(t, n)
	token := n.Redeem(n.Answered(b.Click("agree"), r)).Text("access_token")
	page := b.Open(n.Issuer + "/account")
	if !page.Has("take-RP-third") {
		t.Fatalf("not listed: %s", page.Text())
	}
	if page = b.Click("take-RP-third"); page.Has("take-RP-third") || !strings.Contains(page.Text(), "Access removed") {
		t.Errorf("%d %s", page.Status, page.Text())
	}
	if got := n.Userinfo(token); got.Status != http.StatusUnauthorized {
		t.Errorf("its token still gives %d", got.Status)
	}
	silent := brokertest.Third.Request(set("scope", "openid email"), set("prompt", "none"))
	if got := n.Answered(b.Open(n.AuthorizeURL(silent)), silent); got.Error != "consent_required" {
		t.Errorf("it is let in again: %q", got.Error)
	}
}

func TestLanguageOfAnAccount(t *testing.T) {
	n := brokertest.StartNode(t)
	b := atAccount(t, n, "minji")
	if page := b.Click("language-ja"); page.Language() != "ja" {
		t.Fatalf("the page speaks %s", page.Language())
	}
	// Another browser learns it by signing in.
	elsewhere := atAccount(t, n, "minji")
	if got := elsewhere.Page().Language(); got != "ja" {
		t.Errorf("elsewhere the page speaks %s", got)
	}
	r := brokertest.RP1.Request(set("prompt", "login"))
	if got := elsewhere.Open(n.AuthorizeURL(r)).Language(); got != "ja" {
		t.Errorf("the menu speaks %s", got)
	}
	if got := elsewhere.Open(n.Issuer + "/account?lang=en").Language(); got != "en" {
		t.Errorf("asked for English it speaks %s", got)
	}
}

func TestRecentActivity(t *testing.T) {
	n := brokertest.StartNode(t)
	b := atAccount(t, n, "minji")
	text := b.Page().Text()
	for _, want := range []string{"Account opened", "Signed in", "RP-1"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %s", want, text)
		}
	}
	if strings.Contains(text, "127.0.0.1") {
		t.Error("the page shows an address")
	}
}

// stale lets the proof of a browser's session grow too old for what cannot be
// undone, and opens a page of a task.
func stale(n *brokertest.Node, b *brokertest.Browser, task string) {
	n.Clock.Advance(6 * time.Minute)
	b.Open(n.Issuer + "/account/" + task)
}

func TestDownloadOfOwnData(t *testing.T) {
	n := brokertest.StartNode(t)
	b := atAccount(t, n, "minji")
	atAccount(t, n, "another")
	stale(n, b, "data")
	if b.Page().Has("go") || !b.Page().Has("confirm") {
		t.Fatalf("an old proof is enough: %s", b.Page().Text())
	}
	b.Click("confirm")
	b.Click("way-kakao")
	if page := b.Continue("minji"); !page.Has("go") || page.URL.Path != "/account/data" {
		t.Fatalf("after the proof at %s: %s", page.URL, page.Text())
	}
	action, form := b.Page().Form("go")
	at, err := url.Parse(action)
	if err != nil {
		t.Fatal(err)
	}
	got := n.Post(at.Path, form, sameOrigin(n, cookieHeader(b))...)
	var data struct {
		Account struct{ Name, Email string }
		Ways    []struct{ Provider string } `json:"ways_to_sign_in"`
		SignIns []struct {
			Website, Subject string
		} `json:"sign_ins_at_websites"`
		Events []struct{ What string } `json:"recent_activity"`
	}
	if err := json.Unmarshal(got.Body, &data); err != nil || got.Status != http.StatusOK {
		t.Fatalf("%d %v %s", got.Status, err, got.Body)
	}
	if data.Account.Email == "" || len(data.Ways) != 1 || len(data.SignIns) != 1 || data.SignIns[0].Website != "RP-1" ||
		!strings.HasPrefix(data.SignIns[0].Subject, "u_") || len(data.Events) < 2 {
		t.Errorf("got %s", got.Body)
	}
	if strings.Contains(string(got.Body), "seed") || !strings.Contains(got.Header.Get("Content-Disposition"), "attachment") {
		t.Errorf("headers %v", got.Header)
	}
	if len(n.Events(audit.AccountExported)) != 1 {
		t.Error("nothing tells of it")
	}
}

func TestDeletingAnAccount(t *testing.T) {
	n := brokertest.StartNode(t)
	b := n.NewBrowser()
	tokens := n.Redeem(n.Login(b, "kakao", "minji", brokertest.RP1.Request()))
	before := brokertest.Claims(tokens.Text("id_token"))["sub"]
	second := atAccount(t, n, "minji")
	stale(n, b, "delete")
	// A form sent without the proof is refused, with a way on.
	_, form := b.Page().Form("confirm")
	if got := n.Post("/account/delete", form, sameOrigin(n, cookieHeader(b))...); got.Status != http.StatusForbidden || !strings.Contains(string(got.Body), `id="confirm"`) {
		t.Errorf("without a fresh proof: %d", got.Status)
	}
	b.Click("confirm")
	b.Click("way-kakao")
	if page := b.Continue("minji"); page.URL.Path != "/account/delete" || !page.Has("go") || !page.Has("back") {
		t.Fatalf("at %s: %s", page.URL, page.Text())
	}
	if page := b.Click("go"); page.Status != http.StatusOK || !page.Has("onward") || !strings.Contains(page.Text(), "RP-1") {
		t.Fatalf("%d %s", page.Status, page.Text())
	}
	noSession(t, n, b)
	noSession(t, n, second)
	if got := n.Userinfo(tokens.Text("access_token")); got.Status != http.StatusUnauthorized {
		t.Errorf("its token still gives %d", got.Status)
	}
	// The same person is new, and gets another subject.
	page := b.Open(n.AuthorizeURL(brokertest.RP1.Request()))
	if !page.Has("way-kakao") {
		t.Fatal("no menu")
	}
	r := brokertest.RP1.Request()
	again := n.Redeem(n.Login(n.NewBrowser(), "kakao", "minji", r))
	if after := brokertest.Claims(again.Text("id_token"))["sub"]; after == before || after == nil {
		t.Errorf("the subject %v was given out again: %v", before, after)
	}
}

// Every page and form of the account, with the database gone: a page that says so
// and offers to try again; and afterwards everything is where it was (P5).
func TestOutageOfTheAccountPages(t *testing.T) {
	t.Run("killed", func(t *testing.T) { outageOfTheAccountPages(t, (*pgtest.Server).Kill, (*pgtest.Server).Restart) })
	t.Run("frozen", func(t *testing.T) { outageOfTheAccountPages(t, (*pgtest.Server).Freeze, (*pgtest.Server).Thaw) })
}

func outageOfTheAccountPages(t *testing.T, end, begin func(*pgtest.Server)) {
	server := pgtest.Start(t)
	n := brokertest.StartNode(t, brokertest.OnDatabase(server.Database("broker", brokertest.Fill)))
	b := atAccount(t, n, "minji")
	pages := map[string]*brokertest.Browser{"account": b}
	for _, task := range []string{"sign-out-everywhere", "data", "delete"} {
		tab := b.Tab()
		tab.Open(n.Issuer + "/account/" + task)
		pages[task] = tab
	}
	language, confirm := b.Tab(), b.Tab()
	language.Open(n.Issuer + "/account")
	confirm.Open(n.Issuer + "/account")
	before := n.Rows()
	end(server)
	for name, tab := range pages {
		again := tab.Tab()
		saysSo(t, name, time.Now(), again.Open(tab.Page().URL.String()))
	}
	for task, tab := range map[string]*brokertest.Browser{"data": pages["data"], "delete": pages["delete"]} {
		saysSo(t, "the form of "+task, time.Now(), tab.Click("go"))
	}
	saysSo(t, "the language", time.Now(), language.Click("language-ja"))
	begin(server)
	eventually(t, "the database is taken into use again", func() bool { return takesWrites(n) })
	if page := pages["delete"].Click("onward"); !page.Has("go") {
		t.Errorf("deleting does not go on: %d %s", page.Status, page.Text())
	}
	if after := n.Rows(); after["accounts"] != before["accounts"] || after["links"] != before["links"] {
		t.Errorf("%v became %v", before, after)
	}
	if page := b.Open(n.Issuer + "/account"); !page.Has("sign-out-everywhere") {
		t.Errorf("the page is %d %s", page.Status, page.Text())
	}
}

// AB-70, AB-71, AB-75: every form of the account page is same-origin, made for the
// session, and answered by no redirect that sends it on; its pages have the
// headers of a page.
func TestAB70FormsOfTheAccountPage(t *testing.T) {
	n := brokertest.StartNode(t)
	b := atAccount(t, n, "minji")
	other := atAccount(t, n, "another")
	_, form := other.Page().Form("language-ja")
	for _, path := range []string{"language", "sessions/end", "services/end", "sign-out-everywhere", "data", "delete", "confirm/data"} {
		guessed := url.Values{"step_token": {"guess"}, "language": {"ja"}, "client": {"RP-1"}}
		for name, headers := range map[string][]string{
			"from elsewhere":               {"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site", "Cookie", cookieHeader(b)},
			"with a guessed value":         sameOrigin(n, cookieHeader(b)),
			"with another session's value": sameOrigin(n, cookieHeader(b)),
			"without a session":            sameOrigin(n, ""),
		} {
			sent := guessed
			if strings.Contains(name, "another") {
				sent = form
			}
			if got := n.Post("/account/"+path, sent, headers...); got.Status != http.StatusForbidden {
				t.Errorf("%s %s: %d", path, name, got.Status)
			}
		}
		if slices.Contains([]string{"sign-out-everywhere", "data", "delete"}, path) {
			got := n.Ask(http.MethodGet, "/account/"+path, "Cookie", cookieHeader(b))
			for header, want := range map[string]string{
				"Cache-Control": "no-store", "X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin",
			} {
				if got.Status != http.StatusOK || got.Header.Get(header) != want {
					t.Errorf("%s: %d, %s is %q", path, got.Status, header, got.Header.Get(header))
				}
			}
			if policy := got.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "frame-ancestors 'none'") || strings.Contains(policy, "unsafe") {
				t.Errorf("%s: policy %q", path, policy)
			}
		}
	}
	hasSession(t, n, b)
	if page := b.Open(n.Issuer + "/account"); page.Language() != "en" {
		t.Error("a foreign form changed the language")
	}
}
