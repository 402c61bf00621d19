package fakeidp

import (
	"crypto/subtle"
	"encoding/binary"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// GitHub: no ID tokens, errors of the token endpoint come as 200, answers there
// are a form unless Accept asks for JSON, people are numbers, addresses are a
// list of their own, and an app asks with its credentials about a token.
func gitHub() *dialect {
	return &dialect{
		name:  GitHub,
		title: "GitHub",
		routes: append(pages("/login/oauth/authorize"),
			route{endpoint: Token, path: "/login/oauth/access_token", methods: post},
			route{endpoint: Userinfo, path: "/user", methods: get, document: gitHubUser},
			route{endpoint: Emails, path: "/user/emails", methods: get, list: gitHubEmails},
			route{endpoint: TokenInfo, path: "/applications/*/token", methods: post, document: gitHubToken},
		),
		basic:      true,
		byAccept:   true,
		bareRedeem: true,
		codeLives:  10 * time.Minute,
		tokenLives: 365 * 24 * time.Hour,
		declined: url.Values{
			"error": {"access_denied"}, "error_description": {"The user has denied your application access."},
			"error_uri": {"https://docs.github.com/apps/troubleshooting-authorization-request-errors/#access-denied"},
		},
		fixed:   map[string]string{"solo": "9007199254740993"}, // the first number that a float64 cannot hold
		subject: func(sum [32]byte) string { return strconv.FormatUint(1e6+binary.BigEndian.Uint64(sum[:])%1e9, 10) },
		code:    func(random string) string { return random[:20] },
		asked:   gitHubAsked,
		token: func(g grant, t tokens) map[string]any {
			return map[string]any{"access_token": "gho_" + t.access, "token_type": "bearer", "scope": strings.Join(g.scope, ",")}
		},
		refuse: gitHubError,
	}
}

// gitHubAsked is the bearer's token, or the one that the app whose id stands in
// the path asks about.
func gitHubAsked(c *call) (string, refusal) {
	if c.route.endpoint != TokenInfo {
		return strings.TrimPrefix(c.bearer(), "gho_"), ""
	}
	client := c.u.client
	id, secret, _ := c.r.BasicAuth()
	if id != client.ID || !strings.HasPrefix(strings.TrimPrefix(c.r.URL.Path, "/"+c.u.name), "/applications/"+client.ID+"/") {
		return "", unknownClient
	}
	if subtle.ConstantTimeCompare([]byte(secret), []byte(client.Secret)) != 1 {
		return "", wrongSecret
	}
	var question struct {
		Token string `json:"access_token"`
	}
	if json.Unmarshal(c.body, &question) != nil {
		return "", malformed
	}
	token, why := c.known(strings.TrimPrefix(question.Token, "gho_"))
	if g, ok := c.u.access.find(token); ok && g.clientID != client.ID {
		return "", noSuchToken
	}
	return token, why
}

func gitHubUser(_ *Upstream, g grant) map[string]any {
	return map[string]any{
		"login": "dev-" + g.subject[:4], "id": json.Number(g.subject), "node_id": "MDQ6VXNlcg==",
		"name": g.person.FullName, "avatar_url": g.person.Picture, "type": "User", "email": nil,
	}
}

func gitHubEmails(_ *Upstream, g grant) []any {
	list := []any{
		map[string]any{"email": g.subject + "+dev@users.noreply.github.com", "verified": true, "primary": false, "visibility": nil},
	}
	if g.person.Email == "" || !g.has("user:email") {
		return list
	}
	return append(list, map[string]any{
		"email": g.person.Email, "verified": !g.person.Unverified, "primary": true, "visibility": "private",
	})
}

func gitHubToken(_ *Upstream, g grant) map[string]any {
	return map[string]any{
		"id": 1, "app": map[string]any{"name": "Bongsu", "client_id": g.clientID, "url": "https://login.example.com"},
		"scopes": g.scope, "user": map[string]any{"id": json.Number(g.subject)},
	}
}

func gitHubError(e Endpoint, why refusal) reply {
	switch {
	case why == internal:
		return reply{status: http.StatusBadGateway, text: "<!doctype html><title>Unicorn! &middot; GitHub</title><p>We had issues producing the response."}
	case why == disguised:
		return lost()
	case e != Token:
		return gitHubAPIError(why)
	}
	code, text := "bad_verification_code", "The code passed is incorrect or expired."
	switch why {
	case unknownClient, wrongSecret:
		code, text = "incorrect_client_credentials", "The client_id and/or client_secret passed are incorrect."
	case wrongRedirect:
		code, text = "redirect_uri_mismatch", "The redirect_uri MUST match the registered callback URL for this application."
	case wrongGrantType:
		code, text = "unsupported_grant_type", "The grant_type is not supported."
	case suspended:
		code, text = "application_suspended", "Your application has been suspended."
	}
	return problem(http.StatusOK, code, text)
}

func gitHubAPIError(why refusal) reply {
	status, text := http.StatusUnauthorized, "Bad credentials"
	switch why {
	case noSuchToken, unknownClient, wrongSecret:
		status, text = http.StatusNotFound, "Not Found"
	case suspended:
		status, text = http.StatusForbidden, "Your application has been suspended"
	case malformed:
		status, text = http.StatusUnprocessableEntity, "Invalid request."
	}
	return reply{status: status, document: map[string]any{
		"message": text, "documentation_url": "https://docs.github.com/rest", "status": strconv.Itoa(status),
	}}
}
