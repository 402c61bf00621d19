package oauth

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// The error codes of RFC 6749, RFC 6750 and OpenID Connect that the broker answers with.
const (
	CodeInvalidRequest          = "invalid_request"
	CodeInvalidClient           = "invalid_client"
	CodeInvalidGrant            = "invalid_grant"
	CodeUnauthorizedClient      = "unauthorized_client"
	CodeUnsupportedGrantType    = "unsupported_grant_type"
	CodeUnsupportedResponseType = "unsupported_response_type"
	CodeInvalidScope            = "invalid_scope"
	CodeInvalidTarget           = "invalid_target" // RFC 8707 2
	CodeAccessDenied            = "access_denied"
	CodeServerError             = "server_error"
	CodeTemporarilyUnavailable  = "temporarily_unavailable"
	CodeLoginRequired           = "login_required"
	CodeConsentRequired         = "consent_required"
	CodeInteractionRequired     = "interaction_required"
	CodeRequestNotSupported     = "request_not_supported"
	CodeRequestURINotSupported  = "request_uri_not_supported"
	CodeUnmetAuthentication     = "unmet_authentication_requirements"
	CodeInvalidToken            = "invalid_token"
	CodeInsufficientScope       = "insufficient_scope"
)

// maxDescription bounds error_description in bytes: it travels in a URL.
const maxDescription = 300

// Error is an OAuth error: a standard code, a sentence that tells a developer
// what to fix, and the status of a direct answer. Its cause is for the log and
// never leaves the process.
type Error struct {
	Code        string
	Description string // printable ASCII without '"' and '\', at most 300 bytes
	Status      int    // of a direct answer; a redirect has none

	cause      error
	challenge  string        // scheme of WWW-Authenticate: "Basic", "Bearer" or none
	bare       bool          // the challenge names no error: nothing was presented
	retryAfter time.Duration // 0: the default of a 503
}

func newError(code string, status int, desc string) *Error {
	return &Error{Code: code, Description: printable(desc), Status: status}
}

// InvalidRequest says that the request is malformed. 400.
func InvalidRequest(desc string) *Error {
	return newError(CodeInvalidRequest, http.StatusBadRequest, desc)
}

// InvalidClient says that the client could not be authenticated. 401 with a Basic challenge.
func InvalidClient(desc string) *Error {
	e := newError(CodeInvalidClient, http.StatusUnauthorized, desc)
	e.challenge = "Basic"
	return e
}

// InvalidGrant says that a code is unknown, used, too old, or bound to something else. 400.
func InvalidGrant(desc string) *Error {
	return newError(CodeInvalidGrant, http.StatusBadRequest, desc)
}

// UnauthorizedClient says that this client may not use this flow. 400.
func UnauthorizedClient(desc string) *Error {
	return newError(CodeUnauthorizedClient, http.StatusBadRequest, desc)
}

// UnsupportedGrantType says that the broker offers no such grant type. 400.
func UnsupportedGrantType(desc string) *Error {
	return newError(CodeUnsupportedGrantType, http.StatusBadRequest, desc)
}

// UnsupportedResponseType says that the broker offers no such response type. 400.
func UnsupportedResponseType(desc string) *Error {
	return newError(CodeUnsupportedResponseType, http.StatusBadRequest, desc)
}

// InvalidScope says that the scope is missing, malformed or too wide. 400.
func InvalidScope(desc string) *Error {
	return newError(CodeInvalidScope, http.StatusBadRequest, desc)
}

// InvalidTarget says that a resource is unknown, or not for this client (RFC 8707 2). 400.
func InvalidTarget(desc string) *Error {
	return newError(CodeInvalidTarget, http.StatusBadRequest, desc)
}

// AccessDenied says that the person or the broker refused. 403.
func AccessDenied(desc string) *Error {
	return newError(CodeAccessDenied, http.StatusForbidden, desc)
}

// ServerError says that something is wrong with us. 500.
func ServerError(desc string) *Error {
	return newError(CodeServerError, http.StatusInternalServerError, desc)
}

// TemporarilyUnavailable says that we could not check and that nothing is
// decided: retry. 503 with Retry-After.
func TemporarilyUnavailable(desc string) *Error {
	return newError(CodeTemporarilyUnavailable, http.StatusServiceUnavailable, desc)
}

