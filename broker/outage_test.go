package broker_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/broker/dev/browser"
	"github.com/bongsu/bongsu/broker/store/pgtest"
)

// withinOutage bounds every answer while the database is away.
const withinOutage = 5 * time.Second

// witness is a node and everything that is under way when its database goes.
type witness struct {
	n *brokertest.Node

	signedIn  *brokertest.Browser // has a session
	returning *brokertest.Browser // at the provider; its identity has an account
	newcomer  *brokertest.Browser // at the provider; its identity has none
	asked     *brokertest.Browser // at the account match page
	leaving   *brokertest.Browser // has a session that ends meanwhile

	returningFor, newcomerFor, askedFor brokertest.Request

	tokens, leavingTokens brokertest.Response
	unused, used          brokertest.Answer
	before                brokertest.Rows
}

func newWitness(t *testing.T, n *brokertest.Node) *witness {
	t.Helper()
	w := &witness{
		n: n, signedIn: n.NewBrowser(), returning: n.NewBrowser(), newcomer: n.NewBrowser(), asked: n.NewBrowser(), leaving: n.NewBrowser(),
	}
	w.used = n.Login(w.signedIn, "kakao", "vic", brokertest.RP1.Request())
	w.tokens = n.Redeem(w.used)
	w.leavingTokens = n.Redeem(n.Login(w.leaving, "kakao", "vic", brokertest.RP1.Request()))
	at := func(b *brokertest.Browser) brokertest.Request {
		r := brokertest.RP1.Request()
		b.Open(n.AuthorizeURL(r))
		if page := b.Click("way-kakao"); !page.Has("continue") {
			t.Fatalf("at %s instead of the provider", page.URL)
		}
		return r
	}
	w.returningFor, w.newcomerFor, w.askedFor = at(w.returning), at(w.newcomer), at(w.asked)
	if page := w.asked.Continue("asked"); !page.Has("new-account") {
		t.Fatalf("at %s instead of the account match page", page.URL)
	}
	w.unused = n.Login(w.signedIn, "kakao", "vic", brokertest.RP1.Request())
	w.before = n.Rows()
	return w
}

// saysSo checks that a page says that something could not be checked, in time,
// and offers a way on.
func saysSo(t *testing.T, what string, began time.Time, page *browser.Page) {
	t.Helper()
	if took := time.Since(began); took > withinOutage {
		t.Errorf("%s: answered after %s", what, took)
	}
	if page.Status != http.StatusServiceUnavailable || page.Header.Get("Retry-After") == "" {
		t.Errorf("%s: %d at %s, Retry-After %q", what, page.Status, page.URL, page.Header.Get("Retry-After"))
	}
	if !page.Has("onward") {
		t.Errorf("%s: no way on: %s", what, page.Text())
	}
}

// couldNotCheck checks the answer of a machine endpoint.
func couldNotCheck(t *testing.T, what string, got brokertest.Response) {
	t.Helper()
	if got.Took > withinOutage {
		t.Errorf("%s: answered after %s", what, got.Took)
	}
	if got.Status != http.StatusServiceUnavailable || got.Text("error") != "temporarily_unavailable" || got.Header.Get("Retry-After") == "" {
		t.Errorf("%s: %d %s, Retry-After %q", what, got.Status, got.Body, got.Header.Get("Retry-After"))
	}
}

// outage checks what everybody is told while no database answers.
func (w *witness) outage(t *testing.T) {
	t.Helper()
	n := w.n
	couldNotCheck(t, "an unused code", n.Redeem(w.unused))
	couldNotCheck(t, "a used code", n.Redeem(w.used))
	couldNotCheck(t, "userinfo", n.Userinfo(w.tokens.Text("access_token")))

	w.pages(t)
	w.goesOn(t, http.StatusServiceUnavailable)
}

