package login

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/audit"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/broker/web"
)

// twoWays is Vic, who comes in by Kakao and by Naver, and is signed in by Kakao.
func twoWays(t *testing.T) (h *house, b *visitor) {
	t.Helper()
	h, b = vicAndMal(t)
	h.records.links[store.IdentityKey{Provider: "naver", Subject: "minji at naver"}] = "account-of-kakao"
	return h, b
}

// unlinkQuestion is the page that asks before a way goes.
func (b *visitor) unlinkQuestion(path string) (web.Unlink, url.Values) {
	b.h.t.Helper()
	a := b.get(path)
	q, ok := a.view.(web.Unlink)
	if !ok {
		b.h.t.Fatalf("the page is %T %+v (%d %v %v)", a.view, a.view, a.code, a.to, a.err)
	}
	return q, url.Values{"step_token": {q.StepToken}, "identity": {q.Identity}}
}

func TestUnlinkingAnotherWay(t *testing.T) {
	h, b := twoWays(t)
	before := b.session()
	a := b.post("/account/unlink/naver", b.form())
	if a.to == nil || !strings.HasPrefix(a.to.Path, "/login/") {
		t.Fatalf("%d %v %v", a.code, a.to, a.err)
	}
	question, form := b.unlinkQuestion(a.to.Path)
	if question.Way.ID != "naver" || len(question.Left) != 1 || question.Left[0].ID != "kakao" || len(h.records.links) != 3 {
		t.Errorf("question %+v, %d links", question, len(h.records.links))
	}
	if again := b.post(question.Action, stepToken(question.StepToken)); again.to == nil || again.to.Path != a.to.Path || len(h.records.links) != 3 {
		t.Errorf("a yes to nothing: %d %v", again.code, again.to)
	}
	b.atAccount(b.post(question.Action, form), web.NoteUnlinked)
	after := b.session()
	if after.SID == before.SID || after.Epoch != 2 || after.Provider != "kakao" || h.facts.MinEpoch(before.Account) != 2 {
		t.Errorf("session %+v became %+v", before, after)
	}
	if h.last().Name != audit.AccountUnlinked || h.last().Provider != "naver" || h.last().Account != before.Account {
		t.Errorf("event %+v", h.last())
	}
	b.begun("prompt", "login")
	if _, q := b.asked2("naver"); q.Way.ID != "naver" {
		t.Error("the identity still finds somebody")
	}
}

// asked2 is asked for a browser that has a session.
func (b *visitor) asked2(way string) (string, web.Match) {
	b.h.t.Helper()
	path := b.begun("prompt", "login")
	b.back(way, b.goneTo(path, way))
	return path, b.question(path)
}

// The way of this very session goes only when another one was proven.
func TestUnlinkingTheWayOfTheSession(t *testing.T) {
	h, b := twoWays(t)
	a := b.post("/account/unlink/kakao", b.form())
	menu := a.menu()
	if a.code != http.StatusForbidden || menu.Task != web.TaskOwner || !menu.Removing || len(menu.Ways) != 1 || menu.Ways[0].ID != "naver" {
		t.Fatalf("%d %+v", a.code, menu)
	}
	path := strings.TrimSuffix(menu.CancelAction, "/cancel")
	if a := b.get(path + "/go/kakao"); a.to == nil || a.to.Path != path {
		t.Errorf("the way that goes may prove itself: %v", a.to)
	}
	if a := b.post(path+"/unlink", url.Values{"step_token": {menu.StepToken}, "identity": {"x"}}); a.to == nil || a.to.Path != path || len(h.records.links) != 3 {
		t.Errorf("a yes before the proof: %d %v", a.code, a.to)
	}
	b.back("naver", b.goneTo(path, "naver"))
	question, form := b.unlinkQuestion(path)
	b.atAccount(b.post(question.Action, form), web.NoteUnlinked)
	if s := b.session(); s.Provider != "naver" || s.Epoch != 2 || s.AuthTime != h.clock.Now().Unix() {
		t.Errorf("session %+v", s)
	}
	if b.cookies["__Host-bongsu_last"] != "naver" {
		t.Errorf("remembered %q", b.cookies["__Host-bongsu_last"])
	}
}

// Two tabs take one way each: the last one stays.
func TestUnlinkingInTwoTabs(t *testing.T) {
	h, b := twoWays(t)
	first := b.post("/account/unlink/naver", b.form())
	question, form := b.unlinkQuestion(first.to.Path)
	key := store.IdentityKey{Provider: "kakao", Subject: "minji at kakao"}
	owner := h.records.links[key]
	delete(h.records.links, key) // by the other tab, as if it had left the epoch alone
	b.post(question.Action, form).wantProblem(web.ProblemLast, http.StatusConflict)
	h.records.links[key] = owner
	if len(h.records.links) != 3 || h.last().Reason != "last" {
		t.Errorf("%d links, event %+v", len(h.records.links), h.last())
	}

	again := b.post("/account/unlink/naver", b.form())
	question, form = b.unlinkQuestion(again.to.Path)
	delete(h.records.links, store.IdentityKey{Provider: "naver", Subject: "minji at naver"})
	b.atAccount(b.post(question.Action, form), web.NoteGone)
}

