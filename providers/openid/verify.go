package openid

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/oauth2"
)

// Bounds of an ID token's times, in relation to our clock.
const (
	clockSkew = time.Minute      // how far iat, nbf and auth_time may lie ahead
	maxAge    = 10 * time.Minute // since iat: the code was redeemed just now
	maxProof  = 10 * 365 * 24 * time.Hour

	maxHeader = 8 << 10
)

var errDistrusted = errors.New("the ID token is signed by a key that is distrusted")

// proof is one attempt to verify a token with one set of keys.
type proof struct {
	payload []byte // nil when the signature does not hold
	signer  string // the id of the key that holds it
	token   *oidc.IDToken
	err     error
}

// capture hands go-oidc the keys and keeps the payload that they verified, so
// that a refusal can be told apart: signature or claims.
type capture struct {
	keys    *snapshot // nil for a token under the shared secret
	shared  []byte    // that secret
	kid     string    // that the token names; empty if none
	o       *Options
	payload []byte
	signer  string // the id of the key that verified
}

// VerifySignature implements [oidc.KeySet].
func (c *capture) VerifySignature(ctx context.Context, jwt string) ([]byte, error) {
	if c.keys == nil {
		payload, err := verifyShared(jwt, c.shared)
		c.payload = payload
		return payload, err
	}
	payload, signer, err := c.keys.verify(ctx, c.kid, jwt, c.o)
	if err != nil {
		return nil, err
	}
	c.payload, c.signer = payload, signer
	return payload, nil
}

// attempt checks signature, algorithm, audience and expiry. The issuer is
// skipped here because it may be spelled in several ways; claimsError compares it.
func (p *Provider) attempt(ctx context.Context, signed *capture, algorithms []string, raw string) proof {
	token, err := oidc.NewVerifier(p.o.Instance.Issuer, signed, &oidc.Config{
		ClientID:             p.o.Instance.ClientID,
		SupportedSigningAlgs: algorithms,
		SkipIssuerCheck:      true,
		Now:                  p.o.Now,
	}).Verify(ctx, raw)
	return proof{payload: signed.payload, signer: signed.signer, token: token, err: err}
}

// prove verifies the ID token and returns its claims. Keys are fetched if need
// be, and once more if the token does not verify with those at hand.
func (p *Provider) prove(ctx context.Context, leg providers.Leg, m *metadata, token oauth2.Token) (oauth2.Document, error) {
	raw := token.ID
	alg, kid, malformed := p.readHeader(raw)
	var found proof
	switch {
	case malformed != nil:
	case alg == symmetric:
		found = p.attempt(ctx, &capture{shared: []byte(token.Secret()), o: &p.o}, []string{symmetric}, raw)
	default:
		keys, fetched, err := p.keys(ctx, leg, m, kid, nil)
		if err != nil {
			return nil, err
		}
		found = p.attempt(ctx, &capture{keys: keys, kid: kid, o: &p.o}, p.o.Algorithms, raw)
		if found.payload == nil && !fetched {
			newer, _, err := p.keys(ctx, leg, m, kid, keys)
			if err != nil {
				return nil, err
			}
			if newer != keys {
				found = p.attempt(ctx, &capture{keys: newer, kid: kid, o: &p.o}, p.o.Algorithms, raw)
			}
		}
	}
	var claims oauth2.Document
	err := p.steps.Observe(ctx, leg, providers.StepVerify, func(context.Context) error {
		if malformed != nil {
			return malformed
		}
		read, err := p.judge(leg, found)
		claims = read
		return err
	})
	if err == nil && alg != symmetric {
		m.keys.signed(ctx, found.signer)
	}
	return claims, err
}

// keys returns keys for kid and whether the provider was asked for them. Only
// then there is a step to tell about.
func (p *Provider) keys(ctx context.Context, leg providers.Leg, m *metadata, kid string, spent *snapshot) (*snapshot, bool, error) {
	keys, flight := m.keys.look(kid, spent)
	if flight == nil {
		return keys, false, nil
	}
	err := p.steps.Observe(ctx, leg, providers.StepKeys, func(ctx context.Context) error {
		fetched, err := flight.wait(ctx)
		keys = fetched
		return err
	})
	return keys, true, err
}

