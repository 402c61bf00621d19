package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// upstream is the smallest OpenID Provider that a broker accepts: the code
// carries subject and nonce, so that it holds nothing and costs next to
// nothing beside the broker.
type upstream struct {
	issuer string
	signer jose.Signer
	jwks   []byte
	server *http.Server
}

func newUpstream() (*upstream, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: "u1"}}, nil)
	if err != nil {
		return nil, err
	}
	jwks, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{
		Key: &key.PublicKey, KeyID: "u1", Algorithm: "ES256", Use: "sig",
	}}})
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	u := &upstream{issuer: "http://" + l.Addr().String(), signer: signer, jwks: jwks}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", u.discovery)
	mux.HandleFunc("GET /jwks", func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, jwks) })
	mux.HandleFunc("POST /token", u.token)
	u.server = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = u.server.Serve(l) }()
	return u, nil
}

func (u *upstream) discovery(w http.ResponseWriter, _ *http.Request) {
	document, _ := json.Marshal(map[string]any{
		"issuer": u.issuer, "authorization_endpoint": u.issuer + "/authorize", "token_endpoint": u.issuer + "/token",
		"jwks_uri": u.issuer + "/jwks", "response_types_supported": []string{"code"},
		"subject_types_supported": []string{"public"}, "id_token_signing_alg_values_supported": []string{"ES256"},
		"code_challenge_methods_supported": []string{"S256"},
	})
	answerJSON(w, document)
}

// code is what the person's yes at this provider gives for an authorization
// request.
func (u *upstream) code(authorization url.Values, subject string) string {
	plain := subject + " " + authorization.Get("client_id") + " " + authorization.Get("nonce")
	return base64.RawURLEncoding.EncodeToString([]byte(plain))
}

func (u *upstream) token(w http.ResponseWriter, r *http.Request) {
	plain, err := base64.RawURLEncoding.DecodeString(r.FormValue("code"))
	parts := strings.Split(string(plain), " ")
	if err != nil || len(parts) != 3 {
		w.WriteHeader(http.StatusBadRequest)
		answerJSON(w, []byte(`{"error":"invalid_grant"}`))
		return
	}
	now := time.Now().Unix()
	claims := fmt.Sprintf(`{"iss":%q,"sub":%q,"aud":%q,"nonce":%q,"iat":%d,"exp":%d,"name":"Person %s"}`,
		u.issuer, parts[0], parts[1], parts[2], now, now+300, parts[0])
	signed, err := u.signer.Sign([]byte(claims))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	compact, _ := signed.CompactSerialize()
	answerJSON(w, []byte(`{"access_token":"a","token_type":"Bearer","expires_in":300,"id_token":"`+compact+`"}`))
}

func answerJSON(w http.ResponseWriter, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body)
}