// pages is what people see.
func (w *witness) pages(t *testing.T) {
	t.Helper()
	n := w.n
	began := time.Now()
	saysSo(t, "the way back of somebody known", began, w.returning.Continue("vic"))
	began = time.Now()
	saysSo(t, "the way back of somebody new", began, w.newcomer.Continue("newcomer"))
	began = time.Now()
	saysSo(t, "opening an account", began, w.asked.Click("new-account"))
	began = time.Now()
	saysSo(t, "a session", began, w.signedIn.Open(n.AuthorizeURL(brokertest.RP1.Request())))

	silent := brokertest.RP1.Request(set("prompt", "none"))
	began = time.Now()
	got := n.Answered(w.signedIn.Open(n.AuthorizeURL(silent)), silent)
	if got.Error != "temporarily_unavailable" || time.Since(began) > withinOutage {
		t.Errorf("prompt=none answers %q after %s", got.Error, time.Since(began))
	}
	began = time.Now()
	if page := w.signedIn.Open(n.Issuer + "/account"); page.Status != http.StatusServiceUnavailable || time.Since(began) > withinOutage {
		t.Errorf("the account page answers %d after %s", page.Status, time.Since(began))
	}
	// Leaving needs no writer (P8).
	out := url.Values{"id_token_hint": {w.leavingTokens.Text("id_token")}, "post_logout_redirect_uri": {"https://rp1.example/out"}}
	began = time.Now()
	if page := w.leaving.Open(n.Issuer + "/logout?" + out.Encode()); page.URL.Host != "rp1.example" || time.Since(began) > withinOutage {
		t.Errorf("logout ends at %s with %d after %s", page.URL, page.Status, time.Since(began))
	}
	refused(t, n.Userinfo(w.leavingTokens.Text("access_token")), "invalid_token")
	noSession(t, n, w.leaving)
}

// goesOn is what needs no database, or a replica at most; ready is what load balancers
// are told.
func (w *witness) goesOn(t *testing.T, ready int) {
	t.Helper()
	n := w.n
	for _, path := range []string{"/jwks", "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"} {
		if got := n.Ask(http.MethodGet, path); got.Status != http.StatusOK || got.Took > withinOutage {
			t.Errorf("%s answers %d after %s", path, got.Status, got.Took)
		}
	}
	if got := n.AskAdmin("/livez"); got.Status != http.StatusOK || got.Took > withinOutage {
		t.Errorf("/livez answers %d after %s", got.Status, got.Took)
	}
	if got := n.AskAdmin("/readyz"); got.Status != ready || got.Took > withinOutage || takesWrites(n) {
		t.Errorf("/readyz answers %d after %s: %s", got.Status, got.Took, got.Body)
	}
	menu := n.NewBrowser().Open(n.AuthorizeURL(brokertest.RP1.Request()))
	if menu.Status != http.StatusOK || !menu.Has("way-kakao") {
		t.Errorf("the menu answers %d", menu.Status)
	}
	own := n.Post("/token", url.Values{"grant_type": {"client_credentials"}}, "Authorization", brokertest.RP1.Basic())
	if own.Status != http.StatusOK {
		t.Errorf("a client's own token: %d %s", own.Status, own.Body)
	}
	// What is known without asking stays a fact.
	refused(t, n.Userinfo("forged"), "invalid_token")
	refused(t, n.Redeem(w.unused, set("code_verifier", strings.Repeat("a", 43))), "invalid_grant")
	refused(t, n.RedeemAs(brokertest.RP2, w.unused), "invalid_grant")
}

// back checks that everything works again and that nobody has to begin anew.
func (w *witness) back(t *testing.T) {
	t.Helper()
	n := w.n
	eventually(t, "the database is taken into use again", func() bool { return takesWrites(n) })
	if after := n.Rows(); after["accounts"] != w.before["accounts"] || after["links"] != w.before["links"] {
		t.Errorf("the outage left behind: %v became %v", w.before, after)
	}
	hasSession(t, n, w.signedIn)
	if got := n.Userinfo(w.tokens.Text("access_token")); got.Status != http.StatusOK {
		t.Errorf("userinfo answers %d %s", got.Status, got.Body)
	}
	if got := n.Redeem(w.unused); got.Status != http.StatusOK {
		t.Errorf("the code that could not be checked gives %d %s", got.Status, got.Body)
	}
	refused(t, n.Redeem(w.unused), "invalid_grant")

	same := func(what string, page *browser.Page, r brokertest.Request) {
		t.Helper()
		answer := n.Answered(page, r)
		if got := n.Redeem(answer); got.Status != http.StatusOK {
			t.Errorf("%s: the code gives %d %s", what, got.Status, got.Body)
		}
	}
	requests := len(w.returning.Requests(""))
	same("somebody known", w.returning.Click("onward"), w.returningFor)
	for _, r := range w.returning.Requests("")[requests:] {
		if strings.Contains(r.URL, "/kakao/") {
			t.Errorf("the person was sent to the provider again: %s", r.URL)
		}
	}
	if page := w.newcomer.Click("onward"); !page.Has("new-account") {
		t.Errorf("somebody new is at %s: %s", page.URL, page.Text())
	}
	same("somebody new", w.newcomer.Click("new-account"), w.newcomerFor)
	if page := w.asked.Click("onward"); !page.Has("new-account") {
		t.Errorf("somebody asked is at %s: %s", page.URL, page.Text())
	}
	same("somebody asked", w.asked.Click("new-account"), w.askedFor)
	if after := n.Rows(); after["accounts"] != w.before["accounts"]+2 {
		t.Errorf("two people opened an account: %v became %v", w.before, after)
	}
	eventually(t, "the logout reaches the store", func() bool { return n.Rows()["facts"] > w.before["facts"] })
	noSession(t, n, w.leaving)
	refused(t, n.Redeem(w.used), "invalid_grant") // now it is known
	wholeLogin(t, n, brokertest.RP2, "naver")
}

