package keys_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/bongsu/bongsu/keys"
	"github.com/bongsu/bongsu/keys/keystest"
)

func b64(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// parts of a token.
func parts(t testing.TB, token string) (header, payload, signature string) {
	t.Helper()
	p := strings.Split(token, ".")
	if len(p) != 3 {
		t.Fatalf("token of %d parts", len(p))
	}
	return p[0], p[1], p[2]
}

// withHeader puts another header before what was signed.
func withHeader(t testing.TB, token, header string) string {
	t.Helper()
	_, payload, signature := parts(t, token)
	return b64(header) + "." + payload + "." + signature
}

// macWith signs with HS256 and a secret everybody can read.
func macWith(t testing.TB, secret []byte, header string) string {
	t.Helper()
	input := b64(header) + "." + b64(string(claims))
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(input))
	return input + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// signWith signs with a key of one's own.
func signWith(t testing.TB, private crypto.Signer, a jose.SignatureAlgorithm, kid string, embed bool) string {
	t.Helper()
	o := (&jose.SignerOptions{EmbedJWK: embed}).WithType("JWT")
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: a, Key: jose.JSONWebKey{Key: private, KeyID: kid}}, o)
	if err != nil {
		t.Fatalf("NewSigner: %v", err)
	}
	signed, err := signer.Sign(claims)
	if err != nil {
		t.Fatalf("Sign: %v", err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Fatalf("CompactSerialize: %v", err)
	}
	return token
}

