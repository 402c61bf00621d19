package apple_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/apple"
	"github.com/bongsu/bongsu/providers/fakeidp"
	"github.com/bongsu/bongsu/providers/fetch"
	"github.com/bongsu/bongsu/providers/openid"
	"github.com/bongsu/bongsu/providers/providertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func made(t *testing.T, w *providertest.World) *openid.Provider {
	t.Helper()
	client := w.Upstream.Client()
	p, err := apple.New(apple.Options{Options: w.OpenID(), TeamID: client.TeamID, KeyID: client.KeyID, PrivateKey: client.KeyPEM()})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return p
}

func TestSuite(t *testing.T) {
	providertest.Run(t, providertest.Suite{
		Dialect: fakeidp.Apple,
		New:     func(t *testing.T, w *providertest.World) providers.Provider { return made(t, w) },
		Identity: func(p fakeidp.Person) providers.Identity {
			return providers.Identity{Name: p.FamilyName + p.GivenName, Email: p.Email, EmailVerified: true}
		},
		IDToken:  true,
		AuthTime: true,
	})
}

func TestDefaults(t *testing.T) {
	client := fakeidp.DefaultClient("apple")
	p, err := apple.New(apple.Options{
		Options: openid.Options{Instance: providers.Instance{ID: "apple", ClientID: "services-id"}, Fetch: fetch.New(fetch.Options{})},
		TeamID:  client.TeamID, KeyID: client.KeyID, PrivateKey: client.KeyPEM(),
	})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	want := providers.Instance{
		ID: "apple", Kind: "apple", Issuer: "https://appleid.apple.com", ClientID: "services-id", Name: "Apple",
		Reauth: providers.ReauthNone, FormPost: true,
	}
	if got := p.Instance(); got != want {
		t.Errorf("Instance = %+v", got)
	}
	hour := time.Hour
	target, err := p.Begin(t.Context(), providers.Leg{Fresh: true, MaxAge: &hour, LoginHint: "x", Locales: []string{"ko"}})
	if err != nil || !strings.HasPrefix(target, "https://appleid.apple.com/auth/authorize?") || !strings.Contains(target, "scope=name%20email") {
		t.Fatalf("Begin = %q, %v", target, err)
	}
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"response_mode": "form_post", "code_challenge_method": "S256", "prompt": "", "max_age": "", "login_hint": "", "ui_locales": "",
	} {
		if got := u.Query().Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
}

func TestNameComesOnce(t *testing.T) {
	w := providertest.Start(t, fakeidp.Apple)
	p := made(t, w)
	for i, want := range []string{"이하루", ""} {
		got := w.SignIn(t, p, "", nil)
		if got.Err != nil || got.Identity.Name != want || got.Identity.ProfileMissing {
			t.Errorf("login %d: name %q, %v, want %q", i+1, got.Identity.Name, got.Err, want)
		}
	}
}

// The form field user is written by a browser: a name at most, never an
// address, a subject or markup that a page would obey.
func TestUserFieldIsNotBelieved(t *testing.T) {
	w := providertest.Start(t, fakeidp.Apple)
	p := made(t, w)
	tests := []struct {
		name string
		user []string
		want string
	}{
		{"another address", []string{`{"name":{"firstName":"Vic"},"email":"vic@example.com","sub":"vic"}`}, "Vic"},
		{"a western name", []string{`{"name":{"firstName":"Grace","lastName":"Hopper"}}`}, "Grace Hopper"},
		{"a Korean name", []string{`{"name":{"firstName":"길동","lastName":"홍"}}`}, "홍길동"},
		{"a Japanese name", []string{`{"name":{"firstName":"太郎","lastName":"山田"}}`}, "山田太郎"},
		{"a mixed name", []string{`{"name":{"firstName":"Minji","lastName":"김"}}`}, "Minji 김"},
		{"a family name only", []string{`{"name":{"lastName":"홍"}}`}, "홍"},
		{"control characters", []string{"{\"name\":{\"firstName\":\"a\\u0000\\u202eb\\n\"}}"}, "ab"},
		{"a doubled field", []string{`{"name":{"firstName":"A"}}`, `{"name":{"firstName":"B"}}`}, ""},
		{"a huge field", []string{`{"name":{"firstName":"` + strings.Repeat("x", 5000) + `"}}`}, ""},
		{"a long name", []string{`{"name":{"firstName":"` + strings.Repeat("x", 1000) + `"}}`}, strings.Repeat("x", 60)},
		{"no JSON", []string{`<script>`}, ""},
		{"members of wrong types", []string{`{"name":["firstName"]}`}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := w.SignIn(t, p, "", func(params url.Values) { params["user"] = tt.user })
			if got.Err != nil || got.Identity.Name != tt.want {
				t.Errorf("name %q, %v, want %q", got.Identity.Name, got.Err, tt.want)
			}
			if got.Identity.Email != "haru@example.com" || got.Identity.Subject != w.Upstream.Subject("") {
				t.Errorf("identity %+v", got.Identity)
			}
		})
	}
}

