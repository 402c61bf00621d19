package fakeidp

import (
	"encoding/hex"
	"net/http"
	"net/url"
	"time"
)

// LINE (v2.1): the metadata lists ES256 alone, but an ID token is signed HS256
// with the channel secret unless the token request asks for id_token_key_type=JWK.
// An address says nothing about being verified; a callback may carry more than
// code and state. The texts of token errors, and what an unknown channel gets,
// are not documented.
func line() *dialect {
	return &dialect{
		name:  LINE,
		title: "LINE",
		routes: append(pages("/oauth2/v2.1/authorize"),
			route{endpoint: Token, path: "/oauth2/v2.1/token", methods: post},
			route{endpoint: Userinfo, path: "/oauth2/v2.1/userinfo", methods: getOrPost, document: lineUserinfo},
			route{endpoint: TokenInfo, path: "/oauth2/v2.1/verify", methods: get, document: lineVerify},
			route{endpoint: JWKS, path: "/oauth2/v2.1/certs", methods: get},
			route{endpoint: Discovery, path: discoveryPath, methods: get},
		),
		idToken:      true,
		onlyIfAsked:  true,
		ec:           true,
		refreshes:    true,
		codeLives:    10 * time.Minute,
		tokenLives:   30 * 24 * time.Hour,
		idTokenLives: time.Hour,
		declined:     failure("access_denied", "The resource owner denied the request."),
		subject:      func(sum [32]byte) string { return "U" + hex.EncodeToString(sum[:16]) },
		code:         func(random string) string { return random[:20] },
		extra: func(*Upstream, grant) url.Values {
			return url.Values{"friendship_status_changed": {"false"}}
		},
		signer:    lineSigner,
		discovery: lineDiscovery,
		claims: func(_ *Upstream, g grant, _ string) map[string]any {
			claims := lineProfile(g)
			claims["amr"] = []string{"linesso"}
			return claims
		},
		token: func(g grant, t tokens) map[string]any {
			d := standardToken(g, t)
			d["expires_in"] = 2592000
			return d
		},
		refuse: lineError,
	}
}

// lineSigner is the newest key for those who ask for keys, and the channel
// secret for everybody else.
func lineSigner(c *call) Signer {
	if c.r.PostForm.Get("id_token_key_type") == "JWK" {
		return NewestKey()
	}
	return Secret(c.u.client.Secret)
}

func lineDiscovery(u *Upstream) map[string]any {
	d := standardDiscovery(u)
	d["subject_types_supported"] = []string{"pairwise"}
	d["id_token_signing_alg_values_supported"] = []string{"ES256"} // which is not the whole truth
	d["revocation_endpoint"] = u.at(Token) + "/oauth2/v2.1/revoke"
	return d
}

func lineProfile(g grant) map[string]any {
	claims := map[string]any{}
	if g.has("profile") {
		claims["name"] = g.person.Nickname
		claims["picture"] = g.person.Picture
	}
	if g.has("email") {
		claims["email"] = g.person.Email
	}
	return without(claims)
}

func lineUserinfo(_ *Upstream, g grant) map[string]any {
	claims := lineProfile(g)
	delete(claims, "email")
	claims["sub"] = g.subject
	return claims
}

func lineVerify(u *Upstream, g grant) map[string]any {
	left := u.dialect.tokenLives - u.server.o.Now().Sub(g.at)
	return map[string]any{"scope": "profile openid", "client_id": g.clientID, "expires_in": int(left.Seconds())}
}

func lineError(e Endpoint, why refusal) reply {
	switch {
	case why == internal && e == JWKS:
		return unavailable()
	case why == internal:
		return problem(http.StatusInternalServerError, "server_error", "internal server error")
	case why == disguised:
		return lost()
	case why == wrongToken:
		return problem(http.StatusUnauthorized, "invalid_request", "access token expired")
	}
	status, code := why.standardError()
	text := string(why)
	switch why {
	case unknownClient, wrongSecret, suspended:
		status, code, text = http.StatusBadRequest, "invalid_client", "invalid client"
	case wrongCode:
		text = "invalid authorization code"
	}
	return problem(status, code, text)
}
