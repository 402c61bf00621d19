package fakeidp

import "time"

// Naver's OpenID Connect family: other paths than the OAuth 2.0 family, client
// credentials in the body alone, an ID token without any profile, and a userinfo
// answer without a sub, wrapped as in the other family. That the profile's id is
// the ID token's sub is known from one record; token errors are taken from the
// other family.
func naverOpenID() *dialect {
	other := naver()
	return &dialect{
		name:  NaverOpenID,
		title: other.title,
		routes: append(pages("/oauth2/authorize"),
			route{endpoint: Token, path: "/oauth2/token", methods: post},
			route{endpoint: Userinfo, path: "/v1/nid/me", methods: getOrPost, document: naverMe},
			route{endpoint: JWKS, path: "/oauth2/jwks", methods: get},
			route{endpoint: Discovery, path: discoveryPath, methods: get},
		),
		idToken:      true,
		onlyIfAsked:  true,
		refreshes:    true,
		codeLives:    time.Minute,
		tokenLives:   time.Hour,
		idTokenLives: time.Hour,
		declined:     other.declined,
		subject:      other.subject,
		code:         other.code,
		discovery: func(u *Upstream) map[string]any {
			d := standardDiscovery(u)
			d["subject_types_supported"] = []string{"pairwise"}
			d["scopes_supported"] = []string{"openid", "profile"}
			d["grant_types_supported"] = []string{"authorization_code"}
			d["token_endpoint_auth_methods_supported"] = []string{"client_secret_post", "none"}
			return d
		},
		claims: func(u *Upstream, g grant, _ string) map[string]any {
			return map[string]any{"azp": g.clientID, "jti": u.server.random()}
		},
		token: func(_ grant, t tokens) map[string]any {
			return without(map[string]any{
				"access_token":  t.access,
				"refresh_token": t.refresh,
				"token_type":    "bearer",
				"expires_in":    "3600",
				"id_token":      t.id,
			})
		},
		refuse: func(e Endpoint, why refusal) reply {
			if e == JWKS {
				return unavailable()
			}
			return naverError(e, why)
		},
	}
}
