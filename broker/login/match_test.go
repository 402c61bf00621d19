package login

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/audit"
	"github.com/bongsu/bongsu/broker/oauth"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/broker/web"
	"github.com/bongsu/bongsu/providers"
)

// asked brings a browser to the question whether this account is new.
func (b *visitor) asked(way string) (path string, question web.Match) {
	b.h.t.Helper()
	path = b.begun()
	a := b.back(way, b.goneTo(path, way))
	if a.err != nil || a.to == nil || a.to.Path != path {
		b.h.t.Fatalf("%d %v %v", a.code, a.to, a.err)
	}
	return path, b.question(path)
}

func (b *visitor) question(path string) web.Match {
	b.h.t.Helper()
	a := b.get(path)
	m, ok := a.view.(web.Match)
	if !ok {
		b.h.t.Fatalf("the page is %T (%d %v %v)", a.view, a.code, a.to, a.err)
	}
	return m
}

// target is where the terminal page leads, read as an answer.
func (b *visitor) target(a answered) answered {
	b.h.t.Helper()
	page, ok := a.view.(web.Terminal)
	if !ok || a.code != http.StatusOK {
		b.h.t.Fatalf("no terminal page but %T %d %v %v", a.view, a.code, a.to, a.err)
	}
	var err error
	a.to, err = url.Parse(page.Href)
	b.h.must(err)
	return a
}

func stepToken(token string) url.Values { return url.Values{"step_token": {token}} }

// Nobody is new before they say so.
func TestNewPerson(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	path, m := b.asked("kakao")
	if m.Way.ID != "kakao" || m.Proven != "김민지" || m.NewAction != path+"/new-account" || m.ExistingHref != path+"/menu?why=existing" {
		t.Errorf("question %+v", m)
	}
	if len(h.records.accounts) != 0 {
		t.Fatal("an account was opened unasked")
	}
	b.question(path) // reload
	c := h.code(b.target(b.post(m.NewAction, stepToken(m.StepToken))))
	opened := h.records.accounts[c.Account]
	if len(h.records.accounts) != 1 || opened.Name != "김민지" || opened.Email != "minji@example.com" || c.Claims.Name != "김민지" {
		t.Errorf("account %+v, code %+v", opened, c)
	}
	if !h.recorded(audit.AccountOpened) || !h.recorded(audit.LoginCompleted) {
		t.Errorf("events %+v", h.events)
	}
	if again := h.code(b.get(asking())); again.Account != c.Account || again.SID != c.SID {
		t.Errorf("the session gave %+v", again)
	}
}

func (h *house) recorded(name audit.Name) bool {
	for _, e := range h.events {
		if e.Name == name {
			return true
		}
	}
	return false
}

// Whoever has an account goes on with their earlier way; nothing is opened.
func TestPersonWithAnAccount(t *testing.T) {
	h := newHouse(t)
	h.know("naver")
	b := h.browser()
	b.signedIn("naver")
	delete(b.cookies, "__Host-bongsu_session")
	path, m := b.asked("kakao")
	if m.EarlierWayHint.ID != "naver" {
		t.Errorf("hint %+v", m.EarlierWayHint)
	}
	menu := b.get(m.ExistingHref).menu()
	if menu.Notice == nil || menu.Notice.Reason != web.ReasonExisting || menu.Notice.Way.ID != "kakao" {
		t.Errorf("notice %+v", menu.Notice)
	}
	question := b.linkQuestion(b.back("naver", b.goneTo(path, "naver")), path)
	if question.Owner.ID != "naver" || question.New.ID != "kakao" || !question.Website {
		t.Errorf("question %+v", question)
	}
	if len(h.records.accounts) != 1 || len(h.records.links) != 1 {
		t.Errorf("unasked: %d accounts, %d links", len(h.records.accounts), len(h.records.links))
	}
	c := h.code(b.target(b.post(question.Action, yes(question))))
	if c.Account != "account-of-naver" || c.Way != "naver" || c.Epoch != 2 {
		t.Errorf("code %+v", c)
	}
	if len(h.records.accounts) != 1 || len(h.records.links) != 2 || !h.recorded(audit.AccountLinked) {
		t.Errorf("%d accounts, %d links, events %+v", len(h.records.accounts), len(h.records.links), h.events)
	}
	if c := h.code(b.back("kakao", b.goneTo(b.begun("prompt", "login"), "kakao"))); c.Account != "account-of-naver" || c.Epoch != 2 {
		t.Errorf("the new way gives %+v", c)
	}
}

