package assertion

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/store"
)

const issuer = "https://login.example.kr"

// signer signs assertions with ES256, as a website's library does.
type signer struct {
	id  string
	key *ecdsa.PrivateKey
}

func newSigner(t *testing.T, id string) signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return signer{id, key}
}

func (s signer) sign(t *testing.T, claims map[string]any) string {
	t.Helper()
	part := func(v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(text)
	}
	text := part(map[string]string{"alg": "ES256", "kid": s.id, "typ": "JWT"}) + "." + part(claims)
	sum := sha256.Sum256([]byte(text))
	r, ss, err := ecdsa.Sign(rand.Reader, s.key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	signature := append(r.FillBytes(make([]byte, 32)), ss.FillBytes(make([]byte, 32))...)
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// jwks is the key set of signers.
func jwks(t *testing.T, signers ...signer) string {
	t.Helper()
	var all []string
	for _, s := range signers {
		point, err := s.key.PublicKey.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		b64 := base64.RawURLEncoding.EncodeToString
		all = append(all, `{"kty":"EC","crv":"P-256","use":"sig","kid":"`+s.id+`","x":"`+b64(point[1:33])+`","y":"`+b64(point[33:])+`"}`)
	}
	return `{"keys":[` + strings.Join(all, ",") + `]}`
}

// writer takes each assertion once, unless it is away.
type writer struct {
	mu    sync.Mutex
	taken map[string]string
	away  bool // it takes, and its answer is lost
}

func (w *writer) ClaimAssertion(_ context.Context, a store.Assertion) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	name := a.ClientID + string(a.TokenID)
	if holder, ok := w.taken[name]; ok && holder != a.Attempt {
		return store.ErrUsed
	}
	w.taken[name] = a.Attempt
	if w.away {
		return store.ErrUnavailable
	}
	return nil
}

type house struct {
	t        *testing.T
	verifier *Verifier
	writer   *writer
	now      time.Time
	document string // what the website publishes
	status   int
	asked    int
	url      string
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, writer: &writer{taken: map[string]string{}}, now: time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC), status: http.StatusOK}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h.asked++
		w.WriteHeader(h.status)
		_, _ = io.WriteString(w, h.document)
	}))
	t.Cleanup(server.Close)
	h.url = server.URL
	var err error
	h.verifier, err = New(Options{
		Issuer: issuer, TokenEndpoint: issuer + "/token", Store: h.writer, HTTP: server.Client(), Rand: rand.Reader, Now: func() time.Time { return h.now },
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// website is a registered client that signs.
func (h *house) website(change func(*client.Client)) *client.Client {
	h.t.Helper()
	c := &client.Client{
		ID: "RP-1", Name: "RP-1", AuthMethod: client.AuthPrivateKeyJWT, RedirectURIs: []string{"https://rp1.example/cb"},
	}
	change(c)
	registry, err := client.NewRegistry([]*client.Client{c})
	if err != nil {
		h.t.Fatal(err)
	}
	known, _ := registry.Client("RP-1")
	return known
}

func (h *house) claims(changes ...func(map[string]any)) map[string]any {
	claims := map[string]any{
		"iss": "RP-1", "sub": "RP-1", "aud": issuer, "jti": rand.Text(), "exp": h.now.Unix() + 60, "iat": h.now.Unix(),
	}
	for _, change := range changes {
		change(claims)
	}
	return claims
}

func with(name string, value any) func(map[string]any) {
	return func(claims map[string]any) {
		if claims[name] = value; value == nil {
			delete(claims, name)
		}
	}
}

// What an assertion says must be about the client, us, and now.
func TestClaims(t *testing.T) {
	h := newHouse(t)
	own := newSigner(t, "a")
	known := h.website(func(c *client.Client) { c.JWKS = jwks(t, own) })
	now := h.now.Unix()
	tests := []struct {
		name   string
		change func(map[string]any)
		taken  bool
	}{
		{"as it should be", func(map[string]any) {}, true},
		{"without iat", with("iat", nil), true},
		{"five minutes", with("exp", now+300), true},
		{"just expired, by a slow clock", with("exp", now-20), true},
		{"expired", with("exp", now-31), false},
		{"for a year", with("exp", now+365*24*3600), false},
		{"for ever", with("exp", nil), false},
		{"an exp that is a text", with("exp", "soon"), false},
		{"from the future", with("nbf", now+120), false},
		{"made in the future", with("iat", now+120), false},
		{"another issuer", with("iss", "RP-2"), false},
		{"another subject", with("sub", "RP-2"), false},
		{"for another server", with("aud", "https://other.example"), false},
		{"for the token endpoint, where the issuer is due", with("aud", issuer+"/token"), false},
		{"for nobody", with("aud", nil), false},
		{"a list, even of one", with("aud", []string{issuer}), false},
		{"without jti", with("jti", nil), false},
		{"a jti that is long", with("jti", strings.Repeat("a", 256)), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := h.verifier.Verify(t.Context(), known, own.sign(t, h.claims(tt.change)))
			if taken := err == nil; taken != tt.taken || err != nil && !errors.Is(err, ErrRefused) {
				t.Errorf("got %v", err)
			}
		})
	}
	older := h.website(func(c *client.Client) { c.JWKS, c.AssertionAudience = jwks(t, own), client.AudienceTokenEndpoint })
	if err := h.verifier.Verify(t.Context(), older, own.sign(t, h.claims(with("aud", issuer+"/token")))); err != nil {
		t.Errorf("the token endpoint, where that is registered: %v", err)
	}
	if err := h.verifier.Verify(t.Context(), older, own.sign(t, h.claims())); !errors.Is(err, ErrRefused) {
		t.Errorf("the issuer, where the endpoint is registered: %v", err)
	}
}

// An assertion is taken once; one whose claim nobody knows the outcome of may be
// sent again, where it was sent before.
func TestOnce(t *testing.T) {
	h := newHouse(t)
	own := newSigner(t, "a")
	known := h.website(func(c *client.Client) { c.JWKS = jwks(t, own) })
	ctx := t.Context()
	first := own.sign(t, h.claims())
	if err := h.verifier.Verify(ctx, known, first); err != nil {
		t.Fatal(err)
	}
	if err := h.verifier.Verify(ctx, known, first); !errors.Is(err, ErrRefused) {
		t.Errorf("again: %v", err)
	}
	lost := own.sign(t, h.claims())
	h.writer.away = true
	if err := h.verifier.Verify(ctx, known, lost); !errors.Is(err, store.ErrUnavailable) || errors.Is(err, ErrRefused) {
		t.Errorf("nobody knows: %v", err)
	}
	h.writer.away = false
	if err := h.verifier.Verify(ctx, known, lost); err != nil {
		t.Errorf("the same attempt: %v", err)
	}
	if err := h.verifier.Verify(ctx, known, lost); !errors.Is(err, ErrRefused) {
		t.Errorf("and once more: %v", err)
	}
}

// A published key set is fetched when it is needed, kept while it cannot be
// fetched, and not fetched for whatever a stranger sends.
func TestPublishedKeys(t *testing.T) {
	h := newHouse(t)
	first, second, foreign := newSigner(t, "a"), newSigner(t, "b"), newSigner(t, "c")
	known := h.website(func(c *client.Client) { c.JWKSURI = h.url + "/jwks" })
	verify := func(by signer) error { return h.verifier.Verify(t.Context(), known, by.sign(t, h.claims())) }
	want := func(what string, err, kind error, asked int) {
		t.Helper()
		if kind == nil && err != nil || kind != nil && !errors.Is(err, kind) || h.asked != asked {
			t.Errorf("%s: %v, asked %d times", what, err, h.asked)
		}
	}
	h.status = http.StatusServiceUnavailable
	if err := verify(first); err == nil || errors.Is(err, ErrRefused) {
		t.Errorf("nobody knows its keys: %v", err)
	}
	h.status, h.document = http.StatusOK, jwks(t, first)
	h.now = h.now.Add(fetchGap)
	want("the first key", verify(first), nil, 2)
	want("the first key again", verify(first), nil, 2)
	want("a stranger's key, right after", verify(foreign), ErrRefused, 2)
	h.document = jwks(t, first, second)
	h.now = h.now.Add(fetchGap)
	want("a new key", verify(second), nil, 3)
	for range 20 {
		want("a stranger's keys", verify(foreign), ErrRefused, 3)
	}
	h.now = h.now.Add(freshFor)
	h.status = http.StatusInternalServerError
	want("a known key while the website is down", verify(second), nil, 4)
	if err := verify(foreign); err == nil || errors.Is(err, ErrRefused) {
		t.Errorf("an unknown key while the website is down: %v", err)
	}
	h.now = h.now.Add(staleFor)
	if err := verify(second); err == nil || errors.Is(err, ErrRefused) {
		t.Errorf("a day later: %v", err)
	}
	h.status, h.document = http.StatusOK, jwks(t, second)
	h.now = h.now.Add(fetchGap)
	asked := h.asked
	want("back again", verify(second), nil, asked+1)
	want("a key that was taken out", verify(first), ErrRefused, h.asked)
}
