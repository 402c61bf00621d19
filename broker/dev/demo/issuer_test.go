package demo_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"
)

// rsaKey is made once for the process: it is what takes time.
var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// issuer is an OpenID Provider in a few lines, with a switch for everything
// the website must notice.
type issuer struct {
	*httptest.Server
	t *testing.T

	mu       sync.Mutex
	asked    url.Values         // the last authorization request
	posted   url.Values         // the last token request
	ended    url.Values         // the last end-session request
	claims   map[string]any     // of the next ID token
	answer   func(q url.Values) // changes the next authorization answer
	spoil    func(token string) string
	refuse   string // error of the token endpoint
	dead     bool   // answers 503 to everything
	noLogout bool   // has no end_session_endpoint
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	i := &issuer{t: t, claims: map[string]any{"sub": "u_7h3kq92dx4m1", "name": "김하늘", "bongsu_way": "kakao"}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", i.discovery)
	mux.HandleFunc("GET /jwks", i.jwks)
	mux.HandleFunc("GET /authorize", i.authorize)
	mux.HandleFunc("POST /token", i.token)
	mux.HandleFunc("GET /logout", i.endSession)
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.mu.Lock()
		defer i.mu.Unlock()
		if i.dead {
			http.Error(w, "dead", http.StatusServiceUnavailable)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(i.Close)
	return i
}

// set changes the issuer between two requests.
func (i *issuer) set(change func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	change()
}

func (i *issuer) discovery(w http.ResponseWriter, _ *http.Request) {
	document := map[string]any{
		"issuer": i.URL, "authorization_endpoint": i.URL + "/authorize", "token_endpoint": i.URL + "/token",
		"jwks_uri": i.URL + "/jwks", "id_token_signing_alg_values_supported": []string{"RS256"},
		"authorization_response_iss_parameter_supported": true,
	}
	if !i.noLogout {
		document["end_session_endpoint"] = i.URL + "/logout"
	}
	i.json(w, document)
}

func (i *issuer) jwks(w http.ResponseWriter, _ *http.Request) {
	encode := base64.RawURLEncoding.EncodeToString
	i.json(w, map[string]any{"keys": []map[string]string{{
		"kty": "RSA", "kid": "k-2026q4", "alg": "RS256", "use": "sig",
		"n": encode(rsaKey().N.Bytes()), "e": encode([]byte{1, 0, 1}),
	}}})
}

func (i *issuer) authorize(w http.ResponseWriter, r *http.Request) {
	i.asked = r.URL.Query()
	answer := url.Values{"code": {"c1"}, "state": {i.asked.Get("state")}, "iss": {i.URL}}
	if i.answer != nil {
		i.answer(answer)
	}
	http.Redirect(w, r, i.asked.Get("redirect_uri")+"?"+answer.Encode(), http.StatusSeeOther)
}

func (i *issuer) token(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<16)
	if err := r.ParseForm(); err != nil {
		i.t.Errorf("token request: %v", err)
	}
	i.posted = r.PostForm
	if id, secret, ok := r.BasicAuth(); !ok || id != "demo" || secret != "demo-secret" {
		i.t.Errorf("client authenticated as %q, %v", id, ok)
	}
	sum := sha256.Sum256([]byte(i.posted.Get("code_verifier")))
	if got := base64.RawURLEncoding.EncodeToString(sum[:]); got != i.asked.Get("code_challenge") || i.asked.Get("code_challenge_method") != "S256" {
		i.t.Error("the verifier does not fit the challenge")
	}
	if i.refuse != "" {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		i.json(w, map[string]string{"error": i.refuse, "error_description": "The code was used before."})
		return
	}
	i.json(w, map[string]any{"access_token": "a", "token_type": "Bearer", "expires_in": 600, "id_token": i.idToken()})
}

func (i *issuer) idToken() string {
	now := time.Now()
	claims := map[string]any{
		"iss": i.URL, "aud": "demo", "iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(), "auth_time": now.Unix(),
		"nonce": i.asked.Get("nonce"), "acr": "urn:bongsu:acr:provider", "amr": []string{"fed"},
	}
	maps.Copy(claims, i.claims)
	part := func(v any) string {
		raw, err := json.Marshal(v)
		if err != nil {
			i.t.Errorf("write token: %v", err)
		}
		return base64.RawURLEncoding.EncodeToString(raw)
	}
	head := part(map[string]string{"alg": "RS256", "kid": "k-2026q4", "typ": "JWT"}) + "." + part(claims)
	sum := sha256.Sum256([]byte(head))
	signature, err := rsa.SignPKCS1v15(rand.Reader, rsaKey(), crypto.SHA256, sum[:])
	if err != nil {
		i.t.Errorf("sign token: %v", err)
	}
	token := head + "." + base64.RawURLEncoding.EncodeToString(signature)
	if i.spoil != nil {
		token = i.spoil(token)
	}
	return token
}

func (i *issuer) endSession(w http.ResponseWriter, r *http.Request) {
	i.ended = r.URL.Query()
	http.Redirect(w, r, i.ended.Get("post_logout_redirect_uri"), http.StatusSeeOther)
}

func (i *issuer) json(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		i.t.Errorf("write answer: %v", err)
	}
}
