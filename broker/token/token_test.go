package token

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/google/go-cmp/cmp"

	"github.com/bongsu/bongsu/broker/account"
	"github.com/bongsu/bongsu/broker/audit"
	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/oauth"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/keys"
	"github.com/bongsu/bongsu/keys/keystest"
	"github.com/bongsu/bongsu/keys/seal"
	"github.com/bongsu/bongsu/keys/wrap"
)

var update = flag.Bool("update", false, "write the golden files anew")

const (
	issuer   = "https://login.example.kr"
	callback = "https://shop.example/cb"
	secret   = "shop-secret-of-more-than-thirty-two"
	verifier = "a-verifier-of-at-least-forty-three-characters"
)

var errAway = errors.Join(store.ErrUnavailable, errors.New("away"))

// grants is a writer in memory; fails is what claims and reads end with.
type grants struct {
	byLogin map[string]store.Grant
	account store.Account
	fails   error
}

func (g *grants) ClaimCode(_ context.Context, n store.Grant) (string, error) {
	if g.fails != nil {
		return "", g.fails
	}
	first, taken := g.byLogin[n.LoginID]
	switch {
	case !taken:
		g.byLogin[n.LoginID] = n
		return n.ID, nil
	case bytes.Equal(first.CodeHash, n.CodeHash):
		return first.ID, store.ErrReplayed
	default:
		return "", store.ErrUsed
	}
}

func (g *grants) GrantedAccount(_ context.Context, id string) (store.Grant, store.Account, error) {
	if g.fails != nil {
		return store.Grant{}, store.Account{}, g.fails
	}
	for _, found := range g.byLogin {
		if found.ID == id {
			return found, g.account, nil
		}
	}
	return store.Grant{}, store.Account{}, store.ErrNotFound
}

type facts struct {
	known map[string]bool
	epoch int64
	fails error
}

func (f *facts) Has(kind store.FactKind, id string) bool { return f.known[string(kind)+" "+id] }
func (f *facts) MinEpoch(string) int64                   { return f.epoch }
func (f *facts) Apply(_ context.Context, fact store.Fact) error {
	if f.fails != nil {
		return f.fails
	}
	f.known[string(fact.Kind)+" "+fact.ID] = true
	return nil
}

type house struct {
	t        testing.TB
	endpoint *Endpoint
	ring     *seal.Ring
	keys     *keystest.Store
	grants   *grants
	facts    *facts
	now      time.Time
	events   []audit.Event
}

