package token

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/bongsu/bongsu/broker/account"
	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/id"
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
// (client_credentials) has none of them.
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
}

// issue signs the tokens that a code gives.
func (e *Endpoint) issue(c Code, known *client.Client, grantID string, now time.Time) (response, error) {
	tokenID, err := id.New(e.Rand)
	if err != nil {
		return response{}, err
	}
	access, err := e.sign(keys.AccessToken, keys.ES256, AccessClaims{
		Issuer: e.Issuer, Subject: c.Subject, Audience: e.Issuer,
		Expires: now.Add(accessTokenLife).Unix(), IssuedAt: now.Unix(), ID: tokenID,
		Client: c.Client, Scope: joinScope(c.Scope), Grant: grantID, SID: c.SID, Epoch: c.Epoch,
	})
	if err != nil {
		return response{}, err
	}
	claims := idTokenClaims{
		Issuer: e.Issuer, Subject: c.Subject, Audience: c.Client,
		Expires: now.Add(idTokenLife).Unix(), IssuedAt: now.Unix(), AuthTime: c.AuthTime,
		Nonce: c.Nonce, ACR: c.ACR, AMR: c.AMR, SID: c.SID,
		ATHash: accessHash(known.IDTokenAlg, access), Claims: c.Claims,
	}
	if e.WayClaim {
		claims.Way = c.Way
	}
	idToken, err := e.sign(keys.IDToken, known.IDTokenAlg, claims)
	if err != nil {
		return response{}, err
	}
	return response{
		AccessToken: access, TokenType: "Bearer", ExpiresIn: int(accessTokenLife / time.Second),
		IDToken: idToken, Scope: joinScope(c.Scope),
	}, nil
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
