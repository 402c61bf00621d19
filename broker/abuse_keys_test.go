package broker_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/broker/config"
)

func b64(v any) string {
	if raw, ok := v.([]byte); ok {
		return base64.RawURLEncoding.EncodeToString(raw)
	}
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // maps of texts and numbers
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// header decodes the JOSE header of a token.
func header(t *testing.T, token string) map[string]any {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[0])
	if err != nil {
		t.Fatal(err)
	}
	var h map[string]any
	if err := json.Unmarshal(raw, &h); err != nil {
		t.Fatal(err)
	}
	return h
}

// reworded changes claims and keeps header and signature.
func reworded(t *testing.T, token string, changes map[string]any) string {
	t.Helper()
	parts := strings.Split(token, ".")
	claims := brokertest.Claims(token)
	if claims == nil || len(parts) != 3 {
		t.Fatal("this is no token")
	}
	maps.Copy(claims, changes)
	return parts[0] + "." + b64(claims) + "." + parts[2]
}

// forgeries are what an attacker makes of a real token with the key set that
// everybody may read.
func forgeries(t *testing.T, n *brokertest.Node, token string) map[string]string {
	t.Helper()
	parts := strings.Split(token, ".")
	was := header(t, token)
	with := func(changes map[string]any) map[string]any {
		h := maps.Clone(was)
		maps.Copy(h, changes)
		return h
	}
	forged := map[string]string{
		"the signature removed": parts[0] + "." + parts[1] + ".",
		"the signature alone":   ".." + parts[2],
		"only two parts":        parts[0] + "." + parts[1],
		"a changed payload":     reworded(t, token, map[string]any{"sub": "somebody"}),
	}
	for _, alg := range []string{"none", "None", "nOnE", "NONE", ""} {
		h := b64(with(map[string]any{"alg": alg}))
		forged["alg "+alg] = h + "." + parts[1] + "."
		forged["alg "+alg+" and the old signature"] = h + "." + parts[1] + "." + parts[2]
		forged["alg "+alg+" without kid"] = b64(map[string]any{"alg": alg, "typ": was["typ"]}) + "." + parts[1] + "."
	}
	for i, secret := range publicSecrets(t, n, was["kid"]) {
		for _, alg := range []string{"HS256"} {
			input := b64(with(map[string]any{"alg": alg})) + "." + parts[1]
			mac := hmac.New(sha256.New, secret)
			mac.Write([]byte(input))
			forged[fmt.Sprintf("%s with the public key, form %d", alg, i)] = input + "." + b64(mac.Sum(nil))
		}
	}
	own, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	jwk := map[string]any{
		"kty": "RSA", "use": "sig", "alg": "RS256", "n": b64(own.N.Bytes()), "e": b64(big.NewInt(int64(own.E)).Bytes()), "kid": was["kid"],
	}
	sign := func(h map[string]any) string {
		input := b64(h) + "." + parts[1]
		sum := sha256.Sum256([]byte(input))
		signature, err := rsa.SignPKCS1v15(nil, own, crypto.SHA256, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		return input + "." + b64(signature)
	}
	forged["a key of one's own under the real kid"] = sign(with(map[string]any{"alg": "RS256"}))
	forged["a key in the jwk header"] = sign(with(map[string]any{"alg": "RS256", "jwk": jwk}))
	forged["a key in the jwk header alone"] = sign(map[string]any{"alg": "RS256", "typ": was["typ"], "jwk": jwk})
	forged["a key behind jku"] = sign(with(map[string]any{"alg": "RS256", "jku": n.Upstream("p").URL("jwks")}))
	forged["a key in x5c"] = sign(with(map[string]any{"alg": "RS256", "x5c": []string{b64([]byte("x"))}}))
	forged["a critical header"] = sign(with(map[string]any{"alg": "RS256", "crit": []string{"x"}, "x": 1}))
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	input := b64(with(map[string]any{"alg": "ES256"})) + "." + parts[1]
	sum := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, curve, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	forged["another curve key"] = input + "." + b64(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
	forged["the zero signature"] = input + "." + b64(make([]byte, 64))
	return forged
}

// publicSecrets are the forms in which a library might take the published key
// for a shared secret.
func publicSecrets(t *testing.T, n *brokertest.Node, kid any) [][]byte {
	t.Helper()
	var secrets [][]byte
	for _, key := range keySet(t, n) {
		if key["kid"] != kid {
			continue
		}
		text, err := json.Marshal(key)
		if err != nil {
			t.Fatal(err)
		}
		secrets = append(secrets, text)
		if key["kty"] != "RSA" {
			continue
		}
		modulus, err := base64.RawURLEncoding.DecodeString(key["n"].(string))
		if err != nil {
			t.Fatal(err)
		}
		der, err := x509.MarshalPKIXPublicKey(&rsa.PublicKey{N: new(big.Int).SetBytes(modulus), E: 65537})
		if err != nil {
			t.Fatal(err)
		}
		block := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
		secrets = append(secrets, der, block, block[:len(block)-1], modulus)
	}
	if len(secrets) == 0 {
		t.Fatal("the key of the token is not published")
	}
	return secrets
}

func TestAB27UnsignedAndConfusedTokens(t *testing.T) {
	n := brokertest.StartNode(t)
	for _, website := range []brokertest.Website{brokertest.RP1, brokertest.ES256, brokertest.EdDSA} {
		t.Run(website.ID, func(t *testing.T) { abuse27(t, n, website) })
	}
}

func abuse27(t *testing.T, n *brokertest.Node, website brokertest.Website) {
	b := n.NewBrowser()
	tokens := n.Redeem(n.Login(b, "kakao", "vic", website.Request()))
	idToken, access := tokens.Text("id_token"), tokens.Text("access_token")
	honest := website.Request(set("id_token_hint", idToken), set("prompt", "none"))
	if got := n.Answered(b.Open(n.AuthorizeURL(honest)), honest); got.Code == "" {
		t.Fatalf("an honest hint answers %s: %s", got.Error, got.Text)
	}
	somebodys := other(t, n, website)
	before := n.Rows()
	for name, token := range forgeries(t, n, idToken) {
		r := website.Request(set("id_token_hint", token), set("prompt", "none"))
		if len(r.Encode()) < 6000 {
			if got := n.Answered(b.Open(n.AuthorizeURL(r)), r); got.Error != "invalid_request" {
				t.Errorf("as a hint, %s answers %q", name, got.Error)
			}
		}
		refused(t, n.Userinfo(token), "invalid_token")
		// At logout it is no word of this session: the person is asked.
		query := url.Values{"id_token_hint": {token}, "post_logout_redirect_uri": {"https://rp1.example/out"}, "state": {"s"}}
		page := b.Open(n.Issuer + "/logout?" + query.Encode())
		if !page.Has("logout") || page.URL.Host != strings.TrimPrefix(n.Issuer, "http://") {
			t.Errorf("at logout, %s leads to %s without a question", name, page.URL)
		}
	}
	for name, token := range forgeries(t, n, access) {
		if got := n.Userinfo(token); got.Status != http.StatusUnauthorized || got.Text("error") != "invalid_token" {
			t.Errorf("as an access token, %s answers %d %s", name, got.Status, got.Body)
		}
		inactive(t, n.Introspect(website, token))
	}
	for name, token := range map[string]string{"an access token": access, "somebody else's": somebodys} {
		r := website.Request(set("id_token_hint", token), set("prompt", "none"))
		if got := n.Answered(b.Open(n.AuthorizeURL(r)), r); got.Error != "invalid_request" {
			t.Errorf("%s as a hint answers %q", name, got.Error)
		}
	}
	if after := n.Rows(); !after.Same(before) {
		t.Errorf("left behind: %v became %v", before, after)
	}
	hasSession(t, n, b)
	active(t, n.Introspect(website, access))
}

// other is an ID token that another website got.
func other(t *testing.T, n *brokertest.Node, than brokertest.Website) string {
	t.Helper()
	w := brokertest.RP2
	if than.ID == w.ID {
		w = brokertest.RP1
	}
	return n.Redeem(n.Login(n.NewBrowser(), "kakao", "mal", w.Request())).Text("id_token")
}

func keySet(t *testing.T, n *brokertest.Node) []map[string]any {
	t.Helper()
	answer := n.Ask(http.MethodGet, "/jwks")
	var set struct {
		Keys []map[string]any `json:"keys"`
	}
	if err := json.Unmarshal(answer.Body, &set); err != nil || answer.Status != http.StatusOK {
		t.Fatalf("the key set answers %d: %v", answer.Status, err)
	}
	return set.Keys
}

// publicOnly checks what a key set shows.
func publicOnly(t *testing.T, set []map[string]any) {
	t.Helper()
	if len(set) == 0 {
		t.Fatal("the key set is empty")
	}
	allowed := map[string][]string{
		"RSA": {"kty", "use", "alg", "kid", "n", "e"},
		"EC":  {"kty", "use", "alg", "kid", "crv", "x", "y"},
		"OKP": {"kty", "use", "alg", "kid", "crv", "x"},
	}
	seen := map[any]bool{}
	for _, key := range set {
		kind, _ := key["kty"].(string)
		members, ok := allowed[kind]
		if !ok {
			t.Errorf("a key of type %q is published", kind)
			continue
		}
		for name := range key {
			if !strings.Contains(" "+strings.Join(members, " ")+" ", " "+name+" ") {
				t.Errorf("%v shows %s", key["kid"], name)
			}
		}
		if len(key) != len(members) || key["use"] != "sig" || key["kid"] == "" || seen[key["kid"]] {
			t.Errorf("key %v", key)
		}
		seen[key["kid"]] = true
	}
}

func TestAB28WhatTheKeySetShows(t *testing.T) {
	n := brokertest.StartNode(t)
	before := keySet(t, n)
	publicOnly(t, before)
	answer := n.Ask(http.MethodGet, "/jwks")
	if cache := answer.Header.Get("Cache-Control"); !strings.Contains(cache, "max-age=300") {
		t.Errorf("Cache-Control is %q", cache)
	}
	if again := n.Ask(http.MethodGet, "/jwks", "If-None-Match", answer.Header.Get("ETag")); again.Status != http.StatusNotModified {
		t.Errorf("an unchanged key set answers %d", again.Status)
	}
	// What signs is published.
	for _, website := range []brokertest.Website{brokertest.RP1, brokertest.ES256, brokertest.EdDSA} {
		tokens := n.Redeem(n.Login(n.NewBrowser(), "kakao", "vic", website.Request()))
		for _, token := range []string{tokens.Text("id_token"), tokens.Text("access_token")} {
			publicSecrets(t, n, header(t, token)["kid"])
		}
	}
	for _, path := range []string{"/jwks/", "/jwks?private=1", "/jwks.json"} {
		if got := n.Ask(http.MethodGet, path); got.Status == http.StatusOK {
			publicOnly(t, keySet(t, n))
		}
	}
}

// forgetInstances lets the next node on the database have providers at other
// addresses, which here are the same all the same.
func forgetInstances(t *testing.T, n *brokertest.Node) {
	t.Helper()
	db := n.OpenDatabase()
	_, err := db.ExecContext(t.Context(), "DELETE FROM fingerprints")
	must(t, errors.Join(err, db.Close()))
}

// The same holds while keys change: a second node on the same database, whose
// clock stands in another phase of the life of a key.
func TestAB28WhatTheKeySetShowsDuringARotation(t *testing.T) {
	first := brokertest.StartNode(t)
	shown := map[any]bool{}
	look := func(n *brokertest.Node) int {
		set := keySet(t, n)
		publicOnly(t, set)
		for _, key := range set {
			shown[key["kid"]] = true
		}
		return len(shown)
	}
	began := look(first)
	later := first
	for _, by := range []time.Duration{89 * 24 * time.Hour, 2 * 24 * time.Hour, 3 * 24 * time.Hour, 30 * 24 * time.Hour} {
		forgetInstances(t, first)
		later = brokertest.StartNode(t, func(s *brokertest.Setup) {
			s.Ahead = later.Clock.Ahead() + by
			s.Configure = func(c *config.Config) { c.Store = config.Store{Driver: "sqlite", Path: first.Database} }
		})
		look(later)
		tokens := later.Redeem(later.Login(later.NewBrowser(), "kakao", "vic", brokertest.RP1.Request()))
		for _, token := range []string{tokens.Text("id_token"), tokens.Text("access_token")} {
			publicSecrets(t, later, header(t, token)["kid"])
		}
	}
	eventually(t, "a key is shown that was not there four months ago", func() bool { return look(later) > began })
	wholeLogin(t, later, brokertest.RP1, "kakao")
}
