package token

import (
	"bytes"
	"cmp"
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
	"strings"
	"testing"
	"time"

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
	loses   error // what a claim ends with that is written all the same
}

func (g *grants) ClaimCode(_ context.Context, n store.Grant) (string, error) {
	if g.fails != nil {
		return "", g.fails
	}
	first, taken := g.byLogin[n.LoginID]
	switch {
	case !taken:
		g.byLogin[n.LoginID] = n
		return n.ID, g.loses
	case first.ID == n.ID:
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

func (g *grants) Account(context.Context, string, int64) (store.Account, error) {
	return g.account, g.fails
}

type facts struct {
	known   map[string]bool
	epoch   int64
	doubted bool  // a peer says that sessions ended, up to an epoch not known yet
	ended   int64 // ProviderSessionsEnded of kakao
	fails   error
}

func (f *facts) Has(kind store.FactKind, id string) bool    { return f.known[string(kind)+" "+id] }
func (f *facts) EpochInDoubt(string) (doubted, stored bool) { return f.doubted, f.doubted }
func (f *facts) MinEpoch(string) int64                      { return f.epoch }
func (f *facts) Epoch(kind store.FactKind, id string) int64 {
	if kind == store.ProviderSessionsEnded && id == "kakao" {
		return f.ended
	}
	return 0
}

func (f *facts) Apply(_ context.Context, fact store.Fact) error {
	if f.fails != nil {
		return f.fails
	}
	f.known[string(fact.Kind)+" "+fact.ID] = true
	return nil
}

// RefreshFamily and RotateRefresh are not asked: what a family does is tested
// with the store itself.
func (g *grants) RefreshFamily(context.Context, string, int64) (store.Grant, store.Account, error) {
	return store.Grant{}, store.Account{}, cmp.Or(g.fails, store.ErrNotFound)
}

func (g *grants) RotateRefresh(context.Context, store.Rotation) (bool, error) {
	return false, cmp.Or(g.fails, store.ErrNotFound)
}

// subjects are the same for everybody.
type subjects struct{}

func (subjects) Subject(a store.Account, _ *client.Client) string { return "u_" + a.ID }

type house struct {
	t        testing.TB
	endpoint *Endpoint
	ring     *seal.Ring
	keys     *keystest.Store
	grants   *grants
	facts    *facts
	now      time.Time
	events   []audit.Event

	resources client.Resources
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
		Issuer: issuer, Clients: registry, Keys: signing, Seal: h.ring, Wrap: key, Grants: h.grants, Negatives: h.facts,
		Subjects: subjects{}, Resources: &h.resources,
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
