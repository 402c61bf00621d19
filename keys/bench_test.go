package keys_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/bongsu/bongsu/keys"
	"github.com/bongsu/bongsu/keys/keystest"
)

// A typical access token.
var accessClaims = []byte(`{"iss":"https://login.example.com","sub":"2gq7x3o4m5n6b7v2c3","aud":"https://login.example.com",` +
	`"client_id":"demo","exp":1900000000,"iat":1899999400,"jti":"abcdefghijklmnopqrstuvwx","grant":"abcdefghijklmnopqrstuvwxyz",` +
	`"sid":"abcdefghijklmnopqrstuvwxyz","epoch":1,"scope":"openid profile email"}`)

// bareSigner is nothing but go-jose around an ES256 key.
func bareSigner(b *testing.B, keyID string) func() {
	b.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	bare, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: private, KeyID: keyID}},
		(&jose.SignerOptions{}).WithType("at+jwt"))
	if err != nil {
		b.Fatal(err)
	}
	return func() {
		signed, err := bare.Sign(accessClaims)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := signed.CompactSerialize(); err != nil {
			b.Fatal(err)
		}
	}
}

func ringSigner(b *testing.B, r *keys.Ring, a keys.Algorithm) func() {
	return func() {
		if _, err := r.Sign(keys.AccessToken, a, accessClaims); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSign(b *testing.B) {
	r := open(b, keystest.NewStore(), signs(everyAlgorithm...))
	signers := []struct {
		name string
		sign func()
	}{
		{"bare go-jose ES256", bareSigner(b, kids(b, r)[0])},
		{"ring ES256", ringSigner(b, r, keys.ES256)},
		{"ring EdDSA", ringSigner(b, r, keys.EdDSA)},
		{"ring RS256", ringSigner(b, r, keys.RS256)},
	}
	for _, s := range signers {
		b.Run(s.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.sign()
			}
		})
	}
}

// BenchmarkSignRatio signs by turns with the ring and with nothing but go-jose,
// so that whatever else the machine does meets both alike.
func BenchmarkSignRatio(b *testing.B) {
	r := open(b, keystest.NewStore())
	bare, ring := bareSigner(b, kids(b, r)[0]), ringSigner(b, r, keys.ES256)
	var took [2]time.Duration
	for b.Loop() {
		start := time.Now()
		bare()
		between := time.Now()
		ring()
		took[0] += between.Sub(start)
		took[1] += time.Since(between)
	}
	b.ReportMetric(took[1].Seconds()/took[0].Seconds(), "ring/bare")
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
