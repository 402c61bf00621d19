package fakeidp

import (
	"encoding/hex"
	"net/http"
	"strings"
	"time"
)

const discoveryPath = "/.well-known/openid-configuration"

// OpenID is what the standard says, no more.
func openID() *dialect {
	return &dialect{
		name: OpenID,
		routes: append(pages("/authorize"),
			route{endpoint: Token, path: "/token", methods: post},
			route{endpoint: Userinfo, path: "/userinfo", methods: getOrPost, document: standardUserinfo},
			route{endpoint: JWKS, path: "/jwks", methods: get},
			route{endpoint: Discovery, path: discoveryPath, methods: get},
		),
		idToken:      true,
		onlyIfAsked:  true,
		formPost:     true,
		basic:        true,
		refreshes:    true,
		codeLives:    time.Minute,
		tokenLives:   time.Hour,
		idTokenLives: time.Hour,
		declined:     failure("access_denied", "the person declined"),
		subject:      func(sum [32]byte) string { return hex.EncodeToString(sum[:12]) },
		code:         func(random string) string { return random },
		discovery:    standardDiscovery,
		claims: func(_ *Upstream, g grant, access string) map[string]any {
			claims := standardClaims(g)
			claims["auth_time"] = g.at.Unix()
			claims["at_hash"] = accessHash(access)
			return claims
		},
		token:  standardToken,
		refuse: standardRefusal,
	}
}

// standardDiscovery is an OpenID Connect Discovery document of what the dialect
// serves.
func standardDiscovery(u *Upstream) map[string]any {
	methods := []string{"client_secret_post"}
	if u.dialect.basic {
		methods = append(methods, "client_secret_basic")
	}
	modes := []string{"query"}
	if u.dialect.formPost {
		modes = append(modes, "form_post")
	}
	return without(map[string]any{
		"issuer":                                u.Issuer(),
		"authorization_endpoint":                u.URL(Authorize),
		"token_endpoint":                        u.URL(Token),
		"userinfo_endpoint":                     u.URL(Userinfo),
		"jwks_uri":                              u.URL(JWKS),
		"response_types_supported":              []string{"code"},
		"response_modes_supported":              modes,
		"grant_types_supported":                 []string{"authorization_code", "refresh_token"},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
		"scopes_supported":                      []string{"openid", "email", "profile"},
		"token_endpoint_auth_methods_supported": methods,
		"code_challenge_methods_supported":      []string{"S256"},
	})
}

// standardClaims is the profile by scope (OpenID Connect Core 5.4).
func standardClaims(g grant) map[string]any {
	p := g.person
	claims := map[string]any{}
	if g.has("profile") {
		claims["name"] = p.FullName
		claims["given_name"] = p.GivenName
		claims["family_name"] = p.FamilyName
		claims["nickname"] = p.Nickname
		claims["picture"] = p.Picture
		claims["locale"] = p.Locale
	}
	if g.has("email") && p.Email != "" {
		claims["email"] = p.Email
		claims["email_verified"] = !p.Unverified
	}
	if g.has("phone") && p.Phone != "" {
		claims["phone_number"] = p.Phone
		claims["phone_number_verified"] = true
	}
	return without(claims)
}

func standardUserinfo(_ *Upstream, g grant) map[string]any {
	claims := standardClaims(g)
	claims["sub"] = g.subject
	return claims
}

func standardToken(g grant, t tokens) map[string]any {
	return without(map[string]any{
		"access_token":  t.access,
		"token_type":    "Bearer",
		"expires_in":    3600,
		"refresh_token": t.refresh,
		"id_token":      t.id,
		"scope":         strings.Join(g.scope, " "),
	})
}

func standardRefusal(e Endpoint, why refusal) reply {
	if why == internal && e != Token {
		return unavailable()
	}
	status, code := why.standardError()
	if why == internal {
		status, code = http.StatusServiceUnavailable, "temporarily_unavailable"
	}
	return problem(status, code, string(why))
}

// unavailable is the page that stands in front of a service whose inside is gone.
func unavailable() reply {
	return reply{status: http.StatusServiceUnavailable, text: "<!doctype html><title>503</title><h1>Service Unavailable</h1>"}
}

// lost is what a router says when the service behind it is not registered.
func lost() reply {
	return reply{status: http.StatusNotFound, text: "<!doctype html><title>404</title><h1>Not Found</h1>"}
}

// without drops the members that are empty strings.
func without(document map[string]any) map[string]any {
	for name, value := range document {
		if value == "" {
			delete(document, name)
		}
	}
	return document
}
