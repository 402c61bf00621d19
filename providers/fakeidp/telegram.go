package fakeidp

import (
	"encoding/binary"
	"strconv"
	"time"
)

// Telegram: OpenID Connect without a userinfo endpoint and without any address.
// The client secret goes by HTTP Basic alone; beside sub there is an id, the
// number that the person has at Telegram.
func telegram() *dialect {
	return &dialect{
		name:  Telegram,
		title: "Telegram",
		routes: append(pages("/auth"),
			route{endpoint: Token, path: "/token", methods: post},
			route{endpoint: JWKS, path: "/.well-known/jwks.json", methods: get},
			route{endpoint: Discovery, path: discoveryPath, methods: get},
		),
		idToken:      true,
		onlyIfAsked:  true,
		basic:        true,
		codeLives:    time.Minute,
		tokenLives:   time.Hour,
		idTokenLives: time.Hour,
		declined:     failure("access_denied", "the person declined"),
		subject:      func(sum [32]byte) string { return strconv.FormatUint(1e18+binary.BigEndian.Uint64(sum[:])%1e18, 10) },
		code:         func(random string) string { return random },
		identify:     byBasic,
		discovery: func(u *Upstream) map[string]any {
			d := standardDiscovery(u)
			delete(d, "userinfo_endpoint")
			d["token_endpoint_auth_methods_supported"] = []string{"client_secret_basic"}
			return d
		},
		claims: telegramClaims,
		token:  standardToken,
		refuse: func(e Endpoint, why refusal) reply {
			if why == disguised {
				return lost()
			}
			return standardRefusal(e, why)
		},
	}
}

// byBasic wants the client secret in the header and nowhere else.
func byBasic(c *call) refusal {
	if _, _, ok := c.r.BasicAuth(); !ok || c.r.PostForm.Has("client_secret") {
		return wrongSecret
	}
	return bySecret(c)
}

func telegramClaims(_ *Upstream, g grant, _ string) map[string]any {
	claims := map[string]any{"id": 987654321}
	if g.has("profile") {
		claims["name"], claims["preferred_username"], claims["picture"] = g.person.FullName, g.person.Name, g.person.Picture
	}
	if g.has("phone") && g.person.Phone != "" {
		claims["phone_number"], claims["phone_number_verified"] = g.person.Phone[1:], true // without its plus
	}
	return without(claims)
}