func newHouse(t testing.TB) *house {
	t.Helper()
	h := &house{
		t: t, keys: keystest.NewStore(), facts: &facts{known: map[string]bool{}},
		now:    time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC),
		grants: &grants{byLogin: map[string]store.Grant{}, account: store.Account{ID: "acc", Epoch: 1, Name: "민지", Email: "m@example.com", UpdatedAt: time.Unix(7, 0)}},
	}
	clock := func() time.Time { return h.now }
	key, err := wrap.New(bytes.Repeat([]byte{1}, wrap.SecretSize))
	h.must(err)
	h.ring, err = seal.Open(t.Context(), seal.Options{Store: h.keys, Wrap: key, Now: clock})
	h.must(err)
	signing, err := keys.Open(t.Context(), keys.Options{
		Issuer: issuer, Site: "seoul", Algorithms: []keys.Algorithm{keys.RS256, keys.ES256, keys.EdDSA},
		Store: h.keys, Wrap: key, Now: clock, GenerateRSA: keystest.RSA(),
	})
	h.must(err)
	shop := client.Client{ID: "shop", Name: "Shop", FirstParty: true, PKCEOptional: true, RedirectURIs: []string{callback}}
	shop.SecretHashes = [][32]byte{client.HashSecret(secret)}
	shop.GrantTypes = []string{client.GrantAuthorizationCode, client.GrantClientCredentials}
	ec, ed, public, plain := shop, shop, shop, shop
	ec.ID, ec.IDTokenAlg = "ec", keys.ES256
	ed.ID, ed.IDTokenAlg = "ed", keys.EdDSA
	public.ID, public.Public, public.SecretHashes, public.PKCEOptional, public.GrantTypes = "spa", true, nil, false, nil
	plain.ID, plain.GrantTypes, plain.AuthMethod = "plain", nil, client.AuthPost
	registry, err := client.NewRegistry([]*client.Client{&shop, &ec, &ed, &public, &plain})
	h.must(err)
	h.endpoint, err = New(Options{
		Issuer: issuer, Clients: registry, Keys: signing, Seal: h.ring, Grants: h.grants, Negatives: h.facts,
		Audit: audit.New(slog.New(slog.DiscardHandler), nil, func(e audit.Event) { h.events = append(h.events, e) }),
		Rand:  rand.Reader, Now: clock,
	})
	h.must(err)
	return h
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// challengeOf is the S256 challenge of a verifier (RFC 7636 4.2).
func challengeOf(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func yes() *bool { v := true; return &v }

// sample is a code as a login hands it over.
func (h *house) sample(change ...func(*Code)) Code {
	c := Code{
		Login: "login-1", Arbiter: Writer, Client: "shop", Redirect: callback,
		Scope: []string{"openid", "profile", "email"}, Nonce: "n", Issued: h.now.Unix(),
		Account: "acc", Epoch: 1, Subject: "u_minji", SID: "sid-1", Way: "kakao", ACR: "urn:bongsu:acr:provider",
		AuthTime: h.now.Unix() - 5, Claims: account.Claims{Name: "민지", Email: "m@example.com", EmailVerified: yes()},
	}
	for _, f := range change {
		f(&c)
	}
	return c
}

func (h *house) sealed(c Code) string {
	h.t.Helper()
	text, err := SealCode(h.ring, c)
	h.must(err)
	return text
}

// redeem posts to the token endpoint as the client, with changes to the form.
func (h *house) redeem(clientID, code string, changes ...string) (map[string]any, error) {
	h.t.Helper()
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}}
	for n := 0; n+1 < len(changes); n += 2 {
		form.Set(changes[n], changes[n+1])
		if changes[n+1] == "" {
			form.Del(changes[n])
		}
	}
	r := httptest.NewRequestWithContext(h.t.Context(), http.MethodPost, "/token", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if !form.Has("client_id") {
		r.SetBasicAuth(clientID, secret)
	}
	w := httptest.NewRecorder()
	if err := h.endpoint.Token(w, r); err != nil {
		return nil, err
	}
	if got := w.Header().Get("Cache-Control"); got != "no-store" {
		h.t.Errorf("Cache-Control %q", got)
	}
	var answer map[string]any
	h.must(json.Unmarshal(w.Body.Bytes(), &answer))
	return answer, nil
}

func (h *house) userinfo(token string) (string, error) {
	r := httptest.NewRequestWithContext(h.t.Context(), http.MethodGet, "/userinfo", http.NoBody)
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	err := h.endpoint.Userinfo(w, r)
	return strings.TrimSpace(w.Body.String()), err
}

func code(err error) string {
	if refused := oauth.As(err); err != nil && refused != nil {
		return refused.Code
	}
	return ""
}

func TestCodeGivesTokensOnce(t *testing.T) {
	h := newHouse(t)
	sealed := h.sealed(h.sample())
	answer, err := h.redeem("shop", sealed)
	h.must(err)
	if answer["token_type"] != "Bearer" || answer["expires_in"] != 600.0 || answer["scope"] != "openid profile email" {
		t.Errorf("answer %v", answer)
	}
	access := answer["access_token"].(string) //nolint:errcheck // a test may panic
	profile, err := h.userinfo(access)
	h.must(err)
	if profile != `{"sub":"u_minji","name":"민지","updated_at":7,"email":"m@example.com","email_verified":false}` {
		t.Errorf("userinfo %s", profile)
	}
	if _, err := h.redeem("shop", sealed); code(err) != oauth.CodeInvalidGrant {
		t.Errorf("again: %v", err)
	}
	if _, err := h.userinfo(access); code(err) != oauth.CodeInvalidToken {
		t.Errorf("a replay takes back what the code gave: %v", err)
	}
	if last := h.events[len(h.events)-1]; last.Name != audit.CodeReplayed {
		t.Errorf("event %+v", last)
	}
}

