package openid

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"testing"
)

func TestReadKeys(t *testing.T) {
	good := rsaJWK("good", &testKeys()[0].PublicKey)
	with := func(changes map[string]any) map[string]any { return changed(maps.Clone(good), changes) }
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	ec := map[string]any{
		"kty": "EC", "kid": "ec", "crv": "P-256",
		"x": base64.RawURLEncoding.EncodeToString(point[1:33]), "y": base64.RawURLEncoding.EncodeToString(point[33:]),
	}
	tests := []struct {
		name string
		key  any
		kept bool
	}{
		{"an RSA key", with(map[string]any{"kid": "x"}), true},
		{"an RSA key without a use", with(map[string]any{"kid": "x", "use": nil}), true},
		{"a key with a chain of certificates that do not parse", with(map[string]any{"kid": "x", "x5c": []string{"bogus"}}), true},
		{"a key without an id", with(map[string]any{"kid": nil}), true},
		{"an EC key", changed(maps.Clone(ec), map[string]any{"kid": "x"}), true},
		{"an Ed25519 key", map[string]any{"kty": "OKP", "kid": "x", "crv": "Ed25519", "x": base64.RawURLEncoding.EncodeToString(make([]byte, 32))}, true},
		{"a key for encryption", with(map[string]any{"kid": "x", "use": "enc"}), false},
		{"a symmetric key", map[string]any{"kty": "oct", "kid": "x", "k": "AAAA"}, false},
		{"a small modulus", with(map[string]any{"kid": "x", "n": "AQAB"}), false},
		{"a huge modulus", with(map[string]any{"kid": "x", "n": base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte{0xff}, 2048))}), false},
		{"an even modulus", with(map[string]any{"kid": "x", "n": base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte{0xfe}, 256))}), false},
		{"exponent one", with(map[string]any{"kid": "x", "e": "AQ"}), false},
		{"a huge exponent", with(map[string]any{"kid": "x", "e": "AQAAAAE"}), false},
		{"a point off the curve", changed(maps.Clone(ec), map[string]any{"kid": "x", "y": ec["x"]}), false},
		{"an unknown curve", changed(maps.Clone(ec), map[string]any{"kid": "x", "crv": "secp256k1"}), false},
		{"a short coordinate", changed(maps.Clone(ec), map[string]any{"kid": "x", "x": "AAAA"}), false},
		{"a private key", changed(maps.Clone(ec), map[string]any{"kid": "x", "d": "AAAA"}), true},
		{"a number", 7, false},
		{"null", nil, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			body, err := json.Marshal(map[string]any{"keys": []any{tt.key, good}})
			if err != nil {
				t.Fatal(err)
			}
			kept, err := readKeys(body)
			if err != nil {
				t.Fatalf("readKeys: %v", err)
			}
			if n := len(kept); (n == 2) != tt.kept || kept[n-1].ID != "good" {
				t.Errorf("kept %+v, want the tested key kept %t", kept, tt.kept)
			}
			sets, err := keySets("https://id.example.com/jwks", kept)
			if err != nil {
				t.Fatalf("keySets: %v", err)
			}
			token := sign(map[string]any{"alg": "RS256", "kid": "good"}, map[string]any{"sub": "x"}, testKeys()[0])
			o := Options{Distrusted: func(string) bool { return false }}
			if _, id, err := (&snapshot{keys: sets}).verify(t.Context(), "good", token, &o); err != nil || id != "good" {
				t.Errorf("the good key is lost: %v", err)
			}
		})
	}
}

func TestReadKeysBounds(t *testing.T) {
	var keys []any
	for i := range 200 {
		keys = append(keys, rsaJWK(string(rune('a'+i)), &testKeys()[0].PublicKey))
	}
	body, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		t.Fatal(err)
	}
	if kept, err := readKeys(body); err != nil || len(kept) != maxKeys {
		t.Errorf("kept %d keys, %v", len(kept), err)
	}
	for _, body := range []string{"", "null", "[]", "{}", `{"keys":null}`, `{"keys":{}}`, `{"keys":[[]]}`} {
		if _, err := readKeys([]byte(body)); err == nil {
			t.Errorf("readKeys(%q) succeeded", body)
		}
	}
}

func FuzzReadKeys(f *testing.F) {
	good, err := json.Marshal(map[string]any{"keys": []any{rsaJWK("good", &testKeys()[0].PublicKey)}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"},{"kty":"OKP","crv":"Ed25519","x":""}]}`))
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"","e":"AQAB"},null,1,"x"]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		kept, err := readKeys(body)
		if err != nil {
			return
		}
		text, err := json.Marshal(map[string]any{"keys": kept})
		if err != nil {
			t.Fatal(err)
		}
		again, err := readKeys(text)
		if err != nil || !slices.Equal(again, kept) {
			t.Errorf("what was kept is not kept again: %s, %v", text, err)
		}
	})
}
