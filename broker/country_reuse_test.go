package broker_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/keys"
)

// ask posts a form to a node of the country, as website.
func (c *country) ask(n *brokertest.Node, website brokertest.Website, path string, form url.Values) verdict {
	if website.Secret == "" {
		form.Set("client_id", website.ID)
	}
	r := httptest.NewRequest(http.MethodPost, n.Config().Issuer.String()+path, strings.NewReader(form.Encode()))
	r.RemoteAddr = "127.0.0.1:9"
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if website.Secret != "" && form.Get("client_assertion") == "" {
		r.Header.Set("Authorization", website.Basic())
	}
	answer := httptest.NewRecorder()
	n.Broker.Handler().ServeHTTP(answer, r)
	got := verdict{status: answer.Code}
	_ = json.Unmarshal(answer.Body.Bytes(), &got.body) // whatever is no JSON has no members
	return got
}

func (c *country) refresh(n *brokertest.Node, website brokertest.Website, token string) verdict {
	return c.ask(n, website, "/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
}

func (c *country) proves(n *brokertest.Node, website brokertest.Website, assertion string) verdict {
	return c.ask(n, website, "/token", url.Values{
		"grant_type": {"client_credentials"}, "client_assertion": {assertion},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
	})
}

// everywhere asks all sites the same, several times at once, and returns the answers.
func (c *country) everywhere(ask func(n *brokertest.Node) verdict) (all []verdict) {
	var mu sync.Mutex
	var asking sync.WaitGroup
	for range 3 {
		for _, n := range c.nodes {
			asking.Go(func() {
				got := ask(n)
				mu.Lock()
				defer mu.Unlock()
				all = append(all, got)
			})
		}
	}
	asking.Wait()
	return all
}

// unchecked fails for every answer that is more than that nobody could check.
func unchecked(t *testing.T, what string, all []verdict) {
	t.Helper()
	for _, got := range all {
		if !got.later() {
			t.Errorf("%s is answered %+v", what, got)
		}
	}
}

// certain waits until all sites refuse for certain, and nobody gives anything.
func (c *country) certain(t *testing.T, what, refusal string, ask func(n *brokertest.Node) verdict) {
	t.Helper()
	for _, n := range c.nodes {
		eventually(t, n.Config().Site+" refuses "+what, func() bool {
			got := ask(n)
			if got.yes() {
				t.Fatalf("%s takes %s: %+v", n.Config().Site, what, got)
			}
			return got.text("error") == refusal
		})
	}
}

// signs lets the first keys of every site be served everywhere, and their window pass.
func (c *country) signs(t *testing.T) {
	t.Helper()
	keep := func() {
		for _, n := range c.nodes {
			must(t, n.Broker.KeepKeys(t.Context()))
		}
	}
	keep()
	keep() // and reads what the others wrote
	for _, n := range c.nodes {
		n.Clock.Advance(3 * day)
	}
	for _, n := range c.nodes {
		eventually(t, n.Config().Site+" signs", func() bool {
			keep()
			_, err := n.Broker.SignsWith(keys.ES256)
			return err == nil
		})
	}
}

func (c *country) hasWriter(t *testing.T) {
	t.Helper()
	for _, n := range c.nodes {
		eventually(t, n.Config().Site+" has the writer", func() bool { return n.Broker.Contact().Writer() })
	}
}

// AB-21 and AB-23 over three sites and one database: what may be used once is used
// once, wherever and however often at the same moment; while the database's primary is
// dead nobody says yes and nobody says no; and afterwards the first use stands, and
// its repetition ends the family everywhere.
func TestAB21AB23OnceOverThreeSites(t *testing.T) {
	signs := newSigning(t, "RP-signs")
	c := newCountry(t, func(s *brokertest.Setup) { s.Clients = append(s.Clients, signs.registration()) })
	seoul := c.nodes[0]
	proof := func(assertion string) func(n *brokertest.Node) verdict {
		return func(n *brokertest.Node) verdict { return c.proves(n, signs.Website, assertion) }
	}
	rotate := func(token string) func(n *brokertest.Node) verdict {
		return func(n *brokertest.Node) verdict { return c.refresh(n, brokertest.RP3, token) }
	}

	c.signs(t)
	c.hasWriter(t)

	raced, unused := signs.assertion(seoul), signs.assertion(seoul)
	yes := 0
	for _, got := range c.everywhere(proof(raced)) {
		if got.yes() {
			yes++
		} else if !got.later() && got.text("error") != "invalid_client" {
			t.Errorf("a used assertion is answered %+v", got)
		}
	}
	if yes > 1 { // whom a busy machine kept waiting was told that nobody knows

		t.Errorf("an assertion was used %d times", yes)
	}

	// A public client's token: the second use of it, whoever it is, ends the family.
	family, kept := offline(t, seoul, brokertest.RP3), offline(t, seoul, brokertest.RP3)
	first := family.Text("refresh_token")
	var next string
	for _, got := range c.everywhere(rotate(first)) {
		switch {
		case got.yes() && next == "":
			next = got.text("refresh_token")
		case !got.later() && got.text("error") != "invalid_grant":
			t.Errorf("a refresh token used at once everywhere is answered %+v", got)
		}
	}
	began := time.Now()
	c.certain(t, "the token of before", "invalid_grant", rotate(first))
	if next != "" {
		c.certain(t, "the successor", "invalid_grant", rotate(next))
	}
	for _, n := range c.nodes {
		eventually(t, n.Config().Site+" takes the access token back", func() bool {
			return c.userinfo(n, family.Text("access_token")).Code == http.StatusUnauthorized
		})
	}
	if took := time.Since(began); took > obeyedWithin {
		t.Errorf("the family ended after %s", took)
	}

	var rotated verdict
	eventually(t, "busan refreshes", func() bool {
		if rotated = rotate(kept.Text("refresh_token"))(c.nodes[1]); !rotated.yes() && !rotated.later() {
			t.Fatalf("busan answers %+v", rotated)
		}
		return rotated.yes()
	})
	c.primary.Kill()
	unchecked(t, "an unused assertion", c.everywhere(proof(unused)))
	unchecked(t, "the good refresh token", c.everywhere(rotate(rotated.text("refresh_token"))))
	for _, got := range c.everywhere(rotate(kept.Text("refresh_token"))) {
		if got.yes() {
			t.Errorf("the former refresh token gives %+v", got)
		}
	}
	for _, got := range c.everywhere(proof(raced)) {
		if got.yes() {
			t.Errorf("a used assertion gives %+v", got)
		}
	}
	c.primary.Restart()
	c.hasWriter(t)
	c.certain(t, "the raced assertion", "invalid_client", proof(raced))
	c.certain(t, "the former refresh token", "invalid_grant", rotate(kept.Text("refresh_token")))
	c.certain(t, "its successor", "invalid_grant", rotate(rotated.text("refresh_token")))
}
