package fakeidp

import (
	"encoding/binary"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Discord: a minimal OpenID Provider. People are snowflakes, numbers in strings;
// the address and whether it was checked are in the profile alone, pictures are
// hashes, and what is refused at the API has a number and a message.
func discord() *dialect {
	return &dialect{
		name:  Discord,
		title: "Discord",
		routes: append(pages("/oauth2/authorize"),
			route{endpoint: Token, path: "/api/oauth2/token", methods: post},
			route{endpoint: Userinfo, path: "/api/users/@me", methods: get, document: discordMe},
			route{endpoint: JWKS, path: "/api/oauth2/keys", methods: get},
			route{endpoint: Discovery, path: discoveryPath, methods: get},
		),
		idToken:      true,
		onlyIfAsked:  true,
		basic:        true,
		refreshes:    true,
		codeLives:    time.Minute,
		tokenLives:   604800 * time.Second,
		idTokenLives: time.Hour,
		declined:     failure("access_denied", "The resource owner or authorization server denied the request"),
		fixed:        map[string]string{"solo": "9007199254740993"}, // the first number that a float64 cannot hold
		subject: func(sum [32]byte) string {
			return strconv.FormatUint(1e17+binary.BigEndian.Uint64(sum[:])%1e18, 10)
		},
		code:      func(random string) string { return random[:24] },
		discovery: standardDiscovery,
		claims:    func(*Upstream, grant, string) map[string]any { return map[string]any{} },
		token: func(g grant, t tokens) map[string]any {
			d := standardToken(g, t)
			d["expires_in"] = 604800
			return d
		},
		refuse: discordError,
	}
}

func discordMe(_ *Upstream, g grant) map[string]any {
	me := map[string]any{
		"id": g.subject, "username": strings.ToLower(g.person.Name), "global_name": g.person.FullName, "discriminator": "0",
		"avatar": "a_8342729096ea3675442027381ff50dfe", "locale": g.person.Locale, "mfa_enabled": false,
	}
	if g.has("email") {
		me["email"], me["verified"] = g.person.Email, !g.person.Unverified
	}
	return me
}

func discordError(e Endpoint, why refusal) reply {
	switch {
	case why == internal:
		return unavailable()
	case why == disguised:
		return lost()
	case e == Userinfo:
		return reply{status: http.StatusUnauthorized, document: map[string]any{"message": "401: Unauthorized", "code": 0}}
	}
	status, code := why.standardError()
	text := string(why)
	if why == wrongCode {
		text = `Invalid "code" in request.`
	}
	return problem(status, code, text)
}
