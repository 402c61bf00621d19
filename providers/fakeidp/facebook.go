package fakeidp

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Facebook: paths hold the version of the API, errors are objects whose code
// alone does not say whose fault it is, people are strings of digits, scopes
// come back by comma, calls carry a proof of the app's secret, and a token is
// asked about with the app's own credentials.
func facebook() *dialect {
	return &dialect{
		name:  Facebook,
		title: "Facebook",
		routes: append(pages("/v24.0/dialog/oauth"),
			route{endpoint: Token, path: "/v24.0/oauth/access_token", methods: getOrPost},
			route{endpoint: Userinfo, path: "/v24.0/me", methods: get, document: facebookMe},
			route{endpoint: TokenInfo, path: "/v24.0/debug_token", methods: get, document: facebookDebug},
		),
		codeLives:  10 * time.Minute,
		tokenLives: 60 * 24 * time.Hour,
		declined: url.Values{
			"error": {"access_denied"}, "error_code": {"200"}, "error_reason": {"user_denied"}, "error_description": {"Permissions error"},
		},
		subject: func(sum [32]byte) string { return fmt.Sprintf("1%016d", binary.BigEndian.Uint64(sum[:])%1e16) },
		code:    func(random string) string { return "AQ" + random },
		asked:   facebookAsked,
		token: func(_ grant, t tokens) map[string]any {
			return map[string]any{"access_token": "EAA" + t.access, "token_type": "bearer", "expires_in": 5183944}
		},
		refuse: facebookError,
	}
}

func facebookAsked(c *call) (string, refusal) {
	bearer := c.bearer()
	if c.route.endpoint == TokenInfo {
		if bearer != c.u.client.ID+"|"+c.u.client.Secret {
			return "", unknownClient
		}
		return c.known(strings.TrimPrefix(c.r.Form.Get("input_token"), "EAA"))
	}
	mac := hmac.New(sha256.New, []byte(c.u.client.Secret))
	mac.Write([]byte(bearer))
	if c.r.Form.Get("appsecret_proof") != hex.EncodeToString(mac.Sum(nil)) {
		return "", malformed
	}
	return strings.TrimPrefix(bearer, "EAA"), ""
}

func facebookMe(_ *Upstream, g grant) map[string]any {
	p := g.person
	me := map[string]any{"id": g.subject, "name": p.FullName}
	if g.has("email") && p.Email != "" {
		me["email"] = p.Email
	}
	if p.Picture != "" {
		me["picture"] = map[string]any{"data": map[string]any{"height": 200, "width": 200, "is_silhouette": false, "url": p.Picture}}
	}
	return me
}

func facebookDebug(u *Upstream, g grant) map[string]any {
	return map[string]any{"data": map[string]any{
		"app_id": g.clientID, "type": "USER", "application": "Bongsu", "user_id": g.subject, "is_valid": true,
		"issued_at": g.at.Unix(), "expires_at": g.at.Add(u.dialect.tokenLives).Unix(), "scopes": g.scope,
	}}
}

func facebookError(_ Endpoint, why refusal) reply {
	status, code, kind, text := http.StatusBadRequest, 100, "OAuthException", "Invalid parameter"
	subcode := 0
	switch why {
	case unknownClient:
		code, text = 101, "Error validating application. Cannot get application info due to a system error."
	case suspended:
		code, text = 101, "Error validating application. Application has been deleted."
	case wrongSecret:
		code, text = 1, "Error validating client secret."
	case wrongCode:
		text = "Invalid verification code format."
	case wrongRedirect:
		text, subcode = "Error validating verification code. Please make sure your redirect_uri is identical to the one you used in the OAuth dialog request", 36008
	case wrongToken:
		code, text = 190, "Invalid OAuth access token - Cannot parse access token"
	case noSuchToken:
		return reply{status: http.StatusOK, document: map[string]any{"data": map[string]any{
			"is_valid": false, "scopes": []string{}, "error": map[string]any{"code": 190, "message": "The access token could not be decrypted"},
		}}}
	case internal:
		status, code, text = http.StatusInternalServerError, 1, "An unknown error occurred"
	case disguised:
		code, text = 2, "An unexpected error has occurred. Please retry your request later."
	case malformed:
		kind, text = "GraphMethodException", "Invalid appsecret_proof provided in the API argument"
	}
	problem := map[string]any{"message": text, "type": kind, "code": code, "fbtrace_id": "Aq0"}
	if subcode != 0 {
		problem["error_subcode"] = subcode
	}
	return reply{status: status, document: map[string]any{"error": problem}}
}
