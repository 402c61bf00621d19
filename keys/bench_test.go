package keys_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/bongsu/bongsu/keys"
	"github.com/bongsu/bongsu/keys/keystest"
)

// A typical access token.
var accessClaims = []byte(`{"iss":"https://login.example.com","sub":"2gq7x3o4m5n6b7v2c3","aud":"https://login.example.com",` +
	`"client_id":"demo","exp":1900000000,"iat":1899999400,"jti":"abcdefghijklmnopqrstuvwx","grant":"abcdefghijklmnopqrstuvwxyz",` +
	`"sid":"abcdefghijklmnopqrstuvwxyz","epoch":1,"scope":"openid profile email"}`)

// BenchmarkSign compares the ring with nothing but go-jose around the same key.
func BenchmarkSign(b *testing.B) {
	r := open(b, keystest.NewStore(), signs(everyAlgorithm...))
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	bare, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: private, KeyID: kids(b, r)[0]}},
		(&jose.SignerOptions{}).WithType("at+jwt"))
	if err != nil {
		b.Fatal(err)
	}
	b.Run("bare go-jose ES256", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			signed, err := bare.Sign(accessClaims)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := signed.CompactSerialize(); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, a := range everyAlgorithm {
		b.Run("ring "+string(a), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Sign(keys.AccessToken, a, accessClaims); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	r := open(b, keystest.NewStore(), signs(everyAlgorithm...))
	for _, a := range everyAlgorithm {
		token, err := r.Sign(keys.AccessToken, a, accessClaims)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(string(a), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Verify(keys.AccessToken, token); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkJWKS(b *testing.B) {
	r := open(b, keystest.NewStore(), signs(everyAlgorithm...))
	b.ReportAllocs()
	for b.Loop() {
		if len(r.JWKS().Body) == 0 {
			b.Fatal("no key set")
		}
	}
}

// BenchmarkSecondStart is what the ring costs a start of the program when its
// keys are there.
func BenchmarkSecondStart(b *testing.B) {
	store := keystest.NewStore()
	o := options(b, store, signs(everyAlgorithm...))
	first, err := keys.Open(b.Context(), o)
	if err != nil {
		b.Fatal(err)
	}
	keys.Tick(b.Context(), first)
	for b.Loop() {
		if _, err := keys.Open(b.Context(), o); err != nil {
			b.Fatal(err)
		}
	}
}
