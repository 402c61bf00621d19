package fakeidp

import (
	"crypto/subtle"
	"encoding/binary"
	"net/http"
	"strconv"
	"time"
)

// Zalo (v4): the app is called app_id, its secret and the access token stand in
// headers of their own, no redirect URI is repeated, numbers come as strings, and
// every error has status 200 and a number. What the numbers mean is hardly
// documented; those of a wrong secret and of an internal error are not confirmed.
func zalo() *dialect {
	return &dialect{
		name:  Zalo,
		title: "Zalo",
		routes: append(pages("/v4/permission"),
			route{endpoint: Token, path: "/v4/access_token", methods: post},
			route{endpoint: Userinfo, path: "/v2.0/me", methods: get, document: zaloMe},
		),
		clientParam: "app_id",
		bareRedeem:  true,
		refreshes:   true,
		codeLives:   10 * time.Minute,
		tokenLives:  90000 * time.Second,
		declined:    failure("access_denied", "the person declined"),
		fixed:       map[string]string{"solo": "9007199254740993"}, // the first number that a float64 cannot hold
		subject:     func(sum [32]byte) string { return strconv.FormatUint(1e18+binary.BigEndian.Uint64(sum[:])%8e18, 10) },
		code:        func(random string) string { return random },
		identify: func(c *call) refusal {
			switch {
			case c.r.PostForm.Get("app_id") != c.u.client.ID:
				return unknownClient
			case subtle.ConstantTimeCompare([]byte(c.r.Header.Get("Secret_key")), []byte(c.u.client.Secret)) != 1, c.r.PostForm.Has("client_secret"):
				return wrongSecret
			}
			return ""
		},
		asked: func(c *call) (string, refusal) { return c.r.Header.Get("Access_token"), "" },
		token: func(_ grant, t tokens) map[string]any {
			return map[string]any{
				"access_token": t.access, "refresh_token": t.refresh, "expires_in": "90000", "refresh_token_expires_in": "7776000",
			}
		},
		refuse: zaloError,
	}
}

func zaloMe(_ *Upstream, g grant) map[string]any {
	return map[string]any{
		"error": 0, "message": "Success", "id": g.subject, "name": g.person.FullName, "is_sensitive": false,
		"picture": map[string]any{"data": map[string]any{"url": g.person.Picture}},
	}
}

func zaloError(e Endpoint, why refusal) reply {
	if e == Userinfo {
		number, text := 452, "Session key invalid. This could be because the session key has an incorrect format, or because the user has revoked this session"
		if why == internal || why == disguised {
			number, text = -32, "Internal error"
		}
		return reply{status: http.StatusOK, document: map[string]any{"error": number, "message": text}}
	}
	number, name := -14019, "Invalid authorization code"
	switch why {
	case unknownClient, suspended:
		number, name = -14002, "Invalid app_id"
	case wrongSecret:
		number, name = -14004, "Invalid secret_key"
	case wrongGrantType, malformed:
		number, name = -14003, "Invalid parameter"
	case internal, disguised:
		number, name = -14000, "Internal error"
	}
	return reply{status: http.StatusOK, document: map[string]any{
		"error": number, "error_name": name, "error_reason": name, "error_description": name, "ref_doc": "https://developers.zalo.me/docs",
	}}
}
