package apple

import (
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/fakeidp"
	"github.com/bongsu/bongsu/providers/openid"
)

func TestSecret(t *testing.T) {
	client := fakeidp.DefaultClient("apple")
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	s, err := newSecret(Options{
		Options: openid.Options{
			Instance: providers.Instance{ClientID: "services-id", Issuer: issuer},
			Now:      func() time.Time { return now },
		},
		TeamID: client.TeamID, KeyID: client.KeyID, PrivateKey: client.KeyPEM(),
	})
	if err != nil {
		t.Fatal(err)
	}
	current := func() string {
		t.Helper()
		text, err := s.current()
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	first := current()
	token, err := jwt.ParseSigned(first, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	if got := token.Headers[0].KeyID; got != client.KeyID {
		t.Errorf("kid %q", got)
	}
	var claims jwt.Claims
	if err := token.Claims(&client.Key.PublicKey, &claims); err != nil {
		t.Fatalf("the signature does not verify: %v", err)
	}
	if claims.Issuer != client.TeamID || claims.Subject != "services-id" || !claims.Audience.Contains("https://appleid.apple.com") || len(claims.Audience) != 1 {
		t.Errorf("claims %+v", claims)
	}
	if life := claims.Expiry.Time().Sub(claims.IssuedAt.Time()); life != 5*time.Minute || !claims.IssuedAt.Time().Equal(now) {
		t.Errorf("issued at %v for %v", claims.IssuedAt.Time(), life)
	}

	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if text, err := s.current(); err != nil || text != first {
				t.Error("a secret was made twice at once")
			}
		})
	}
	all.Wait()
	now = now.Add(secretUse - time.Second)
	if current() != first {
		t.Error("a secret was made too early")
	}
	now = now.Add(time.Second)
	second := current()
	if second == first {
		t.Error("an old secret was used")
	}
	now = now.Add(-time.Hour) // the clock was set back: a secret of the future is refused by Apple
	if current() == second {
		t.Error("a secret of the future was used")
	}
}

func FuzzNameOf(f *testing.F) {
	f.Add(`{"name":{"firstName":"길동","lastName":"홍"},"email":"hong@example.com"}`)
	f.Add(`{"name":{"firstName":"Grace","lastName":"Hopper"}}`)
	f.Add(`{"name":"x"}`)
	f.Add("{\"name\":{\"firstName\":\"\\u202e\\u0000<b>\"}}")
	f.Fuzz(func(t *testing.T, field string) {
		name := nameOf([]string{field})
		if utf8.RuneCountInString(name) > 2*maxName+1 || !utf8.ValidString(name) || name != strings.TrimSpace(name) ||
			strings.ContainsFunc(name, unicode.IsControl) {
			t.Errorf("name %q", name)
		}
	})
}
