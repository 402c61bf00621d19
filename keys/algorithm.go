package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"fmt"
	"io"

	"github.com/go-jose/go-jose/v4"
)

// Algorithm is a JWS algorithm (RFC 7518 3.1, RFC 8037 3.1).
type Algorithm string

// The algorithms of the ring.
const (
	RS256 Algorithm = "RS256" // RSA 2048, PKCS #1 v1.5, SHA-256
	ES256 Algorithm = "ES256" // P-256, SHA-256
	EdDSA Algorithm = "EdDSA" // Ed25519
)

const (
	rsaBits    = 2048
	rsaMaxBits = 4096
)

// Kind is a kind of token. Each has its own typ, so that none passes for
// another (RFC 8725 3.11).
type Kind uint8

// The kinds of tokens that the ring signs.
const (
	IDToken     Kind = iota // typ "JWT" (OpenID Connect Core 2)
	AccessToken             // typ "at+jwt" (RFC 9068 2.1)
	LogoutToken             // typ "logout+jwt" (OpenID Connect Back-Channel Logout 2.4)

	kinds int = iota
)

var types = [kinds]string{IDToken: "JWT", AccessToken: "at+jwt", LogoutToken: "logout+jwt"}

// Type returns the typ header of the kind, "" for an unknown kind.
func (k Kind) Type() string {
	if int(k) >= kinds {
		return ""
	}
	return types[k]
}

// known reports whether the ring can sign with a.
func (a Algorithm) known() bool { return a == RS256 || a == ES256 || a == EdDSA }

// jose returns the name that go-jose knows the algorithm by.
func (a Algorithm) jose() jose.SignatureAlgorithm { return jose.SignatureAlgorithm(a) }

// generate makes a private key.
func (a Algorithm) generate(rand io.Reader, generateRSA func(io.Reader) (*rsa.PrivateKey, error)) (crypto.Signer, error) {
	switch a {
	case RS256:
		return generateRSA(rand)
	case ES256:
		return ecdsa.GenerateKey(elliptic.P256(), rand)
	case EdDSA:
		_, private, err := ed25519.GenerateKey(rand)
		return private, err
	}
	return nil, fmt.Errorf("keys: unknown algorithm %q", string(a))
}

// fits reports whether public is a key of the algorithm that we would use.
func (a Algorithm) fits(public any) bool {
	switch key := public.(type) {
	case *rsa.PublicKey:
		bits := key.N.BitLen()
		return a == RS256 && bits >= rsaBits && bits <= rsaMaxBits
	case *ecdsa.PublicKey:
		return a == ES256 && key.Curve == elliptic.P256()
	case ed25519.PublicKey:
		return a == EdDSA && len(key) == ed25519.PublicKeySize
	}
	return false
}
