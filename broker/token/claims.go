package token

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/bongsu/bongsu/broker/account"
	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/id"
	"github.com/bongsu/bongsu/broker/oauth"
	"github.com/bongsu/bongsu/keys"
)

// The lives of what is issued.
const (
	idTokenLife     = 10 * time.Minute
	accessTokenLife = 10 * time.Minute
	// grantLife keeps the row of a claimed code: long enough to recognise a
	// replay and to name the device, as long as a session may live.
	grantLife = 30 * 24 * time.Hour
)

// idTokenClaims is the payload of an ID token (OpenID Connect Core 2).
type idTokenClaims struct {
	Issuer   string   `json:"iss"`
	Subject  string   `json:"sub"`
	Audience string   `json:"aud"`
	Expires  int64    `json:"exp"`
	IssuedAt int64    `json:"iat"`
	AuthTime int64    `json:"auth_time"`
	Nonce    string   `json:"nonce,omitempty"`
	ACR      string   `json:"acr"`
	AMR      []string `json:"amr,omitempty"`
	SID      string   `json:"sid"`
	ATHash   string   `json:"at_hash"`
	Way      string   `json:"bongsu_way,omitempty"`
	account.Claims
}

// AccessClaims is the payload of an access token (RFC 9068 2.2). Grant, SID and
// Epoch let our own endpoints obey negative facts; a client's own token
// (client_credentials) has none of them, and one of a grant for offline access
// no SID.
type AccessClaims struct {
	Issuer   string `json:"iss"`
	Subject  string `json:"sub"`
	Audience string `json:"aud"`
	Expires  int64  `json:"exp"`
	IssuedAt int64  `json:"iat"`
	ID       string `json:"jti"`
	Client   string `json:"client_id"`
	Scope    string `json:"scope,omitempty"`
	Grant    string `json:"gid,omitempty"`
	SID      string `json:"sid,omitempty"`
	Epoch    int64  `json:"epo,omitempty"`
	Arbiter  string `json:"arb,omitempty"` // the node that knows the grant before the store does; empty: the writer gave it

	// The rest is for resource servers (RFC 9068 2.2.1).
	AuthTime int64    `json:"auth_time,omitempty"`
	ACR      string   `json:"acr,omitempty"`
	AMR      []string `json:"amr,omitempty"`
}

// issue signs the tokens that a code, or what is left of one in its grant,
// gives: an access token for t, and an ID token if the scope asks for one.
func (e *Endpoint) issue(c Code, known *client.Client, grantID string, t target, now time.Time) (response, error) {
	life := e.lifeOf(c, accessTokenLife)
	access, err := e.accessToken(c, grantID, t, now, life)
	if err != nil {
		return response{}, err
	}
	answer := response{
		AccessToken: access, TokenType: "Bearer", ExpiresIn: int(life / time.Second), Scope: joinScope(t.scope),
	}
	if !slices.Contains(c.Scope, oauth.ScopeOpenID) { // a refresh that asked for less
		return answer, nil
	}
	claims := idTokenClaims{
		Issuer: e.Issuer, Subject: c.Subject, Audience: c.Client,
		Expires: now.Add(e.lifeOf(c, idTokenLife)).Unix(), IssuedAt: now.Unix(), AuthTime: c.AuthTime,
		Nonce: c.Nonce, ACR: c.ACR, AMR: c.AMR, SID: c.SID,
		ATHash: accessHash(known.IDTokenAlg, access), Claims: c.Claims,
	}
	if e.WayClaim {
		claims.Way = c.Way
	}
	answer.IDToken, err = e.sign(keys.IDToken, known.IDTokenAlg, claims)
	return answer, err
}

// accessToken signs an access token of a person's grant. One that may go on
// while the person is away does not hang on the session that began it.
func (e *Endpoint) accessToken(c Code, grantID string, t target, now time.Time, life time.Duration) (string, error) {
	tokenID, err := id.New(e.Rand)
	if err != nil {
		return "", err
	}
	claims := AccessClaims{
		Issuer: e.Issuer, Subject: c.Subject, Audience: t.audience,
		Expires: now.Add(life).Unix(), IssuedAt: now.Unix(), ID: tokenID,
		Client: c.Client, Scope: joinScope(t.scope), Grant: grantID, SID: c.SID, Epoch: c.Epoch,
		Arbiter: c.Arbiter.node(),
	}
	if slices.Contains(c.Scope, oauth.ScopeOfflineAccess) {
		claims.SID = ""
	}
	if t.audience != e.Issuer {
		claims.AuthTime, claims.ACR, claims.AMR = c.AuthTime, c.ACR, c.AMR
	}
	return e.sign(keys.AccessToken, t.alg, claims)
}

func (e *Endpoint) sign(kind keys.Kind, alg keys.Algorithm, claims any) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("encode claims: %w", err)
	}
	signed, err := e.Keys.Sign(kind, alg, payload)
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	return signed, nil
}
