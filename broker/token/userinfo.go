package token

import (
	"errors"
	"net/http"
	"strings"

	"github.com/bongsu/bongsu/broker/account"
	"github.com/bongsu/bongsu/broker/oauth"
)

// profile is the answer of userinfo (OpenID Connect Core 5.3.2).
type profile struct {
	Subject string `json:"sub"`
	account.Claims
}

// Userinfo answers what the access token may see of its account, as it
// is now.
func (e *Endpoint) Userinfo(w http.ResponseWriter, r *http.Request) error {
	bearer, err := oauth.BearerToken(w, r)
	if err != nil {
		return err
	}
	claims, err := e.readAccess(bearer)
	var found granted
	switch {
	case err != nil:
	case claims.Audience != e.Issuer:
		err = errAccess
	case claims.Grant == "":
		return oauth.InsufficientScope("The token is a client's own; userinfo needs one that a login gave.")
	default:
		found, err = e.live(r.Context(), claims)
	}
	if errors.Is(err, errAccess) {
		return oauth.InvalidToken("The access token is not valid here, has expired or was revoked.").With(err)
	}
	if err != nil {
		return err
	}
	oauth.WriteJSON(w, http.StatusOK, profile{
		Subject: claims.Subject, Claims: account.ClaimsOf(found.account, strings.Fields(claims.Scope), found.grant.Claims...),
	})
	return nil
}
