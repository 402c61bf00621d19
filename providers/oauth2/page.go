package oauth2

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/bongsu/bongsu/providers"
)

// Page is what the authorization endpoint shows to a probe.
type Page struct {
	Status   int
	Location string // of a redirect, not followed
	Body     string // the first 256 KiB
}

// signs are what error pages hold and login pages do not: Microsoft's, which
// any tenant of its shows under an issuer of its own.
var signs = []struct {
	text    string
	outcome providers.Outcome
}{
	{"AADSTS90033", providers.Down},  // a transient error, with status 200
	{"AADSTS90001", providers.Down},  // the same, elsewhere
	{"AADSTS50011", providers.Ours},  // the redirect URI is not registered
	{"AADSTS700016", providers.Ours}, // no such client
	{"AADSTS90002", providers.Ours},  // no such tenant
}

// trouble is how pages name themselves that stand where a login page should.
var trouble = regexp.MustCompile(`(?i)service (is )?(temporarily )?unavailable|temporarily unavailable|bad gateway|gateway time-?out|` +
	`internal (server )?error|under maintenance|scheduled maintenance|^\s*5\d\d\b|서비스 점검|시스템 점검|점검 ?중|일시적(인|으로)|メンテナンス中`)

const maxTitle = 200 // bytes

// title returns the beginning of a page's title.
func title(body string) string {
	_, rest, ok := cutFold(body, "<title")
	if !ok {
		return ""
	}
	_, rest, _ = strings.Cut(rest[:min(len(rest), 2*maxTitle)], ">")
	name, _, _ := cutFold(rest, "</title")
	return name[:min(len(name), maxTitle)]
}

// cutFold is [strings.Cut] at a lower-case ASCII separator in whatever case.
func cutFold(s, separator string) (before, after string, found bool) {
	for i := 0; i+len(separator) <= len(s); i++ {
		if s[i] == separator[0] && strings.EqualFold(s[i:i+len(separator)], separator) {
			return s[:i], s[i+len(separator):], true
		}
	}
	return s, "", false
}

// judgePage tells what an answer of the authorization endpoint means and gives
// it a code. A page that is not known to be anything else is a login page.
func (w *Wire) judgePage(p Page) (providers.Outcome, string) {
	if w.o.Quirks.Page != nil {
		if outcome, code, ok := w.o.Quirks.Page(p); ok {
			return outcome, providers.CleanCode(code)
		}
	}
	for _, sign := range signs {
		if strings.Contains(p.Body, sign.text) {
			return sign.outcome, sign.text
		}
	}
	if p.Status >= http.StatusMultipleChoices && p.Status < http.StatusBadRequest {
		return w.judgeRedirect(p)
	}
	if outcome, code, ok := errorNamed(p); ok {
		return outcome, code
	}
	if p.Status == http.StatusForbidden || p.Status == http.StatusTooManyRequests {
		return providers.Unknown, StatusCode(p.Status) // it is probes that are turned away
	}
	if d, err := ParseDocument([]byte(p.Body)); err == nil {
		return w.judgeDocument(p, d)
	}
	switch {
	case p.Status >= http.StatusInternalServerError:
		return providers.Down, StatusCode(p.Status)
	case trouble.MatchString(title(p.Body)):
		return providers.Down, "error_page"
	case p.Status == http.StatusOK && strings.TrimSpace(p.Body) != "":
		return providers.OK, ""
	default:
		return providers.Unknown, StatusCode(p.Status)
	}
}

// errorNamed looks for our own faults by their standard names in a page that is
// an error.
func errorNamed(p Page) (providers.Outcome, string, bool) {
	if p.Status < http.StatusBadRequest {
		return "", "", false
	}
	for _, code := range []string{
		"redirect_uri_mismatch", "invalid_redirect_uri", "invalid_client", "unauthorized_client", "invalid_scope",
		"unsupported_response_type", "deleted_client", "disabled_client",
	} {
		if strings.Contains(p.Body, code) {
			return providers.Ours, code, true
		}
	}
	return "", "", false
}

// judgeDocument is for endpoints that answer a browser in JSON when they fail.
func (w *Wire) judgeDocument(p Page, d Document) (providers.Outcome, string) {
	a := Answer{Step: providers.StepAuthorize, Status: p.Status, Document: d}
	if !d.failed() && p.Status < http.StatusBadRequest {
		return providers.Unknown, "document"
	}
	return nobodysAnswer(w.judgeAnswer(a), p.Status)
}

// judgeRedirect: on to the place where people log in, or back to us with an
// error.
func (w *Wire) judgeRedirect(p Page) (providers.Outcome, string) {
	to, err := w.authorize.Parse(p.Location)
	if err != nil || p.Location == "" || (to.Scheme != "https" && to.Scheme != w.authorize.Scheme) {
		return providers.Unknown, "redirect"
	}
	back, err := url.Parse(w.o.Callback)
	if err != nil || to.Scheme != back.Scheme || to.Host != back.Host || to.Path != back.Path {
		return providers.OK, ""
	}
	params := to.Query()
	if !params.Has("error") {
		return providers.OK, ""
	}
	switch params.Get("error") {
	case "login_required", "interaction_required", "account_selection_required", "consent_required":
		return providers.OK, "" // it knows us and wants a person
	}
	return nobodysAnswer(w.judgeAnswer(Answer{Step: providers.StepCallback, Document: documentOf(params)}), p.Status)
}

// nobodysAnswer takes outcome and code of an error that judgeAnswer made. That a
// person declined cannot be: nobody was asked.
func nobodysAnswer(err error, status int) (providers.Outcome, string) {
	failed, ok := errors.AsType[*providers.Error](err)
	if !ok || failed.Outcome == providers.User {
		return providers.Unknown, StatusCode(status)
	}
	return failed.Outcome, cmp.Or(failed.Code, StatusCode(status))
}
