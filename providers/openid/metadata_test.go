package openid

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/fetch"
	"github.com/bongsu/bongsu/providers/oauth2"
)

func TestDiscoveryAtFirstNeed(t *testing.T) {
	o := newOP(t)
	p := o.provider(t, discovered)
	if got := o.discoveries.Load(); got != 0 {
		t.Fatalf("New made %d requests", got)
	}
	for range 3 {
		if target, err := p.Begin(t.Context(), testLeg()); err != nil || !strings.HasPrefix(target, o.URL+"/authorize?") {
			t.Fatalf("Begin = %q, %v", target, err)
		}
	}
	if _, err := finish(t, p); err != nil {
		t.Fatalf("Finish: %v", err)
	}
	if got := o.discoveries.Load(); got != 1 {
		t.Errorf("%d discoveries, want 1", got)
	}
	if o.lastAuth == "" || o.lastForm.Has("client_secret") {
		t.Error("client_secret_basic is the default of metadata that lists nothing")
	}
}

// A node that restarted finishes what it began before.
func TestFinishDiscovers(t *testing.T) {
	o := newOP(t)
	if _, err := finish(t, o.provider(t, discovered)); err != nil {
		t.Errorf("Finish: %v", err)
	}
}

func TestClientAuthenticationIsDiscovered(t *testing.T) {
	o := newOP(t)
	o.metadata["token_endpoint_auth_methods_supported"] = []string{"client_secret_post", "private_key_jwt"}
	if _, err := finish(t, o.provider(t, discovered)); err != nil {
		t.Fatalf("Finish: %v", err)
	}
	if o.lastAuth != "" || o.lastForm.Get("client_secret") != "secret-1" {
		t.Errorf("Authorization %q", o.lastAuth)
	}
	if _, err := finish(t, o.provider(t, discovered, func(o *Options) { o.AuthMethod = oauth2.SecretBasic })); err != nil {
		t.Fatalf("Finish: %v", err)
	}
	if o.lastAuth == "" {
		t.Error("the configured method was not used")
	}
}

// AB-39: what a document says about itself is checked before it is believed.
func TestDiscoveryThatLies(t *testing.T) {
	tests := []struct {
		name     string
		metadata map[string]any
		h        http.HandlerFunc
		want     error
	}{
		{"another issuer", map[string]any{"issuer": "https://evil.example"}, nil, providers.ErrUntrusted},
		{"its issuer with a slash", map[string]any{"issuer": "slash"}, nil, providers.ErrUntrusted},
		{"a token endpoint by plain http", map[string]any{"token_endpoint": "http://id.example.com/token"}, nil, providers.ErrUntrusted},
		{"keys by plain http", map[string]any{"jwks_uri": "http://id.example.com/jwks"}, nil, providers.ErrUntrusted},
		{"an authorization endpoint by plain http", map[string]any{"authorization_endpoint": "http://id.example.com/authorize"}, nil, providers.ErrUntrusted},
		{"userinfo by plain http", map[string]any{"userinfo_endpoint": "http://id.example.com/userinfo"}, nil, providers.ErrUntrusted},
		{"keys inside", map[string]any{"jwks_uri": "https://169.254.169.254/"}, nil, providers.ErrUntrusted},
		{"a script for an authorization endpoint", map[string]any{"authorization_endpoint": "javascript:alert(1)"}, nil, providers.ErrUntrusted},
		{"no token endpoint", map[string]any{"token_endpoint": nil}, nil, providers.ErrUntrusted},
		{"no keys", map[string]any{"jwks_uri": nil}, nil, providers.ErrUntrusted},
		{"members of wrong types", map[string]any{"authorization_response_iss_parameter_supported": "yes"}, nil, providers.ErrUnavailable},
		{"a page", nil, status(200, "<html>"), providers.ErrUnavailable},
		{"an empty answer", nil, status(200, ""), providers.ErrUnavailable},
		{"the server failed", nil, status(500, "oops"), providers.ErrUnavailable},
		{"not found", nil, status(404, "oops"), providers.ErrUnavailable},
		{"a redirect", nil, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) }, providers.ErrUnavailable},
		{"an answer without end", nil, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"issuer":"`+strings.Repeat("x", 2<<20))
		}, providers.ErrUnavailable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			lying := func(o *op) {
				for name, value := range tt.metadata {
					if value == "slash" {
						value = o.URL + "/"
					}
					o.metadata[name] = value
				}
				if tt.h != nil {
					o.handlers["/.well-known/openid-configuration"] = tt.h
				}
			}
			t.Run("from the start", func(t *testing.T) {
				o := newOP(t)
				lying(o)
				p := o.provider(t, discovered)
				leg, seen := watched()
				target, err := p.Begin(t.Context(), leg)
				if !errors.Is(err, tt.want) || target != "" {
					t.Errorf("Begin = %q, %v, want %v", target, err, tt.want)
				}
				if steps := seen(); len(steps) != 1 || steps[0] == "authorize ok" {
					t.Errorf("told %q", steps)
				}
				if _, err := finish(t, p); !errors.Is(err, tt.want) {
					t.Errorf("Finish: %v, want %v", err, tt.want)
				}
				if got := o.discoveries.Load(); got != 1 {
					t.Errorf("%d discoveries in one moment, want 1", got)
				}
			})
			t.Run("after it was good", func(t *testing.T) {
				o := newOP(t)
				p := o.provider(t, discovered)
				if err := p.Discover(t.Context()); err != nil {
					t.Fatalf("Discover: %v", err)
				}
				o.set(func() { lying(o) })
				if err := p.Discover(t.Context()); !errors.Is(err, tt.want) {
					t.Errorf("Discover: %v, want %v", err, tt.want)
				}
				target, err := p.Begin(t.Context(), testLeg())
				if err != nil || !strings.HasPrefix(target, o.URL+"/authorize?") {
					t.Errorf("the last good endpoints are gone: %q, %v", target, err)
				}
			})
		})
	}
}

