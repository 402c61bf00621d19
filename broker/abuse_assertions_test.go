package broker_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/url"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/broker/client"
)

// signing is a website that proves itself by what it signs.
type signing struct {
	brokertest.Website

	t   *testing.T
	key *ecdsa.PrivateKey
}

func newSigning(t *testing.T, id string) signing {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return signing{brokertest.Website{ID: id, Secret: "signs", RedirectURI: "https://signs.example/" + id}, t, key}
}

// jwk is its public key.
func (s signing) jwk() string {
	point, err := s.key.PublicKey.Bytes()
	if err != nil {
		s.t.Fatal(err)
	}
	b64 := base64.RawURLEncoding.EncodeToString
	return `{"kty":"EC","crv":"P-256","kid":"` + s.ID + `","x":"` + b64(point[1:33]) + `","y":"` + b64(point[33:]) + `"}`
}

func (s signing) registration() *client.Client {
	return &client.Client{
		ID: s.ID, Name: s.ID, FirstParty: true, RedirectURIs: []string{s.RedirectURI},
		AuthMethod: client.AuthPrivateKeyJWT, JWKS: `{"keys":[` + s.jwk() + `]}`,
		GrantTypes: []string{client.GrantAuthorizationCode, client.GrantClientCredentials},
	}
}

func (s signing) encode(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		s.t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// assertion signs claims that are right but for the changes.
func (s signing) assertion(n *brokertest.Node, changes ...func(map[string]any)) string {
	claims := map[string]any{
		"iss": s.ID, "sub": s.ID, "aud": n.Issuer, "jti": rand.Text(), "exp": n.Clock.Now().Add(time.Minute).Unix(),
	}
	for _, change := range changes {
		change(claims)
	}
	text := s.encode(map[string]string{"alg": "ES256", "kid": s.ID}) + "." + s.encode(claims)
	sum := sha256.Sum256([]byte(text))
	signature, err := s.key.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		s.t.Fatal(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(plain(s.t, signature))
}

// asks sends an assertion to the token endpoint, for a token of the client's own.
func asks(n *brokertest.Node, assertion string, changes ...func(url.Values)) brokertest.Response {
	form := url.Values{
		"grant_type": {"client_credentials"}, "client_assertion": {assertion},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
	}
	for _, change := range changes {
		change(form)
	}
	return n.Post("/token", form)
}

func TestAB20ForgedClientAssertion(t *testing.T) {
	one, two := newSigning(t, "RP-signs"), newSigning(t, "RP-signs-too")
	n := brokertest.StartNode(t, func(s *brokertest.Setup) {
		s.Clients = []*client.Client{one.registration(), two.registration()}
	})
	if got := asks(n, one.assertion(n)); got.Status != 200 {
		t.Fatalf("a good one: %d %s", got.Status, got.Body)
	}
	claim := func(name string, value any) string {
		return one.assertion(n, func(c map[string]any) {
			if c[name] = value; value == nil {
				delete(c, name)
			}
		})
	}
	claims := map[string]any{"iss": one.ID, "sub": one.ID, "aud": n.Issuer, "jti": "x", "exp": n.Clock.Now().Add(time.Minute).Unix()}
	none := one.encode(map[string]string{"alg": "none"}) + "." + one.encode(claims) + "."
	confused := one.encode(map[string]string{"alg": "HS256", "kid": one.ID}) + "." + one.encode(claims)
	mac := hmac.New(sha256.New, []byte(one.jwk()))
	mac.Write([]byte(confused))
	stolen := two
	stolen.ID = one.ID
	now := n.Clock.Now()
	tests := []struct{ name, assertion string }{
		{"alg none", none},
		{"HS256 with the public key", confused + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))},
		{"another client's key", stolen.assertion(n)},
		{"iss is not sub", claim("iss", two.ID)},
		{"another audience", claim("aud", "https://other.example")},
		{"the token URL of another issuer", claim("aud", "https://other.example/token")},
		{"no audience", claim("aud", nil)},
		{"a list of audiences", claim("aud", []string{n.Issuer})},
		{"expired", claim("exp", now.Add(-time.Minute).Unix())},
		{"for a year", claim("exp", now.Add(365*24*time.Hour).Unix())},
		{"without end", claim("exp", nil)},
		{"without jti", claim("jti", nil)},
		{"a logout token's typ", one.typed(n, "logout+jwt")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			refused(t, asks(n, tt.assertion), "invalid_client")
		})
	}
	if got := asks(n, one.typed(n, "client-authentication+jwt")); got.Status != 200 {
		t.Errorf("the typ of its own: %d %s", got.Status, got.Body)
	}
}

// typed is a good assertion with a typ.
func (s signing) typed(n *brokertest.Node, typ string) string {
	claims := map[string]any{"iss": s.ID, "sub": s.ID, "aud": n.Issuer, "jti": rand.Text(), "exp": n.Clock.Now().Add(time.Minute).Unix()}
	text := s.encode(map[string]string{"alg": "ES256", "typ": typ}) + "." + s.encode(claims)
	sum := sha256.Sum256([]byte(text))
	signature, err := s.key.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		s.t.Fatal(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(plain(s.t, signature))
}

// Two processes on one store: whichever takes an assertion, the other does not.
func TestAB21ClientAssertionReplay(t *testing.T) {
	one := newSigning(t, "RP-signs")
	n := brokertest.StartNode(t, brokertest.Twins(t), func(s *brokertest.Setup) {
		s.Clients = []*client.Client{one.registration()}
	})
	assertion := one.assertion(n)
	if got := asks(n, assertion); got.Status != 200 {
		t.Fatalf("the first time: %d %s", got.Status, got.Body)
	}
	for range 4 { // each request goes to the other process
		refused(t, asks(n, assertion), "invalid_client")
	}
}

func TestAB22MixedClientAuthenticationWithAssertions(t *testing.T) {
	one, two := newSigning(t, "RP-signs"), newSigning(t, "RP-signs-too")
	n := brokertest.StartNode(t, func(s *brokertest.Setup) {
		s.Clients = []*client.Client{one.registration(), two.registration()}
	})
	tests := []struct {
		name   string
		change func(url.Values)
	}{
		{"an assertion and another client's id", set("client_id", two.ID)},
		{"an assertion and a secret", set("client_secret", "a secret")},
		{"an assertion of another type", set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer")},
		{"an assertion without type", set("client_assertion_type", "")},
		{"a type without assertion", set("client_assertion", "")},
		{"a secret instead", func(v url.Values) {
			v.Del("client_assertion")
			v.Del("client_assertion_type")
			v.Set("client_id", one.ID)
			v.Set("client_secret", "a secret")
		}},
		{"nothing but the id", func(v url.Values) {
			v.Del("client_assertion")
			v.Del("client_assertion_type")
			v.Set("client_id", one.ID)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			refused(t, asks(n, one.assertion(n), tt.change), "invalid_request", "invalid_client")
		})
	}
	if got := asks(n, one.assertion(n), set("client_id", one.ID)); got.Status != 200 {
		t.Errorf("a matching id is no contradiction: %d %s", got.Status, got.Body)
	}
}

// plain turns a signature as ASN.1 has it into one as JWS has it (RFC 7518 3.4).
func plain(t *testing.T, signature []byte) []byte {
	t.Helper()
	var parts struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(signature, &parts); err != nil {
		t.Fatal(err)
	}
	return append(parts.R.FillBytes(make([]byte, 32)), parts.S.FillBytes(make([]byte, 32))...)
}
