package oauth

import "net/http"

// TokenQuery is a parsed request about a token: an introspection (RFC 7662 2.1)
// or a revocation (RFC 7009 2.1). token_type_hint is not kept: what a token is
// can be told from itself.
type TokenQuery struct {
	Token string // secret
	Auth  ClientAuth
}

var queryParams = []string{
	"token", "token_type_hint", "client_id", "client_secret", "client_assertion", "client_assertion_type",
}

// ParseTokenQuery parses a POST that asks about a token or has one revoked. The
// error is an [*Error].
func ParseTokenQuery(w http.ResponseWriter, r *http.Request) (TokenQuery, error) {
	if r.URL.RawQuery != "" {
		return TokenQuery{}, InvalidRequest("Send all parameters in the body: the query must be empty.")
	}
	v, err := ParseForm(w, r)
	if err != nil {
		return TokenQuery{}, err
	}
	if e := once(v, queryParams); e != nil {
		return TokenQuery{}, e
	}
	if e := clean(v, queryParams); e != nil {
		return TokenQuery{}, e
	}
	auth, e := parseClientAuth(r.Header, v)
	if e != nil {
		return TokenQuery{}, e
	}
	if v.Get("token") == "" {
		return TokenQuery{}, InvalidRequest("Add token, the token that the request is about.")
	}
	return TokenQuery{Token: v.Get("token"), Auth: auth}, nil
}
