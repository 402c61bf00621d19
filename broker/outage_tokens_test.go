package broker_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/broker/store/pgtest"
)

// holder is what websites hold, and the pages people have open, when the
// database goes.
type holder struct {
	n *brokertest.Node

	kept, given, cached brokertest.Response // offline tokens: to refresh, to revoke, asked about a moment ago
	signs               signing
	assertion           string

	account, ending *brokertest.Browser // at the account page, and at the question before all of it ends
}

func newHolder(t *testing.T, signs signing, n *brokertest.Node) *holder {
	t.Helper()
	h := &holder{
		n: n, signs: signs, kept: offline(t, n, brokertest.RP1), given: offline(t, n, brokertest.RP1), cached: offline(t, n, brokertest.RP1),
		account: atAccount(t, n, "minji"), ending: atAccount(t, n, "ender"),
	}
	h.assertion = signs.assertion(n)
	h.ending.Click("sign-out-everywhere")
	if !h.ending.Page().Has("go") {
		t.Fatalf("at %s instead of the question", h.ending.Page().URL)
	}
	return h
}

// own asks for a token of the website that signs.
func (h *holder) own() brokertest.Response {
	return h.n.Post("/token", url.Values{
		"grant_type": {"client_credentials"}, "client_id": {h.signs.ID},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {h.assertion},
	})
}

// writing is what nobody but the writer can say.
func (h *holder) writing(t *testing.T) {
	t.Helper()
	n := h.n
	couldNotCheck(t, "a refresh token", n.Refresh(brokertest.RP1, h.kept.Text("refresh_token")))
	couldNotCheck(t, "a refresh token, again", n.Refresh(brokertest.RP1, h.kept.Text("refresh_token")))
	couldNotCheck(t, "an assertion", h.own())
}

// replicated is what a replica lets a website have without a writer: tokens for a
// refresh token that stays the good one, once the node has given the writer up.
func (h *holder) replicated(t *testing.T) {
	t.Helper()
	n := h.n
	if got := n.Refresh(brokertest.RP1, h.kept.Text("refresh_token")); got.Status != http.StatusOK || got.Text("refresh_token") != "" {
		couldNotCheck(t, "a refresh token", got)
	}
	eventually(t, "the node has given the writer up", func() bool { return !n.Broker.Contact().Writer() })
	for range 2 {
		got := n.Refresh(brokertest.RP1, h.kept.Text("refresh_token"))
		if got.Status != http.StatusOK || got.Text("refresh_token") != "" || got.Took > withinOutage {
			t.Errorf("a refresh token gives %d %s after %s", got.Status, got.Body, got.Took)
		}
	}
	couldNotCheck(t, "an assertion", h.own())
}

// reading is what nobody can say while not even a replica answers.
func (h *holder) reading(t *testing.T) {
	t.Helper()
	n := h.n
	couldNotCheck(t, "introspection of a refresh token", n.Introspect(brokertest.RP1, h.kept.Text("refresh_token")))
	couldNotCheck(t, "introspection of an access token", n.Introspect(brokertest.RP1, h.kept.Text("access_token")))
	couldNotCheck(t, "revocation of a refresh token", n.Revoke(brokertest.RP1, h.given.Text("refresh_token")))
	for what, path := range map[string]string{
		"the account page": "/account", "the data": "/account/data", "the end of the account": "/account/delete",
		"the question before everything ends": "/account/sign-out-everywhere",
	} {
		began := time.Now()
		saysSo(t, what, began, h.account.Open(n.Issuer+path))
	}
	began := time.Now()
	saysSo(t, "the end of all sessions", began, h.ending.Click("go"))
}