// eventually asks until yes, for at most 20 s.
func eventually(t *testing.T, what string, yes func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !yes() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("it does not happen that %s", what)
		}
	}
}

// must ends the test on an error.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestOutageDatabaseKilled(t *testing.T) {
	server := pgtest.Start(t)
	w := newWitness(t, brokertest.StartNode(t, brokertest.OnDatabase(server.Database("broker", brokertest.Fill))))
	server.Kill()
	w.outage(t)
	server.Restart()
	w.back(t)
}

func TestOutageDatabaseFrozen(t *testing.T) {
	server := pgtest.Start(t)
	w := newWitness(t, brokertest.StartNode(t, brokertest.OnDatabase(server.Database("broker", brokertest.Fill))))
	server.Freeze()
	w.outage(t)
	server.Thaw()
	w.back(t)
}

// A server that lost its role reads and does not write: what only reads goes on.
func TestOutageDatabaseReadOnly(t *testing.T) {
	server := pgtest.Start(t)
	dsn := server.Database("broker", brokertest.Fill)
	w := newWitness(t, brokertest.StartNode(t, brokertest.OnDatabase(dsn), func(s *brokertest.Setup) {
		s.Configure = func(c *config.Config) { c.Store.Reader = dsn }
	}))
	server.ReadOnly(true)
	w.writesRefused(t)
	server.ReadOnly(false)
	w.backFromReadOnly(t)
}

// Another program holds SQLite's one write lock for longer than we wait.
func TestOutageSQLiteLocked(t *testing.T) {
	n := brokertest.StartNode(t)
	w := newWitness(t, n)
	db := n.OpenDatabase()
	defer func() { _ = db.Close() }()
	conn, err := db.Conn(t.Context())
	must(t, err)
	defer func() { _ = conn.Close() }()
	_, err = conn.ExecContext(t.Context(), "BEGIN EXCLUSIVE")
	must(t, err)
	w.writesRefused(t)
	_, err = conn.ExecContext(t.Context(), "ROLLBACK")
	must(t, err)
	w.backFromReadOnly(t)
}

// writesRefused is what is told while the database reads and does not write.
func (w *witness) writesRefused(t *testing.T) {
	t.Helper()
	n := w.n
	couldNotCheck(t, "an unused code", n.Redeem(w.unused))
	couldNotCheck(t, "a used code", n.Redeem(w.used))
	if got := n.Userinfo(w.tokens.Text("access_token")); got.Status != http.StatusOK || got.Took > withinOutage {
		t.Errorf("userinfo answers %d after %s", got.Status, got.Took)
	}
	began := time.Now()
	saysSo(t, "opening an account", began, w.asked.Click("new-account"))
	if got := n.Answered(w.returning.Continue("vic"), w.returningFor); got.Code == "" {
		t.Errorf("somebody known gets %s", got.Error)
	}
	out := url.Values{"id_token_hint": {w.leavingTokens.Text("id_token")}}
	if page := w.leaving.Open(n.Issuer + "/logout?" + out.Encode()); page.Status != http.StatusOK || page.Has("logout") {
		t.Errorf("logout answers %d: %s", page.Status, page.Text())
	}
	noSession(t, n, w.leaving)
	w.goesOn(t, http.StatusOK) // by its replica
}

func (w *witness) backFromReadOnly(t *testing.T) {
	t.Helper()
	n := w.n
	eventually(t, "the database takes writes again", func() bool { return takesWrites(n) })
	if got := n.Redeem(w.unused); got.Status != http.StatusOK {
		t.Errorf("the code that could not be checked gives %d %s", got.Status, got.Body)
	}
	if page := w.asked.Click("onward"); !page.Has("new-account") {
		t.Fatalf("somebody asked is at %s: %s", page.URL, page.Text())
	}
	answer := n.Answered(w.asked.Click("new-account"), w.askedFor)
	if got := n.Redeem(answer); got.Status != http.StatusOK {
		t.Errorf("the code gives %d %s", got.Status, got.Body)
	}
	if after := n.Rows(); after["accounts"] != w.before["accounts"]+1 {
		t.Errorf("one person opened an account: %v became %v", w.before, after)
	}
	eventually(t, "the logout reaches the store", func() bool { return n.Rows()["facts"] > w.before["facts"] })
	wholeLogin(t, n, brokertest.RP2, "naver")
}
