package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// clientSigner signs as a client does; header members beside alg come from extra.
func clientSigner(t *testing.T, alg jose.SignatureAlgorithm, key crypto.Signer, extra map[jose.HeaderKey]any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, &jose.SignerOptions{ExtraHeaders: extra})
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign([]byte(`{"sub":"rp"}`))
	if err != nil {
		t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func clientSet(t *testing.T, all ...jose.JSONWebKey) []byte {
	t.Helper()
	document, err := json.Marshal(jose.JSONWebKeySet{Keys: all})
	if err != nil {
		t.Fatal(err)
	}
	return document
}

// Every algorithm that is offered works with a key of its kind, and no other.
func TestClientKeys(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	set, err := ParseClientKeys(clientSet(t,
		jose.JSONWebKey{KeyID: "rsa", Key: &rsaKey.PublicKey},
		jose.JSONWebKey{KeyID: "ec", Key: &ecKey.PublicKey, Use: "sig"},
		jose.JSONWebKey{KeyID: "ed", Key: edKey.Public(), Algorithm: "EdDSA"},
		jose.JSONWebKey{KeyID: "enc", Key: &rsaKey.PublicKey, Use: "enc"},
	))
	if err != nil {
		t.Fatal(err)
	}
	named := func(id string) map[jose.HeaderKey]any { return map[jose.HeaderKey]any{"kid": id} }
	tests := []struct {
		name  string
		token string
		want  error
	}{
		{"RS256", clientSigner(t, jose.RS256, rsaKey, named("rsa")), nil},
		{"PS256", clientSigner(t, jose.PS256, rsaKey, named("rsa")), nil},
		{"ES256", clientSigner(t, jose.ES256, ecKey, named("ec")), nil},
		{"EdDSA", clientSigner(t, jose.EdDSA, edKey, named("ed")), nil},
		{"without kid", clientSigner(t, jose.ES256, ecKey, nil), nil},
		{"with typ and a thumbprint", clientSigner(t, jose.ES256, ecKey, map[jose.HeaderKey]any{"typ": "jwt", "x5t": "abc"}), nil},
		{"RS512", clientSigner(t, jose.RS512, rsaKey, named("rsa")), ErrToken},
		{"a kid of another kind of key", clientSigner(t, jose.ES256, ecKey, named("rsa")), ErrNoClientKey},
		{"an unknown kid", clientSigner(t, jose.ES256, ecKey, named("other")), ErrNoClientKey},
		{"a key for encryption", clientSigner(t, jose.RS256, rsaKey, named("enc")), ErrNoClientKey},
		{"another kind of token", clientSigner(t, jose.ES256, ecKey, map[jose.HeaderKey]any{"typ": "at+jwt"}), ErrToken},
		{"a key that it brings along", clientSigner(t, jose.ES256, ecKey, map[jose.HeaderKey]any{"jku": "https://evil.example"}), ErrToken},
		{"a demand", clientSigner(t, jose.ES256, ecKey, map[jose.HeaderKey]any{"zip": "DEF"}), ErrToken},
		{"too long", strings.Repeat("a", MaxToken) + ".a.a", ErrToken},
		{"two parts", "a.b", ErrToken},
		{"no signature", "e30.e30.", ErrToken},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			claims, err := set.VerifyAssertion(tt.token)
			if !errors.Is(err, tt.want) || tt.want == nil && (err != nil || string(claims) != `{"sub":"rp"}`) {
				t.Errorf("got %s, %v", claims, err)
			}
		})
	}
	damaged := []byte(tests[2].token)
	damaged[len(damaged)-9] ^= 1
	if _, err := set.VerifyAssertion(string(damaged)); !errors.Is(err, ErrToken) {
		t.Errorf("a damaged signature: %v", err)
	}
	for name, document := range map[string][]byte{
		"no JSON":        []byte("x"),
		"no keys":        []byte(`{"keys":[]}`),
		"a private key":  clientSet(t, jose.JSONWebKey{KeyID: "a", Key: ecKey}),
		"a secret":       []byte(`{"keys":[{"kty":"oct","k":"` + base64.RawURLEncoding.EncodeToString([]byte("secret")) + `"}]}`),
		"unknown kinds":  []byte(`{"keys":[{"kty":"AKP","alg":"ML-DSA-44","pub":"AA"}]}`),
		"too large":      make([]byte, MaxClientKeys+1),
		"too many":       []byte(`{"keys":[` + strings.Repeat(`{},`, maxClientKeys) + `{}]}`),
		"for encryption": clientSet(t, jose.JSONWebKey{Key: &rsaKey.PublicKey, Use: "enc"}),
	} {
		if _, err := ParseClientKeys(document); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