// readHeader returns algorithm and key id of a compact JWS whose algorithm is
// allowed. Nothing in the header is believed beyond that: no key, no address of a
// key. The algorithm decides alone whether a published key or the shared secret
// is asked, so that one never stands in for the other.
func (p *Provider) readHeader(raw string) (alg, kid string, err error) {
	if raw == "" {
		return "", "", oauth2.Refuse(providers.Ours, "no ID token: OpenID Connect may be off for this client")
	}
	first, _, _ := strings.Cut(raw, ".")
	if strings.Count(raw, ".") != 2 || len(first) > maxHeader {
		return "", "", oauth2.Refuse(providers.Trust, "the ID token is malformed")
	}
	text, err := base64.RawURLEncoding.DecodeString(first)
	if err != nil {
		return "", "", oauth2.Refuse(providers.Trust, "the ID token is malformed")
	}
	header, err := oauth2.ParseDocument(text)
	if err != nil {
		return "", "", oauth2.Refuse(providers.Trust, "the ID token is malformed")
	}
	alg = header.Raw("alg")
	if !slices.Contains(p.o.Algorithms, alg) {
		return "", "", oauth2.Refuse(providers.Trust, "the ID token's algorithm is not allowed")
	}
	kid = header.Raw("kid")
	if kid != "" && p.o.Distrusted(kid) {
		return "", "", &providers.Error{Outcome: providers.Trust, Code: "key_distrusted", Err: errDistrusted}
	}
	return alg, kid, nil
}

// judge names what is wrong with a token, from the payload whose signature
// holds. What go-oidc refuses is refused even if everything looks well here.
func (p *Provider) judge(leg providers.Leg, found proof) (oauth2.Document, error) {
	if found.payload == nil {
		return nil, oauth2.Refuse(providers.Trust, "the ID token's signature does not verify")
	}
	claims, err := oauth2.ParseDocument(found.payload)
	if err != nil {
		return nil, oauth2.Refuse(providers.Trust, "the ID token's claims cannot be read")
	}
	if err := p.claimsError(leg, claims); err != nil {
		return nil, err
	}
	if found.err != nil || found.token.Subject != claims.Raw("sub") {
		return nil, oauth2.Refuse(providers.Trust, "the ID token's claims are ambiguous")
	}
	return claims, nil
}

// claimsError is OpenID Connect Core 3.1.3.7 and what we ask beyond it.
func (p *Provider) claimsError(leg providers.Leg, claims oauth2.Document) error {
	if !p.issued(claims) {
		return oauth2.Refuse(providers.Trust, "the ID token is another issuer's")
	}
	if err := p.audienceError(claims); err != nil {
		return err
	}
	if err := timesError(claims, p.o.Now()); err != nil {
		return err
	}
	if err := oauth2.CheckSubject(claims.Raw("sub")); err != nil {
		return &providers.Error{Outcome: providers.Trust, Err: err}
	}
	// A browser can have its own code, or a nonce of its choice, answered here:
	// that speaks against the leg, not against the provider.
	nonce := claims.Raw("nonce")
	if leg.Nonce == "" || subtle.ConstantTimeCompare([]byte(nonce), []byte(leg.Nonce)) != 1 {
		return oauth2.Refuse(providers.Unknown, "the ID token's nonce is not this leg's")
	}
	return nil
}

// issued reports whether an ID token names the issuer that it must.
func (p *Provider) issued(claims oauth2.Document) bool {
	iss := claims.Raw("iss")
	if p.o.Quirks.Issuer != nil {
		return iss != "" && iss == p.o.Quirks.Issuer(claims)
	}
	return iss != "" && (iss == p.o.Instance.Issuer || slices.Contains(p.o.Issuers, iss))
}

func (p *Provider) audienceError(claims oauth2.Document) error {
	own := p.o.Instance.ClientID
	audience := claims.Texts("aud")
	if !slices.Contains(audience, own) {
		return oauth2.Refuse(providers.Trust, "the ID token is for another client")
	}
	for _, other := range audience {
		if other != own && !slices.Contains(p.o.Audiences, other) {
			return oauth2.Refuse(providers.Trust, "the ID token names a further audience")
		}
	}
	_, present := claims["azp"]
	if (present || len(audience) > 1) && claims.Raw("azp") != own {
		return oauth2.Refuse(providers.Trust, "the ID token was issued to another client")
	}
	return nil
}

func timesError(claims oauth2.Document, now time.Time) error {
	expires, ok := claims.Time("exp")
	if !ok || !now.Before(expires) {
		return oauth2.Refuse(providers.Trust, "the ID token is expired")
	}
	issued, ok := claims.Time("iat")
	switch {
	case !ok:
		return oauth2.Refuse(providers.Trust, "the ID token does not say when it was issued")
	case issued.After(now.Add(clockSkew)):
		return oauth2.Refuse(providers.Trust, "the ID token was issued in the future")
	case issued.Before(now.Add(-maxAge)):
		return oauth2.Refuse(providers.Trust, "the ID token is old")
	}
	if _, present := claims["nbf"]; present {
		if from, ok := claims.Time("nbf"); !ok || from.After(now.Add(clockSkew)) {
			return oauth2.Refuse(providers.Trust, "the ID token is not valid yet")
		}
	}
	return nil
}

// authTime returns when the person proved themselves, as the provider says, or
// zero if that is out of reason.
func authTime(claims oauth2.Document, now time.Time) time.Time {
	at, ok := claims.Time("auth_time")
	if !ok || at.After(now.Add(clockSkew)) || at.Before(now.Add(-maxProof)) {
		return time.Time{}
	}
	return at
}