// AB-25, AB-27: what is not exactly a token of ours, of that kind, is refused.
func TestVerifyRefuses(t *testing.T) {
	store := keystest.NewStore()
	c := newClock()
	r := open(t, store, at(c), signs(everyAlgorithm...))
	stranger := open(t, keystest.NewStore(), at(c))
	id := mustSign(t, r, keys.IDToken, keys.ES256)
	rs := mustSign(t, r, keys.IDToken, keys.RS256)
	kid, rsKid := kidOf(t, id), kidOf(t, rs)
	header, payload, signature := parts(t, id)
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatalf("GenerateKey: %v", err)
	}
	_, ownEd, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatalf("GenerateKey: %v", err)
	}
	ownJWK, err := jose.JSONWebKey{Key: own.Public()}.MarshalJSON()
	if err != nil {
		t.Fatalf("MarshalJSON: %v", err)
	}
	foreign, err := r.Sign(keys.IDToken, keys.ES256, []byte(`{"iss":"https://login.example.com.evil.example"}`))
	if err != nil {
		t.Fatalf("Sign: %v", err)
	}
	without, err := r.Sign(keys.IDToken, keys.ES256, []byte(`{"sub":"minji"}`))
	if err != nil {
		t.Fatalf("Sign: %v", err)
	}
	noObject, err := r.Sign(keys.IDToken, keys.ES256, []byte(`"https://login.example.com"`))
	if err != nil {
		t.Fatalf("Sign: %v", err)
	}
	evil := strings.Replace(string(claims), "minji", "admin", 1)
	head := func(members string) string { return withHeader(t, id, members) }
	full := func(more string) string {
		return head(fmt.Sprintf(`{"alg":"ES256","kid":%q,"typ":"JWT"%s}`, kid, more))
	}

	tests := []struct{ name, token string }{
		{"nothing", ""},
		{"one part", header},
		{"two parts", header + "." + payload},
		{"two parts and a dot: the signature removed", header + "." + payload + "."},
		{"four parts", id + "." + signature},
		{"five parts, as an encrypted one has", id + "." + payload + "." + signature},
		{"an access token", mustSign(t, r, keys.AccessToken, keys.ES256)},
		{"a logout token", mustSign(t, r, keys.LogoutToken, keys.ES256)},
		{"another issuer's, by our key", foreign},
		{"no issuer", without},
		{"a payload that is no object", noObject},
		{"a stranger's", mustSign(t, stranger, keys.IDToken, keys.ES256)},
		{"the last character cut off", id[:len(id)-1]},
		{"a character appended", id + "A"},
		{"other bits that decode to the same signature", id[:len(id)-1] + string(id[len(id)-1]+1)},
		{"a line end behind", id + "\n"},
		{"a line end in the payload", header + "." + payload[:8] + "\r\n" + payload[8:] + "." + signature},
		{"padding", id + "=="},
		{"space before", " " + id},
		{"another payload", header + "." + b64(evil) + "." + signature},
		{"an empty payload", header + ".." + signature},
		{"alg none", b64(fmt.Sprintf(`{"alg":"none","kid":%q,"typ":"JWT"}`, kid)) + "." + payload + "."},
		{"alg none with a signature", head(fmt.Sprintf(`{"alg":"none","kid":%q,"typ":"JWT"}`, kid))},
		{"alg None", head(fmt.Sprintf(`{"alg":"None","kid":%q,"typ":"JWT"}`, kid))},
		{"alg nOnE", head(fmt.Sprintf(`{"alg":"nOnE","kid":%q,"typ":"JWT"}`, kid))},
		{"no alg", head(fmt.Sprintf(`{"kid":%q,"typ":"JWT"}`, kid))},
		{"alg null", head(fmt.Sprintf(`{"alg":null,"kid":%q,"typ":"JWT"}`, kid))},
		{"another key's algorithm", head(fmt.Sprintf(`{"alg":"RS256","kid":%q,"typ":"JWT"}`, kid))},
		{"another key", head(fmt.Sprintf(`{"alg":"RS256","kid":%q,"typ":"JWT"}`, rsKid))},
		{"an algorithm of the same key that we do not use", withHeader(t, rs, fmt.Sprintf(`{"alg":"PS256","kid":%q,"typ":"JWT"}`, rsKid))},
		{"HS256 with the key set as its secret", macWith(t, r.JWKS().Body, fmt.Sprintf(`{"alg":"HS256","kid":%q,"typ":"JWT"}`, kid))},
		{"no kid", head(`{"alg":"ES256","typ":"JWT"}`)},
		{"an empty kid", head(`{"alg":"ES256","kid":"","typ":"JWT"}`)},
		{"a kid that is a number", head(`{"alg":"ES256","kid":1,"typ":"JWT"}`)},
		{"a kid that is a path", head(`{"alg":"ES256","kid":"../../dev/null","typ":"JWT"}`)},
		{"no typ", head(fmt.Sprintf(`{"alg":"ES256","kid":%q}`, kid))},
		{"typ in other letters", head(fmt.Sprintf(`{"alg":"ES256","kid":%q,"typ":"jwt"}`, kid))},
		{"a key of one's own with our kid", signWith(t, own, jose.ES256, kid, false)},
		{"an Ed25519 key of one's own with our kid", signWith(t, ownEd, jose.EdDSA, kid, false)},
		{"a key of one's own in the header", signWith(t, own, jose.ES256, "", true)},
		{"jwk besides our kid", full(`,"jwk":` + string(ownJWK))},
		{"jku", full(`,"jku":"https://evil.example/jwks"`)},
		{"x5u", full(`,"x5u":"https://evil.example/cert"`)},
		{"x5c", full(`,"x5c":["AAAA"]`)},
		{"crit", full(`,"crit":["exp"]`)},
		{"b64", full(`,"b64":false`)},
		{"zip", full(`,"zip":"DEF"`)},
		{"cty", full(`,"cty":"JWT"`)},
		{"a member twice", full(`,"kid":"` + kid + `"`)},
		{"a member in other letters", full(`,"ALG":"none"`)},
		{"a header with space in it", head(fmt.Sprintf(`{"alg": "ES256","kid":%q,"typ":"JWT"}`, kid))},
		{"a header that is an array", head(`["ES256"]`)},
		{"a header that is no JSON", head(`ES256`)},
		{"a header that is null", head(`null`)},
		{"a long header", full(`,"x":"` + strings.Repeat("a", 300) + `"`)},
		{"more than 8 KiB", id + strings.Repeat("A", keys.MaxToken)},
		{"a code", strings.Repeat("A", 400)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c.pass(time.Minute) // so that an unknown kid may be looked for
			got, err := r.Verify(keys.IDToken, tt.token)
			if !errors.Is(err, keys.ErrToken) || got != nil {
				t.Fatalf("verified %q, error %v; want %v", got, err, keys.ErrToken)
			}
			for _, secret := range []string{"minji", signature} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("the error repeats the token: %v", err)
				}
			}
		})
	}
	if _, err := r.Verify(keys.IDToken, id); err != nil {
		t.Errorf("the token itself: %v", err)
	}
	if _, err := r.Verify(9, id); err == nil {
		t.Error("verified as a kind that does not exist")
	}
}

func TestVerifyRefusesEveryChangedCharacter(t *testing.T) {
	r := open(t, keystest.NewStore(), at(newClock()), signs(keys.EdDSA))
	token := mustSign(t, r, keys.AccessToken, keys.EdDSA)
	for i := range token {
		changed := []byte(token)
		if changed[i] == 'A' {
			changed[i] = 'B'
		} else {
			changed[i] = 'A'
		}
		if _, err := r.Verify(keys.AccessToken, string(changed)); !errors.Is(err, keys.ErrToken) {
			t.Errorf("character %d changed: error %v, want %v", i, err, keys.ErrToken)
		}
	}
}