func TestCancelled(t *testing.T) {
	w := providertest.Start(t, fakeidp.Apple)
	got := w.SignIn(t, made(t, w), "", func(params url.Values) {
		params.Del("code")
		params.Set("error", "user_cancelled_authorize")
	})
	if !errors.Is(got.Err, providers.ErrDenied) || !slices.Equal(got.Steps, []string{"callback user"}) {
		t.Errorf("Finish: %v, told %q", got.Err, got.Steps)
	}
}

// D9: booleans come as text.
func TestVerifiedAsText(t *testing.T) {
	w := providertest.Start(t, fakeidp.Apple)
	p := made(t, w)
	for value, want := range map[any]bool{"true": true, true: true, "false": false, false: false, "TRUE": false, 1: false, nil: false} {
		w.Upstream.EditClaims(func(claims map[string]any) { claims["email_verified"] = value })
		if got := w.SignIn(t, p, "", nil); got.Err != nil || got.Identity.EmailVerified != want {
			t.Errorf("email_verified %v: %t, %v", value, got.Identity.EmailVerified, got.Err)
		}
	}
}

// The web always gets its nonce back; nonce_supported changes nothing.
func TestNonceIsRequiredWhateverIsSupported(t *testing.T) {
	w := providertest.Start(t, fakeidp.Apple)
	w.Upstream.EditClaims(func(claims map[string]any) {
		delete(claims, "nonce")
		claims["nonce_supported"] = false
	})
	if got := w.SignIn(t, made(t, w), "", nil); got.Err == nil {
		t.Errorf("identity %+v", got.Identity)
	}
}

func TestES256IsAllowed(t *testing.T) {
	w := providertest.Start(t, fakeidp.Apple)
	key := w.Upstream.Client().Key.PublicKey
	point, err := key.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	w.Upstream.EditAnswer(fakeidp.JWKS, func(answer map[string]any) {
		answer["keys"] = []any{map[string]any{
			"kty": "EC", "kid": "e1", "crv": "P-256",
			"x": base64.RawURLEncoding.EncodeToString(point[1:33]), "y": base64.RawURLEncoding.EncodeToString(point[33:]),
		}}
	})
	w.Upstream.SignWith(fakeidp.ES256("e1"))
	if got := w.SignIn(t, made(t, w), "", nil); got.Err != nil {
		t.Errorf("Finish: %v", got.Err)
	}
}

// F10: a key that Apple does not know any more is ours to mend.
func TestWrongKey(t *testing.T) {
	w := providertest.Start(t, fakeidp.Apple)
	client := w.Upstream.Client()
	p, err := apple.New(apple.Options{Options: w.OpenID(), TeamID: client.TeamID, KeyID: "ANOTHERKEY", PrivateKey: client.KeyPEM()})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	if got := w.SignIn(t, p, "", nil); !errors.Is(got.Err, providers.ErrRejected) {
		t.Errorf("Finish: %v, want ErrRejected", got.Err)
	}
}

// D3: the secret never runs out, however long the process lives.
func TestSecretIsRenewed(t *testing.T) {
	w := providertest.Start(t, fakeidp.Apple)
	p := made(t, w)
	for range 4 {
		if got := w.SignIn(t, p, "", nil); got.Err != nil {
			t.Errorf("Finish: %v", got.Err)
		}
		w.Advance(90 * 24 * time.Hour)
	}
}

func TestNewRefusesBadKeys(t *testing.T) {
	good := fakeidp.DefaultClient("apple")
	other := func(key any) []byte {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		change func(*apple.Options)
	}{
		{"no key", func(o *apple.Options) { o.PrivateKey = nil }},
		{"no PEM", func(o *apple.Options) { o.PrivateKey = []byte("SECRET-KEY-TEXT") }},
		{"no PKCS#8", func(o *apple.Options) {
			o.PrivateKey = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("SECRET-KEY-TEXT")})
		}},
		{"P-384", func(o *apple.Options) { o.PrivateKey = other(p384) }},
		{"Ed25519", func(o *apple.Options) { o.PrivateKey = other(ed) }},
		{"no team", func(o *apple.Options) { o.TeamID = "" }},
		{"no key id", func(o *apple.Options) { o.KeyID = "" }},
		{"a userinfo endpoint", func(o *apple.Options) { o.Endpoints.Userinfo = "https://id.example.com/userinfo" }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := apple.Options{
				Options: openid.Options{Instance: providers.Instance{ID: "apple", ClientID: "services-id"}, Fetch: fetch.New(fetch.Options{})},
				TeamID:  good.TeamID, KeyID: good.KeyID, PrivateKey: good.KeyPEM(),
			}
			tt.change(&o)
			p, err := apple.New(o)
			if err == nil || p != nil || strings.Contains(err.Error(), "SECRET-KEY-TEXT") {
				t.Errorf("New = %v, %v, want an error", p, err)
			}
		})
	}
}
