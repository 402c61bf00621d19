package catalog_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/catalog"
	"github.com/bongsu/bongsu/providers/fakeidp"
	"github.com/bongsu/bongsu/providers/fetch"
	"github.com/bongsu/bongsu/providers/providertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// options of a kind as an operator would write them, without network.
func options(t *testing.T, kind string) catalog.Options {
	t.Helper()
	o := catalog.Options{
		ID: "my-" + kind, Kind: kind, ClientID: "client-1", ClientSecret: "secret-1",
		Fetch: fetch.New(fetch.Options{Dial: func(_ context.Context, _, address string) (net.Conn, error) {
			t.Errorf("connected to %s", address)
			return nil, errors.New("no network")
		}}),
	}
	switch kind {
	case "openid":
		o.Issuer = "https://id.example.com"
	case "oauth2":
		o.Endpoints = map[string]string{
			"authorize": "https://id.example.com/authorize", "token": "https://id.example.com/token", "userinfo": "https://id.example.com/me",
		}
		o.Claims = map[string]string{"subject": "id"}
	case "apple":
		client := fakeidp.DefaultClient("apple")
		o.TeamID, o.KeyID, o.PrivateKey = client.TeamID, client.KeyID, client.KeyPEM()
	}
	return o
}

// Every kind can be probed, as deep as it has a callback URL to show; nothing is
// asked by the way.
func TestEveryKindCanBeProbed(t *testing.T) {
	for _, kind := range catalog.Kinds() {
		t.Run(kind, func(t *testing.T) {
			for _, callback := range []string{"", "https://login.example.com/callback/my-" + kind} {
				o := options(t, kind)
				o.Callback = callback
				p, err := catalog.New(o)
				if err != nil {
					t.Fatalf("New: %v", err)
				}
				prober, ok := p.(providers.Prober)
				if !ok {
					t.Fatalf("%T is no prober", p)
				}
				levels := prober.Levels()
				if levels[0] != providers.LevelReach || slices.Contains(levels, providers.LevelToken) != (callback != "") {
					t.Errorf("levels %q with callback %q", levels, callback)
				}
			}
		})
	}
}

func TestKinds(t *testing.T) {
	if got, want := catalog.Kinds(), []string{
		"apple", "discord", "entra", "facebook", "github", "google", "kakao", "line", "naver", "naver-openid", "oauth2", "openid",
		"telegram", "wechat", "zalo",
	}; !slices.Equal(got, want) {
		t.Fatalf("Kinds = %q, want %q", got, want)
	}
	for _, kind := range catalog.Kinds() {
		t.Run(kind, func(t *testing.T) {
			p, err := catalog.New(options(t, kind))
			if err != nil {
				t.Fatalf("New: %v", err)
			}
			got := p.Instance()
			if got.ID != "my-"+kind || got.Kind != kind || got.ClientID != "client-1" || got.Issuer == "" || got.Name == "" || got.Reauth == "" {
				t.Errorf("Instance = %+v", got)
			}
			if kind == "openid" {
				return // its endpoints are not known yet
			}
			if target, err := p.Begin(t.Context(), providers.Leg{State: "s", Nonce: "n", Verifier: "v"}); err != nil || !strings.HasPrefix(target, "https://") {
				t.Errorf("Begin = %q, %v", target, err)
			}
		})
	}
}

func TestUnknownKind(t *testing.T) {
	_, err := catalog.New(catalog.Options{ID: "x", Kind: "myspace"})
	if !errors.Is(err, catalog.ErrUnknownKind) {
		t.Fatalf("New: %v", err)
	}
	for _, kind := range catalog.Kinds() {
		if !strings.Contains(err.Error(), kind) {
			t.Errorf("%q does not list %s", err, kind)
		}
	}
}

