package login

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/audit"
	"github.com/bongsu/bongsu/broker/token"
	"github.com/bongsu/bongsu/broker/web"
)

// visitor is a browser that keeps cookies and follows nothing.
type visitor struct {
	h       *house
	cookies map[string]string
	agent   string
	host    string // empty: example.com, which is nobody's
}

func (h *house) browser() *visitor { return &visitor{h: h, cookies: map[string]string{}} }

// answered is what one request came to.
type answered struct {
	t      testing.TB
	code   int
	to     *url.URL // Location; nil without one
	view   web.View // the page, if one was drawn
	err    error
	header http.Header
}

func (b *visitor) do(method, target string, form url.Values) answered {
	b.h.t.Helper()
	r := httptest.NewRequestWithContext(b.h.t.Context(), method, target, strings.NewReader(form.Encode()))
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.Header.Set("User-Agent", b.agent)
	if b.host != "" {
		r.Host = b.host
	}
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	b.h.pages.view, b.h.err = nil, nil
	w := httptest.NewRecorder()
	b.h.mux.ServeHTTP(w, r)
	result := w.Result()
	defer func() { _ = result.Body.Close() }()
	for _, c := range result.Cookies() {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c.Value
		}
	}
	a := answered{t: b.h.t, code: w.Code, view: b.h.pages.view, err: b.h.err, header: result.Header}
	if location := result.Header.Get("Location"); location != "" {
		var err error
		a.to, err = url.Parse(location)
		b.h.must(err)
	}
	return a
}

func (b *visitor) get(target string) answered {
	b.h.t.Helper()
	return b.do(http.MethodGet, target, nil)
}

func (b *visitor) post(target string, form url.Values) answered {
	b.h.t.Helper()
	return b.do(http.MethodPost, target, form)
}

// asking is a request of the website shop with changes: an empty value takes
// the parameter away.
func asking(changes ...string) string {
	q := url.Values{
		"client_id": {"shop"}, "redirect_uri": {callback}, "response_type": {"code"},
		"scope": {"openid profile email"}, "state": {"the state"}, "nonce": {"the nonce"},
	}
	for n := 0; n+1 < len(changes); n += 2 {
		q.Set(changes[n], changes[n+1])
		if changes[n+1] == "" {
			q.Del(changes[n])
		}
	}
	return "/authorize?" + q.Encode()
}

// begun brings a browser to the menu and returns the path of its login.
func (b *visitor) begun(changes ...string) string {
	b.h.t.Helper()
	a := b.get(asking(changes...))
	if a.err != nil || a.to == nil || !strings.HasPrefix(a.to.Path, "/login/") {
		b.h.t.Fatalf("no login began: %d %v %v", a.code, a.to, a.err)
	}
	return a.to.Path
}

// goneTo sends the browser to way and returns the state it left with.
func (b *visitor) goneTo(path, way string) string {
	b.h.t.Helper()
	a := b.get(path + "/go/" + way)
	if a.to == nil || a.to.Host != way+".example" {
		b.h.t.Fatalf("the browser did not leave for %s: %d %v %v", way, a.code, a.to, a.err)
	}
	return a.to.Query().Get("state")
}

// back is the provider's answer.
func (b *visitor) back(way, state string) answered {
	b.h.t.Helper()
	return b.get("/callback/" + way + "?code=c&state=" + url.QueryEscape(state))
}

// signedIn gives the browser a session by logging in by way.
func (b *visitor) signedIn(way string) {
	b.h.t.Helper()
	a := b.back(way, b.goneTo(b.begun(), way))
	b.h.code(a)
}

// code opens the code that the website got.
func (h *house) code(a answered) token.Code {
	h.t.Helper()
	if a.to == nil || a.to.Query().Get("code") == "" {
		h.t.Fatalf("the website got no code: %d %v %v", a.code, a.to, a.err)
	}
	plain, err := h.ring.Open(h.t.Context(), "code", a.to.Query().Get("code"))
	h.must(err)
	var c token.Code
	h.must(json.Unmarshal(plain, &c))
	return c
}

// wantError checks that the website was told that error, with its state.
func (a answered) wantError(code string) {
	a.t.Helper()
	if a.err != nil || a.to == nil {
		a.t.Fatalf("the website was not told %s: %d %v", code, a.code, a.err)
	}
	q := a.to.Query()
	if got := q.Get("error"); got != code || !strings.HasPrefix(a.to.String(), callback+"?") {
		a.t.Errorf("the website was told %q at %s, want %q", got, a.to, code)
	}
	if q.Get("state") != "the state" || q.Get("iss") != issuer || q.Get("error_description") == "" || q.Get("code") != "" {
		a.t.Errorf("the answer is %v", q)
	}
}

// wantProblem checks that the request ended on that page of ours.
func (a answered) wantProblem(kind web.ProblemKind, status int) *Problem {
	a.t.Helper()
	var p *Problem
	if !errors.As(a.err, &p) {
		a.t.Fatalf("no problem page but %d %v %v", a.code, a.to, a.err)
	}
	if p.Kind != kind || p.Status != status {
		a.t.Fatalf("problem %s %d, want %s %d", p.Kind, p.Status, kind, status)
	}
	return p
}

// menu returns the menu that is shown.
func (a answered) menu() web.Menu {
	a.t.Helper()
	m, ok := a.view.(web.Menu)
	if !ok {
		a.t.Fatalf("the page is %T (%d %v %v)", a.view, a.code, a.to, a.err)
	}
	return m
}

// last returns the last event.
func (h *house) last() audit.Event {
	if len(h.events) == 0 {
		return audit.Event{}
	}
	return h.events[len(h.events)-1]
}

// away makes every key that is not known here impossible to look up.
func (h *house) away() {
	h.keys.Intercept(func(context.Context, string) error { return errAway })
	h.clock.pass(11 * time.Second) // past the last look
}