// known is what needs no database at all: negative facts, and what was never ours.
func (h *holder) known(t *testing.T) {
	t.Helper()
	n := h.n
	inactive(t, n.Introspect(brokertest.RP1, "forged"))
	refused(t, n.Refresh(brokertest.RP1, "forged"), "invalid_grant")
	if got := n.Revoke(brokertest.RP1, "forged"); got.Status != http.StatusOK {
		t.Errorf("revocation of what is no token: %d %s", got.Status, got.Body)
	}
	if got := n.Revoke(brokertest.RP1, h.cached.Text("access_token")); got.Status != http.StatusOK || got.Took > withinOutage {
		t.Errorf("revocation of an access token: %d %s", got.Status, got.Body)
	}
	inactive(t, n.Introspect(brokertest.RP1, h.cached.Text("access_token")))
	refused(t, n.Userinfo(h.cached.Text("access_token")), "invalid_token")
}

// back checks that nothing was lost: no token, no family, no page.
func (h *holder) back(t *testing.T) {
	t.Helper()
	n := h.n
	eventually(t, "the database takes writes again", func() bool {
		return n.AskAdmin("/readyz").Status == http.StatusOK && n.Broker.Contact().Writer()
	})
	next := refreshed(t, n, brokertest.RP1, h.kept.Text("refresh_token"))
	active(t, n.Introspect(brokertest.RP1, next.Text("access_token")))
	refreshed(t, n, brokertest.RP1, next.Text("refresh_token"))
	if got := h.own(); got.Status != http.StatusOK {
		t.Errorf("the assertion that could not be checked gives %d %s", got.Status, got.Body)
	}
	refused(t, h.own(), "invalid_client")
	if got := n.Revoke(brokertest.RP1, h.given.Text("refresh_token")); got.Status != http.StatusOK {
		t.Errorf("revocation: %d %s", got.Status, got.Body)
	}
	refused(t, n.Refresh(brokertest.RP1, h.given.Text("refresh_token")), "invalid_grant")
	inactive(t, n.Introspect(brokertest.RP1, h.cached.Text("access_token")))
	if page := h.account.Open(n.Issuer + "/account"); page.Status != http.StatusOK || len(page.IDs("end-")) == 0 {
		t.Errorf("the account page is %d %s", page.Status, page.Text())
	}
}

// holding starts a node on a PostgreSQL of its own, with a website that signs.
func holding(t *testing.T, change func(c *config.Config, dsn string)) (*pgtest.Server, *holder) {
	t.Helper()
	server := pgtest.Start(t)
	dsn := server.Database("broker", brokertest.Fill)
	signs := newSigning(t, "RP-signs")
	n := brokertest.StartNode(t, brokertest.OnDatabase(dsn), func(s *brokertest.Setup) {
		s.Clients = []*client.Client{signs.registration()}
		s.Configure = func(c *config.Config) { change(c, dsn) }
	})
	return server, newHolder(t, signs, n)
}

// P5 for what websites hold: a token that could not be checked is neither good
// nor bad, and is as it was afterwards.
func TestOutageOfTokensDatabaseKilled(t *testing.T) {
	server, h := holding(t, func(*config.Config, string) {})
	server.Kill()
	h.writing(t)
	h.reading(t)
	h.known(t)
	server.Restart()
	h.back(t)
}

func TestOutageOfTokensDatabaseFrozen(t *testing.T) {
	server, h := holding(t, func(*config.Config, string) {})
	server.Freeze()
	h.writing(t)
	h.reading(t)
	h.known(t)
	server.Thaw()
	h.back(t)
}

func TestOutageOfTokensDatabaseReadOnly(t *testing.T) {
	server, h := holding(t, func(c *config.Config, dsn string) { c.Store.Reader = dsn })
	server.ReadOnly(true)
	h.replicated(t)
	active(t, h.n.Introspect(brokertest.RP1, h.kept.Text("access_token")))
	h.known(t)
	if page := h.account.Open(h.n.Issuer + "/account"); page.Status >= 500 && page.Header.Get("Retry-After") == "" {
		t.Errorf("the account page is %d %s", page.Status, page.Text())
	}
	began := time.Now()
	if page := h.ending.Click("go"); time.Since(began) > withinOutage || !page.Has("onward") {
		t.Errorf("the end of all sessions is %d %s", page.Status, page.Text())
	}
	server.ReadOnly(false)
	h.back(t)
}
