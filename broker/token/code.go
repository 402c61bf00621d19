package token

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/bongsu/bongsu/broker/account"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/keys/seal"
)

// CodeLife bounds the life of an authorization code, from its issue (RFC 6749
// 4.1.2).
const CodeLife = 60 * time.Second

// purposeCode keeps a code from opening as anything else.
const purposeCode seal.Purpose = "code"

// Arbiter names who decides that a code is used for the first time. It is
// fixed when the code is made and never changes (P7).
type Arbiter string

// Writer is the store's writer, the arbiter of every code made while a writer
// is known.
const Writer Arbiter = "writer"

// errCode means that a code is forged, foreign or too old.
var errCode = errors.New("token: not a live code")

// Code is everything a code stands for. It travels sealed in the code itself,
// so that any node redeems what another made, without a read.
type Code struct {
	Login     string   `json:"l"` // login id: the name under which the code is claimed
	Arbiter   Arbiter  `json:"r"`
	Client    string   `json:"c"`
	Redirect  string   `json:"u"`
	Challenge string   `json:"h,omitempty"` // S256; empty: the client sent none
	Scope     []string `json:"s,omitempty"`
	Resources []string `json:"rs,omitempty"` // resource servers its tokens may be for
	Nonce     string   `json:"n,omitempty"`
	Issued    int64    `json:"i"` // Unix seconds

	Account  string         `json:"a"`
	Epoch    int64          `json:"e"`
	Subject  string         `json:"b"` // as this client knows the account
	Claims   account.Claims `json:"k"`
	Userinfo []string       `json:"ui,omitempty"` // claims that userinfo gives beside those of Scope
	SID      string         `json:"d"`
	Way      string         `json:"w"` // provider instance id
	ACR      string         `json:"x"`
	AMR      []string       `json:"m,omitempty"`
	AuthTime int64          `json:"t"` // Unix seconds
}

// Sealer seals and opens codes.
type Sealer interface {
	Seal(p seal.Purpose, plaintext []byte) (string, error)
	Open(ctx context.Context, p seal.Purpose, sealed string) ([]byte, error)
}

// SealCode returns the code to give to the website.
func SealCode(s Sealer, c Code) (string, error) {
	plain, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("encode code: %w", err)
	}
	sealed, err := s.Seal(purposeCode, plain)
	if err != nil {
		return "", fmt.Errorf("seal code: %w", err)
	}
	return sealed, nil
}

// openCode returns what a code stands for. errCode: it is none of ours or too
// old. Any other error means that it could not be checked.
func openCode(ctx context.Context, s Sealer, sealed string, now time.Time) (Code, error) {
	plain, err := s.Open(ctx, purposeCode, sealed)
	if errors.Is(err, seal.ErrInvalid) {
		return Code{}, errCode
	}
	if err != nil {
		return Code{}, fmt.Errorf("open code: %w", err)
	}
	var c Code
	if err := json.Unmarshal(plain, &c); err != nil {
		return Code{}, errCode
	}
	if age := now.Sub(time.Unix(c.Issued, 0)); age < -time.Minute || age >= CodeLife {
		return Code{}, errCode
	}
	return c, nil
}

// grant is the row that the code becomes when it is claimed.
func (c Code) grant(id, sealed string, now time.Time) store.Grant {
	hash := sha256.Sum256([]byte(sealed))
	return store.Grant{
		ID: id, LoginID: c.Login, CodeHash: hash[:],
		AccountID: c.Account, ClientID: c.Client, SID: c.SID, Scope: c.Scope, Claims: c.Userinfo,
		Provider: c.Way, ACR: c.ACR, AMR: c.AMR, AuthTime: time.Unix(c.AuthTime, 0).UTC(),
		CreatedAt: now.UTC(), ExpiresAt: now.Add(grantLife).UTC(), Epoch: c.Epoch, Resources: c.Resources,
	}
}
