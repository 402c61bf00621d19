package fakeidp

import (
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// WeChat (website app): the app is called appid, its secret stands in the query
// of a GET, every answer has status 200 and says text/plain, errors are errcode
// and errmsg, and a person who says no comes back with the state alone.
func weChat() *dialect {
	return &dialect{
		name:  WeChat,
		title: "WeChat",
		routes: append(pages("/connect/qrconnect"),
			route{endpoint: Token, path: "/sns/oauth2/access_token", methods: get},
			route{endpoint: Userinfo, path: "/sns/userinfo", methods: get, document: weChatUserinfo},
		),
		clientParam: "appid",
		plain:       true,
		bareRedeem:  true,
		refreshes:   true,
		codeLives:   5 * time.Minute,
		tokenLives:  7200 * time.Second,
		declined:    url.Values{},
		subject:     func(sum [32]byte) string { return "o" + base64.RawURLEncoding.EncodeToString(sum[:20]) },
		code:        func(random string) string { return "0" + random },
		identify:    weChatApp,
		asked: func(c *call) (string, refusal) {
			token := c.r.Form.Get("access_token")
			if g, ok := c.u.access.find(token); ok && g.subject != c.r.Form.Get("openid") {
				return "", wrongToken
			}
			return token, ""
		},
		token: func(g grant, t tokens) map[string]any {
			return map[string]any{
				"access_token": t.access, "expires_in": 7200, "refresh_token": t.refresh, "openid": g.subject,
				"scope": "snsapi_login", "unionid": "u" + g.subject,
			}
		},
		refuse: weChatError,
	}
}

func weChatApp(c *call) refusal {
	in := c.r.Form
	switch {
	case c.r.Method != http.MethodGet:
		return malformed
	case in.Get("appid") != c.u.client.ID:
		return unknownClient
	case subtle.ConstantTimeCompare([]byte(in.Get("secret")), []byte(c.u.client.Secret)) != 1:
		return wrongSecret
	}
	return ""
}

func weChatUserinfo(_ *Upstream, g grant) map[string]any {
	return map[string]any{
		"openid": g.subject, "nickname": g.person.Nickname, "sex": 0, "province": "", "city": "", "country": "",
		"headimgurl": g.person.Picture, "privilege": []string{}, "unionid": "u" + g.subject,
	}
}

func weChatError(e Endpoint, why refusal) reply {
	number, text := 40035, "invalid parameter"
	switch why {
	case unknownClient:
		number, text = 40013, "invalid appid"
	case wrongSecret:
		number, text = 40125, "invalid appsecret"
	case wrongCode, wrongRedirect, wrongVerifier:
		number, text = 40029, "invalid code"
	case wrongGrantType:
		number, text = 40002, "invalid grant_type"
	case wrongToken:
		number, text = 40001, "invalid credential, access_token is invalid or not latest"
	case internal, disguised:
		number, text = -1, "system error"
	case suspended:
		number, text = 50002, "user limited"
		if e == Token {
			number, text = 40013, "invalid appid"
		}
	}
	return reply{status: http.StatusOK, document: map[string]any{"errcode": number, "errmsg": text + ", rid: 0-0-0"}}
}

func digits(n int) string { return strconv.Itoa(n) }