// TooManyRequests says that the caller goes too fast. 429 with Retry-After; the
// code is temporarily_unavailable, because no other of the standard fits.
func TooManyRequests(desc string) *Error {
	return newError(CodeTemporarilyUnavailable, http.StatusTooManyRequests, desc)
}

// LoginRequired answers prompt=none without a good enough session. 400.
func LoginRequired(desc string) *Error {
	return newError(CodeLoginRequired, http.StatusBadRequest, desc)
}

// ConsentRequired answers prompt=none where the person has not consented. 400.
func ConsentRequired(desc string) *Error {
	return newError(CodeConsentRequired, http.StatusBadRequest, desc)
}

// InteractionRequired answers prompt=none where another page is needed. 400.
func InteractionRequired(desc string) *Error {
	return newError(CodeInteractionRequired, http.StatusBadRequest, desc)
}

// RequestNotSupported refuses request objects by value. 400.
func RequestNotSupported(desc string) *Error {
	return newError(CodeRequestNotSupported, http.StatusBadRequest, desc)
}

// RequestURINotSupported refuses request objects by reference. 400.
func RequestURINotSupported(desc string) *Error {
	return newError(CodeRequestURINotSupported, http.StatusBadRequest, desc)
}

// UnmetAuthenticationRequirements says that the login is weaker than what the
// client requires. 400.
func UnmetAuthenticationRequirements(desc string) *Error {
	return newError(CodeUnmetAuthentication, http.StatusBadRequest, desc)
}

// InvalidToken says that an access token is not valid here. 401 with a Bearer challenge.
func InvalidToken(desc string) *Error {
	e := newError(CodeInvalidToken, http.StatusUnauthorized, desc)
	e.challenge = "Bearer"
	return e
}

// InsufficientScope says that an access token does not reach that far. 403
// with a Bearer challenge.
func InsufficientScope(desc string) *Error {
	e := newError(CodeInsufficientScope, http.StatusForbidden, desc)
	e.challenge = "Bearer"
	return e
}

// missingToken is InvalidToken where no token was presented: the challenge then
// names no error (RFC 6750 3.1).
func missingToken(desc string) *Error {
	e := InvalidToken(desc)
	e.bare = true
	return e
}

// As returns the *Error in err's tree. Any other error becomes a server_error
// that keeps err as its cause and shows nothing of it.
func As(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return ServerError("The broker met an unexpected condition. Retry, and tell its operator if it stays.").With(err)
}

// HasCode reports whether err is an *Error with that code.
func HasCode(err error, code string) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Code == code
}

// Error returns code, description and cause, for the log.
func (e *Error) Error() string {
	s := "oauth: " + e.Code + ": " + e.Description
	if e.cause != nil {
		s += ": " + e.cause.Error()
	}
	return s
}

// Unwrap returns the cause, or nil.
func (e *Error) Unwrap() error { return e.cause }

// With returns a copy of e with cause, which is logged and never answered.
func (e *Error) With(cause error) *Error {
	c := *e
	c.cause = cause
	return &c
}

// After returns a copy of e that asks to retry after d, rounded up to whole
// seconds. It matters for 429 and 503.
func (e *Error) After(d time.Duration) *Error {
	c := *e
	c.retryAfter = d
	return &c
}

// Redirect returns redirectURI with the error, the client's state unless empty,
// and iss (RFC 6749 4.1.2.1, RFC 9207). The caller has checked redirectURI.
func (e *Error) Redirect(redirectURI, state, issuer string) string {
	v := url.Values{"error": {e.Code}, "iss": {issuer}}
	if e.Description != "" {
		v.Set("error_description", printable(e.Description))
	}
	if state != "" {
		v.Set("state", state)
	}
	return RedirectURL(redirectURI, v)
}

// printable keeps what error_description may hold (RFC 6749 5.2) and cuts the rest.
func printable(s string) string {
	if len(s) > maxDescription {
		s = s[:maxDescription]
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '"':
			return '\''
		case r < 0x20, r > 0x7e, r == '\\':
			return '?'
		}
		return r
	}, s)
}
