package line_test

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/fakeidp"
	"github.com/bongsu/bongsu/providers/fetch"
	"github.com/bongsu/bongsu/providers/line"
	"github.com/bongsu/bongsu/providers/openid"
	"github.com/bongsu/bongsu/providers/providertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func made(t *testing.T, o openid.Options) *openid.Provider {
	t.Helper()
	p, err := line.New(o)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return p
}

func suite(shared bool, algorithms ...string) providertest.Suite {
	return providertest.Suite{
		Dialect: fakeidp.LINE,
		New: func(t *testing.T, w *providertest.World) providers.Provider {
			o := w.OpenID()
			o.Algorithms = algorithms
			return made(t, o)
		},
		Identity: func(p fakeidp.Person) providers.Identity {
			return providers.Identity{Name: p.Nickname, Email: p.Email, Picture: p.Picture, AMR: []string{"linesso"}}
		},
		IDToken: true,
		Shared:  shared,
	}
}

func TestSuite(t *testing.T) { providertest.Run(t, suite(true)) }

// Where the operator wants published keys alone, the channel secret signs nothing.
func TestSuiteOfKeysAlone(t *testing.T) { providertest.Run(t, suite(false, line.ES256)) }

func TestDefaults(t *testing.T) {
	p := made(t, openid.Options{Instance: providers.Instance{ID: "line", ClientID: "1234567890"}, ClientSecret: "s", Fetch: fetch.New(fetch.Options{})})
	want := providers.Instance{
		ID: "line", Kind: "line", Issuer: "https://access.line.me", ClientID: "1234567890", Name: "LINE", Reauth: providers.ReauthAsked,
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
		{"a plain leg", providers.Leg{Locales: []string{"ja", "ko"}, LoginHint: "minji@example.com"}, map[string]string{
			"scope": "openid profile email", "code_challenge_method": "S256", "prompt": "", "max_age": "", "ui_locales": "ja ko", "login_hint": "",
		}},
		{"a fresh proof", providers.Leg{Fresh: true}, map[string]string{"prompt": "", "max_age": "0"}},
		{"a proof of some age", providers.Leg{MaxAge: &hour}, map[string]string{"max_age": "3600"}},
	} {
		target, err := p.Begin(t.Context(), tt.leg)
		if err != nil || !strings.HasPrefix(target, "https://access.line.me/oauth2/v2.1/authorize?") {
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

// D1: ES256 is asked for; HS256 is taken where LINE gives it all the same, and
// a failed ES256 check is never made good by the secret.
func TestAlgorithms(t *testing.T) {
	secret := fakeidp.DefaultClient("line").Secret
	for _, tt := range []struct {
		name       string
		algorithms []string
		signer     fakeidp.Signer // nil: as LINE does
		asked      string
		want       error
	}{
		{"LINE gives what is asked for", nil, nil, "JWK", nil},
		{"LINE does not know the parameter", nil, fakeidp.Secret(secret), "JWK", nil},
		{"another secret", nil, fakeidp.Secret("another"), "JWK", providers.ErrUntrusted},
		{"an ES256 token of a stranger", nil, fakeidp.ForeignKey(), "JWK", providers.ErrUntrusted},
		{"keys alone", []string{"ES256"}, nil, "JWK", nil},
		{"keys alone, and LINE does not know the parameter", []string{"ES256"}, fakeidp.Secret(secret), "JWK", providers.ErrUntrusted},
		{"the secret alone", []string{"HS256"}, nil, "", nil},
		{"the secret alone, and a key signs", []string{"HS256"}, fakeidp.NewestKey(), "", providers.ErrUntrusted},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := providertest.Start(t, fakeidp.LINE)
			o := w.OpenID()
			o.Algorithms = tt.algorithms
			w.Upstream.SignWith(tt.signer)
			got := w.SignIn(t, made(t, o), "minji", nil)
			if !errors.Is(got.Err, tt.want) {
				t.Errorf("Finish: %v, want %v", got.Err, tt.want)
			}
			if asked := asks(t, o); asked != tt.asked {
				t.Errorf("id_token_key_type %q, want %q", asked, tt.asked)
			}
			fetched := w.Upstream.Count(fakeidp.JWKS) > 0
			if told := slices.Contains(got.Steps, "jwks ok"); told != fetched {
				t.Errorf("keys fetched: %t, told %q", fetched, got.Steps)
			}
		})
	}
}

// asks returns the id_token_key_type that a provider with o sends.
func asks(t *testing.T, o openid.Options) string {
	t.Helper()
	w := providertest.Start(t, fakeidp.LINE)
	again := w.OpenID()
	again.Algorithms = o.Algorithms
	sent := ""
	w.Upstream.AnswerWith(fakeidp.Token, func(rw http.ResponseWriter, r *http.Request) {
		sent = r.PostForm.Get("id_token_key_type")
		fakeidp.Reply(400, "application/json", `{"error":"invalid_grant"}`)(rw, r)
	})
	w.SignIn(t, made(t, again), "", nil)
	return sent
}

// A token under the secret is checked like any other.
func TestSecretTokensAreChecked(t *testing.T) {
	w := providertest.Start(t, fakeidp.LINE)
	p := made(t, w.OpenID())
	w.Upstream.SignWith(fakeidp.Secret(w.Upstream.Client().Secret))
	for name, change := range map[string]func(map[string]any){
		"another channel's": func(c map[string]any) { c["aud"] = "another" },
		"expired":           func(c map[string]any) { c["exp"] = w.Now().Add(-time.Second).Unix() },
		"of another issuer": func(c map[string]any) { c["iss"] = w.Other.Issuer() },
		"without subject":   func(c map[string]any) { delete(c, "sub") },
	} {
		w.Upstream.EditClaims(change)
		if got := w.SignIn(t, p, "", nil); !errors.Is(got.Err, providers.ErrUntrusted) {
			t.Errorf("%s: %v", name, got.Err)
		}
	}
	w.Upstream.EditClaims(func(c map[string]any) { c["nonce"] = "another leg's" })
	if got := w.SignIn(t, p, "", nil); !errors.Is(got.Err, providers.ErrUnknown) {
		t.Errorf("another leg's nonce: %v", got.Err)
	}
}

func TestEmailIsNeverVerified(t *testing.T) {
	w := providertest.Start(t, fakeidp.LINE)
	w.Upstream.EditClaims(func(c map[string]any) { c["email_verified"] = true })
	got := w.SignIn(t, made(t, w.OpenID()), "minji", nil)
	if got.Err != nil || got.Identity.Email != "minji@example.com" || got.Identity.EmailVerified {
		t.Errorf("identity %+v, %v", got.Identity, got.Err)
	}
}

// The userinfo endpoint is asked where somebody wants it to be, and vouches for no
// address either.
func TestUserinfo(t *testing.T) {
	w := providertest.Start(t, fakeidp.LINE)
	o := w.OpenID()
	o.Endpoints.Userinfo = w.Upstream.URL(fakeidp.Userinfo)
	w.Upstream.EditAnswer(fakeidp.Userinfo, func(answer map[string]any) {
		answer["name"], answer["email"], answer["email_verified"] = "봉수", "x@example.com", true
	})
	got := w.SignIn(t, made(t, o), "minji", nil)
	if got.Err != nil || got.Identity.Name != "봉수" || got.Identity.Email != "x@example.com" || got.Identity.EmailVerified {
		t.Errorf("identity %+v, %v", got.Identity, got.Err)
	}
	w.Upstream.EditAnswer(fakeidp.Userinfo, func(answer map[string]any) { answer["sub"] = "U1" })
	if got := w.SignIn(t, made(t, o), "minji", nil); !errors.Is(got.Err, providers.ErrUntrusted) {
		t.Errorf("a profile of somebody else: %v", got.Err)
	}
}

// LINE's documents write codes in capitals, its pages in small letters.
func TestCodes(t *testing.T) {
	w := providertest.Start(t, fakeidp.LINE)
	p := made(t, w.OpenID())
	for code, want := range map[string]error{
		"ACCESS_DENIED": providers.ErrDenied, "access_denied": providers.ErrDenied,
		"SERVER_ERROR": providers.ErrUnavailable, "INVALID_SCOPE": providers.ErrRejected,
		"LOGIN_REQUIRED": providers.ErrUnknown, "INVALID_REQUEST": providers.ErrUnknown,
	} {
		got := w.SignIn(t, p, "", func(params url.Values) { params.Set("error", code); params.Del("code") })
		if !errors.Is(got.Err, want) {
			t.Errorf("%s: %v, want %v", code, got.Err, want)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for name, change := range map[string]func(*openid.Options){
		"a userinfo inside":    func(o *openid.Options) { o.Endpoints.Userinfo = "https://10.0.0.1/profile" },
		"another algorithm":    func(o *openid.Options) { o.Algorithms = []string{"RS256"} },
		"a secret that is not": func(o *openid.Options) { o.ClientSecret, o.Algorithms = "", []string{"HS256"} },
	} {
		o := openid.Options{
			Instance: providers.Instance{ID: "line", ClientID: "1"}, ClientSecret: "s", Fetch: fetch.New(fetch.Options{}),
		}
		change(&o)
		if p, err := line.New(o); err == nil {
			t.Errorf("%s: New = %v", name, p)
		}
	}
}