// One of two identities at the same provider can go, proven by the other.
func TestTwoIdentitiesAtOneProvider(t *testing.T) {
	h, b := vicAndMal(t)
	second := store.IdentityKey{Provider: "kakao", Subject: "second"}
	h.records.links[second] = "account-of-kakao"
	form := b.form()
	form.Set("identity", LinkTag(second))
	menu := b.post("/account/unlink/kakao", form).menu()
	path := strings.TrimSuffix(menu.CancelAction, "/cancel")
	if len(menu.Ways) != 1 || menu.Ways[0].ID != "kakao" {
		t.Fatalf("menu %+v", menu)
	}
	first := h.ways["kakao"].identity
	h.ways["kakao"].identity.Subject = "second"
	b.back("kakao", b.goneTo(path, "kakao"))
	if menu := b.get(path).menu(); menu.Notice == nil || menu.Notice.Reason != web.ReasonSameWay {
		t.Errorf("the identity that goes: %+v", menu.Notice)
	}
	h.ways["kakao"].identity = first
	b.back("kakao", b.goneTo(path, "kakao"))
	question, yes := b.unlinkQuestion(path)
	b.atAccount(b.post(question.Action, yes), web.NoteUnlinked)
	if _, still := h.records.links[second]; still || len(h.records.links) != 2 {
		t.Errorf("links %v", h.records.links)
	}
}

// An identity set aside: the ways on when its owner is not so easily found.
func TestExistingAccount(t *testing.T) {
	t.Run("the second identity is unknown too", func(t *testing.T) {
		h := newHouse(t)
		b := h.browser()
		path, m := b.asked("kakao")
		b.get(m.ExistingHref)
		a := b.back("naver", b.goneTo(path, "naver"))
		if a.to == nil || a.to.Path != path+"/menu" {
			t.Fatalf("%d %v %v", a.code, a.to, a.err)
		}
		menu := b.get(a.to.Path).menu()
		if menu.Notice == nil || menu.Notice.Reason != web.ReasonNew || menu.Notice.Way.ID != "naver" || menu.NewHref == "" {
			t.Fatalf("menu %+v", menu)
		}
		question, ok := b.get(menu.NewHref).view.(web.Match)
		if !ok || question.Way.ID != "kakao" {
			t.Fatalf("the way back to the question is %+v", question)
		}
		c := h.code(b.target(b.post(question.NewAction, stepToken(question.StepToken))))
		if c.Way != "kakao" || len(h.records.accounts) != 1 || len(h.records.links) != 1 {
			t.Errorf("code %+v, %d accounts", c, len(h.records.accounts))
		}
	})
	t.Run("the person goes back to the question", func(t *testing.T) {
		h := newHouse(t)
		b := h.browser()
		path, m := b.asked("kakao")
		b.get(m.ExistingHref)
		m = b.question(path)
		if c := h.code(b.target(b.post(m.NewAction, stepToken(m.StepToken)))); c.Way != "kakao" || len(h.records.links) != 1 {
			t.Errorf("code %+v", c)
		}
	})
	t.Run("the same identity again asks again", func(t *testing.T) {
		h := newHouse(t)
		b := h.browser()
		path, m := b.asked("kakao")
		b.get(m.ExistingHref)
		b.back("kakao", b.goneTo(path, "kakao"))
		b.question(path)
	})
	t.Run("the person does not want them linked", func(t *testing.T) {
		h := newHouse(t)
		h.know("naver")
		b := h.browser()
		path, m := b.asked("kakao")
		b.get(m.ExistingHref)
		q := b.linkQuestion(b.back("naver", b.goneTo(path, "naver")), path)
		c := h.code(b.target(b.post(q.Action, url.Values{"step_token": {q.StepToken}, "answer": {"no"}})))
		if c.Account != "account-of-naver" || c.Epoch != 1 || len(h.records.links) != 1 {
			t.Errorf("code %+v, %d links", c, len(h.records.links))
		}
	})
	t.Run("the earlier identity is asked for anew", func(t *testing.T) {
		h := newHouse(t)
		h.know("naver")
		b := h.browser()
		path, m := b.asked("kakao")
		b.get(m.ExistingHref)
		b.goneTo(path, "naver")
		if leg := h.ways["naver"].legs[0]; !leg.Fresh {
			t.Errorf("leg %+v", leg)
		}
	})
	t.Run("a provider that does not ask again lets in, and links nothing", func(t *testing.T) {
		h := newHouse(t)
		h.know("naver")
		h.ways["naver"].identity.AuthTime = h.clock.Now().Add(-time.Hour)
		b := h.browser()
		path, m := b.asked("kakao")
		b.get(m.ExistingHref)
		c := h.code(b.back("naver", b.goneTo(path, "naver")))
		if c.Account != "account-of-naver" || len(h.records.links) != 1 || !h.recorded(audit.LinkRefused) {
			t.Errorf("code %+v, %d links", c, len(h.records.links))
		}
	})
	t.Run("the question was left lying", func(t *testing.T) {
		h := newHouse(t)
		h.know("naver")
		b := h.browser()
		path, m := b.asked("kakao")
		b.get(m.ExistingHref)
		h.clock.pass(4 * time.Minute)
		q := b.linkQuestion(b.back("naver", b.goneTo(path, "naver")), path)
		h.clock.pass(2 * time.Minute)
		if a := b.post(q.Action, yes(q)); a.to == nil || a.to.Path != path || len(h.records.links) != 1 {
			t.Fatalf("an old proof: %d %v %v", a.code, a.to, a.err)
		}
		menu := b.get(path).menu()
		if menu.Task != web.TaskNew || len(menu.Ways) != 1 || menu.Ways[0].ID != "kakao" {
			t.Fatalf("menu %+v", menu)
		}
		b.linkQuestion(b.back("kakao", b.goneTo(path, "kakao")), path)
		h.clock.pass(4 * time.Minute) // now the other one is too old
		if menu := b.get(path).menu(); menu.Notice == nil || menu.Notice.Reason != web.ReasonStale || menu.Notice.Way.ID != "naver" {
			t.Fatalf("menu %+v", menu)
		}
		q = b.linkQuestion(b.back("naver", b.goneTo(path, "naver")), path)
		if c := h.code(b.target(b.post(q.Action, yes(q)))); c.Account != "account-of-naver" || len(h.records.links) != 2 {
			t.Errorf("code %+v", c)
		}
	})
	t.Run("somebody else took the identity meanwhile", func(t *testing.T) {
		h := newHouse(t)
		h.know("naver")
		h.know("apple", func(a *store.Account) { a.ID = "mals" })
		b := h.browser()
		path, m := b.asked("kakao")
		b.get(m.ExistingHref)
		q := b.linkQuestion(b.back("naver", b.goneTo(path, "naver")), path)
		h.records.links[store.IdentityKey{Provider: "kakao", Subject: "minji at kakao"}] = "mals"
		p := b.post(q.Action, yes(q)).wantProblem(web.ProblemTaken, http.StatusConflict)
		if c := h.code(b.get(p.RetryHref)); c.Account != "account-of-naver" {
			t.Errorf("the way on gives %+v", c)
		}
	})
	t.Run("all sessions of the account ended while it was asked", func(t *testing.T) {
		h := newHouse(t)
		h.know("naver")
		b := h.browser()
		path, m := b.asked("kakao")
		b.get(m.ExistingHref)
		q := b.linkQuestion(b.back("naver", b.goneTo(path, "naver")), path)
		h.records.end("account-of-naver", h.clock.Now())
		if c := h.code(b.target(b.post(q.Action, yes(q)))); c.Epoch != 3 {
			t.Errorf("code %+v", c)
		}
	})
}

