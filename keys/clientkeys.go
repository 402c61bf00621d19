package keys

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// MaxClientKeys is the size of the largest key set of a client that is read, in
// bytes.
const MaxClientKeys = 64 << 10

// maxClientKeys bounds how many keys a client may have, and so how many are
// tried for one assertion.
const maxClientKeys = 32

// maxAssertionHeader is more than the header of an assertion takes, thumbprints
// included.
const maxAssertionHeader = 1 << 10

// ErrNoClientKey means that none of a client's keys is the one that an assertion
// names: the client may have a new one.
var ErrNoClientKey = errors.New("keys: the client has no such key")

// AssertionAlgorithms returns the algorithms of client assertions, for
// discovery. The caller owns the slice.
func AssertionAlgorithms() []string { return []string{"RS256", "PS256", "ES256", "EdDSA"} }

// assertionTypes are the values of typ that an assertion may have, if it has
// one: none of them is the typ of a token of ours but the plain one.
var assertionTypes = []string{"jwt", "client-authentication+jwt"}

// ClientKeys are the public keys of one client. It is safe for concurrent use.
type ClientKeys struct {
	keys []clientKey
}

type clientKey struct {
	id     string
	alg    string // the only one it may be used with; empty: any that fits
	public any
}

// ParseClientKeys reads a JWK set of at most [MaxClientKeys] bytes (RFC 7517 5).
// Keys that are not for signatures, or of a kind that assertions are not signed
// with here, are passed over; a set with a private key, or with none that can be
// used, is refused.
func ParseClientKeys(document []byte) (*ClientKeys, error) {
	if len(document) > MaxClientKeys {
		return nil, fmt.Errorf("keys: a key set of more than %d bytes", MaxClientKeys)
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(document, &set); err != nil {
		return nil, errors.New(`keys: a key set must be JSON with a list "keys"`)
	}
	if len(set.Keys) > maxClientKeys {
		return nil, fmt.Errorf("keys: a key set of more than %d keys", maxClientKeys)
	}
	parsed := &ClientKeys{}
	for _, raw := range set.Keys {
		var key jose.JSONWebKey
		if err := key.UnmarshalJSON(raw); err != nil || !key.Valid() {
			continue // of a kind that nobody here knows
		}
		if !key.IsPublic() {
			return nil, errors.New("keys: a key set with a secret or private key: give public keys alone, and replace that one, for it is known now")
		}
		if key.Use != "" && key.Use != "sig" || !assertionKey(key.Key) {
			continue
		}
		parsed.keys = append(parsed.keys, clientKey{id: key.KeyID, alg: key.Algorithm, public: key.Key})
	}
	if len(parsed.keys) == 0 {
		return nil, errors.New("keys: a key set with no key to verify signatures with: RSA of 2048 bits and more, P-256 or Ed25519")
	}
	return parsed, nil
}

// assertionKey reports whether assertions may be signed with a key's other half.
func assertionKey(public any) bool {
	switch key := public.(type) {
	case *rsa.PublicKey:
		return key.N.BitLen() >= rsaBits && key.N.BitLen() <= rsaMaxBits
	case *ecdsa.PublicKey:
		return key.Curve == elliptic.P256()
	case ed25519.PublicKey:
		return len(key) == ed25519.PublicKeySize
	}
	return false
}

// signs reports whether the key may be used with an algorithm.
func (k clientKey) signs(alg string) bool {
	if k.alg != "" && k.alg != alg {
		return false
	}
	switch k.public.(type) {
	case *rsa.PublicKey:
		return alg == "RS256" || alg == "PS256"
	case *ecdsa.PublicKey:
		return alg == "ES256"
	case ed25519.PublicKey:
		return alg == "EdDSA"
	}
	return false
}

// VerifyAssertion returns the claims of an assertion that the client signed (RFC
// 7523 3) with one of its keys: the one that kid names, or any if there is no
// kid. A key is used with the algorithms of its kind alone; a header that brings
// a key along, or anything that must be understood, is refused. Claims are not
// looked at.
//
// [ErrNoClientKey]: the assertion may be signed with a key that is not in the set.
// [ErrToken]: it is none.
func (c *ClientKeys) VerifyAssertion(token string) ([]byte, error) {
	if len(token) > MaxToken {
		return nil, refuse("it is too long")
	}
	h, err := parseAssertionHeader(token)
	if err != nil {
		return nil, err
	}
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(h.alg)})
	if err != nil {
		return nil, refuse("it is damaged")
	}
	for _, key := range c.keys {
		if h.keyID != "" && key.id != h.keyID || !key.signs(h.alg) {
			continue
		}
		if claims, err := signed.Verify(key.public); err == nil {
			return claims, nil
		}
		if h.keyID != "" {
			return nil, refuse("its signature is not by the key it names")
		}
	}
	return nil, ErrNoClientKey
}

// parseAssertionHeader reads the header of an assertion, in which libraries put
// more than we do: thumbprints of certificates are passed over.
func parseAssertionHeader(token string) (header, error) {
	if strings.Count(token, ".") != 2 {
		return header{}, refuse("it has not the three parts of a signed token")
	}
	encoded, rest, _ := strings.Cut(token, ".")
	claims, signature, _ := strings.Cut(rest, ".")
	if len(encoded) > maxAssertionHeader || !canonical(encoded) || !canonical(claims) || !canonical(signature) {
		return header{}, refuse("it is damaged")
	}
	raw, err := strict.DecodeString(encoded)
	if err != nil {
		return header{}, refuse("its header is damaged")
	}
	var members map[string]string
	if err := json.Unmarshal(raw, &members); err != nil {
		return header{}, refuse("its header is damaged, or demands what is not done here")
	}
	for name := range members {
		if !slices.Contains([]string{"alg", "kid", "typ", "x5t", "x5t#S256"}, name) {
			return header{}, refuse("its header holds what is not taken here")
		}
	}
	h := header{alg: members["alg"], keyID: members["kid"], typ: members["typ"]}
	typ := strings.TrimPrefix(strings.ToLower(h.typ), "application/")
	switch {
	case !slices.Contains(AssertionAlgorithms(), h.alg):
		return header{}, refuse("its algorithm is not taken here")
	case h.typ != "" && !slices.Contains(assertionTypes, typ):
		return header{}, refuse("it is of another kind")
	}
	return h, nil
}