// The same form twice opens one account, and one person.
func TestFormSentTwice(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	path, m := b.asked("kakao")
	other := &visitor{h: h, cookies: maps.Clone(b.cookies)} // as it was before the first answer came
	first := h.code(b.target(b.post(m.NewAction, stepToken(m.StepToken))))
	second := h.code(other.target(other.post(m.NewAction, stepToken(m.StepToken))))
	if first.Account != second.Account || first.Login != second.Login || len(h.records.accounts) != 1 {
		t.Errorf("%s and %s of %d accounts", first.Account, second.Account, len(h.records.accounts))
	}
	p := b.post(m.NewAction, stepToken(m.StepToken)).wantProblem(web.ProblemDone, http.StatusOK)
	if p.Client == nil || p.Client.ID != "shop" {
		t.Errorf("problem %+v", p)
	}
	b.get(path).wantProblem(web.ProblemDone, http.StatusOK)
}

// A form that was not made for this login changes nothing.
func TestFormsOfOthers(t *testing.T) {
	h := newHouse(t)
	b, other := h.browser(), h.browser()
	path, m := b.asked("kakao")
	_, foreign := other.asked("naver")
	for name, form := range map[string]url.Values{
		"no token": nil, "an empty token": stepToken(""), "another login's": stepToken(foreign.StepToken),
		"a changed token": stepToken(m.StepToken + "A"), "in other case": stepToken(strings.ToLower(m.StepToken)),
	} {
		if form == nil {
			form = url.Values{"other": {"x"}}
		}
		for _, action := range []string{m.NewAction, m.CancelAction} {
			p := b.post(action, form).wantProblem(web.ProblemForbidden, http.StatusForbidden)
			if p.RetryHref != path {
				t.Errorf("%s: the way on is %q", name, p.RetryHref)
			}
		}
	}
	b.post(m.NewAction+"?step_token="+m.StepToken, url.Values{"a": {"b"}}).wantProblem(web.ProblemForbidden, http.StatusForbidden)
	if len(h.records.accounts) != 0 {
		t.Error("an account was opened")
	}
	b.question(path)
}

func TestCancel(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	path := b.begun()
	m := b.get(path).menu()
	b.target(b.post(m.CancelAction, stepToken(m.StepToken))).wantError(oauth.CodeAccessDenied)
	b.get(path).wantProblem(web.ProblemDone, http.StatusOK)
	if e := h.last(); e.Name != audit.LoginRefused || e.Reason != oauth.CodeAccessDenied {
		t.Errorf("event %+v", e)
	}
}

// While the store is away no account is opened, and the form works afterwards.
func TestAccountThatCannotBeOpened(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	path, m := b.asked("kakao")
	h.records.down = errAway
	p := b.post(m.NewAction, stepToken(m.StepToken)).wantProblem(web.ProblemUnavailable, http.StatusServiceUnavailable)
	if p.RetryHref != path || !errors.Is(p, store.ErrUnavailable) {
		t.Errorf("problem %+v", p)
	}
	h.records.down = nil
	if m = b.question(path); m.StepToken == "" {
		t.Error("the question has no token")
	}
	h.code(b.target(b.post(m.NewAction, stepToken(m.StepToken))))
}

// An old proof opens nothing: the person proves themselves again.
func TestProofGrowsOld(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	path, m := b.asked("kakao")
	for range 2 {
		h.clock.pass(5*time.Minute + time.Second)
		b.get(path)
	}
	a := b.post(m.NewAction, stepToken(m.StepToken))
	if a.err != nil || a.to == nil || a.to.Path != path || len(h.records.accounts) != 0 {
		t.Fatalf("%d %v %v, %d accounts", a.code, a.to, a.err, len(h.records.accounts))
	}
	if m := b.get(path).menu(); m.Notice != nil && m.Notice.Reason == web.ReasonExisting {
		t.Errorf("notice %+v", m.Notice)
	}
	h.ways["kakao"].err = failing("kakao", providers.Down)
	b.back("kakao", b.goneTo(path, "kakao"))
}

// The account was disabled between the question and the answer.
func TestDisabledMeanwhile(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	_, m := b.asked("kakao")
	h.know("kakao", func(a *store.Account) { a.Disabled = true })
	b.target(b.post(m.NewAction, stepToken(m.StepToken))).wantError(oauth.CodeAccessDenied)
}

// A new proof makes a new session; the code and the session agree.
func TestEveryProofMakesANewSession(t *testing.T) {
	h := newHouse(t)
	h.know("kakao")
	b := h.browser()
	first := h.code(b.back("kakao", b.goneTo(b.begun(), "kakao")))
	h.clock.pass(time.Minute)
	second := h.code(b.back("kakao", b.goneTo(b.begun("prompt", "login"), "kakao")))
	third := h.code(b.get(asking()))
	if first.SID == second.SID || third.SID != second.SID || third.AuthTime != second.AuthTime || third.Login == second.Login {
		t.Errorf("sessions %s, %s, %s", first.SID, second.SID, third.SID)
	}
}
