package openid

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/bongsu/bongsu/providers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestBegin(t *testing.T) {
	o := newOP(t)
	hour := time.Hour
	tests := []struct {
		name   string
		change func(*Options)
		leg    func(*providers.Leg)
		want   map[string]string // parameter → value, "-" for absent
	}{
		{"a plain leg", nil, nil, map[string]string{
			"response_type": "code", "client_id": "client-1", "scope": "openid email",
			"redirect_uri": testLeg().RedirectURI, "state": testLeg().State, "nonce": testLeg().Nonce,
			"code_challenge_method": "S256", "prompt": "-", "max_age": "-", "response_mode": "-", "login_hint": "-", "ui_locales": "-",
		}},
		{"a fresh proof", nil, func(l *providers.Leg) { l.Fresh = true }, map[string]string{"prompt": "login"}},
		{"a proof of some age", nil, func(l *providers.Leg) { l.MaxAge = &hour }, map[string]string{"max_age": "3600", "prompt": "-"}},
		{
			"a fresh proof where it cannot be asked for", func(o *Options) { o.Instance.Reauth = providers.ReauthNone },
			func(l *providers.Leg) { l.Fresh = true; l.MaxAge = &hour },
			map[string]string{"prompt": "-", "max_age": "-"},
		},
		{
			"a hint and languages", nil, func(l *providers.Leg) { l.LoginHint = "a+b@example.com"; l.Locales = []string{"ko", "en"} },
			map[string]string{"login_hint": "a+b@example.com", "ui_locales": "ko en"},
		},
		{"an answer by POST", func(o *Options) { o.Instance.FormPost = true }, nil, map[string]string{"response_mode": "form_post"}},
		{"without PKCE", func(o *Options) { o.PKCE = false }, nil, map[string]string{"code_challenge": "-", "code_challenge_method": "-"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := o.provider(t, func(o *Options) {
				if tt.change != nil {
					tt.change(o)
				}
			})
			leg, seen := watched()
			if tt.leg != nil {
				tt.leg(&leg)
			}
			target, err := p.Begin(t.Context(), leg)
			if err != nil {
				t.Fatalf("Begin: %v", err)
			}
			u, err := url.Parse(target)
			if err != nil || !strings.HasPrefix(target, o.URL+"/authorize?") {
				t.Fatalf("Begin = %q, %v", target, err)
			}
			for name, want := range tt.want {
				if got := u.Query().Get(name); got != want && (want != "-" || u.Query().Has(name)) {
					t.Errorf("%s = %q, want %q", name, got, want)
				}
			}
			if strings.Contains(target, leg.Verifier) {
				t.Error("the verifier is in the URL")
			}
			if got := seen(); !slices.Equal(got, []string{"authorize ok"}) {
				t.Errorf("told %q", got)
			}
		})
	}
	if o.discoveries.Load()+o.jwks.Load() != 0 {
		t.Error("Begin asked the provider")
	}
}

