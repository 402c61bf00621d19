package fakeidp

import (
	"encoding/binary"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Google: subjects are strings of 21 digits, scopes come back under longer
// names, and callbacks carry more than code and state.
func google() *dialect {
	return &dialect{
		name:  Google,
		title: "Google",
		routes: append(pages("/o/oauth2/v2/auth"),
			route{endpoint: Token, path: "/token", methods: post},
			route{endpoint: Userinfo, path: "/v1/userinfo", methods: getOrPost, document: googleUserinfo},
			route{endpoint: TokenInfo, path: "/tokeninfo", methods: get, document: googleTokenInfo},
			route{endpoint: JWKS, path: "/oauth2/v3/certs", methods: get},
			route{endpoint: Discovery, path: discoveryPath, methods: get},
		),
		idToken:      true,
		onlyIfAsked:  true,
		basic:        true,
		codeLives:    time.Minute,
		tokenLives:   time.Hour,
		idTokenLives: time.Hour,
		declined:     url.Values{"error": {"access_denied"}},
		subject: func(sum [32]byte) string {
			return fmt.Sprintf("1%010d%010d", binary.BigEndian.Uint64(sum[:])%1e10, binary.BigEndian.Uint64(sum[8:])%1e10)
		},
		code: func(random string) string { return "4/0A" + random },
		extra: func(_ *Upstream, g grant) url.Values {
			return url.Values{"scope": {googleScope(g)}, "authuser": {"0"}, "prompt": {"consent"}}
		},
		discovery: func(u *Upstream) map[string]any {
			d := standardDiscovery(u)
			d["code_challenge_methods_supported"] = []string{"plain", "S256"}
			d["grant_types_supported"] = []string{"authorization_code"}
			return d
		},
		claims: func(_ *Upstream, g grant, access string) map[string]any {
			claims := googleProfile(g)
			claims["azp"] = g.clientID
			claims["at_hash"] = accessHash(access)
			return claims
		},
		token: func(g grant, t tokens) map[string]any {
			d := standardToken(g, t)
			d["expires_in"] = 3599
			d["scope"] = googleScope(g)
			return d
		},
		refuse: googleError,
	}
}

func googleScope(g grant) string {
	names := make([]string, 0, len(g.scope))
	for _, name := range g.scope {
		if name == "email" || name == "profile" {
			name = "https://www.googleapis.com/auth/userinfo." + name
		}
		names = append(names, name)
	}
	return strings.Join(names, " ")
}

func googleProfile(g grant) map[string]any {
	claims := standardClaims(g)
	for _, foreign := range []string{"nickname", "locale", "phone_number", "phone_number_verified"} {
		delete(claims, foreign)
	}
	return claims
}

func googleUserinfo(_ *Upstream, g grant) map[string]any {
	claims := googleProfile(g)
	claims["sub"] = g.subject
	return claims
}

func googleTokenInfo(_ *Upstream, g grant) map[string]any {
	return map[string]any{"aud": g.clientID, "azp": g.clientID, "sub": g.subject, "scope": googleScope(g)}
}

func googleError(e Endpoint, why refusal) reply {
	switch {
	case why == internal && e == Token:
		return problem(http.StatusInternalServerError, "internal_failure", "Backend Error")
	case why == internal:
		return unavailable()
	case why == disguised:
		return lost()
	case why == suspended && e == Token:
		return problem(http.StatusUnauthorized, "deleted_client", "The OAuth client was deleted.")
	}
	status, code := why.standardError()
	text := string(why)
	switch why {
	case unknownClient:
		text = "The OAuth client was not found."
	case wrongSecret:
		text = "Unauthorized"
	case wrongCode:
		text = "Malformed auth code."
	case wrongRedirect:
		status, code, text = http.StatusBadRequest, "redirect_uri_mismatch", "Bad Request"
	case wrongToken:
		code, text = "invalid_request", "Invalid Credentials"
	}
	return problem(status, code, text)
}
