package token

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/bongsu/bongsu/broker/account"
	"github.com/bongsu/bongsu/broker/oauth"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/keys"
)

// profile is the answer of userinfo (OpenID Connect Core 5.3.2).
type profile struct {
	Subject string `json:"sub"`
	account.Claims
}

// Userinfo answers what the access token's grant may see of its account, as it
// is now.
func (e *Endpoint) Userinfo(w http.ResponseWriter, r *http.Request) error {
	bearer, err := oauth.BearerToken(w, r)
	if err != nil {
		return err
	}
	claims, err := e.accessClaims(bearer)
	if err != nil {
		return err
	}
	found, granted, err := e.granted(r.Context(), claims)
	if err != nil {
		return err
	}
	oauth.WriteJSON(w, http.StatusOK, profile{
		Subject: claims.Subject, Claims: account.ClaimsOf(found, granted.Scope),
	})
	return nil
}

// accessClaims reads an access token of ours that a login gave. Whatever is
// wrong with it, the answer is the same.
func (e *Endpoint) accessClaims(bearer string) (AccessClaims, error) {
	payload, err := e.Keys.Verify(keys.AccessToken, bearer)
	if errors.Is(err, keys.ErrUnavailable) {
		return AccessClaims{}, fmt.Errorf("verify access token: %w", err)
	}
	if err != nil {
		return AccessClaims{}, invalidToken().With(err)
	}
	var claims AccessClaims
	if err := json.Unmarshal(payload, &claims); err != nil {
		return AccessClaims{}, invalidToken().With(err)
	}
	if claims.Audience != e.Issuer || claims.Expires <= e.Now().Unix() {
		return AccessClaims{}, invalidToken()
	}
	if claims.Grant == "" {
		return AccessClaims{}, oauth.InsufficientScope("The token is a client's own; userinfo needs one that a login gave.")
	}
	if e.Negatives.Has(store.GrantRevoked, claims.Grant) || e.Negatives.Has(store.SessionEnded, claims.SID) {
		return AccessClaims{}, invalidToken()
	}
	return claims, nil
}

func (e *Endpoint) granted(ctx context.Context, claims AccessClaims) (store.Account, store.Grant, error) {
	granted, found, err := e.Grants.GrantedAccount(ctx, claims.Grant)
	if errors.Is(err, store.ErrNotFound) {
		return store.Account{}, store.Grant{}, invalidToken()
	}
	if err != nil {
		return store.Account{}, store.Grant{}, fmt.Errorf("read grant: %w", err)
	}
	if found.Disabled || found.Epoch != claims.Epoch || !e.stands(found.ID, claims.SID, claims.Epoch) ||
		e.void(granted.Provider, granted.CreatedAt.Unix()) {
		return store.Account{}, store.Grant{}, invalidToken()
	}
	return found, granted, nil
}

func invalidToken() *oauth.Error {
	return oauth.InvalidToken("The access token is not valid here, has expired or was revoked.")
}
