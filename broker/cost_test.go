package broker_test

import (
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/bongsu/bongsu/broker"
	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/broker/store/sqlstore"
	"github.com/bongsu/bongsu/broker/store/sqlstore/sqltrace"
	"github.com/bongsu/bongsu/keys"
	"github.com/bongsu/bongsu/keys/wrap"
	"github.com/bongsu/bongsu/providers/fakeidp"
)

// The login of a known person whose website names the way costs three requests
// to the broker, one read and one commit.
func TestCostOfALogin(t *testing.T) {
	n := newCounted(t)
	n.login(t) // the person becomes known, statements are parsed
	before, skip := n.count.Counts(), len(n.count.Statements())

	asked := n.login(t)
	if len(asked) != 3 || asked[0] != "GET /authorize" || asked[1] != "GET /callback/naver" || asked[2] != "POST /token" {
		t.Errorf("the broker was asked %q", asked)
	}
	if cost := n.count.Counts().Since(before); cost.Reads != 1 || cost.Commits != 1 {
		t.Errorf("%+v:\n%s", cost, strings.Join(n.count.Statements()[skip:], "\n"))
	}
}

// Documents, a refused client, and a session that answers by itself cost what
// they must and no more.
func TestCostOfOtherRequests(t *testing.T) {
	n := newCounted(t)
	n.login(t)
	tests := []struct {
		name           string
		do             func(*testing.T)
		reads, commits int
	}{
		{"the keys", func(t *testing.T) { n.ask(t, http.MethodGet, "/jwks", http.StatusOK) }, 0, 0},
		{"the discovery document", func(t *testing.T) { n.ask(t, http.MethodGet, "/.well-known/openid-configuration", http.StatusOK) }, 0, 0},
		{"a token request without a client", func(t *testing.T) { n.ask(t, http.MethodPost, "/token", http.StatusUnauthorized) }, 0, 0},
		{"the menu", func(t *testing.T) {
			n.ask(t, http.MethodGet, "/authorize?"+n.request("").Encode(), http.StatusSeeOther)
		}, 0, 0},
		{"single sign-on up to the code: the account is read", func(t *testing.T) {
			if page := n.browser.Open(n.issuer + "/authorize?" + n.request("").Encode()); page.URL.Query().Get("code") == "" {
				t.Errorf("the session gave no code at %s", page.URL)
			}
		}, 1, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before, skip := n.count.Counts(), len(n.count.Statements())
			tt.do(t)
			if cost := n.count.Counts().Since(before); cost.Reads != tt.reads || cost.Commits != tt.commits {
				t.Errorf("%+v:\n%s", cost, strings.Join(n.count.Statements()[skip:], "\n"))
			}
		})
	}
}

// counted is a broker without its background work, whose requests and
// statements are counted.
type counted struct {
	issuer, website, secret string

	count   *sqltrace.Tracer
	browser *brokertest.Browser

	mu    sync.Mutex
	asked []string
}

