package broker_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/broker/store/pgtest"
)

// asksConsent brings a browser of a new person to the question of somebody else's
// website.
func asksConsent(t *testing.T, n *brokertest.Node) (*brokertest.Browser, brokertest.Request) {
	t.Helper()
	b := n.NewBrowser()
	n.Login(b, "kakao", "minji", brokertest.RP1.Request())
	r := brokertest.Third.Request(set("scope", "openid email"))
	if page := b.Open(n.AuthorizeURL(r)); !page.Has("agree") || !page.Has("cancel") {
		t.Fatalf("no question but %d %s", page.Status, page.Text())
	}
	return b, r
}

// A person says yes to somebody else's website once; with their no it gets
// nothing (experience 1.7).
func TestConsent(t *testing.T) {
	n := brokertest.StartNode(t)
	b, r := asksConsent(t, n)
	if got := n.Answered(b.Click("cancel"), r); got.Error != "access_denied" {
		t.Errorf("after a no the website got %q", got.Error)
	}
	b.Open(n.AuthorizeURL(r))
	answer := n.Answered(b.Click("agree"), r)
	token := n.Redeem(answer).Text("access_token")
	if claims := n.Userinfo(token).JSON(); claims["email"] == nil || claims["name"] != nil {
		t.Errorf("the website sees %v", claims)
	}
	again := brokertest.Third.Request(set("scope", "openid email"), set("prompt", "none"))
	if got := n.Answered(b.Open(n.AuthorizeURL(again)), again); got.Code == "" {
		t.Errorf("asked again: %s", got.Error)
	}
	more := brokertest.Third.Request(set("prompt", "none"))
	if got := n.Answered(b.Open(n.AuthorizeURL(more)), more); got.Error != "consent_required" {
		t.Errorf("more was asked for without a question: %q", got.Error)
	}
}

// AB-75: the answers to the consent page's forms leave by no redirect that sends
// a form on, and lead to another origin by the terminal page alone. Forms of
// others are refused (AB-71).
func TestAB75ConsentForms(t *testing.T) {
	n := brokertest.StartNode(t)
	b, _ := asksConsent(t, n)
	path := b.Page().URL.Path
	for _, action := range []string{"/agree", "/cancel"} {
		foreign := n.Post(path+action, url.Values{"step_token": {"guess"}}, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site")
		if foreign.Status != http.StatusForbidden {
			t.Errorf("%s from elsewhere: %d", action, foreign.Status)
		}
		if bare := n.Post(path+action, nil); bare.Status < 400 || bare.Status >= 500 {
			t.Errorf("%s without a login: %d", action, bare.Status)
		}
	}
}

// P5: a database that is gone loses nothing at the question; the same login goes
// on when it is back.
func TestOutageAtTheConsentPage(t *testing.T) {
	t.Run("killed", func(t *testing.T) { outageAtTheConsentPage(t, (*pgtest.Server).Kill, (*pgtest.Server).Restart) })
	t.Run("frozen", func(t *testing.T) { outageAtTheConsentPage(t, (*pgtest.Server).Freeze, (*pgtest.Server).Thaw) })
}

func outageAtTheConsentPage(t *testing.T, end, begin func(*pgtest.Server)) {
	server := pgtest.Start(t)
	n := brokertest.StartNode(t, brokertest.OnDatabase(server.Database("broker", brokertest.Fill)))
	b, r := asksConsent(t, n)
	question := b.Page().URL.String()
	end(server)
	began := time.Now()
	saysSo(t, "the yes", began, b.Click("agree"))
	saysSo(t, "the question", time.Now(), b.Open(question))
	begin(server)
	eventually(t, "the database is taken into use again", func() bool { return takesWrites(n) })
	if page := b.Click("onward"); !page.Has("agree") {
		t.Fatalf("the question is gone: %d %s", page.Status, page.Text())
	}
	if got := n.Answered(b.Click("agree"), r); got.Code == "" {
		t.Errorf("the website got %q", got.Error)
	}
}

// Without a writer a yes counts for this login and is not remembered: the website
// gets its code, which waits for the writer like every other, and the next login
// asks again.
func TestConsentWithoutAWriter(t *testing.T) {
	server := pgtest.Start(t)
	dsn := server.Database("broker", brokertest.Fill)
	n := brokertest.StartNode(t, brokertest.OnDatabase(dsn), func(s *brokertest.Setup) {
		s.Configure = func(c *config.Config) { c.Store.Reader = dsn }
	})
	b, r := asksConsent(t, n)
	server.ReadOnly(true)
	answer := n.Answered(b.Click("agree"), r)
	if answer.Code == "" {
		t.Fatalf("the website got %q", answer.Error)
	}
	couldNotCheck(t, "its code", n.Redeem(answer))
	server.ReadOnly(false)
	eventually(t, "the database takes writes again", func() bool { return takesWrites(n) })
	if got := n.Redeem(answer); got.Status != http.StatusOK {
		t.Errorf("the code gives %d %s", got.Status, got.Body)
	}
	if page := b.Open(n.AuthorizeURL(brokertest.Third.Request(set("scope", "openid email")))); !page.Has("agree") {
		t.Errorf("a yes that nobody wrote down is remembered: at %s", page.URL)
	}
}
