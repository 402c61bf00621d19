package token

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"

	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/oauth"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/keys"
)

// introspection is the answer about a token (RFC 7662 2.2). About one that does
// not hold, or is none of the asker's business, it says no more than that.
type introspection struct {
	Active    bool   `json:"active"`
	Scope     string `json:"scope,omitempty"`
	Client    string `json:"client_id,omitempty"`
	TokenType string `json:"token_type,omitempty"`
	Expires   int64  `json:"exp,omitempty"`
	IssuedAt  int64  `json:"iat,omitempty"`
	Subject   string `json:"sub,omitempty"`
	Audience  string `json:"aud,omitempty"`
	Issuer    string `json:"iss,omitempty"`
	ID        string `json:"jti,omitempty"`
	ACR       string `json:"acr,omitempty"`
	AuthTime  int64  `json:"auth_time,omitempty"`
}

// Introspect answers whether a token holds right now (RFC 7662): to the client
// it was given to, and to the resource server it is for. "Could not check" is
// an error and never inactive (P5).
func (e *Endpoint) Introspect(w http.ResponseWriter, r *http.Request) error {
	query, err := oauth.ParseTokenQuery(w, r)
	if err != nil {
		return err
	}
	asker, err := e.authenticate(r.Context(), query.Auth)
	if err != nil {
		return err
	}
	if asker.Public {
		return oauth.InvalidClient("Introspection is for clients that can prove themselves.")
	}
	var answer introspection
	if _, shaped := parseRefresh(query.Token); shaped {
		answer, err = e.inspectRefresh(r.Context(), asker, query.Token)
	} else {
		answer, err = e.inspectAccess(r.Context(), asker, query.Token)
	}
	if err != nil {
		return err
	}
	oauth.WriteJSON(w, http.StatusOK, answer)
	return nil
}

func (e *Endpoint) inspectAccess(ctx context.Context, asker *client.Client, token string) (introspection, error) {
	claims, err := e.readAccess(token)
	if errors.Is(err, errAccess) {
		return introspection{}, nil
	}
	if err != nil {
		return introspection{}, err
	}
	if !e.concerns(claims, asker) {
		return introspection{}, nil
	}
	if claims.Grant != "" {
		_, err := e.live(ctx, claims)
		if errors.Is(err, errAccess) {
			return introspection{}, nil
		}
		if err != nil {
			return introspection{}, err
		}
	}
	return introspection{
		Active: true, Scope: claims.Scope, Client: claims.Client, TokenType: "Bearer",
		Expires: claims.Expires, IssuedAt: claims.IssuedAt, Subject: claims.Subject, Audience: claims.Audience,
		Issuer: claims.Issuer, ID: claims.ID, ACR: claims.ACR, AuthTime: claims.AuthTime,
	}, nil
}

// concerns reports whether an access token is the asker's business.
func (e *Endpoint) concerns(claims AccessClaims, asker *client.Client) bool {
	if claims.Client == asker.ID {
		return true
	}
	server, ok := e.Resources.Resource(claims.Audience)
	return ok && slices.Contains(server.Introspects, asker.ID)
}

func (e *Endpoint) inspectRefresh(ctx context.Context, asker *client.Client, token string) (introspection, error) {
	f, err := e.genuine(ctx, token, math.MaxInt64)
	if errors.Is(err, errRefresh) {
		return introspection{}, nil
	}
	if err != nil {
		return introspection{}, err
	}
	doubt := e.doubt(f.account.ID)
	refresh := f.grant.Refresh
	expires := refresh.UsedAt.Add(refreshIdle)
	if f.grant.ExpiresAt.Before(expires) {
		expires = f.grant.ExpiresAt
	}
	if f.grant.ClientID != asker.ID || refresh.Count != f.token.count || !refresh.EndedAt.IsZero() ||
		!e.Now().Before(expires) || !e.granting(f.grant, f.account) {
		return introspection{}, nil
	}
	if doubt != nil {
		return introspection{}, doubt
	}
	return introspection{
		Active: true, Scope: joinScope(f.grant.Scope), Client: asker.ID, Issuer: e.Issuer,
		Subject: e.Subjects.Subject(f.account, asker), IssuedAt: refresh.UsedAt.Unix(), Expires: expires.Unix(),
		ACR: f.grant.ACR, AuthTime: f.grant.AuthTime.Unix(),
	}, nil
}

// errAccess means that a text is no access token that holds.
var errAccess = errors.New("token: not an access token that holds")

// readAccess reads an access token of ours that has not expired and was not
// revoked by itself, whomever it is for. errAccess; any other error means that
// it could not be checked.
func (e *Endpoint) readAccess(token string) (AccessClaims, error) {
	now := e.Now()
	hash := sha256.Sum256([]byte(token))
	read, ok := e.verified.get(string(hash[:]), now)
	if !ok || e.Negatives.Has(store.KeyWithdrawn, read.keyID) {
		var err error
		if read, err = e.verify(token); err != nil {
			return AccessClaims{}, err
		}
		e.verified.keep(string(hash[:]), read, now)
	}
	if read.claims.Expires <= now.Unix() || e.Negatives.Has(store.TokenRevoked, read.claims.ID) {
		return AccessClaims{}, errAccess
	}
	return read.claims, nil
}

// verify checks the signature of an access token.
func (e *Endpoint) verify(token string) (signed, error) {
	payload, err := e.Keys.Verify(keys.AccessToken, token)
	if errors.Is(err, keys.ErrUnavailable) {
		return signed{}, fmt.Errorf("verify access token: %w", err)
	}
	var read signed
	if err == nil {
		err = json.Unmarshal(payload, &read.claims)
	}
	if err == nil {
		read.keyID, err = keyOf(token)
	}
	if err != nil {
		return signed{}, fmt.Errorf("%w: %w", errAccess, err)
	}
	return read, nil
}

// keyOf returns the kid of a token that verified.
func keyOf(token string) (string, error) {
	encoded, _, _ := strings.Cut(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		return "", fmt.Errorf("decode header: %w", err)
	}
	var header struct {
		KeyID string `json:"kid"`
	}
	err = json.Unmarshal(raw, &header)
	return header.KeyID, err
}

// live returns what an access token that a login gave rests on. errAccess: it
// rests on nothing any more. Any other error means that it could not be checked.
func (e *Endpoint) live(ctx context.Context, claims AccessClaims) (granted, error) {
	if e.Negatives.Has(store.GrantRevoked, claims.Grant) || e.Negatives.Has(store.SessionEnded, claims.SID) {
		return granted{}, errAccess
	}
	if known, ok := e.Clients.Client(claims.Client); ok {
		if err := e.current(known); err != nil {
			return granted{}, err
		}
	}
	now := e.Now()
	found, ok := e.grants.get(claims.Grant, now)
	if !ok {
		var err error
		found, err = e.grantOf(ctx, claims)
		if errors.Is(err, store.ErrNotFound) {
			return granted{}, errAccess
		}
		if err != nil {
			return granted{}, fmt.Errorf("read grant: %w", err)
		}
	}
	doubt := e.doubt(found.account.ID)
	if !e.holds(found.grant, found.account, claims.Epoch) {
		return granted{}, errAccess
	}
	if doubt != nil {
		return granted{}, doubt
	}
	if !ok {
		e.grants.keep(claims.Grant, found, now)
	}
	return found, nil
}
