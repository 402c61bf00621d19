package providertest

import (
	"cmp"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/fakeidp"
	"github.com/bongsu/bongsu/providers/fetch"
	"github.com/bongsu/bongsu/providers/oauth2"
	"github.com/bongsu/bongsu/providers/openid"
)

// Suite is one kind of provider and what may be expected of it.
type Suite struct {
	Dialect fakeidp.Dialect // what its upstream speaks

	// New makes the provider for the upstream of w. It may be called several
	// times in one test.
	New func(t *testing.T, w *World) providers.Provider

	// Identity is what the provider learns about p, but for Provider, Subject
	// and AuthTime.
	Identity func(p fakeidp.Person) providers.Identity

	IDToken  bool // an ID token proves who came; otherwise the userinfo answer does
	Userinfo bool // the userinfo endpoint is asked
	AuthTime bool // the upstream says when the person proved themselves
	Shared   bool // the client secret may sign ID tokens beside the published keys

	// ClientParam is what the client id is called on the way to the page; empty is
	// client_id.
	ClientParam string

	// Silent says that a person who declines comes back with nothing that says so.
	Silent bool

	// Stranger turns a good userinfo answer into one about the subject given;
	// needed where Userinfo is set.
	Stranger func(answer map[string]any, subject string)
}

func (s Suite) clientParam() string { return cmp.Or(s.ClientParam, "client_id") }

// World is one simulated upstream and what is needed to speak to it.
type World struct {
	Upstream *fakeidp.Upstream
	Other    *fakeidp.Upstream // another one, hostile if need be: plain OpenID Connect
	Fetch    *fetch.Client
	Timeout  time.Duration // for the provider; 0 is its own
	ClientID string        // for the provider, where the upstream is not to know it; "" is the right one
	Secrets  []string      // for the provider, newest first, beside a configured one that is stale; nil: the configured one is right

	server  *httptest.Server
	browser *http.Client

	mu      sync.Mutex
	now     time.Time
	secrets []string // that the upstream gave out
}

// ProviderID is the instance id that the options of a World carry.
const ProviderID = "upstream"

// Run runs the whole suite.
func Run(t *testing.T, s Suite) {
	t.Helper()
	for _, part := range []struct {
		name string
		run  func(*testing.T, Suite)
	}{
		{"sign in", testSignIn},
		{"secrets that change", testSecrets},
		{"begin", testBegin},
		{"faults", testFaults},
		{"callback", testCallback},
		{"token answer", testToken},
		{"ID token", testIDToken},
		{"keys", testKeys},
		{"userinfo", testUserinfo},
		{"patience", testPatience},
		{"probes", testProbes},
	} {
		t.Run(part.name, func(t *testing.T) { part.run(t, s) })
	}
}

// Start starts an upstream of the dialect, for one test. Its client is the
// dialect's default one.
func Start(t *testing.T, dialect fakeidp.Dialect) *World {
	t.Helper()
	listener := httptest.NewUnstartedServer(nil)
	w := &World{server: listener, now: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)}
	idp, err := fakeidp.New(fakeidp.Options{
		BaseURL: "http://" + listener.Listener.Addr().String(),
		Upstreams: []fakeidp.Spec{
			{Name: string(dialect), Dialect: dialect},
			{Name: "other", Dialect: fakeidp.OpenID},
		},
		Now: w.Now,
	})
	if err != nil {
		t.Fatalf("simulated upstream: %v", err)
	}
	listener.Config.Handler = idp
	listener.Start()
	w.Upstream, _ = idp.Upstream(string(dialect))
	w.Other, _ = idp.Upstream("other")
	w.Fetch = fetch.New(fetch.Options{AllowHTTP: true})
	w.browser = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	w.browser.Transport = &http.Transport{DisableKeepAlives: true}
	t.Cleanup(func() {
		w.Fetch.Close()
		idp.Close()
		listener.Close()
	})
	w.Upstream.EditAnswer(fakeidp.Token, w.remember)
	return w
}

// Now is the clock of the upstream and the provider.
func (w *World) Now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// Advance moves the clock.
func (w *World) Advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// remember keeps the tokens that the upstream gives out.
func (w *World) remember(answer map[string]any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, name := range []string{"access_token", "id_token", "refresh_token"} {
		if token, ok := answer[name].(string); ok && token != "" {
			w.secrets = append(w.secrets, token)
		}
	}
}

func (w *World) given() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.secrets...)
}

// stale is a secret that no upstream takes.
const stale = "a secret that was taken once"

func (w *World) configured() string {
	if w.Secrets != nil {
		return stale
	}
	return w.Upstream.Client().Secret
}

func (w *World) changing() func() []string {
	if w.Secrets == nil {
		return nil
	}
	return func() []string { return slices.Clone(w.Secrets) }
}

// OpenID returns the options of an OpenID Provider at the upstream.
func (w *World) OpenID() openid.Options {
	client := w.Upstream.Client()
	return openid.Options{
		Instance:     providers.Instance{ID: ProviderID, Issuer: w.Upstream.Issuer(), ClientID: cmp.Or(w.ClientID, client.ID)},
		ClientSecret: w.configured(),
		Callback:     callback,
		Fetch:        w.Fetch,
		Timeout:      w.Timeout,
		Now:          w.Now,
		Secrets:      w.changing(),
	}
}

// OAuth2 returns the options of an OAuth 2.0 provider at the upstream.
func (w *World) OAuth2() oauth2.Options {
	client := w.Upstream.Client()
	return oauth2.Options{
		Instance:     providers.Instance{ID: ProviderID, Issuer: w.Upstream.Issuer(), ClientID: cmp.Or(w.ClientID, client.ID)},
		ClientSecret: w.configured(),
		Callback:     callback,
		Fetch:        w.Fetch,
		Timeout:      w.Timeout,
		Now:          w.Now,
		Secrets:      w.changing(),
	}
}
