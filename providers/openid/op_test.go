package openid

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/fetch"
)

// Keys are made once: they are slow.
var testKeys = sync.OnceValue(func() [3]*rsa.PrivateKey {
	var made [3]*rsa.PrivateKey
	for i := range made {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		made[i] = key
	}
	return made
})

// op is a small OpenID Provider that does whatever a test wants.
type op struct {
	*httptest.Server

	mu       sync.Mutex
	keys     map[string]*rsa.PrivateKey // published
	signer   *rsa.PrivateKey
	kid      string
	claims   map[string]any // changes to the claims; nil removes one
	rawToken string         // instead of a signed token
	metadata map[string]any // changes to the metadata
	handlers map[string]http.HandlerFunc
	now      time.Time

	discoveries, tokens, jwks, userinfos atomic.Int32
	lastForm                             url.Values
	lastAuth                             string
}

func newOP(t testing.TB) *op {
	t.Helper()
	k := testKeys()
	o := &op{
		keys:     map[string]*rsa.PrivateKey{"k1": k[0]},
		signer:   k[0],
		kid:      "k1",
		claims:   map[string]any{},
		metadata: map[string]any{},
		handlers: map[string]http.HandlerFunc{},
		now:      time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC),
	}
	o.Server = httptest.NewServer(o)
	t.Cleanup(o.Close)
	return o
}

func (o *op) clock() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.now
}

func (o *op) advance(d time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.now = o.now.Add(d)
}

// set changes the provider under its lock.
func (o *op) set(change func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	change()
}

func (o *op) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		o.discoveries.Add(1)
	case "/token":
		o.tokens.Add(1)
	case "/jwks":
		o.jwks.Add(1)
	case "/userinfo":
		o.userinfos.Add(1)
	}
	o.mu.Lock()
	handler := o.handlers[r.URL.Path]
	o.mu.Unlock()
	if handler != nil {
		handler(w, r)
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		reply(w, changed(map[string]any{
			"issuer":                 o.URL,
			"authorization_endpoint": o.URL + "/authorize",
			"token_endpoint":         o.URL + "/token",
			"jwks_uri":               o.URL + "/jwks",
			"userinfo_endpoint":      o.URL + "/userinfo",
		}, o.metadata))
	case "/token":
		if err := r.ParseForm(); err != nil {
			http.Error(w, "form", http.StatusBadRequest)
			return
		}
		o.lastForm, o.lastAuth = r.PostForm, r.Header.Get("Authorization")
		reply(w, map[string]any{"access_token": "at-1", "token_type": "Bearer", "expires_in": 3600, "id_token": o.token()})
	case "/jwks":
		reply(w, map[string]any{"keys": o.published()})
	case "/userinfo":
		reply(w, map[string]any{"sub": "248289761001", "name": "김민지", "email": "minji@example.com", "email_verified": true})
	default:
		http.NotFound(w, r)
	}
}

func changed(base, changes map[string]any) map[string]any {
	for name, value := range changes {
		if value == nil {
			delete(base, name)
			continue
		}
		base[name] = value
	}
	return base
}

func reply(w io.Writer, v any) {
	if err := json.NewEncoder(w).Encode(v); err != nil {
		panic(err)
	}
}

func (o *op) published() []map[string]any {
	var keys []map[string]any
	for kid, key := range o.keys {
		keys = append(keys, rsaJWK(kid, &key.PublicKey))
	}
	return keys
}

func rsaJWK(kid string, key *rsa.PublicKey) map[string]any {
	return map[string]any{
		"kty": "RSA", "kid": kid, "use": "sig", "alg": "RS256",
		"n": base64.RawURLEncoding.EncodeToString(key.N.Bytes()),
		"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes()),
	}
}

func (o *op) token() string {
	if o.rawToken != "" {
		return o.rawToken
	}
	claims := changed(map[string]any{
		"iss": o.URL, "aud": "client-1", "sub": "248289761001", "nonce": testLeg().Nonce,
		"iat": o.now.Unix(), "exp": o.now.Add(time.Hour).Unix(),
	}, o.claims)
	return sign(map[string]any{"alg": "RS256", "kid": o.kid, "typ": "JWT"}, claims, o.signer)
}

// sign makes a compact JWS (RFC 7515) by hand, so that anything can be in it.
func sign(header, claims map[string]any, key *rsa.PrivateKey) string {
	input := segment(header) + "." + segment(claims)
	sum := sha256.Sum256([]byte(input))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		panic(err)
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func segment(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

func testLeg() providers.Leg {
	return providers.Leg{
		State:       "abcdefghijklmnopqrstuvwxyz012345",
		Nonce:       "nonce-0123456789abcdef0123456789",
		Verifier:    "verifier-0123456789-0123456789-0123456789-0123",
		RedirectURI: "https://login.example.com/callback/op",
	}
}

// watched is a leg that records what it is told.
func watched() (leg providers.Leg, seen func() []string) {
	var mu sync.Mutex
	var steps []string
	leg = testLeg()
	leg.Observe = func(o providers.Observation) {
		mu.Lock()
		defer mu.Unlock()
		steps = append(steps, fmt.Sprintf("%s %s", o.Step, o.Outcome))
	}
	return leg, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return append([]string(nil), steps...)
	}
}

func returned() providers.Return {
	return providers.Return{Params: url.Values{"code": {"code-1"}, "state": {testLeg().State}}}
}

func (o *op) options(t testing.TB) Options {
	t.Helper()
	client := fetch.New(fetch.Options{AllowHTTP: true})
	t.Cleanup(client.Close)
	return Options{
		Instance: providers.Instance{ID: "op", Kind: "openid", Issuer: o.URL, ClientID: "client-1", Reauth: providers.ReauthAsked},
		Endpoints: Endpoints{
			Authorize: o.URL + "/authorize",
			Token:     o.URL + "/token",
			Keys:      o.URL + "/jwks",
			Userinfo:  o.URL + "/userinfo",
		},
		Scopes:       []string{"openid", "email"},
		PKCE:         true,
		ClientSecret: "secret-1",
		Fetch:        client,
		Now:          o.clock,
	}
}

// provider returns a provider of o with configured endpoints.
func (o *op) provider(t testing.TB, changes ...func(*Options)) *Provider {
	t.Helper()
	options := o.options(t)
	for _, change := range changes {
		change(&options)
	}
	p, err := New(options)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return p
}

// discovered is a change that makes a provider discover its endpoints.
func discovered(o *Options) { o.Endpoints = Endpoints{} }

func finish(t *testing.T, p *Provider) (providers.Identity, error) {
	t.Helper()
	return p.Finish(t.Context(), testLeg(), returned())
}
