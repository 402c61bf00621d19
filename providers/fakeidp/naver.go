package fakeidp

import (
	"encoding/base64"
	"net/http"
	"strings"
	"time"
)

// Naver's OAuth 2.0 family: no ID tokens and no discovery, the profile is
// wrapped, numbers are strings, and errors of the token endpoint come as 200.
func naver() *dialect {
	return &dialect{
		name:  Naver,
		title: "Naver",
		routes: append(pages("/oauth2.0/authorize"),
			route{endpoint: Token, path: "/oauth2.0/token", methods: getOrPost},
			route{endpoint: Userinfo, path: "/v1/nid/me", methods: getOrPost, document: naverMe},
		),
		bareRedeem: true,
		refreshes:  true,
		codeLives:  time.Minute,
		tokenLives: time.Hour,
		declined:   failure("access_denied", "Canceled By User"),
		subject:    func(sum [32]byte) string { return base64.RawURLEncoding.EncodeToString(sum[:]) },
		code:       func(random string) string { return random[:18] },
		token: func(_ grant, t tokens) map[string]any {
			return map[string]any{
				"access_token":  t.access,
				"refresh_token": t.refresh,
				"token_type":    "bearer",
				"expires_in":    "3600",
			}
		},
		refuse: naverError,
	}
}

func naverMe(_ *Upstream, g grant) map[string]any {
	p := g.person
	person := without(map[string]any{
		"id":            g.subject,
		"name":          p.FullName,
		"nickname":      p.Nickname,
		"email":         p.Email,
		"profile_image": p.Picture,
		"mobile_e164":   p.Phone,
	})
	if rest, ok := strings.CutPrefix(p.Phone, "+82"); ok && len(rest) == 10 {
		person["mobile"] = "0" + rest[:2] + "-" + rest[2:6] + "-" + rest[6:]
	}
	return map[string]any{"resultcode": "00", "message": "success", "response": person}
}

func naverError(e Endpoint, why refusal) reply {
	if e == Userinfo {
		switch why {
		case internal:
			return reply{status: http.StatusInternalServerError, document: map[string]any{"resultcode": "500", "message": "Internal Server Error"}}
		case disguised:
			return reply{status: http.StatusOK, document: map[string]any{"resultcode": "500", "message": "Internal Server Error"}}
		case suspended:
			return reply{status: http.StatusForbidden, document: map[string]any{"resultcode": "403", "message": "Forbidden"}}
		}
		return reply{status: http.StatusUnauthorized, document: map[string]any{"resultcode": "024", "message": "Authentication failed"}}
	}
	_, code := why.standardError()
	text := string(why)
	switch why {
	case wrongCode:
		code, text = "invalid_request", "no valid data in session"
	case wrongRedirect, wrongVerifier:
		code = "invalid_request"
	case unknownClient, wrongSecret:
		code, text = "invalid_request", "wrong client id / client secret pair"
	case internal, disguised:
		code, text = "server_error", "internal server error"
	case suspended:
		text = "the client is suspended"
	}
	return problem(http.StatusOK, code, text)
}