func TestFinish(t *testing.T) {
	o := newOP(t)
	o.claims = map[string]any{"auth_time": o.now.Add(-time.Minute).Unix(), "acr": "phr", "amr": []string{"hwk"}, "email": "old@example.com"}
	p := o.provider(t)
	leg, seen := watched()
	got, err := p.Finish(t.Context(), leg, returned())
	if err != nil {
		t.Fatalf("Finish: %v", err)
	}
	want := providers.Identity{
		Provider: "op", Subject: "248289761001", Name: "김민지", Email: "minji@example.com", EmailVerified: true,
		AuthTime: o.now.Add(-time.Minute).Truncate(time.Second).Local(), ACR: "phr", AMR: []string{"hwk"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("identity (-want +got):\n%s", diff)
	}
	if got, want := seen(), []string{"callback ok", "token ok", "jwks ok", "verify ok", "userinfo ok"}; !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
	for name, want := range map[string]string{
		"grant_type": "authorization_code", "code": "code-1", "redirect_uri": leg.RedirectURI,
		"code_verifier": leg.Verifier, "client_id": "client-1", "client_secret": "secret-1",
	} {
		if got := o.lastForm.Get(name); got != want {
			t.Errorf("token request: %s = %q, want %q", name, got, want)
		}
	}

	leg, seen = watched()
	if _, err := p.Finish(t.Context(), leg, returned()); err != nil {
		t.Fatalf("second Finish: %v", err)
	}
	if got, want := seen(), []string{"callback ok", "token ok", "verify ok", "userinfo ok"}; !slices.Equal(got, want) {
		t.Errorf("with keys at hand told %q, want %q", got, want)
	}
}

func status(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

// AB-35, AB-59: userinfo is mere profile, unless it speaks of someone else.
func TestUserinfo(t *testing.T) {
	tests := []struct {
		name    string
		h       http.HandlerFunc
		refused bool
		missing bool
		step    string
	}{
		{"someone else's profile", status(200, `{"sub":"vic","email":"vic@example.com"}`), true, false, "userinfo theirs.trust"},
		{"a profile with a numeric sub", status(200, `{"sub":248289761001}`), true, false, "userinfo theirs.trust"},
		{"an empty sub", status(200, `{"sub":"","name":"Vic"}`), true, false, "userinfo theirs.trust"},
		{"no sub", status(200, `{"name":"Vic"}`), false, true, "userinfo unknown"},
		{"the server failed", status(500, "oops"), false, true, "userinfo theirs.down"},
		{"an empty answer", status(200, ""), false, true, "userinfo theirs.down"},
		{"a page", status(200, "<html>maintenance</html>"), false, true, "userinfo theirs.down"},
		{"an error as 200", status(200, `{"error":"temporarily_unavailable"}`), false, true, "userinfo theirs.down"},
		{"the token is refused", status(401, ``), false, true, "userinfo unknown"},
		{"too many requests", status(429, `{}`), false, true, "userinfo ours"},
		{"an answer without end", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"sub":"`+strings.Repeat("x", 2<<20)+`"}`)
		}, false, true, "userinfo theirs.down"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := newOP(t)
			o.handlers["/userinfo"] = tt.h
			leg, seen := watched()
			got, err := o.provider(t).Finish(t.Context(), leg, returned())
			if refused := err != nil; refused != tt.refused {
				t.Fatalf("Finish = %+v, %v, want refused %t", got, err, tt.refused)
			}
			if steps := seen(); steps[len(steps)-1] != tt.step {
				t.Errorf("told %q, want %q last", steps, tt.step)
			}
			if tt.refused {
				if !errors.Is(err, providers.ErrUntrusted) || got.Subject != "" {
					t.Errorf("Finish = %+v, %v", got, err)
				}
				return
			}
			if got.ProfileMissing != tt.missing || got.Subject != "248289761001" || got.Name != "" {
				t.Errorf("identity %+v", got)
			}
		})
	}
}

// AB-36: a response of another issuer is refused before a code goes anywhere.
func TestResponseIss(t *testing.T) {
	promised := func(o *Options) { o.ResponseIss = true }
	announced := func(o *Options) { discovered(o) }
	tests := []struct {
		name   string
		change func(*Options)
		iss    []string
		ok     bool
	}{
		{"its own", promised, []string{"own"}, true},
		{"none where it is promised", promised, nil, false},
		{"another's", promised, []string{"https://evil.example"}, false},
		{"its own with a slash", promised, []string{"own/"}, false},
		{"its own twice", promised, []string{"own", "own"}, false},
		{"its own and another's", promised, []string{"own", "https://evil.example"}, false},
		{"empty", promised, []string{""}, false},
		{"none where discovery announces it", announced, nil, false},
		{"another's where discovery announces it", announced, []string{"https://evil.example"}, false},
		{"its own where discovery announces it", announced, []string{"own"}, true},
		{"another's where nothing is promised", func(*Options) {}, []string{"https://evil.example"}, false},
		{"none where nothing is promised", func(*Options) {}, nil, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := newOP(t)
			o.metadata["authorization_response_iss_parameter_supported"] = true
			p := o.provider(t, tt.change)
			ret := returned()
			for _, iss := range tt.iss {
				ret.Params.Add("iss", strings.Replace(iss, "own", o.URL, 1))
			}
			_, err := p.Finish(t.Context(), testLeg(), ret)
			if ok := err == nil; ok != tt.ok {
				t.Errorf("Finish: %v, want ok %t", err, tt.ok)
			}
			if sent := o.tokens.Load() > 0; sent != tt.ok {
				t.Errorf("code sent: %t", sent)
			}
		})
	}
}

func TestNoIDToken(t *testing.T) {
	o := newOP(t)
	o.handlers["/token"] = status(200, `{"access_token":"at-1","token_type":"Bearer"}`)
	leg, seen := watched()
	_, err := o.provider(t).Finish(t.Context(), leg, returned())
	if !errors.Is(err, providers.ErrRejected) {
		t.Errorf("Finish: %v, want ErrRejected", err)
	}
	if got, want := seen(), []string{"callback ok", "token ok", "verify ours"}; !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
}

func TestBrowserGivesUp(t *testing.T) {
	o := newOP(t)
	ctx, cancel := context.WithCancel(t.Context())
	o.handlers["/token"] = func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then a server notices that the caller left
		cancel()
		<-r.Context().Done()
	}
	leg, seen := watched()
	_, err := o.provider(t).Finish(ctx, leg, returned())
	if !errors.Is(err, providers.ErrUnknown) || !errors.Is(err, context.Canceled) {
		t.Errorf("Finish: %v, want unknown and canceled", err)
	}
	if got, want := seen(), []string{"callback ok", "token unknown"}; !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
}

func TestNewRefusesBadOptions(t *testing.T) {
	o := newOP(t)
	tests := []struct {
		name   string
		change func(*Options)
	}{
		{"alg none", func(o *Options) { o.Algorithms = []string{"none"} }},
		{"HS256", func(o *Options) { o.Algorithms = []string{"RS256", "HS256"} }},
		{"no issuer", func(o *Options) { o.Instance.Issuer = "" }},
		{"an issuer by plain http", func(o *Options) { o.Instance.Issuer = "http://id.example.com" }},
		{"an issuer inside", func(o *Options) { o.Instance.Issuer = "https://10.0.0.1" }},
		{"an issuer with a query", func(o *Options) { o.Instance.Issuer = "https://id.example.com/?a=b" }},
		{"no client id", func(o *Options) { o.Instance.ClientID = "" }},
		{"an id that is no path segment", func(o *Options) { o.Instance.ID = "a/b" }},
		{"keys inside", func(o *Options) { o.Endpoints.Keys = "https://169.254.169.254/jwks" }},
		{"a token endpoint by plain http", func(o *Options) { o.Endpoints.Token = "http://id.example.com/token" }},
		{"userinfo inside", func(o *Options) { o.Endpoints.Userinfo = "https://[::ffff:127.0.0.1]/" }},
		{"a timeout beyond patience", func(o *Options) { o.Timeout = time.Minute }},
		{"an unknown client authentication", func(o *Options) { o.AuthMethod = "private_key_jwt" }},
		{"nothing to fetch with", func(o *Options) { o.Fetch = nil }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			options := o.options(t)
			tt.change(&options)
			if p, err := New(options); err == nil || p != nil {
				t.Errorf("New = %v, %v, want an error", p, err)
			}
		})
	}
}
