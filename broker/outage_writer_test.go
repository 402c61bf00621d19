package broker_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/broker/contact"
	"github.com/bongsu/bongsu/broker/dev/browser"
	"github.com/bongsu/bongsu/broker/store/pgtest"
)

// The writer is dead and its standby answers: people with an account go on, what the
// writer must decide waits with a way on, and a node can even be started.
func TestOutageWriterDeadAndStandbyAlive(t *testing.T) {
	primary := pgtest.Primary(t)
	dsn := primary.Database("broker", brokertest.Fill)
	standby := primary.Standby()
	n := brokertest.StartNode(t, brokertest.OnDatabase(dsn), func(s *brokertest.Setup) {
		s.Configure = func(c *config.Config) { c.Store.Reader = standby.On(dsn) }
	})
	w, c := newWitness(t, n), newChanging(t, n)
	consenting := n.NewBrowser()
	n.Login(consenting, "kakao", "vic", brokertest.RP1.Request())
	standby.CatchUp(primary)
	primary.Kill()
	eventually(t, "the node knows no writer", func() bool { return n.Broker.Contact().Mode == contact.WriterLost })

	w.peopleGoOn(t)
	w.newPeopleWait(t)
	c.changesWait(t)
	third := brokertest.Third.Request()
	if page := consenting.Open(n.AuthorizeURL(third)); !page.Has("agree") {
		t.Fatalf("who has not said yes is not asked: %d at %s: %s", page.Status, page.URL, page.Text())
	}
	if got := n.Redeem(n.Answered(consenting.Click("agree"), third)); got.Status != http.StatusOK {
		t.Errorf("a yes for this login alone gives %d %s", got.Status, got.Body)
	}

	n.Restart(func(*config.Config) {})
	eventually(t, "a node that starts now is ready", func() bool { return n.AskAdmin("/readyz").Status == http.StatusOK })
	w.sessionGoesOn(t)

	primary.Restart()
	eventually(t, "the writer is known again", func() bool { return n.Broker.Contact().Writer() })
	for what, b := range map[string]*brokertest.Browser{"somebody new": w.newcomer, "somebody asked": w.asked} {
		if page := b.Click("onward"); !page.Has("new-account") {
			t.Errorf("%s is at %s: %s", what, page.URL, page.Text())
		}
	}
	if got := n.Redeem(n.Answered(w.newcomer.Click("new-account"), w.newcomerFor)); got.Status != http.StatusOK {
		t.Errorf("somebody new gets %d %s", got.Status, got.Body)
	}
	eventually(t, "what the node gave is in the store", func() bool { return n.Rows()["grants"] >= w.before["grants"]+4 })
}

// peopleGoOn is what goes on for people whom the standby knows.
func (w *witness) peopleGoOn(t *testing.T) {
	t.Helper()
	n := w.n
	if got := n.Userinfo(w.tokens.Text("access_token")); got.Status != http.StatusOK {
		t.Errorf("userinfo: %d %s", got.Status, got.Body)
	}
	if got := n.Introspect(brokertest.RP1, w.tokens.Text("access_token")); got.JSON()["active"] != true {
		t.Errorf("introspection: %d %s", got.Status, got.Body)
	}
	if got := n.AskAdmin("/readyz"); got.Status != http.StatusOK {
		t.Errorf("/readyz: %d %s", got.Status, got.Body)
	}
	w.sessionGoesOn(t)
	began := time.Now()
	got := n.Redeem(n.Answered(w.returning.Continue("vic"), w.returningFor))
	if got.Status != http.StatusOK || time.Since(began) > withinOutage {
		t.Errorf("somebody known gets %d %s after %s", got.Status, got.Body, time.Since(began))
	}
}

// sessionGoesOn checks that the session of a browser gives a login, with tokens that
// are short.
func (w *witness) sessionGoesOn(t *testing.T) {
	t.Helper()
	silent := brokertest.RP1.Request(set("prompt", "none"))
	answer := w.n.Answered(w.signedIn.Open(w.n.AuthorizeURL(silent)), silent)
	if answer.Code == "" {
		t.Errorf("a session gives %s", answer.Error)
		return
	}
	got := w.n.Redeem(answer)
	if seconds, ok := got.JSON()["expires_in"].(float64); got.Status != http.StatusOK || !ok || seconds > 300 {
		t.Errorf("a session gives %d %s", got.Status, got.Body)
	}
}

// newPeopleWait checks that nobody is opened an account, and that everybody can go on
// later from where they are.
func (w *witness) newPeopleWait(t *testing.T) {
	t.Helper()
	began := time.Now()
	saysSo(t, "the way back of somebody new", began, w.newcomer.Continue("newcomer"))
	began = time.Now()
	saysSo(t, "opening an account", began, w.asked.Click("new-account"))
	couldNotCheck(t, "a code that the writer decides about", w.n.Redeem(w.unused))
}

// changesWait checks that nobody's account is changed, and that everybody is told.
func (c *changing) changesWait(t *testing.T) {
	t.Helper()
	for what, act := range map[string]func() *browser.Page{
		"the yes":              func() *browser.Page { return c.answering.Click("link") },
		"the yes to unlinking": func() *browser.Page { return c.parting.Click("unlink") },
		"the yes on the way":   func() *browser.Page { return c.returning.Click("link") },
		"the new identity":     func() *browser.Page { return c.proving.Continue("proving") },
	} {
		began := time.Now()
		saysSo(t, what, began, act())
	}
	if page := c.beginning.Open(c.n.Issuer + "/account"); page.Status != http.StatusOK && !page.Has("onward") {
		t.Errorf("the account page is a dead end: %d %s", page.Status, page.Text())
	}
	if page := c.signIn("beginning"); page.Status != http.StatusOK && !page.Has("onward") {
		t.Errorf("signing in to the account page ends at %s with %d: %s", page.URL, page.Status, page.Text())
	}
}
