package login

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/audit"
	"github.com/bongsu/bongsu/broker/oauth"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/broker/web"
)

// third asks for a login at somebody else's website.
func third(changes ...string) string {
	return asking(append([]string{
		"client_id", "third", "scope", "openid email phone", "code_challenge", strings.Repeat("c", 43), "code_challenge_method", "S256",
	}, changes...)...)
}

// consentAt follows where the browser was sent and returns the question there.
func (b *visitor) consentAt(a answered) (path string, question web.Consent) {
	b.h.t.Helper()
	if a.to == nil || !strings.HasPrefix(a.to.Path, "/login/") {
		b.h.t.Fatalf("no question but %T %d %v %v", a.view, a.code, a.to, a.err)
	}
	path = a.to.Path
	question, ok := b.get(path).view.(web.Consent)
	if !ok {
		b.h.t.Fatalf("the page is %T", b.get(path).view)
	}
	return path, question
}

// known brings a browser with a session to the question of a website.
func (b *visitor) known(request string) (path string, question web.Consent) {
	b.h.t.Helper()
	b.h.know("kakao")
	b.signedIn("kakao")
	return b.consentAt(b.get(request))
}

func scopes(question web.Consent) string {
	var all []string
	for _, item := range question.Items {
		mark := ""
		if item.Optional {
			mark = "?"
		}
		all = append(all, item.Scope+mark)
	}
	return strings.Join(all, " ")
}

func consenting(question web.Consent, optional ...string) url.Values {
	form := stepToken(question.StepToken)
	form["scope"] = optional
	return form
}

// What the person said yes to is remembered, and what they left out too.
func TestConsentIsAskedOnce(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	path, question := b.known(third())
	if scopes(question) != "openid email phone?" || question.Known {
		t.Fatalf("asked for %s", scopes(question))
	}
	code := h.code(b.target(b.post(question.Action, consenting(question))))
	if !slices.Equal(code.Scope, []string{"openid", "email"}) || code.Claims.Email == "" || code.Claims.Phone != "" {
		t.Errorf("the code gives %v %+v", code.Scope, code.Claims)
	}
	if e := h.events[len(h.events)-2]; e.Name != audit.ConsentGiven || e.Reason != "" || e.Client != "third" {
		t.Errorf("event %+v", e)
	}
	if !strings.HasPrefix(question.Action, path) {
		t.Errorf("the form posts to %s", question.Action)
	}
	for _, request := range []string{third(), third("prompt", "none"), third("scope", "openid")} {
		if a := b.get(request); a.to == nil || a.to.Query().Get("code") == "" {
			t.Errorf("%s: asked again: %T %v", request, a.view, a.to)
		}
	}
	_, more := b.consentAt(b.get(third("scope", "openid email profile")))
	if scopes(more) != "profile" || !more.Known {
		t.Errorf("asked again for %s", scopes(more))
	}
}

// A box that was ticked gives what it says, and only what was on the page.
func TestOptionalItems(t *testing.T) {
	h := newHouse(t)
	h.know("kakao", func(a *store.Account) { a.Phone = "+82 10-0000-0000" })
	b := h.browser()
	b.signedIn("kakao")
	_, question := b.consentAt(b.get(third()))
	code := h.code(b.target(b.post(question.Action, consenting(question, "phone", "profile"))))
	if !slices.Equal(code.Scope, []string{"openid", "email", "phone"}) {
		t.Errorf("the code gives %v", code.Scope)
	}
}

func TestConsentIsRefused(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	_, question := b.known(third())
	b.target(b.post(question.CancelAction, stepToken(question.StepToken))).wantError(oauth.CodeAccessDenied)
	if len(h.records.consents) != 0 {
		t.Error("a no is kept as a yes")
	}
}

func TestPromptsAboutConsent(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	b.get(third("prompt", "none")).wantError(oauth.CodeLoginRequired)
	_, question := b.known(third())
	b.get(third("prompt", "none")).wantError(oauth.CodeConsentRequired)
	b.target(b.post(question.Action, consenting(question)))
	h.records.down = errAway
	b.get(third("prompt", "none")).wantError(oauth.CodeTemporarilyUnavailable)
	h.records.down = nil
	if _, again := b.consentAt(b.get(third("prompt", "consent"))); scopes(again) != "openid email phone?" {
		t.Errorf("prompt=consent asks for %s", scopes(again))
	}
	if _, own := b.consentAt(b.get(asking("prompt", "consent"))); len(own.Items) == 0 {
		t.Error("prompt=consent asks nothing for a website of the operator's own")
	}
}

// Without a writer a yes counts for this login alone (design 3).
func TestConsentWithoutAWriter(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	h.know("kakao")
	b.signedIn("kakao")
	h.records.readOnly = errAway
	_, question := b.consentAt(b.get(third()))
	h.code(b.target(b.post(question.Action, consenting(question))))
	if e := h.events[len(h.events)-2]; e.Name != audit.ConsentGiven || e.Reason != "not_kept" {
		t.Errorf("event %+v", e)
	}
	h.records.readOnly = nil
	if _, again := b.consentAt(b.get(third())); scopes(again) != "openid email phone?" {
		t.Errorf("asked for %s", scopes(again))
	}
}

// A database that is away loses nobody's login at the question (P5).
func TestConsentWhileTheStoreIsAway(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	path, question := b.known(third())
	h.records.down = errAway
	for _, a := range []answered{b.get(path), b.post(question.Action, consenting(question))} {
		if p := a.wantProblem(web.ProblemUnavailable, http.StatusServiceUnavailable); p.RetryHref != path {
			t.Errorf("retry leads to %q", p.RetryHref)
		}
	}
	h.records.down = nil
	h.code(b.target(b.post(question.Action, consenting(question))))
}

// The session that the question was asked for is the one that answers it.
func TestConsentBelongsToTheSession(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	path, question := b.known(third())
	for name := range b.cookies {
		if strings.HasSuffix(name, "session") {
			delete(b.cookies, name)
		}
	}
	if menu, ok := b.get(path).view.(web.Menu); !ok || len(menu.Ways) == 0 {
		t.Error("a person who signed out is offered no way on")
	}
	if a := b.post(question.Action, consenting(question)); a.to == nil || a.to.Path != path || len(h.records.consents) != 0 {
		t.Errorf("a yes without a session: %T %v", a.view, a.to)
	}
}

func TestConsentThatWasTakenBack(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	_, question := b.known(third())
	b.target(b.post(question.Action, consenting(question)))
	h.must(h.handler.Consents.(interface {
		TakeAway(ctx context.Context, accountID, clientID string) error
	}).TakeAway(t.Context(), "account-of-kakao", "third"))
	h.clock.pass(time.Second)
	b.get(third("prompt", "none")).wantError(oauth.CodeConsentRequired)
	_, question = b.consentAt(b.get(third()))
	b.target(b.post(question.Action, consenting(question)))
	if a := b.get(third("prompt", "none")); a.to.Query().Get("code") == "" {
		t.Error("a new yes does not count")
	}
}

// A person who proves themselves first is asked after that, in the same login.
func TestConsentAfterALeg(t *testing.T) {
	h := newHouse(t)
	h.know("kakao")
	b := h.browser()
	a := b.get(third())
	path := a.to
	if path == nil {
		t.Fatalf("%T %v", a.view, a.err)
	}
	back := b.back("kakao", b.goneTo(path.Path, "kakao"))
	_, question := b.consentAt(back)
	h.code(b.target(b.post(question.Action, consenting(question))))
}
