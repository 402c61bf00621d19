package google_test

import (
	"encoding/base64"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/fakeidp"
	"github.com/bongsu/bongsu/providers/fetch"
	"github.com/bongsu/bongsu/providers/google"
	"github.com/bongsu/bongsu/providers/openid"
	"github.com/bongsu/bongsu/providers/providertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func made(t *testing.T, o openid.Options) *openid.Provider {
	t.Helper()
	p, err := google.New(o)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return p
}

func TestSuite(t *testing.T) {
	providertest.Run(t, providertest.Suite{
		Dialect: fakeidp.Google,
		New:     func(t *testing.T, w *providertest.World) providers.Provider { return made(t, w.OpenID()) },
		Identity: func(p fakeidp.Person) providers.Identity {
			return providers.Identity{Name: p.FullName, Email: p.Email, EmailVerified: true, Picture: p.Picture}
		},
		IDToken: true,
	})
}

func TestDefaults(t *testing.T) {
	p := made(t, openid.Options{Instance: providers.Instance{ID: "google", ClientID: "client-1"}, Fetch: fetch.New(fetch.Options{})})
	want := providers.Instance{
		ID: "google", Kind: "google", Issuer: "https://accounts.google.com", ClientID: "client-1", Name: "Google", Reauth: providers.ReauthAsked,
	}
	if got := p.Instance(); got != want {
		t.Errorf("Instance = %+v", got)
	}
	hour := time.Hour
	for _, tt := range []struct {
		name string
		leg  providers.Leg
		want map[string]string
	}{
		{"a plain leg", providers.Leg{Locales: []string{"ko"}}, map[string]string{
			"scope": "openid email profile", "code_challenge_method": "S256", "prompt": "", "ui_locales": "", "hd": "",
		}},
		{"a fresh proof", providers.Leg{Fresh: true}, map[string]string{"prompt": "select_account"}},
		{"a proof of some age", providers.Leg{MaxAge: &hour}, map[string]string{"max_age": "3600", "prompt": ""}},
		{"a hint", providers.Leg{LoginHint: "minji@example.com"}, map[string]string{"login_hint": "minji@example.com"}},
	} {
		target, err := p.Begin(t.Context(), tt.leg)
		if err != nil || !strings.HasPrefix(target, "https://accounts.google.com/o/oauth2/v2/auth?") {
			t.Fatalf("Begin = %q, %v", target, err)
		}
		u, err := url.Parse(target)
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range tt.want {
			if got := u.Query().Get(name); got != want {
				t.Errorf("%s: %s = %q, want %q", tt.name, name, got, want)
			}
		}
	}
}

// D5: iss comes with or without its scheme, and in no third form.
// Google's error page is a redirect; where people log in is another.
func TestLoginPageProbe(t *testing.T) {
	w := providertest.Start(t, fakeidp.Google)
	p := made(t, w.OpenID())
	reason := func(text string) string {
		return "https://accounts.google.com/signin/oauth/error?authError=" + base64.RawURLEncoding.EncodeToString([]byte("\n\x15"+text))
	}
	for _, tt := range []struct {
		location string
		want     providers.Outcome
		code     string
	}{
		{"https://accounts.google.com/v3/signin/identifier?continue=x", providers.OK, ""},
		{reason("redirect_uri_mismatch\x12"), providers.Ours, "redirect_uri_mismatch"},
		{reason("deleted_client"), providers.Ours, "deleted_client"},
		{reason("something else"), providers.Unknown, "oauth_error"},
		{"https://accounts.google.com/signin/oauth/error?authError=%25", providers.Unknown, "oauth_error"},
	} {
		w.Upstream.AnswerWith(fakeidp.Authorize, fakeidp.Redirect(tt.location))
		if got := p.Probe(t.Context(), providers.LevelAuthorize); got.Outcome != tt.want || got.Code != tt.code {
			t.Errorf("%s: %s (%s), want %s (%s)", tt.location, got.Outcome, got.Code, tt.want, tt.code)
		}
	}
}

func TestIssuerWithoutScheme(t *testing.T) {
	w := providertest.Start(t, fakeidp.Google)
	p := made(t, w.OpenID())
	_, bare, _ := strings.Cut(w.Upstream.Issuer(), "://")
	for iss, ok := range map[string]bool{bare: true, "//" + bare: false, "https://" + bare: false, strings.ToUpper(bare): false} {
		w.Upstream.EditClaims(func(claims map[string]any) { claims["iss"] = iss })
		got := w.SignIn(t, p, "", nil)
		if (got.Err == nil) != ok {
			t.Errorf("iss %q: %v, want ok %t", iss, got.Err, ok)
		}
	}
}

// What Google says about an organization vouches for nothing.
func TestHostedDomainIsIgnored(t *testing.T) {
	w := providertest.Start(t, fakeidp.Google)
	p := made(t, w.OpenID())
	for verified, want := range map[any]bool{true: true, false: false, nil: false, "true": true, "yes": false, 1: false} {
		w.Upstream.EditClaims(func(claims map[string]any) { claims["hd"], claims["email_verified"] = "example.com", verified })
		got := w.SignIn(t, p, "", nil)
		if got.Err != nil || got.Identity.EmailVerified != want || got.Identity.Email == "" {
			t.Errorf("email_verified %v: %+v, %v", verified, got.Identity, got.Err)
		}
	}
}
