package oauth

import (
	"net/http"
	"net/url"
	"strings"
)

// maxToken bounds an access token in bytes; ours are shorter.
const maxToken = 4096

// BearerToken returns the access token of a request to a protected resource:
// from the Authorization header (RFC 6750 2.1) or the form body of a POST (2.2),
// never from both and never from the query, where logs would keep it. The error
// is an [*Error] with a Bearer challenge.
func BearerToken(w http.ResponseWriter, r *http.Request) (string, error) {
	if query, err := url.ParseQuery(r.URL.RawQuery); err != nil || query.Has("access_token") {
		return "", bearerRequest("Send the access token in the Authorization header, never in the query.")
	}
	fromBody, inBody, err := bodyToken(w, r)
	if err != nil {
		return "", err
	}
	header := r.Header.Values("Authorization")
	switch {
	case len(header) > 1:
		return "", bearerRequest("Send one Authorization header only.")
	case len(header) == 1 && inBody:
		return "", bearerRequest("Send the access token in one place only.")
	case len(header) == 1:
		return headerToken(header[0])
	case !inBody:
		return "", missingToken("Send an access token: Authorization: Bearer TOKEN.")
	case !isToken68(fromBody):
		return "", InvalidToken("The access token is malformed.")
	}
	return fromBody, nil
}

// bearerRequest is invalid_request at a protected resource.
func bearerRequest(desc string) *Error {
	e := InvalidRequest(desc)
	e.challenge = "Bearer"
	return e
}

func headerToken(header string) (string, error) {
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", missingToken("Send an access token: Authorization: Bearer TOKEN.")
	}
	token = strings.TrimLeft(token, " ")
	if !isToken68(token) {
		return "", InvalidToken("The access token is malformed.")
	}
	return token, nil
}

// bodyToken returns access_token of a form body. A body of another type is not
// looked at.
func bodyToken(w http.ResponseWriter, r *http.Request) (token string, found bool, err error) {
	if r.Method != http.MethodPost || !isForm(r) {
		return "", false, nil
	}
	v, err := ParseForm(w, r)
	if err != nil {
		return "", false, err
	}
	if e := once(v, []string{"access_token"}); e != nil {
		e.challenge = "Bearer"
		return "", false, e
	}
	return v.Get("access_token"), v.Has("access_token"), nil
}

// isToken68 reports whether s is a b64token (RFC 6750 2.1) of bearable length.
func isToken68(s string) bool {
	if s == "" || len(s) > maxToken {
		return false
	}
	body := strings.TrimRight(s, "=")
	for i := range len(body) {
		c := body[i]
		if !alphanumeric(c) && !strings.ContainsRune("-._~+/", rune(c)) {
			return false
		}
	}
	return body != ""
}