// Another code of the same login gives nothing and takes nothing back.
func TestOneCodePerLogin(t *testing.T) {
	h := newHouse(t)
	answer, err := h.redeem("shop", h.sealed(h.sample()))
	h.must(err)
	if _, err := h.redeem("shop", h.sealed(h.sample())); code(err) != oauth.CodeInvalidGrant {
		t.Errorf("the second code: %v", err)
	}
	if _, err := h.userinfo(answer["access_token"].(string)); err != nil { //nolint:errcheck // a test may panic
		t.Errorf("the first code's token: %v", err)
	}
}

// What cannot be claimed, or revoked, is neither used nor refused.
func TestCodeThatCannotBeClaimed(t *testing.T) {
	h := newHouse(t)
	sealed := h.sealed(h.sample())
	h.grants.fails = errAway
	if _, err := h.redeem("shop", sealed); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("away: %v", err)
	}
	h.grants.fails = nil
	_, err := h.redeem("shop", sealed)
	h.must(err)
	h.facts.fails = errAway
	if _, err := h.redeem("shop", sealed); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a replay whose revocation failed: %v", err)
	}
}

func TestCodesAreChecked(t *testing.T) {
	pkce := func(c *Code) { c.Challenge = challengeOf(verifier) }
	tests := []struct {
		name    string
		code    func(*Code)
		client  string
		changes []string
		want    string
	}{
		{"everything right", nil, "shop", nil, ""},
		{"the right verifier", pkce, "shop", []string{"code_verifier", verifier}, ""},
		{"another verifier", pkce, "shop", []string{"code_verifier", verifier + "x"}, oauth.CodeInvalidGrant},
		{"no verifier", pkce, "shop", nil, oauth.CodeInvalidGrant},
		{"a verifier nobody announced (downgrade)", nil, "shop", []string{"code_verifier", verifier}, oauth.CodeInvalidGrant},
		{"another client's code", func(c *Code) { c.Client = "ec" }, "shop", nil, oauth.CodeInvalidGrant},
		{"another redirect URI", nil, "shop", []string{"redirect_uri", callback + "/"}, oauth.CodeInvalidGrant},
		{"no redirect URI", nil, "shop", []string{"redirect_uri", ""}, oauth.CodeInvalidGrant},
		{"an arbiter that is not here", func(c *Code) { c.Arbiter = "node-7" }, "shop", nil, oauth.CodeInvalidGrant},
		{"60 seconds old", func(c *Code) { c.Issued -= 60 }, "shop", nil, oauth.CodeInvalidGrant},
		{"59 seconds old", func(c *Code) { c.Issued -= 59 }, "shop", nil, ""},
		{"from a clock that is ahead", func(c *Code) { c.Issued += 60 }, "shop", nil, ""},
		{"from the future", func(c *Code) { c.Issued += 61 }, "shop", nil, oauth.CodeInvalidGrant},
		{"an unknown client", nil, "nobody", nil, oauth.CodeInvalidClient},
		{"a client that uses the wrong method", func(c *Code) { c.Client = "plain" }, "plain", nil, oauth.CodeInvalidClient},
		{"a client of wrong secret", nil, "", []string{"client_id", "shop", "client_secret", "wrong"}, oauth.CodeInvalidClient},
		{"a confidential client without a secret", nil, "", []string{"client_id", "shop"}, oauth.CodeInvalidClient},
		{"a public client", func(c *Code) { c.Client = "spa"; pkce(c) }, "", []string{"client_id", "spa", "code_verifier", verifier}, ""},
		{"a grant type of nobody", nil, "shop", []string{"grant_type", "password"}, oauth.CodeUnsupportedGrantType},
		{"a grant type of others", nil, "", []string{"client_id", "spa", "grant_type", "client_credentials"}, oauth.CodeUnauthorizedClient},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHouse(t)
			c := h.sample()
			if tt.code != nil {
				tt.code(&c)
			}
			answer, err := h.redeem(tt.client, h.sealed(c), tt.changes...)
			if code(err) != tt.want || (err == nil) != (tt.want == "") {
				t.Errorf("got %v %v, want %q", answer, err, tt.want)
			}
			if claimed := len(h.grants.byLogin) == 1; claimed != (tt.want == "") {
				t.Errorf("claimed: %t", claimed)
			}
		})
	}
}

