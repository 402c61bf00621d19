package backchannel

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/id"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/keys"
)

// tokenLife bounds the life of a logout token: one attempt.
const tokenLife = 2 * time.Minute

// event is the member of events that makes a JWT a logout token.
const event = "http://schemas.openid.net/event/backchannel-logout"

// logoutClaims is the payload of a logout token (OpenID Connect Back-Channel
// Logout 1.0 2.4). It never has a nonce.
type logoutClaims struct {
	Issuer   string              `json:"iss"`
	Subject  string              `json:"sub,omitempty"`
	Audience string              `json:"aud"`
	IssuedAt int64               `json:"iat"`
	Expires  int64               `json:"exp"`
	ID       string              `json:"jti"`
	SID      string              `json:"sid,omitempty"`
	Events   map[string]struct{} `json:"events"`
}

// token signs a logout token with the algorithm of the website's ID tokens.
func (n *Notifier) token(l store.Logout, known *client.Client) (string, error) {
	tokenID, err := id.New(n.o.Rand)
	if err != nil {
		return "", err
	}
	now := n.o.Now()
	payload, err := json.Marshal(logoutClaims{
		Issuer: n.o.Issuer, Subject: l.Subject, Audience: known.ID, IssuedAt: now.Unix(),
		Expires: now.Add(tokenLife).Unix(), ID: tokenID, SID: l.SID,
		Events: map[string]struct{}{event: {}},
	})
	if err != nil {
		return "", fmt.Errorf("encode logout token: %w", err)
	}
	signed, err := n.o.Keys.Sign(keys.LogoutToken, known.IDTokenAlg, payload)
	if err != nil {
		return "", fmt.Errorf("sign logout token: %w", err)
	}
	return signed, nil
}
