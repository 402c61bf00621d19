package oauth2

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"syscall"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/fetch"
)

// Answer is what came back in a step: from the callback, the token endpoint or
// the userinfo endpoint.
type Answer struct {
	Step     providers.Step
	Status   int      // of HTTP; 0 at the callback
	Document Document // nil when the body is no JSON object
}

// Code returns the member "error", cleaned, whether it is a string or a number.
func (a Answer) Code() string {
	return providers.CleanCode(a.Document.ID("error"))
}

// The error codes of RFC 6749 4.1.2.1 and 5.2, RFC 6750 3.1, OpenID Connect
// Core 3.1.2.6, and those in wide use. What is in no table is unknown: a stale
// code (invalid_grant) says nothing about the provider's health.
var outcomes = map[string]providers.Outcome{
	"access_denied":           providers.User,
	"server_error":            providers.Down,
	"temporarily_unavailable": providers.Down,

	"invalid_client":            providers.Ours,
	"deleted_client":            providers.Ours,
	"unauthorized_client":       providers.Ours,
	"unsupported_grant_type":    providers.Ours,
	"unsupported_response_type": providers.Ours,
	"invalid_scope":             providers.Ours,
	"insufficient_scope":        providers.Ours,
	"invalid_redirect_uri":      providers.Ours,
	"redirect_uri_mismatch":     providers.Ours,
	"redirect_mismatch":         providers.Ours,
}

// judgeAnswer makes the error of an answer that is one: the provider's quirks
// first, then its error code, then whether a server like it would answer so.
func (w *Wire) judgeAnswer(a Answer) error {
	if w.o.Quirks.Classify != nil {
		if outcome, code, ok := w.o.Quirks.Classify(a); ok {
			return &providers.Error{Outcome: outcome, Code: code, Err: errAnswer}
		}
	}
	code := a.Code()
	if outcome, ok := outcomes[code]; ok {
		return &providers.Error{Outcome: outcome, Code: code, Err: errAnswer}
	}
	outcome, why := a.standard()
	return &providers.Error{Outcome: outcome, Code: code, Err: why}
}

var (
	errAnswer     = errors.New("the provider answered with an error")
	errServer     = errors.New("the provider's server failed")
	errQuota      = errors.New("the provider refuses more requests")
	errNoDocument = errors.New("the answer is no JSON object")
	errForeign    = errors.New("the answer is not understood")
)

// standard classifies an answer whose error code, if any, says nothing. A page
// where a document belongs is not the endpoint speaking, whatever its status.
func (a Answer) standard() (providers.Outcome, error) {
	switch {
	case a.Status >= http.StatusInternalServerError:
		return providers.Down, errServer
	case a.Status == http.StatusTooManyRequests:
		return providers.Ours, errQuota
	case a.Document != nil:
		return providers.Unknown, errForeign
	case a.Step == providers.StepUserinfo && (a.Status == http.StatusUnauthorized || a.Status == http.StatusForbidden):
		return providers.Unknown, errForeign // RFC 6750 3 answers so, with an empty body
	default:
		return providers.Down, errNoDocument
	}
}

// OutcomeOf classifies a failure on the way to or from a provider.
func OutcomeOf(err error) providers.Outcome {
	outcome, _ := onTheWay(err)
	return outcome
}

// onTheWay returns what a failed request means and a text for the log that
// holds nothing from outside. Connecting in vain is down even if it was a
// timer that said so: only a provider that took the call can be slow.
func onTheWay(err error) (providers.Outcome, string) {
	var (
		certificate *tls.CertificateVerificationError
		authority   x509.UnknownAuthorityError
		host        x509.HostnameError
		invalid     x509.CertificateInvalidError
		dial        *net.OpError
		dns         *net.DNSError
		timeout     net.Error
		number      syscall.Errno
	)
	switch {
	case errors.Is(err, context.Canceled):
		return providers.Unknown, "given up"
	case errors.As(err, &certificate), errors.As(err, &authority), errors.As(err, &host), errors.As(err, &invalid):
		return providers.Trust, "the certificate does not verify"
	case errors.Is(err, fetch.ErrForbiddenAddress):
		return providers.Trust, "the endpoint leads to an address that is not open"
	case errors.Is(err, fetch.ErrTooLarge):
		return providers.Down, "the answer is too large"
	case errors.As(err, &dns):
		return providers.Down, "the name does not resolve"
	case errors.As(err, &dial) && dial.Op == "dial":
		if errors.As(err, &number) {
			return providers.Down, "no connection: " + number.Error()
		}
		return providers.Down, "no connection"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return providers.Slow, "the deadline passed"
	case errors.As(err, &number):
		return providers.Down, "the connection broke: " + number.Error()
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return providers.Down, "the connection broke"
	default:
		return providers.Down, "the request failed"
	}
}

// Plain returns err with a text that holds nothing from outside: what net/http
// reports may quote a malformed answer.
func Plain(err error) error {
	_, text := onTheWay(err)
	return &failure{text: text, err: err}
}

type failure struct {
	text string
	err  error
}

// Error implements error.
func (f *failure) Error() string { return f.text }

// Unwrap keeps the causes for errors.Is and errors.As.
func (f *failure) Unwrap() error { return f.err }