func TestFactsVoidACode(t *testing.T) {
	for name, spoil := range map[string]func(*facts){
		"the session ended":     func(f *facts) { f.known["session_ended sid-1"] = true },
		"the account disabled":  func(f *facts) { f.known["account_disabled acc"] = true },
		"all its sessions over": func(f *facts) { f.epoch = 2 },
	} {
		h := newHouse(t)
		spoil(h.facts)
		if _, err := h.redeem("shop", h.sealed(h.sample())); code(err) != oauth.CodeInvalidGrant || len(h.grants.byLogin) != 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Forged, foreign and cut codes are no codes; one that cannot be opened is not
// called so.
func TestOpenCode(t *testing.T) {
	h, other := newHouse(t), newHouse(t)
	foreign, err := h.ring.Seal("login", []byte(`{}`))
	h.must(err)
	good := h.sealed(h.sample())
	for name, text := range map[string]string{
		"nothing": "", "nonsense": "nonsense", "a login": foreign, "cut": good[:len(good)-4], "another deployment's": other.sealed(h.sample()),
	} {
		if _, err := openCode(t.Context(), h.ring, text, h.now); !errors.Is(err, errCode) {
			t.Errorf("%s: %v", name, err)
		}
	}
	got, err := openCode(t.Context(), h.ring, good, h.now)
	h.must(err)
	if diff := cmp.Diff(h.sample(), got); diff != "" {
		t.Error(diff)
	}
	h.keys.Intercept(func(context.Context, string) error { return errAway })
	h.now = h.now.Add(11 * time.Second)
	if _, err := h.redeem("shop", other.sealed(h.sample())); !errors.Is(err, seal.ErrUnavailable) {
		t.Errorf("could not check: %v", err)
	}
}

// What is signed is what stands in the golden files, for every algorithm; the
// library agrees with at_hash.
func TestClaims(t *testing.T) {
	for _, id := range []string{"shop", "ec", "ed"} {
		t.Run(id, func(t *testing.T) {
			h := newHouse(t)
			answer, err := h.redeem(id, h.sealed(h.sample(func(c *Code) { c.Client = id })))
			h.must(err)
			idToken, access := answer["id_token"].(string), answer["access_token"].(string) //nolint:errcheck // a test may panic
			known, _ := h.endpoint.Clients.Client(id)
			verified, err := oidc.NewVerifier(issuer, trusted{}, &oidc.Config{
				ClientID: id, SupportedSigningAlgs: []string{string(known.IDTokenAlg)}, Now: h.endpoint.Now,
			}).Verify(t.Context(), idToken)
			h.must(err)
			if err := verified.VerifyAccessToken(access); err != nil {
				t.Error(err)
			}
			payload, err := h.endpoint.Keys.Verify(keys.IDToken, idToken)
			h.must(err)
			golden(t, "id_token_"+id, withoutRandom(t, payload, "at_hash"))
			payload, err = h.endpoint.Keys.Verify(keys.AccessToken, access)
			h.must(err)
			golden(t, "access_token_"+id, withoutRandom(t, payload, "jti", "gid"))
		})
	}
	h := newHouse(t)
	h.endpoint.WayClaim = true
	answer, err := h.redeem("shop", h.sealed(h.sample()))
	h.must(err)
	payload, err := h.endpoint.Keys.Verify(keys.IDToken, answer["id_token"].(string)) //nolint:errcheck // a test may panic
	if err != nil || !bytes.Contains(payload, []byte(`"bongsu_way":"kakao"`)) {
		t.Errorf("dev's claim: %s %v", payload, err)
	}
}

// trusted takes the signature as checked, which [keys.Ring.Verify] does here.
type trusted struct{}

func (trusted) VerifySignature(_ context.Context, jwt string) ([]byte, error) {
	return base64.RawURLEncoding.DecodeString(strings.Split(jwt, ".")[1])
}

// withoutRandom checks that the named claims are there and takes their values away.
func withoutRandom(t *testing.T, payload []byte, names ...string) []byte {
	t.Helper()
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if text, _ := claims[name].(string); len(text) < 20 {
			t.Errorf("%s is %v", name, claims[name])
		}
		claims[name] = "…"
	}
	text, err := json.MarshalIndent(claims, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(text, '\n')
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name+".json")
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("go test -update writes it anew (-want +got):\n%s", diff)
	}
}

