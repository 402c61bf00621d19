package fakeidp

import (
	"encoding/binary"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// KakaoAppID is the app that Kakao's token info names for tokens of the
// upstream's own client; it is another number than the client id.
const KakaoAppID = 700001

// Kakao: subjects are numbers, the ID token's e-mail says nothing about being
// verified, and every error is dressed as HTTP 400 or 401.
func kakao() *dialect {
	return &dialect{
		name:  Kakao,
		title: "Kakao",
		routes: append(pages("/oauth/authorize"),
			route{endpoint: Token, path: "/oauth/token", methods: post},
			route{endpoint: Userinfo, path: "/v2/user/me", methods: getOrPost, document: kakaoMe},
			route{endpoint: Userinfo, path: "/v1/oidc/userinfo", methods: getOrPost, document: kakaoUserinfo},
			route{endpoint: TokenInfo, path: "/v1/user/access_token_info", methods: get, document: kakaoTokenInfo},
			route{endpoint: JWKS, path: "/.well-known/jwks.json", methods: get},
			route{endpoint: Discovery, path: discoveryPath, methods: get},
		),
		idToken:      true,
		onlyIfAsked:  true,
		refreshes:    true,
		codeLives:    time.Minute,
		tokenLives:   21599 * time.Second,
		idTokenLives: 21599 * time.Second,
		declined:     failure("access_denied", "User denied access"),
		fixed: map[string]string{
			"minji": "3141592653",
			"solo":  "9007199254740993", // the first number that a float64 cannot hold
		},
		subject:   func(sum [32]byte) string { return strconv.FormatUint(kakaoNumber(sum), 10) },
		code:      func(random string) string { return "K_" + random },
		discovery: kakaoDiscovery,
		claims:    kakaoClaims,
		token:     kakaoToken,
		refuse:    kakaoError,
	}
}

// kakaoNumber has 13 to 16 digits, all of which a float64 holds.
func kakaoNumber(sum [32]byte) uint64 {
	const least, most = 1e12, 1 << 53
	return least + binary.BigEndian.Uint64(sum[:])%(most-least)
}

// consents reports whether the person shares an item: without a scope, they
// share whatever the app's console asks for.
func (g grant) consents(item string) bool { return len(g.scope) == 0 || g.has(item) }

func kakaoDiscovery(u *Upstream) map[string]any {
	d := standardDiscovery(u)
	d["userinfo_endpoint"] = u.at(Userinfo) + "/v1/oidc/userinfo"
	d["token_endpoint_auth_methods_supported"] = []string{"client_secret_post"}
	d["request_uri_parameter_supported"] = false
	d["claims_supported"] = []string{"iss", "aud", "sub", "auth_time", "iat", "exp", "nonce", "nickname", "picture", "email"}
	return d
}

func kakaoClaims(_ *Upstream, g grant, _ string) map[string]any {
	claims := map[string]any{"auth_time": g.at.Unix()}
	if g.consents("profile_nickname") {
		claims["nickname"] = g.person.Nickname
	}
	if g.consents("profile_image") && g.person.Picture != "" {
		claims["picture"] = g.person.Picture
	}
	if g.consents("account_email") && g.person.Email != "" {
		claims["email"] = g.person.Email
	}
	return claims
}

func kakaoToken(g grant, t tokens) map[string]any {
	return without(map[string]any{
		"token_type":               "bearer",
		"access_token":             t.access,
		"id_token":                 t.id,
		"expires_in":               21599,
		"refresh_token":            t.refresh,
		"refresh_token_expires_in": 5183999,
		"scope":                    strings.Join(g.scope, " "),
	})
}

func kakaoUserinfo(u *Upstream, g grant) map[string]any {
	claims := kakaoClaims(u, g, "")
	delete(claims, "auth_time")
	claims["sub"] = g.subject
	if claims["email"] != nil {
		claims["email_verified"] = !g.person.Unverified
	}
	return claims
}

func kakaoMe(_ *Upstream, g grant) map[string]any {
	account := map[string]any{}
	if g.consents("profile_nickname") {
		account["profile_nickname_needs_agreement"] = false
		account["profile"] = map[string]any{
			"nickname":            g.person.Nickname,
			"profile_image_url":   g.person.Picture,
			"thumbnail_image_url": g.person.Picture,
			"is_default_image":    g.person.Picture == "",
		}
	}
	account["has_email"] = g.person.Email != ""
	account["email_needs_agreement"] = !g.consents("account_email")
	if g.consents("account_email") && g.person.Email != "" {
		account["email"] = g.person.Email
		account["is_email_valid"] = true
		account["is_email_verified"] = !g.person.Unverified
	}
	if g.has("name") {
		account["name_needs_agreement"] = false
		account["name"] = g.person.FullName
	}
	if g.has("phone_number") && g.person.Phone != "" {
		account["phone_number_needs_agreement"] = false
		account["phone_number"] = korean(g.person.Phone)
	}
	return map[string]any{
		"id":            json.Number(g.subject),
		"connected_at":  g.at.UTC().Format(time.RFC3339),
		"properties":    map[string]any{"nickname": g.person.Nickname},
		"kakao_account": account,
	}
}

// korean writes +821012345678 as Kakao does: +82 10-1234-5678.
func korean(phone string) string {
	rest, ok := strings.CutPrefix(phone, "+82")
	if !ok || len(rest) != 10 {
		return phone
	}
	return "+82 " + rest[:2] + "-" + rest[2:6] + "-" + rest[6:]
}

func kakaoTokenInfo(u *Upstream, g grant) map[string]any {
	app := KakaoAppID
	if g.clientID != u.client.ID {
		app++
	}
	left := u.server.o.Now().Sub(g.at)
	return map[string]any{
		"id":         json.Number(g.subject),
		"app_id":     app,
		"expires_in": int((21599*time.Second - left).Seconds()),
	}
}

// kakaoError has two forms: the authorization server's, with KOE codes, and
// the API's, with negative numbers. Internal errors come as 400 in both.
func kakaoError(e Endpoint, why refusal) reply {
	if e == Userinfo || e == TokenInfo {
		status, code, text := http.StatusBadRequest, -2, "bad request"
		switch why {
		case wrongToken:
			status, code, text = http.StatusUnauthorized, -401, "this access token does not exist"
		case internal:
			code, text = -1, "Internal error"
		case disguised:
			code, text = -7, "This service is under maintenance or has an internal problem"
		case suspended:
			code, text = -12, "This app is suspended"
		}
		return reply{status: status, document: map[string]any{"code": code, "msg": text}}
	}
	status, code := why.standardError()
	number, text := "KOE000", string(why)
	switch why {
	case unknownClient:
		number, text = "KOE101", "Not exist client_id"
	case wrongSecret:
		number, text = "KOE010", "Bad client credentials"
	case wrongGrantType:
		number, text = "KOE001", "unsupported grant type"
	case wrongCode, wrongVerifier:
		number, text = "KOE320", "authorization code not found"
	case wrongRedirect:
		number, text = "KOE303", "Redirect URI mismatch"
	case internal, disguised:
		status, code = http.StatusBadRequest, "server_error"
		number, text = "KOE003", "Temporary error of the authorization server"
	case suspended:
		status, number, text = http.StatusBadRequest, "KOE125", "This app is suspended"
	}
	answer := problem(status, code, text)
	answer.document["error_code"] = number
	return answer
}