func TestOptionsReachTheProvider(t *testing.T) {
	for _, kind := range catalog.Kinds() {
		t.Run(kind, func(t *testing.T) {
			o := options(t, kind)
			o.Name, o.Reauth = "Our own", "none"
			o.Scopes = []string{"one", "two"}
			o.Endpoints = map[string]string{"authorize": "https://other.example.com/go", "token": "https://other.example.com/token", "jwks": "https://other.example.com/keys"}
			if kind == "oauth2" {
				o.Endpoints["userinfo"] = "https://other.example.com/me"
			}
			p, err := catalog.New(o)
			if err != nil {
				t.Fatalf("New: %v", err)
			}
			if got := p.Instance(); got.Name != "Our own" || got.Reauth != providers.ReauthNone {
				t.Errorf("Instance = %+v", got)
			}
			target, err := p.Begin(t.Context(), providers.Leg{State: "s", Nonce: "n", Verifier: "v"})
			if err != nil || !strings.HasPrefix(target, "https://other.example.com/go?") || !strings.Contains(target, "scope=one%20two") && !strings.Contains(target, "scope=one%2Ctwo") {
				t.Errorf("Begin = %q, %v", target, err)
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	for _, kind := range catalog.Kinds() {
		for _, tt := range []struct {
			name   string
			change func(*catalog.Options)
		}{
			{"an unknown endpoint", func(o *catalog.Options) { o.Endpoints = map[string]string{"login": "https://id.example.com"} }},
			{"an unknown reauth", func(o *catalog.Options) { o.Reauth = "always" }},
			{"no id", func(o *catalog.Options) { o.ID = "" }},
			{"no client id", func(o *catalog.Options) { o.ClientID = "" }},
			{"a timeout beyond patience", func(o *catalog.Options) { o.Timeout = time.Hour }},
			{"an endpoint by plain http", func(o *catalog.Options) { o.Endpoints = map[string]string{"token": "http://id.example.com/token"} }},
			{"a simulation by plain http", func(o *catalog.Options) { o.Issuer = "http://id.example.com" }},
			{"a simulation inside", func(o *catalog.Options) { o.Issuer = "https://10.0.0.1/kakao" }},
			{"nothing to fetch with", func(o *catalog.Options) { o.Fetch = nil }},
		} {
			t.Run(kind+": "+tt.name, func(t *testing.T) {
				o := options(t, kind)
				tt.change(&o)
				if p, err := catalog.New(o); err == nil || p != nil || strings.Contains(err.Error(), "secret-1") {
					t.Errorf("New = %v, %v, want an error", p, err)
				}
			})
		}
	}
}

// endpoints are where an upstream is spoken to.
func endpoints(u *fakeidp.Upstream) map[string]string {
	return map[string]string{
		"authorize": u.URL(fakeidp.Authorize), "token": u.URL(fakeidp.Token), "userinfo": u.URL(fakeidp.Userinfo),
	}
}

// emailAt is minji's address as a kind tells it; some never tell any.
func emailAt(kind string) string {
	if slices.Contains([]string{"telegram", "wechat", "zalo"}, kind) {
		return ""
	}
	return "minji@example.com"
}

// As dev composes them: the base of a simulation is all that differs.
func TestSimulation(t *testing.T) {
	for _, kind := range catalog.Kinds() {
		t.Run(kind, func(t *testing.T) {
			w := providertest.Start(t, fakeidp.Dialect(kind))
			client := w.Upstream.Client()
			o := catalog.Options{
				ID: providertest.ProviderID, Kind: kind, ClientID: client.ID, ClientSecret: client.Secret, Issuer: w.Upstream.Issuer(),
				TeamID: client.TeamID, KeyID: client.KeyID, PrivateKey: client.KeyPEM(), Fetch: w.Fetch, Now: w.Now,
			}
			if kind == "oauth2" { // nothing is known of it
				o.Endpoints, o.Claims = endpoints(w.Upstream), map[string]string{"subject": "id"}
			}
			p, err := catalog.New(o)
			if err != nil {
				t.Fatalf("New: %v", err)
			}
			got := w.SignIn(t, p, "minji", nil)
			if got.Err != nil || got.Identity.Subject != w.Upstream.Subject("minji") || got.Identity.Email != emailAt(kind) {
				t.Errorf("identity %+v, %v", got.Identity, got.Err)
			}
			background, ok := p.(catalog.Runner)
			if hasKeys := w.Upstream.URL(fakeidp.JWKS) != ""; ok != hasKeys {
				t.Fatalf("a Runner: %t", ok)
			}
			if !ok {
				return
			}
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() { background.Run(ctx); close(done) }()
			cancel()
			<-done
		})
	}
}