func TestClientsOwnToken(t *testing.T) {
	h := newHouse(t)
	answer, err := h.redeem("shop", "", "grant_type", "client_credentials", "code", "", "redirect_uri", "")
	h.must(err)
	if answer["id_token"] != nil || len(h.grants.byLogin) != 0 {
		t.Errorf("answer %v", answer)
	}
	if _, err := h.userinfo(answer["access_token"].(string)); code(err) != oauth.CodeInsufficientScope { //nolint:errcheck // a test may panic
		t.Errorf("userinfo: %v", err)
	}
}

// Userinfo knows better than the signature.
func TestUserinfoRefuses(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(*house)
		want  string
	}{
		{"the token expired", func(h *house) { h.now = h.now.Add(10 * time.Minute) }, oauth.CodeInvalidToken},
		{"the grant revoked", func(h *house) {
			h.facts.known["grant_revoked "+h.grants.byLogin["login-1"].ID] = true
		}, oauth.CodeInvalidToken},
		{"the session ended", func(h *house) { h.facts.known["session_ended sid-1"] = true }, oauth.CodeInvalidToken},
		{"the account disabled, says a fact", func(h *house) { h.facts.known["account_disabled acc"] = true }, oauth.CodeInvalidToken},
		{"the account disabled, says the store", func(h *house) { h.grants.account.Disabled = true }, oauth.CodeInvalidToken},
		{"all sessions ended, says the store", func(h *house) { h.grants.account.Epoch = 2 }, oauth.CodeInvalidToken},
		{"all sessions ended, says a fact", func(h *house) { h.facts.epoch = 2 }, oauth.CodeInvalidToken},
		{"the grant gone", func(h *house) { clear(h.grants.byLogin) }, oauth.CodeInvalidToken},
		{"the store away", func(h *house) { h.grants.fails = errAway }, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHouse(t)
			answer, err := h.redeem("shop", h.sealed(h.sample()))
			h.must(err)
			tt.spoil(h)
			body, err := h.userinfo(answer["access_token"].(string)) //nolint:errcheck // a test may panic
			if tt.want == "" && !errors.Is(err, store.ErrUnavailable) || tt.want != "" && code(err) != tt.want || body != "" {
				t.Errorf("%q %v, want %q", body, err, tt.want)
			}
			if _, err := h.userinfo(answer["id_token"].(string)); code(err) != oauth.CodeInvalidToken { //nolint:errcheck // a test may panic
				t.Errorf("an ID token for an access token: %v", err)
			}
		})
	}
}

func TestDiscovery(t *testing.T) {
	document, err := Discovery(issuer, []keys.Algorithm{keys.RS256, keys.ES256})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "discovery", withoutRandom(t, document.Body))
	serve := ServeDocument(func() Document { return document })
	tests := []struct {
		name, match string
		want        int
	}{
		{"for the first time", "", http.StatusOK},
		{"known already", document.ETag, http.StatusNotModified},
		{"known weakly", "W/" + document.ETag, http.StatusNotModified},
		{"one of several", `"other", ` + document.ETag, http.StatusNotModified},
		{"any", "*", http.StatusNotModified},
		{"another", `"other"`, http.StatusOK},
		{"without quotes", strings.Trim(document.ETag, `"`), http.StatusOK},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
			if tt.match != "" {
				r.Header.Set("If-None-Match", tt.match)
			}
			w := httptest.NewRecorder()
			if err := serve(w, r); err != nil {
				t.Fatal(err)
			}
			if w.Code != tt.want || (w.Body.Len() > 0) != (tt.want == http.StatusOK) {
				t.Errorf("%d with %d bytes", w.Code, w.Body.Len())
			}
			if w.Header().Get("Etag") != document.ETag || w.Header().Get("Access-Control-Allow-Origin") != "*" ||
				!strings.HasPrefix(w.Header().Get("Cache-Control"), "public, max-age=300") {
				t.Errorf("headers %v", w.Header())
			}
		})
	}
}
