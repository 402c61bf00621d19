package fakeidp

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
)

// Signer makes the compact JWS of an ID token (RFC 7515). It is handed the
// upstream, and a header and claims that it may change. Edit is applied to the
// header last and may be nil.
type Signer func(u *Upstream, claims map[string]any, edit func(header map[string]any)) (string, error)

// NewestKey signs with the newest key of the upstream: what an honest upstream
// does.
func NewestKey() Signer {
	return func(u *Upstream, claims map[string]any, edit func(map[string]any)) (string, error) {
		return u.keys.newest().sign(claims, nil, edit)
	}
}

// KeyID signs with a key the upstream has or once had, whether or not it is
// still published. Signing fails when there never was one.
func KeyID(kid string) Signer {
	return func(u *Upstream, claims map[string]any, edit func(map[string]any)) (string, error) {
		key, ok := u.keys.find(kid)
		if !ok {
			return "", errors.New("fakeidp: no such key")
		}
		return key.sign(claims, nil, edit)
	}
}

// KeyOf signs with the newest key of another upstream, under that key's id.
func KeyOf(other *Upstream) Signer {
	return func(_ *Upstream, claims map[string]any, edit func(map[string]any)) (string, error) {
		return other.keys.newest().sign(claims, nil, edit)
	}
}

// ForeignKey signs under the newest key's id, with a key that nobody published.
func ForeignKey() Signer {
	return func(u *Upstream, claims map[string]any, edit func(map[string]any)) (string, error) {
		return foreignKey(u.keys.ec).signAs(u.keys.newest().id, claims, edit)
	}
}

// EmbeddedKey signs with a key that nobody published and carries it in the
// token's own "jwk" header.
func EmbeddedKey() Signer {
	return func(u *Upstream, claims map[string]any, edit func(map[string]any)) (string, error) {
		foreign := foreignKey(u.keys.ec)
		return foreign.sign(claims, map[string]any{"jwk": foreign.public()}, edit)
	}
}

// Unsigned makes tokens with alg "none" and an empty signature.
func Unsigned() Signer {
	return func(_ *Upstream, claims map[string]any, edit func(map[string]any)) (string, error) {
		return compact(header("none", ""), claims, edit, func([]byte) ([]byte, error) { return nil, nil })
	}
}

// HMAC signs HS256 with a secret, under the newest key's id. With
// [Upstream.PublicKeyPEM] as the secret this is the old confusion of
// algorithms.
func HMAC(secret []byte) Signer {
	return func(u *Upstream, claims map[string]any, edit func(map[string]any)) (string, error) {
		return compact(header("HS256", u.keys.newest().id), claims, edit, withSecret(secret))
	}
}

// Secret signs HS256 with the client's secret and names no key, as LINE does.
func Secret(secret string) Signer {
	return func(_ *Upstream, claims map[string]any, edit func(map[string]any)) (string, error) {
		return compact(header("HS256", ""), claims, edit, withSecret([]byte(secret)))
	}
}

func withSecret(secret []byte) func([]byte) ([]byte, error) {
	return func(input []byte) ([]byte, error) {
		mac := hmac.New(sha256.New, secret)
		mac.Write(input)
		return mac.Sum(nil), nil
	}
}

// ES256 signs with the key of [DefaultClient], which no upstream publishes; its
// public half can be added to a key set by [Upstream.EditAnswer].
func ES256(kid string) Signer {
	return func(_ *Upstream, claims map[string]any, edit func(map[string]any)) (string, error) {
		return signEC(sharedECKey(), header("ES256", kid), claims, edit)
	}
}

func header(algorithm, kid string) map[string]any {
	h := map[string]any{"alg": algorithm, "typ": "JWT"}
	if kid != "" {
		h["kid"] = kid
	}
	return h
}

func signRSA(key *rsa.PrivateKey, header, claims map[string]any, edit func(map[string]any)) (string, error) {
	return compact(header, claims, edit, func(input []byte) ([]byte, error) {
		sum := sha256.Sum256(input)
		return rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	})
}

func signEC(key *ecdsa.PrivateKey, header, claims map[string]any, edit func(map[string]any)) (string, error) {
	return compact(header, claims, edit, func(input []byte) ([]byte, error) {
		sum := sha256.Sum256(input)
		r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
		if err != nil {
			return nil, err
		}
		return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...), nil // RFC 7518 3.4
	})
}

// compact serializes by hand because a library would refuse to lie.
func compact(header, claims map[string]any, edit func(map[string]any), sign func([]byte) ([]byte, error)) (string, error) {
	if edit != nil {
		edit(header)
	}
	input := ""
	for _, part := range []map[string]any{header, claims} {
		encoded, err := json.Marshal(part)
		if err != nil {
			return "", fmt.Errorf("encode token: %w", err)
		}
		if input != "" {
			input += "."
		}
		input += base64.RawURLEncoding.EncodeToString(encoded)
	}
	signature, err := sign([]byte(input))
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}