func newCounted(t *testing.T) *counted {
	t.Helper()
	n := &counted{secret: "a secret that nobody else has, really", count: &sqltrace.Tracer{}, browser: brokertest.NewBrowser(t)}
	website := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(website.Close)
	n.website = website.URL

	upstreams := upstreamsAt(t)
	front := httptest.NewUnstartedServer(nil)
	n.issuer = "http://" + front.Listener.Addr().String()
	built, err := broker.New(t.Context(), n.settings(t, upstreams), broker.Options{
		Clients: []client.Option{client.InsecureLoopback()}, Store: func(o *sqlstore.Options) { o.Connector = n.count.Wrap },
	})
	if err != nil {
		t.Fatal(err)
	}
	handler := built.Handler()
	front.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.mu.Lock()
		n.asked = append(n.asked, r.Method+" "+r.URL.Path)
		n.mu.Unlock()
		handler.ServeHTTP(w, r)
	})
	front.Start()
	t.Cleanup(func() {
		front.Close()
		if err := built.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return n
}

// upstreamsAt serves simulated providers until the test ends.
func upstreamsAt(t *testing.T) *fakeidp.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	upstreams, err := fakeidp.New(fakeidp.Options{BaseURL: "http://" + server.Listener.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = upstreams
	server.Start()
	t.Cleanup(server.Close)
	t.Cleanup(upstreams.Close)
	return upstreams
}

func (n *counted) settings(t *testing.T, upstreams *fakeidp.Server) *config.Config {
	t.Helper()
	issuer, err := url.Parse(n.issuer)
	if err != nil {
		t.Fatal(err)
	}
	naver, _ := upstreams.Upstream("naver")
	cfg := &config.Config{
		Issuer: issuer, Site: "seoul", Listen: issuer.Host,
		Store: config.Store{Driver: "sqlite", Path: filepath.Join(t.TempDir(), "bongsu.db")},
		Keys: config.Keys{
			ActiveFor: 90 * 24 * time.Hour, PublishWindow: 48 * time.Hour, RetireFor: 7 * 24 * time.Hour,
			Algorithms: []keys.Algorithm{keys.ES256},
		},
		Sessions: config.Sessions{Idle: time.Hour, Lifetime: 24 * time.Hour},
		Clients: []*client.Client{{
			ID: "shop", Name: "Shop", FirstParty: true, IDTokenAlg: keys.ES256,
			SecretHashes: [][32]byte{client.HashSecret(n.secret)}, RedirectURIs: []string{n.website + "/cb"},
		}},
		Providers: []config.Provider{{
			ID: "naver", Kind: "naver", Name: "Naver", Issuer: naver.Issuer(),
			ClientID: naver.Client().ID, ClientSecret: naver.Client().Secret, Timeout: 4 * time.Second,
		}},
		Outbound:  config.Outbound{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, AllowHTTP: true},
		Languages: config.Languages{Default: "ko"},
	}
	for _, key := range []**wrap.Key{&cfg.SiteKey, &cfg.ClusterKey} {
		secret := make([]byte, wrap.SecretSize)
		_, _ = rand.Read(secret) // never fails since Go 1.24
		if *key, err = wrap.New(secret); err != nil {
			t.Fatal(err)
		}
	}
	return cfg
}

const costVerifier = "a-verifier-of-at-least-forty-three-characters"

func (n *counted) request(way string) url.Values {
	request := url.Values{
		"client_id": {"shop"}, "redirect_uri": {n.website + "/cb"}, "response_type": {"code"}, "scope": {"openid profile"},
		"state": {"s"}, "nonce": {"n"}, "code_challenge": {brokertest.Challenge(costVerifier)}, "code_challenge_method": {"S256"},
	}
	if way != "" {
		request.Set("idp_hint", way)
		request.Set("prompt", "login")
	}
	return request
}

// login logs the person in by the way that the website names, from the website
// to the tokens, and returns what the broker was asked.
func (n *counted) login(t *testing.T) []string {
	t.Helper()
	n.mu.Lock()
	n.asked = nil
	n.mu.Unlock()
	n.browser.Open(n.issuer + "/authorize?" + n.request("naver").Encode())
	page := n.browser.Continue("")
	if page.Has("new-account") {
		page = n.browser.Click("new-account")
	}
	transport := &http.Transport{DisableKeepAlives: true}
	ctx := oidc.ClientContext(t.Context(), &http.Client{Transport: transport})
	website := oauth2.Config{
		ClientID: "shop", ClientSecret: n.secret, RedirectURL: n.website + "/cb",
		Endpoint: oauth2.Endpoint{TokenURL: n.issuer + "/token", AuthStyle: oauth2.AuthStyleInHeader},
	}
	tokens, err := website.Exchange(ctx, page.URL.Query().Get("code"), oauth2.VerifierOption(costVerifier))
	if err != nil {
		t.Fatalf("at %s: %v", page.URL, err)
	}
	if tokens.Extra("id_token") == nil {
		t.Error("no ID token")
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.asked
}

func (n *counted) ask(t *testing.T, method, path string, want int) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, n.issuer+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if method == http.MethodPost {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != want {
		t.Errorf("%s %s answered %d", method, path, response.StatusCode)
	}
}