// The account page has a login of its own, without a website.
func TestSigningInToTheAccountPage(t *testing.T) {
	h := newHouse(t)
	known := h.know("kakao")
	b := h.browser()
	a := b.get("/account/sign-in")
	path := a.to.Path
	menu := b.get(path).menu()
	if len(menu.Ways) != 3 || menu.CancelAction != path+"/cancel" {
		t.Errorf("menu %+v", menu)
	}
	state := b.goneTo(path, "kakao")
	b.atAccount(b.back("kakao", state), "")
	if s := b.session(); s.Account != known.ID || h.last().Name != audit.LoginCompleted || h.last().Client != "" {
		t.Errorf("session %+v, event %+v", s, h.last())
	}
	if p := b.get(path).wantProblem(web.ProblemDone, http.StatusOK); p.Client.Home() != "/account" {
		t.Errorf("the way on is %q", p.Client.Home())
	}

	other := h.browser()
	if p := other.back("kakao", state).wantProblem(web.ProblemCookies, http.StatusBadRequest); p.Client.Home() != "/account" {
		t.Errorf("the way on is %q", p.Client.Home())
	}
	path = other.get("/account/sign-in").to.Path
	other.back("naver", other.goneTo(path, "naver"))
	m := other.question(path)
	other.atAccount(other.post(m.NewAction, stepToken(m.StepToken)), "")
	if len(h.records.accounts) != 2 {
		t.Errorf("%d accounts", len(h.records.accounts))
	}
	h.know("apple", func(a *store.Account) { a.Disabled = true })
	path = other.get("/account/sign-in").to.Path
	other.atAccount(other.back("apple", other.goneTo(path, "apple")), web.NoteDisabled)
}
