package apple

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// A secret is used for secretUse and expires secretSpare later, so that it
// never runs out on the way.
const (
	secretUse   = 4 * time.Minute
	secretSpare = time.Minute
)

// secret is the client secret: a JWT that we sign (ES256) instead of a word
// that we share.
type secret struct {
	signer jose.Signer
	claims jwt.Claims // without times
	now    func() time.Time

	mu     sync.Mutex
	signed string
	made   time.Time
}

func newSecret(o Options) (*secret, error) {
	var problems []error
	if o.TeamID == "" {
		problems = append(problems, errors.New("team id is missing"))
	}
	if o.KeyID == "" {
		problems = append(problems, errors.New("key id is missing"))
	}
	key, err := parseKey(o.PrivateKey)
	if err != nil {
		return nil, errors.Join(append(problems, err)...)
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	signer, err := jose.NewSigner(jose.SigningKey{
		Algorithm: jose.ES256,
		Key:       jose.JSONWebKey{Key: key, KeyID: o.KeyID},
	}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return nil, fmt.Errorf("prepare the client secret: %w", err)
	}
	now := o.Now
	if now == nil {
		now = time.Now
	}
	return &secret{
		signer: signer,
		claims: jwt.Claims{Issuer: o.TeamID, Subject: o.Instance.ClientID, Audience: jwt.Audience{o.Instance.Issuer}},
		now:    now,
	}, nil
}

func parseKey(text []byte) (*ecdsa.PrivateKey, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("private key is missing or no PEM")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("private key is no PKCS#8")
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, errors.New("private key is not on P-256")
	}
	return key, nil
}

// current returns a secret that is good for a minute at least.
func (s *secret) current() (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if age := now.Sub(s.made); s.signed != "" && age >= 0 && age < secretUse {
		return s.signed, nil
	}
	claims := s.claims
	claims.IssuedAt = jwt.NewNumericDate(now)
	claims.Expiry = jwt.NewNumericDate(now.Add(secretUse + secretSpare))
	signed, err := jwt.Signed(s.signer).Claims(claims).Serialize()
	if err != nil {
		return "", fmt.Errorf("sign the client secret: %w", err)
	}
	s.signed, s.made = signed, now
	return signed, nil
}
