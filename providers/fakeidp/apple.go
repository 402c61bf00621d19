package fakeidp

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

const (
	appleAudience   = "https://appleid.apple.com"
	appleSecretMost = 180 * 24 * time.Hour // a client secret lives no longer
)

// Apple: answers come by form post when name or e-mail is asked for, the name
// only ever once, booleans are strings, there is no userinfo, and the client
// secret is a JWT signed with ES256.
func apple() *dialect {
	return &dialect{
		name:  Apple,
		title: "Apple",
		routes: append(pages("/auth/authorize"),
			route{endpoint: Token, path: "/auth/token", methods: post},
			route{endpoint: JWKS, path: "/auth/keys", methods: get},
			route{endpoint: Discovery, path: discoveryPath, methods: get},
		),
		idToken:      true,
		formPost:     true,
		refreshes:    true,
		codeLives:    5 * time.Minute,
		tokenLives:   time.Hour,
		idTokenLives: 24 * time.Hour,
		declined:     url.Values{"error": {"user_cancelled_authorize"}},
		subject: func(sum [32]byte) string {
			team := (int(sum[16])<<8 | int(sum[17])) % 2000
			tail := (int(sum[18])<<8 | int(sum[19])) % 2400
			return fmt.Sprintf("%06d.%s.%04d", team, hex.EncodeToString(sum[:16]), tail)
		},
		code:      func(random string) string { return "c" + random + ".0.mrxt" },
		check:     appleCheck,
		extra:     appleUser,
		identify:  appleSecret,
		discovery: appleDiscovery,
		claims:    appleClaims,
		token: func(_ grant, t tokens) map[string]any {
			return map[string]any{
				"access_token":  t.access,
				"token_type":    "Bearer",
				"expires_in":    3600,
				"refresh_token": t.refresh,
				"id_token":      t.id,
			}
		},
		refuse: appleError,
	}
}

func appleCheck(a authorization) string {
	if !a.formPost && slices.ContainsFunc(a.scope, func(s string) bool { return s == "name" || s == "email" }) {
		return "response_mode must be form_post when name or email scope is requested."
	}
	return ""
}

// appleUser is the form's "user": only until the person's first code was
// redeemed. (Apple counts the first press of the button, which only the
// broker's callback can see here.)
func appleUser(u *Upstream, g grant) url.Values {
	if _, before := u.known.find(g.subject); before {
		return nil
	}
	user := map[string]any{}
	if g.has("name") {
		user["name"] = map[string]string{"firstName": g.person.GivenName, "lastName": g.person.FamilyName}
	}
	if g.has("email") && g.person.Email != "" {
		user["email"] = g.person.Email
	}
	text, err := json.Marshal(user)
	if err != nil || len(user) == 0 {
		return nil
	}
	return url.Values{"user": {string(text)}}
}

// appleSecret verifies the JWT that stands in for a client secret.
func appleSecret(c *call) refusal {
	in := c.r.PostForm
	client := c.u.client
	if in.Get("client_id") != client.ID {
		return unknownClient
	}
	token, err := jwt.ParseSigned(in.Get("client_secret"), []jose.SignatureAlgorithm{jose.ES256})
	if err != nil || len(token.Headers) != 1 || token.Headers[0].KeyID != client.KeyID || client.Key == nil {
		return wrongSecret
	}
	var claims jwt.Claims
	if err := token.Claims(&client.Key.PublicKey, &claims); err != nil {
		return wrongSecret
	}
	now := c.u.server.o.Now()
	err = claims.ValidateWithLeeway(jwt.Expected{
		Issuer: client.TeamID, Subject: client.ID, AnyAudience: jwt.Audience{appleAudience, c.u.Issuer()}, Time: now,
	}, time.Minute)
	if err != nil || claims.Expiry == nil || claims.Expiry.Time().After(now.Add(appleSecretMost)) {
		return wrongSecret
	}
	return ""
}

func appleDiscovery(u *Upstream) map[string]any {
	d := standardDiscovery(u)
	d["response_modes_supported"] = []string{"query", "fragment", "form_post"}
	d["subject_types_supported"] = []string{"pairwise"}
	d["scopes_supported"] = []string{"openid", "email", "name"}
	delete(d, "code_challenge_methods_supported")
	return d
}

func appleClaims(_ *Upstream, g grant, access string) map[string]any {
	claims := map[string]any{
		"auth_time":       g.at.Unix(),
		"at_hash":         accessHash(access),
		"nonce_supported": true,
	}
	if g.has("email") && g.person.Email != "" {
		claims["email"] = g.person.Email
		claims["email_verified"] = strconv.FormatBool(!g.person.Unverified)
	}
	return claims
}

func appleError(e Endpoint, why refusal) reply {
	switch {
	case why == internal && e == JWKS:
		return unavailable()
	case why == disguised:
		return lost()
	case why == wrongCode:
		return problem(http.StatusBadRequest, "invalid_grant", "The code has expired or has been revoked.")
	}
	status, code := why.standardError()
	if why == unknownClient || why == wrongSecret || why == suspended {
		status = http.StatusBadRequest
	}
	return reply{status: status, document: map[string]any{"error": code}}
}
