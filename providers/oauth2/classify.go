package oauth2

import (
	"cmp"
	"errors"
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

// Code returns the member "error", or else "errcode", cleaned, whether it is a
// string or a number.
func (a Answer) Code() string {
	return providers.CleanCode(cmp.Or(a.Document.ID("error"), a.Document.ID("errcode")))
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

// OutcomeOfCode returns what an error code means that stands in a standard or is
// in wide use, and whether it does.
func OutcomeOfCode(code string) (providers.Outcome, bool) {
	outcome, known := outcomes[code]
	if !known {
		return providers.Unknown, false
	}
	return outcome, true
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
	errFiltered   = errors.New("the request was turned away with a page")
)

// filtered reports the statuses by which filters turn a request away for what
// stands in it. 401 and 404 are not among them: an endpoint whose inside is
// gone has been seen to answer so.
func filtered(status int) bool {
	switch status {
	case http.StatusBadRequest, http.StatusForbidden, http.StatusNotAcceptable, http.StatusRequestEntityTooLarge,
		http.StatusRequestURITooLong, http.StatusUnprocessableEntity, http.StatusRequestHeaderFieldsTooLarge:
		return true
	}
	return false
}

// standard classifies an answer whose error code, if any, says nothing. A page
// where a document belongs is not the endpoint speaking, whatever its status;
// but one that a strange code can provoke, from a filter in front of the
// endpoint, is no evidence against it.
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
	case a.Step == providers.StepToken && filtered(a.Status):
		return providers.Unknown, errFiltered
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
	switch fetch.Code(err) {
	case "":
		return providers.Unknown, "given up"
	case fetch.CodeCertificate:
		return providers.Trust, "the certificate does not verify"
	case fetch.CodeForbidden:
		return providers.Trust, "the endpoint leads to an address that is not open"
	case fetch.CodeTooLarge:
		return providers.Down, "the answer is too large"
	case fetch.CodeDNS:
		return providers.Down, "the name does not resolve"
	case fetch.CodeConnect:
		return providers.Down, "no connection" + number(err)
	case fetch.CodeTLS:
		return providers.Down, "no secure connection" + number(err)
	case fetch.CodeTimeout:
		return providers.Slow, "the deadline passed"
	default:
		return providers.Down, "the connection broke" + number(err)
	}
}

// number names the reason that the operating system gave, if it did.
func number(err error) string {
	if reason, ok := errors.AsType[syscall.Errno](err); ok {
		return ": " + reason.Error()
	}
	return ""
}

// Failed returns the error of a request that got no answer: classified, with
// the code of package fetch, and without text from outside.
func Failed(err error) *providers.Error {
	return &providers.Error{Outcome: OutcomeOf(err), Code: fetch.Code(err), Err: Plain(err)}
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
