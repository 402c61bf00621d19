package broker_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/admin"
	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/broker/dev/browser"
	"github.com/bongsu/bongsu/broker/health"
	"github.com/bongsu/bongsu/broker/health/probe"
	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/fakeidp"
)

// probed starts a node that asks its providers whether they live, and whose
// first way is p. It returns when p is known to be up.
func probed(t *testing.T, changes ...func(*config.Config)) (*brokertest.Node, *admin.Client) {
	t.Helper()
	n, operator := operated(t, append([]func(*config.Config){func(cfg *config.Config) {
		cfg.Health.Probes = true
		slices.SortStableFunc(cfg.Providers, func(a, b config.Provider) int { return len(a.ID) - len(b.ID) })
	}}, changes...)...)
	eventually(t, "p is known to be up", func() bool { return held(t, operator, "p").Verdict.State == health.Up })
	return n, operator
}

// held is every number behind a verdict, as operators see it.
func held(t *testing.T, operator *admin.Client, provider string) health.Explanation {
	t.Helper()
	e, err := operator.Explain(t.Context(), provider)
	must(t, err)
	return e
}

// judgedSince waits until the board has judged three times more: what it was
// told before is in its verdict.
func judgedSince(t *testing.T, operator *admin.Client) {
	t.Helper()
	seen := map[time.Time]bool{}
	eventually(t, "the board judges", func() bool {
		now, err := operator.Health(t.Context())
		must(t, err)
		seen[now.At] = true
		return len(seen) > 3
	})
}

// turns are the changes of a provider's verdict so far.
func turns(n *brokertest.Node, provider string) int {
	count := 0
	for line := range strings.Lines(n.Log()) {
		if strings.Contains(line, `"provider's state changed"`) && strings.Contains(line, `"provider":"`+provider+`"`) {
			count++
		}
	}
	return count
}

// first checks that everybody else still gets p first: on the menu, and by a
// website's wish without one.
func first(t *testing.T, n *brokertest.Node) {
	t.Helper()
	page := n.NewBrowser().Open(n.AuthorizeURL(brokertest.RP1.Request()))
	if ways := page.IDs("way-"); len(ways) == 0 || ways[0] != "way-p" || strings.Contains(string(page.Body), `<div class="notice`) {
		t.Errorf("the menu is %v: %s", ways, page.Text())
	}
	if page := n.NewBrowser().Open(n.AuthorizeURL(brokertest.RP1.Request(set("idp_hint", "p")))); !page.Has("continue") {
		t.Errorf("who is sent to p is at %s", page.URL)
	}
}

// AB-53: whatever strangers send to the callback, the verdict stands and nobody
// else is led elsewhere. What belongs to real logins hurries probes, within
// their bounds.
func TestAB53OutageByForgedCallbacks(t *testing.T) {
	n, operator := probed(t)
	p := n.Upstream("p")
	old, oldState := atProvider(t, n, "p")
	n.Clock.Advance(31 * time.Minute) // no login lives that long
	n.Login(n.NewBrowser(), "p", "vic", brokertest.RP1.Request())
	judgedSince(t, operator)
	eventually(t, "p is up again", func() bool { return held(t, operator, "p").Verdict.State == health.Up })
	before, asked := turns(n, "p"), serverCalls(p)
	unharmed := func(t *testing.T) {
		t.Helper()
		judgedSince(t, operator)
		e := held(t, operator, "p")
		if e.Verdict.State != health.Up || e.Verdict.Weight != 1 || turns(n, "p") != before {
			t.Errorf("p is %+v after %d changes", e.Verdict, turns(n, "p")-before)
		}
		if got := callbackErrors(e); got > 2 {
			t.Errorf("%d forged callbacks are counted", got)
		}
		if got := serverCalls(p) - asked; got > 3*probe.PerMinute {
			t.Errorf("p was asked %d times", got)
		}
		first(t, n)
	}
	t.Run("of no login", func(t *testing.T) {
		probes := serverCalls(p)
		for i := range 300 {
			for _, state := range [][]string{nil, {fmt.Sprintf("random-%d", i)}, {oldState}} {
				answer := n.Ask(http.MethodGet, "/callback/p?"+blaming(i, state...).Encode())
				if answer.Status != http.StatusBadRequest {
					t.Fatalf("answered %d", answer.Status)
				}
			}
		}
		if page := old.Open(callback(n, "p", blaming(0, oldState))); page.Status != http.StatusBadRequest {
			t.Errorf("the browser of the expired login is answered %d", page.Status)
		}
		if got := serverCalls(p) - probes; got > 2 { // one probe may have been due
			t.Errorf("p was asked %d times", got)
		}
		unharmed(t)
	})
	t.Run("of strangers' logins", func(t *testing.T) {
		for i := range 300 {
			b, state := atProvider(t, n, "p")
			if page := b.Open(callback(n, "p", blaming(i, state))); !page.Has("way-p") {
				t.Fatalf("the browser is at %s: %s", page.URL, page.Text())
			}
		}
		if got := serverCalls(p) - asked; got == 0 {
			t.Error("no probe was hurried")
		}
		unharmed(t)
	})
	t.Run("of people p knows, all behind one address", func(t *testing.T) {
		for i := range 20 {
			b := n.NewBrowser(pretends(i))
			n.Login(b, "p", fmt.Sprintf("mal-%d", i), brokertest.RP1.Request())
			for j := range 5 {
				b.Open(n.AuthorizeURL(brokertest.RP1.Request(set("prompt", "login"))))
				state := b.Click("way-p").URL.Query().Get("state")
				b.Open(callback(n, "p", blaming(j, state)))
			}
		}
		asked += 60 // what those logins and the pages of their profiles asked
		unharmed(t)
	})
	t.Run("logins that never come back", func(t *testing.T) {
		for range 100 {
			atProvider(t, n, "p")
		}
		n.Clock.Advance(25 * time.Second)
		n.Login(n.NewBrowser(), "p", "vic", brokertest.RP1.Request())
		unharmed(t)
	})
}

