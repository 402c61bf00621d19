package oauth

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

// The grant types of the token endpoint.
const (
	GrantAuthorizationCode = "authorization_code"
	GrantClientCredentials = "client_credentials"
	GrantRefreshToken      = "refresh_token"
)

// The ways a client authenticates.
const (
	AuthBasic = "client_secret_basic"
	AuthPost  = "client_secret_post"
	AuthNone  = "none"

	AuthPrivateKeyJWT = "private_key_jwt"
)

// assertionType is the only type of client assertion (RFC 7523 2.2).
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// maxAssertion bounds a client assertion in bytes.
const maxAssertion = 8 << 10

// ClientAuth is what a client presented to prove itself, unchecked.
type ClientAuth struct {
	ID        string
	Secret    string // of AuthBasic and AuthPost
	Assertion string // of AuthPrivateKeyJWT
	Method    string // AuthBasic, AuthPost, AuthPrivateKeyJWT or AuthNone
}

// TokenRequest is a parsed token request. Code, Verifier and RefreshToken are
// secrets.
type TokenRequest struct {
	GrantType      string
	Code           string
	RedirectURI    string
	HasRedirectURI bool // sent, be it empty
	Verifier       string
	HasVerifier    bool
	RefreshToken   string
	Scope          []string
	Resources      []string // as they were sent (RFC 8707 2.2)
	Auth           ClientAuth
}

// tokenParams are the known parameters: none of them may be doubled.
var tokenParams = []string{
	"grant_type", "code", "redirect_uri", "code_verifier", "refresh_token", "scope", "client_id", "client_secret",
	"client_assertion", "client_assertion_type",
}

// ParseToken parses a POST to the token endpoint (RFC 6749 3.2, 2.3.1). The
// error is an [*Error]. Whether the grant type is offered is for the caller,
// after the client is authenticated.
func ParseToken(w http.ResponseWriter, r *http.Request) (TokenRequest, error) {
	if r.URL.RawQuery != "" {
		return TokenRequest{}, InvalidRequest("Send all parameters in the body: the query must be empty.")
	}
	v, err := ParseForm(w, r)
	if err != nil {
		return TokenRequest{}, err
	}
	if e := once(v, tokenParams); e != nil {
		return TokenRequest{}, e
	}
	if e := clean(v, tokenParams); e != nil {
		return TokenRequest{}, e
	}
	auth, e := parseClientAuth(r.Header, v)
	if e != nil {
		return TokenRequest{}, e
	}
	t := TokenRequest{
		GrantType:      v.Get("grant_type"),
		Code:           v.Get("code"),
		RedirectURI:    v.Get("redirect_uri"),
		HasRedirectURI: v.Has("redirect_uri"),
		Verifier:       v.Get("code_verifier"),
		HasVerifier:    v.Has("code_verifier"),
		RefreshToken:   v.Get("refresh_token"),
		Scope:          list(v.Get("scope")),
		Resources:      v["resource"],
		Auth:           auth,
	}
	if e := t.check(); e != nil {
		return TokenRequest{}, e
	}
	return t, nil
}

func (t TokenRequest) check() *Error {
	switch {
	case t.GrantType == "":
		return InvalidRequest("Add grant_type, for example grant_type=authorization_code.")
	case t.GrantType == GrantAuthorizationCode && t.Code == "":
		return InvalidRequest("Add code, the value the redirect URI received.")
	case t.GrantType == GrantRefreshToken && t.RefreshToken == "":
		return InvalidRequest("Add refresh_token, the value that the last answer gave.")
	case t.HasVerifier && !validVerifier(t.Verifier):
		return InvalidRequest("code_verifier must be 43 to 128 letters, digits, '-', '.', '_' or '~'.")
	}
	return nil
}

// parseClientAuth reads the one way in which the client authenticates. More
// than one at a time is refused: an attacker must not choose which counts.
func parseClientAuth(h http.Header, v url.Values) (ClientAuth, *Error) {
	id, secret := v.Get("client_id"), v.Get("client_secret")
	header := h.Values("Authorization")
	if v.Get("client_assertion") != "" || v.Get("client_assertion_type") != "" {
		if len(header) > 0 || secret != "" {
			return ClientAuth{}, InvalidRequest("Authenticate the client in one way only.")
		}
		return parseAssertion(v)
	}
	switch {
	case len(header) > 1:
		return ClientAuth{}, InvalidRequest("Send one Authorization header only.")
	case len(header) == 1:
		return parseBasic(header[0], id, secret)
	case id == "":
		return ClientAuth{}, InvalidClient("Add client authentication: HTTP Basic, or client_id with client_secret in the body.")
	case secret == "":
		return ClientAuth{ID: id, Method: AuthNone}, nil
	}
	return ClientAuth{ID: id, Secret: secret, Method: AuthPost}, nil
}

// parseBasic reads HTTP Basic, in which id and secret are form-encoded first
// (RFC 6749 2.3.1). An empty password is how some libraries write "public client".
func parseBasic(header, bodyID, bodySecret string) (ClientAuth, *Error) {
	// No cause: it would quote a piece of the header into the log.
	malformed := InvalidClient("The Authorization header is malformed: send Basic base64(urlencode(client_id):urlencode(client_secret)).")
	scheme, encoded, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Basic") {
		return ClientAuth{}, InvalidClient("The Authorization header must use the scheme Basic.")
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimLeft(encoded, " "))
	if err != nil {
		return ClientAuth{}, malformed
	}
	name, password, ok := strings.Cut(string(raw), ":")
	if !ok {
		return ClientAuth{}, malformed
	}
	id, err := url.QueryUnescape(name)
	if err != nil {
		return ClientAuth{}, malformed
	}
	secret, err := url.QueryUnescape(password)
	switch {
	case err != nil, id == "", dirty(id), dirty(secret):
		return ClientAuth{}, malformed
	case bodySecret != "":
		return ClientAuth{}, InvalidRequest("Authenticate the client in one way only: HTTP Basic or client_secret in the body.")
	case bodyID != "" && bodyID != id:
		return ClientAuth{}, InvalidRequest("client_id in the body contradicts the Authorization header.")
	case secret == "":
		return ClientAuth{ID: id, Method: AuthNone}, nil
	}
	return ClientAuth{ID: id, Secret: secret, Method: AuthBasic}, nil
}

// parseAssertion reads a client assertion. Whose it is stands in its subject: a
// name that nobody has checked, good for finding the keys that prove it.
func parseAssertion(v url.Values) (ClientAuth, *Error) {
	assertion := v.Get("client_assertion")
	switch {
	case v.Get("client_assertion_type") != assertionType:
		return ClientAuth{}, InvalidClient("client_assertion_type must be " + assertionType + ".")
	case assertion == "" || len(assertion) > maxAssertion:
		return ClientAuth{}, InvalidClient("client_assertion must be a signed JWT of at most 8 KiB.")
	}
	var said struct {
		Subject string `json:"sub"`
	}
	parts := strings.Split(assertion, ".")
	if len(parts) != 3 {
		return ClientAuth{}, InvalidClient("client_assertion is no signed JWT.")
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(payload, &said) != nil || said.Subject == "" || dirty(said.Subject) {
		return ClientAuth{}, InvalidClient("client_assertion is no signed JWT with the client_id as its sub.")
	}
	if id := v.Get("client_id"); id != "" && id != said.Subject {
		return ClientAuth{}, InvalidRequest("client_id in the body contradicts the sub of client_assertion.")
	}
	return ClientAuth{ID: said.Subject, Assertion: assertion, Method: AuthPrivateKeyJWT}, nil
}
