package fakeidp

import (
	"encoding/hex"
	"net/http"
	"time"
)

// OAuth2 is a plain OAuth 2.0 service: who came is what its profile call says,
// and its token-info call names the app a token was issued to.
func oauth2() *dialect {
	return &dialect{
		name: OAuth2,
		routes: append(pages("/authorize"),
			route{endpoint: Token, path: "/token", methods: post},
			route{endpoint: Userinfo, path: "/userinfo", methods: get, document: plainProfile},
			route{endpoint: TokenInfo, path: "/tokeninfo", methods: get, document: plainTokenInfo},
			route{endpoint: TokenInfo, path: "/introspect", methods: post, document: plainIntrospection},
		),
		basic:      true,
		refreshes:  true,
		codeLives:  time.Minute,
		tokenLives: time.Hour,
		declined:   failure("access_denied", "the person declined"),
		subject:    func(sum [32]byte) string { return hex.EncodeToString(sum[:10]) },
		code:       func(random string) string { return random },
		asked:      plainAsked,
		token:      standardToken,
		refuse:     plainRefusal,
	}
}

func plainProfile(_ *Upstream, g grant) map[string]any {
	return without(map[string]any{
		"id":       g.subject,
		"name":     g.person.FullName,
		"email":    g.person.Email,
		"verified": g.person.Email != "" && !g.person.Unverified,
		"picture":  g.person.Picture,
	})
}

func plainTokenInfo(u *Upstream, g grant) map[string]any {
	left := u.dialect.tokenLives - u.server.o.Now().Sub(g.at)
	return map[string]any{
		"client_id":  g.clientID,
		"user_id":    g.subject,
		"expires_in": int(left.Seconds()),
	}
}

// plainAsked is a bearer's own token, but for introspection, where the app asks
// (RFC 7662 2.1).
func plainAsked(c *call) (string, refusal) {
	if c.r.Method != http.MethodPost {
		return c.bearer(), ""
	}
	if why := bySecret(c); why != "" {
		return "", why
	}
	return c.known(c.r.PostForm.Get("token"))
}

func plainIntrospection(u *Upstream, g grant) map[string]any {
	return map[string]any{
		"active": true, "client_id": g.clientID, "sub": g.subject, "exp": g.at.Add(u.dialect.tokenLives).Unix(),
	}
}

// plainRefusal knows that an unknown token is no error to who introspects it
// (RFC 7662 2.2).
func plainRefusal(e Endpoint, why refusal) reply {
	if why == noSuchToken {
		return reply{status: http.StatusOK, document: map[string]any{"active": false}}
	}
	return standardRefusal(e, why)
}