// blaming is an answer that blames the provider.
func blaming(i int, state ...string) url.Values {
	v := url.Values{"error": {[]string{"server_error", "temporarily_unavailable"}[i%2]}}
	if state != nil {
		v["state"] = state
	}
	return v
}

// serverCalls is how often the broker itself asked a provider that nobody logs
// in by.
func serverCalls(u *fakeidp.Upstream) int {
	return u.Count(fakeidp.Discovery) + u.Count(fakeidp.JWKS) + u.Count(fakeidp.Token)
}

// callbackErrors is how many errors that browsers brought are evidence.
func callbackErrors(e health.Explanation) int {
	failed := 0
	for _, s := range e.Local.Calls {
		if s.Step == providers.StepCallback && s.Device == "" {
			failed += s.Failed
		}
	}
	return failed
}

// pretends makes a browser say that it comes from a network of its own.
func pretends(i int) func(*browser.Options) {
	return func(o *browser.Options) { o.Transport = forwarding{o.Transport, fmt.Sprintf("100.64.%d.1", i)} }
}

// forwarding names an address in every request.
type forwarding struct {
	http.RoundTripper

	address string
}

// RoundTrip implements [http.RoundTripper].
func (f forwarding) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("X-Forwarded-For", f.address)
	return f.RoundTripper.RoundTrip(r)
}

// goneDown makes p fail until the board holds that it is down.
func goneDown(t *testing.T, n *brokertest.Node, operator *admin.Client) {
	t.Helper()
	must(t, n.Upstream("p").SetFault(fakeidp.Error))
	for range 12 { // as many as statistics ask for
		b := n.NewBrowser()
		b.Open(n.AuthorizeURL(brokertest.RP1.Request()))
		b.Click("way-p")
		b.Continue("somebody")
	}
	eventually(t, "p is known to be down", func() bool { return held(t, operator, "p").Verdict.State == health.Down })
}

// AB-58: a stranger who asks as Vic, as somebody with P alone, or as nobody
// learns the same, in every page up to the one where an identity is proven.
func TestAB58WhatTheFallbackPageTellsStrangers(t *testing.T) {
	n, operator := probed(t)
	vic := n.NewBrowser()
	claiming(n.Upstream("p"), map[string]any{"email": "vic@example.com", "email_verified": true})
	claimsOf(t, n, vic, "p", "vic")
	linkWay(t, n, vic, "q", "vic")
	claiming(n.Upstream("p"), map[string]any{"email": "one@example.com", "email_verified": true})
	claimsOf(t, n, n.NewBrowser(), "p", "one")
	goneDown(t, n, operator)

	hints := []string{"vic@example.com", "one@example.com", "non@example.com", ""}
	for _, extra := range []url.Values{nil, {"idp_hint": {"p"}}, {"idp_hint": {"q"}, "prompt": {"login"}}, {"prompt": {"none"}}} {
		told := map[string]string{}
		for _, hint := range hints {
			told[hint] = strangersWalk(t, n, hint, extra)
		}
		for _, hint := range hints {
			if told[hint] != told["non@example.com"] {
				t.Errorf("with %v, %q is told\n%s\nand nobody\n%s", extra, hint, told[hint], told["non@example.com"])
			}
		}
	}
	if answer := n.Ask(http.MethodGet, "/account?login_hint=vic@example.com"); strings.Contains(string(answer.Body), "unlink-") || strings.Contains(string(answer.Body), "vic@") {
		t.Errorf("the account page tells a stranger: %d %s", answer.Status, answer.Body)
	}
	// No account is looked up, so it cannot take longer for one than for another.
	must(t, n.Broker.Close())
	for _, hint := range hints {
		page := n.NewBrowser().Open(n.AuthorizeURL(brokertest.RP1.Request(set("login_hint", hint))))
		if page.Status != http.StatusOK || !page.Has("way-q") {
			t.Errorf("%q: without accounts the menu is %d", hint, page.Status)
		}
	}
}

// strangersWalk is all that a stranger sees who asks with a hint: the first
// page, and the one after P has failed in this login too.
func strangersWalk(t *testing.T, n *brokertest.Node, hint string, extra url.Values) string {
	t.Helper()
	b := n.NewBrowser()
	seen := func(page *browser.Page) string {
		text := page.Text()
		if page.URL.Host == "rp1.example" {
			text = page.URL.Query().Get("error") + page.URL.Query().Get("error_description")
		}
		text = supportCodes.ReplaceAllString(text, "")
		if page.Has("continue") {
			return page.URL.Host // q's own page shows what q was told
		}
		return fmt.Sprintf("%d %s %v %s, %d bytes", page.Status, page.URL.Host, page.IDs(""), text, len(page.Body))
	}
	page := b.Open(n.AuthorizeURL(brokertest.RP1.Request(set("login_hint", hint), func(v url.Values) { maps.Copy(v, extra) })))
	all := seen(page)
	if page.Has("way-p") {
		b.Click("way-p")
		page = b.Continue("mal")
		all += "\n" + seen(page)
	}
	return all
}