// A document alone moves nothing: neither to another host nor to another path.
func TestMetadataThatMoves(t *testing.T) {
	elsewhere := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(elsewhere.Close)
	for _, tt := range []struct {
		name   string
		change map[string]any
	}{
		{"a token endpoint at another host", map[string]any{"token_endpoint": elsewhere.URL + "/token"}},
		{"a login page at another path", map[string]any{"authorization_endpoint": "/v2/authorize"}},
		{"keys at another path", map[string]any{"jwks_uri": "/v2/jwks"}},
		{"another userinfo endpoint", map[string]any{"userinfo_endpoint": "/v2/userinfo"}},
		{"algorithms that we do not accept", map[string]any{"id_token_signing_alg_values_supported": []string{"HS256"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := newOP(t)
			o.metadata["id_token_signing_alg_values_supported"] = []string{"RS256"}
			p := o.provider(t, discovered)
			if err := p.Discover(t.Context()); err != nil {
				t.Fatalf("Discover: %v", err)
			}
			good := maps.Clone(o.metadata)
			o.set(func() {
				for name, value := range tt.change {
					if path, ok := value.(string); ok && strings.HasPrefix(path, "/") {
						value = o.URL + path
					}
					o.metadata[name] = value
				}
			})
			if err := p.Discover(t.Context()); !errors.Is(err, providers.ErrUntrusted) || !errors.Is(err, errMoved) {
				t.Errorf("Discover: %v", err)
			}
			if _, waiting := p.Pending(); !waiting {
				t.Error("nothing waits for the operator")
			}
			if _, err := finish(t, p); err != nil {
				t.Errorf("the last good endpoints are gone: %v", err)
			}
			o.set(func() { o.metadata = good })
			if err := p.Discover(t.Context()); err != nil {
				t.Errorf("as it was: %v", err)
			}
			if _, waiting := p.Pending(); waiting {
				t.Error("something waits although nothing changed")
			}
		})
	}
}

func TestDiscoveryRecovers(t *testing.T) {
	o := newOP(t)
	o.handlers["/.well-known/openid-configuration"] = status(500, "")
	p := o.provider(t, discovered)
	for range 3 {
		if _, err := p.Begin(t.Context(), testLeg()); !errors.Is(err, providers.ErrUnavailable) {
			t.Fatalf("Begin: %v", err)
		}
	}
	if got := o.discoveries.Load(); got != 1 {
		t.Errorf("%d discoveries in one moment, want 1", got)
	}
	o.set(func() { clear(o.handlers) })
	o.advance(discoveryFailure)
	if _, err := p.Begin(t.Context(), testLeg()); err != nil {
		t.Errorf("after recovery: %v", err)
	}
}

// A configured endpoint stands, whatever discovery says.
func TestConfiguredEndpointWins(t *testing.T) {
	o := newOP(t)
	o.metadata["userinfo_endpoint"] = "http://id.example.com/userinfo"
	p := o.provider(t, func(options *Options) {
		options.Endpoints = Endpoints{Userinfo: o.URL + "/userinfo"}
	})
	got, err := finish(t, p)
	if err != nil || got.Name == "" {
		t.Errorf("Finish = %+v, %v", got, err)
	}
}

func TestRunPreparesEverything(t *testing.T) {
	o := newOP(t)
	fetched := make(chan struct{}, 10)
	o.handlers["/jwks"] = func(w http.ResponseWriter, _ *http.Request) {
		o.mu.Lock()
		defer o.mu.Unlock()
		reply(w, map[string]any{"keys": o.published()})
		fetched <- struct{}{}
	}
	p := o.provider(t, discovered)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { p.Run(ctx); close(done) }()
	<-fetched
	if err := p.known.Load().keys.refresh(ctx); err != nil { // joins the fetch under way
		t.Fatalf("keys: %v", err)
	}
	leg, seen := watched()
	if _, err := p.Finish(t.Context(), leg, returned()); err != nil {
		t.Fatalf("Finish: %v", err)
	}
	if want := []string{"callback ok", "token ok", "verify ok", "userinfo ok"}; !slices.Equal(seen(), want) {
		t.Errorf("told %q, want %q", seen(), want)
	}
	cancel()
	<-done
}

func TestRunSaysWhatItCannotGet(t *testing.T) {
	o := newOP(t)
	ctx, cancel := context.WithCancel(t.Context())
	var log bytes.Buffer
	p := o.provider(t, discovered, func(options *Options) {
		options.Logger = slog.New(stopAfter{slog.NewTextHandler(&log, nil), cancel})
	})
	o.metadata["issuer"] = "https://evil.example"
	p.Run(ctx)
	text := log.String()
	if !strings.Contains(text, "provider=op") || !strings.Contains(text, "theirs.trust") || strings.Contains(text, "evil.example") {
		t.Errorf("log: %s", text)
	}
}

// stopAfter ends the run once something was logged.
type stopAfter struct {
	slog.Handler
	stop func()
}

func (s stopAfter) Handle(ctx context.Context, r slog.Record) error {
	defer s.stop()
	return s.Handler.Handle(ctx, r)
}

func TestKeyRefreshInBackground(t *testing.T) {
	o := newOP(t)
	p := o.provider(t)
	keys := p.known.Load().keys
	for _, tt := range []struct {
		name  string
		after time.Duration
		want  int32
	}{
		{"at first", 0, 1},
		{"while they are young", keyRefresh - time.Second, 1},
		{"when they are not", time.Second, 2},
	} {
		o.advance(tt.after)
		if err := keys.refresh(t.Context()); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if got := o.jwks.Load(); got != tt.want {
			t.Errorf("%s: %d key fetches, want %d", tt.name, got, tt.want)
		}
	}
}

// Whatever a document says: it is refused, or what is used of it is about our
// issuer and leads nowhere that is closed.
func FuzzMetadata(f *testing.F) {
	f.Add(`{"issuer":"https://id.example.com","authorization_endpoint":"https://id.example.com/a","token_endpoint":"https://id.example.com/t","jwks_uri":"https://id.example.com/k"}`)
	f.Add(`{"issuer":"https://id.example.com","ISSUER":"https://evil.example"}`)
	f.Add(`{"issuer":"https://id.example.com","authorization_endpoint":"http://127.0.0.1/"}`)
	f.Add(`{"issuer":["https://id.example.com"]}`)
	f.Add(`null`)
	f.Add(`<html>`)
	client := fetch.New(fetch.Options{})
	f.Fuzz(func(t *testing.T, body string) {
		p, err := New(Options{
			Instance: providers.Instance{ID: "op", Issuer: "https://id.example.com", ClientID: "client-1"},
			Fetch:    client,
		})
		if err != nil {
			t.Fatal(err)
		}
		d, err := p.parse([]byte(body))
		if err != nil {
			if failed, ok := errors.AsType[*providers.Error](err); !ok || failed.Outcome == providers.OK || strings.Contains(err.Error(), "evil") {
				t.Errorf("error %v", err)
			}
			return
		}
		if d.Issuer != "https://id.example.com" {
			t.Errorf("taken for ours: %+v", d)
		}
		if err := p.take(t.Context(), d); err != nil {
			t.Fatalf("take: %v", err)
		}
		at := p.known.Load().at
		for _, used := range []string{at.Authorize, at.Token, at.Keys, at.Userinfo} {
			if used != "" && client.CheckURL(used) != nil {
				t.Errorf("leads to %q", used)
			}
		}
		if err := p.take(t.Context(), d); err != nil {
			t.Errorf("the same again: %v", err)
		}
	})
}
