package openid

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"net/http"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/bongsu/bongsu/providers/oauth2"
)

// Bounds of a key set. A larger modulus makes verification a burden, a smaller
// one forgeable (RFC 7518 3.3).
const (
	maxKeys    = 64
	minRSABits = 2048
	maxRSABits = 8192
)

var errNoKeys = errors.New("the key document holds no usable key")

// usable is one public key that can sign ID tokens, in the members of RFC 7517
// that matter. Everything else in a published key is left behind.
type usable struct {
	Type  string `json:"kty"`
	ID    string `json:"kid,omitempty"`
	Use   string `json:"use,omitempty"`
	N     string `json:"n,omitempty"`
	E     string `json:"e,omitempty"`
	Curve string `json:"crv,omitempty"`
	X     string `json:"x,omitempty"`
	Y     string `json:"y,omitempty"`
}

// readKeys picks the usable keys of a published document. One broken, foreign
// or symmetric key costs itself, not the provider.
func readKeys(body []byte) ([]usable, error) {
	var published struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &published); err != nil {
		return nil, errNoKeys
	}
	var kept []usable
	for _, raw := range published.Keys {
		d, err := oauth2.ParseDocument(raw)
		if err != nil {
			continue
		}
		key := usable{
			Type: d.Raw("kty"), ID: d.Raw("kid"), Use: d.Raw("use"),
			N: d.Raw("n"), E: d.Raw("e"), Curve: d.Raw("crv"), X: d.Raw("x"), Y: d.Raw("y"),
		}
		if key.ok() && len(kept) < maxKeys {
			kept = append(kept, key)
		}
	}
	if len(kept) == 0 {
		return nil, errNoKeys
	}
	return kept, nil
}

// keySets makes go-oidc's key sets of keys, one for each, because a key that it
// chokes on would cost all that are in the same set.
func keySets(url string, keys []usable) (map[string][]oidc.KeySet, error) {
	sets := map[string][]oidc.KeySet{}
	for _, key := range keys {
		text, err := json.Marshal(map[string][]usable{"keys": {key}})
		if err != nil {
			return nil, errNoKeys
		}
		held := oidc.ClientContext(context.Background(), &http.Client{Transport: document(text)})
		sets[key.ID] = append(sets[key.ID], oidc.NewRemoteKeySet(held, url))
	}
	return sets, nil
}

func (k usable) ok() bool {
	if k.Use != "" && k.Use != "sig" {
		return false
	}
	switch k.Type {
	case "RSA":
		return k.okRSA()
	case "EC":
		return k.okEC()
	case "OKP":
		x, err := base64.RawURLEncoding.DecodeString(k.X)
		return err == nil && k.Curve == "Ed25519" && len(x) == ed25519.PublicKeySize
	default:
		return false
	}
}

func (k usable) okRSA() bool {
	n, errN := base64.RawURLEncoding.DecodeString(k.N)
	e, errE := base64.RawURLEncoding.DecodeString(k.E)
	if errN != nil || errE != nil {
		return false
	}
	modulus, exponent := new(big.Int).SetBytes(n), new(big.Int).SetBytes(e)
	return modulus.BitLen() >= minRSABits && modulus.BitLen() <= maxRSABits && modulus.Bit(0) == 1 &&
		exponent.BitLen() <= 31 && exponent.Bit(0) == 1 && exponent.Int64() > 1
}

func (k usable) okEC() bool {
	curves := map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}
	curve, known := curves[k.Curve]
	x, errX := base64.RawURLEncoding.DecodeString(k.X)
	y, errY := base64.RawURLEncoding.DecodeString(k.Y)
	if !known || errX != nil || errY != nil {
		return false
	}
	size := (curve.Params().BitSize + 7) / 8
	if len(x) != size || len(y) != size {
		return false
	}
	_, err := ecdsa.ParseUncompressedPublicKey(curve, append(append([]byte{4}, x...), y...))
	return err == nil
}

// document answers every request with one body, so that go-oidc's key sets read
// what was fetched and judged here, and never go out by themselves.
type document []byte

// RoundTrip implements [http.RoundTripper].
func (d document) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		Status:        "200 OK",
		StatusCode:    http.StatusOK,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        http.Header{"Content-Type": {"application/json"}},
		Body:          io.NopCloser(bytes.NewReader(d)),
		ContentLength: int64(len(d)),
		Request:       r,
	}, nil
}