// Even our own signature does not make a header good that brings a key along or
// asks anything of its reader.
func TestVerifyRefusesHeadersThatWeSigned(t *testing.T) {
	store := keystest.NewStore()
	r := open(t, store, at(newClock()))
	kid := kids(t, r)[0]
	var wrapped []byte
	store.ChangeSigningKey(kid, func(record *keys.Record) { wrapped = record.Wrapped })
	der, err := siteKey(t, 1).Unwrap(kid, wrapped)
	if err != nil {
		t.Fatalf("Unwrap: %v", err)
	}
	private, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		t.Fatalf("ParsePKCS8PrivateKey: %v", err)
	}
	tests := []struct {
		name    string
		headers map[jose.HeaderKey]any
		embed   bool
		want    error
	}{
		{"the three of ours", nil, false, nil},
		{"jku", map[jose.HeaderKey]any{"jku": "https://evil.example/jwks"}, false, keys.ErrToken},
		{"x5c", map[jose.HeaderKey]any{"x5c": []string{}}, false, keys.ErrToken},
		{"crit", map[jose.HeaderKey]any{"crit": []string{"b64"}, "b64": true}, false, keys.ErrToken},
		{"an unknown one", map[jose.HeaderKey]any{"x": "y"}, false, keys.ErrToken},
		{"jwk instead of kid", nil, true, keys.ErrToken},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := &jose.SignerOptions{EmbedJWK: tt.embed, ExtraHeaders: tt.headers}
			signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: private, KeyID: kid}}, o.WithType("JWT"))
			if err != nil {
				t.Fatalf("NewSigner: %v", err)
			}
			signed, err := signer.Sign(claims)
			if err != nil {
				t.Fatalf("Sign: %v", err)
			}
			token, err := signed.CompactSerialize()
			if err != nil {
				t.Fatalf("CompactSerialize: %v", err)
			}
			if _, err := r.Verify(keys.IDToken, token); !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
		})
	}
}

func TestVerifyDoesNotAskForTheTime(t *testing.T) {
	c := newClock()
	r := open(t, keystest.NewStore(), at(c))
	old, err := r.Sign(keys.IDToken, keys.ES256, []byte(`{"iss":"https://login.example.com","exp":1,"nbf":9999999999,"aud":"somebody"}`))
	if err != nil {
		t.Fatalf("Sign: %v", err)
	}
	if _, err := r.Verify(keys.IDToken, old); err != nil {
		t.Errorf("an id_token_hint that has expired: %v", err)
	}
}

// A failure is not a fact: only keys that were read may be called unknown.
func TestVerifyOfAnUnknownKey(t *testing.T) {
	store, c := keystest.NewStore(), newClock()
	r := open(t, store, at(c))
	stranger := mustSign(t, open(t, keystest.NewStore(), at(c)), keys.IDToken, keys.ES256)
	noKid := strings.Replace(stranger, ".", "x.", 1)
	tests := []struct {
		name  string
		pass  time.Duration
		token string
		store bool // answers
		want  error
		reads int
	}{
		{"the keys are read, it is not among them", 0, stranger, true, keys.ErrToken, 1},
		{"read a moment ago, they are not read again", 9 * time.Second, stranger, false, keys.ErrToken, 0},
		{"the store is away: nothing can be said", time.Second, stranger, false, keys.ErrUnavailable, 1},
		{"away a moment ago, nothing can be said still", 5 * time.Second, stranger, true, keys.ErrUnavailable, 0},
		{"what is no token of ours needs no store", 10 * time.Second, noKid, false, keys.ErrToken, 0},
		{"the store is back", 0, stranger, true, keys.ErrToken, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c.pass(tt.pass)
			store.Intercept(nil)
			if !tt.store {
				store.Intercept(away)
			}
			before := store.Calls("SigningKeys")
			if _, err := r.Verify(keys.IDToken, tt.token); !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
			if reads := store.Calls("SigningKeys") - before; reads != tt.reads {
				t.Errorf("%d reads, want %d", reads, tt.reads)
			}
		})
	}
}

func FuzzVerify(f *testing.F) {
	c := newClock()
	r := open(f, keystest.NewStore(), at(c), signs(keys.ES256, keys.EdDSA))
	for _, a := range []keys.Algorithm{keys.ES256, keys.EdDSA} {
		for _, k := range everyKind {
			f.Add(uint8(k), mustSign(f, r, k, a))
		}
	}
	f.Add(uint8(0), b64(`{"alg":"none"}`)+"."+b64(`{"iss":"https://login.example.com"}`)+".")
	f.Add(uint8(1), "..")
	f.Add(uint8(9), "a.b.c.d.e")
	f.Fuzz(func(t *testing.T, kind uint8, token string) {
		got, err := r.Verify(keys.Kind(kind), token)
		if err != nil {
			if int(kind) < len(everyKind) && !errors.Is(err, keys.ErrToken) {
				t.Errorf("error %v, want %v", err, keys.ErrToken)
			}
			return
		}
		// ES256 signatures differ each time, so a token that verifies is one of
		// the seeds: nobody else has the keys.
		if !bytes.Equal(got, claims) {
			t.Errorf("verified claims %q that nobody signed", got)
		}
	})
}
