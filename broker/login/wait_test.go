package login

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/oauth"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/broker/token"
	"github.com/bongsu/bongsu/broker/web"
)

// writerGone takes the writer away; what it returns brings it back.
func (h *house) writerGone() (back func()) {
	h.handler.Arbiter = func() token.Arbiter { return "seoul/seoul-1" }
	return func() { h.handler.Arbiter = func() token.Arbiter { return token.Writer } }
}

// waiting follows where the browser was sent and returns the page that waits there.
func (b *visitor) waiting(a answered) web.Wait {
	b.h.t.Helper()
	if a.to != nil {
		a = b.get(a.to.Path)
	}
	view, ok := a.view.(web.Wait)
	if !ok || a.code != http.StatusServiceUnavailable {
		b.h.t.Fatalf("the browser does not wait but %T %d %v %v", a.view, a.code, a.to, a.err)
	}
	return view
}

// Without a writer the node that issues a code is its arbiter, unless the website
// would rather have people wait.
func TestTheIssuingNodeIsTheArbiter(t *testing.T) {
	h := newHouse(t)
	h.know("kakao")
	h.writerGone()
	b := h.browser()
	if got := h.code(b.back("kakao", b.goneTo(b.begun(), "kakao"))).Arbiter; got != "seoul/seoul-1" {
		t.Errorf("the arbiter is %q", got)
	}
}

// A login that waits is finished but for its code, and goes on by itself.
func TestALoginWaitsForTheWriter(t *testing.T) {
	h := newHouse(t)
	h.know("kakao")
	back := h.writerGone()
	b := h.browser()
	view := b.waiting(b.back("kakao", b.goneTo(b.begun("client_id", "patient"), "kakao")))
	for range 100 { // as a browser does
		h.clock.pass(time.Duration(view.Seconds) * time.Second)
		if h.clock.Now().Sub(time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)) > 25*time.Minute {
			break
		}
		view = b.waiting(b.get(view.RetryHref))
	}
	if view.Seconds < askMost || view.Seconds >= askMost+askSpread {
		t.Errorf("after 25 minutes the page asks every %d s", view.Seconds)
	}
	if h.recorded("login.completed") {
		t.Error("the login is said to be completed")
	}
	back()
	code := h.code(b.get(view.RetryHref))
	if code.Arbiter != token.Writer || h.clock.Now().Unix() != code.Issued || h.ways["kakao"].finished == nil || len(h.ways["kakao"].finished) != 1 {
		t.Errorf("code %+v after %d legs", code, len(h.ways["kakao"].finished))
	}
}

// So does one that a session answers, as long as the session is the same.
func TestASessionWaitsForTheWriter(t *testing.T) {
	for name, tt := range map[string]struct {
		meanwhile func(*house, *visitor)
		goesOn    bool
	}{
		"nothing happens": {func(*house, *visitor) {}, true},
		"the session ends": {func(h *house, b *visitor) {
			h.facts.known[string(store.SessionEnded)+" "+b.session().SID] = true
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.know("kakao")
			b := h.browser()
			b.signedIn("kakao")
			back := h.writerGone()
			view := b.waiting(b.get(asking("client_id", "patient")))
			tt.meanwhile(h, b)
			h.clock.pass(5 * time.Second)
			back()
			a := b.get(view.RetryHref)
			if tt.goesOn {
				h.code(a)
			} else {
				a.menu()
			}
		})
	}
}

// Whoever waits may leave, and whoever waits for too long begins again at the website.
func TestWaitingIsNoDeadEnd(t *testing.T) {
	h := newHouse(t)
	h.know("kakao")
	h.writerGone()
	b := h.browser()
	view := b.waiting(b.back("kakao", b.goneTo(b.begun("client_id", "patient"), "kakao")))
	b.post(view.CancelAction, stepToken(view.StepToken)).wantLeft(t)

	view = b.waiting(b.back("kakao", b.goneTo(b.begun("client_id", "patient"), "kakao")))
	b.get(view.RetryHref + "/menu").menu()
	h.clock.pass(fullLife + time.Second)
	b.get(view.RetryHref).wantProblem(web.ProblemExpired, http.StatusGone)
}

// wantLeft checks that the website was told that the person left.
func (a answered) wantLeft(t *testing.T) {
	t.Helper()
	if terminal, ok := a.view.(web.Terminal); !ok || !strings.Contains(terminal.Href, "error=access_denied") {
		t.Errorf("%T %v %v", a.view, a.to, a.err)
	}
}

// Where nothing may be shown the website is told to try again.
func TestNobodyWaitsInSilence(t *testing.T) {
	h := newHouse(t)
	h.know("kakao")
	b := h.browser()
	b.signedIn("kakao")
	h.writerGone()
	b.get(asking("client_id", "patient", "prompt", "none")).wantError(oauth.CodeTemporarilyUnavailable)
	h.code(b.get(asking("prompt", "none")))
}

// A yes to a website is asked for before the wait, and not again after it.
func TestConsentIsGivenBeforeTheWait(t *testing.T) {
	h := newHouse(t)
	h.know("kakao")
	b := h.browser()
	b.signedIn("kakao")
	third, _ := h.handler.Clients.Client("third")
	third.WriterGone = "wait"
	back := h.writerGone()
	_, question := b.consentAt(b.get(asking("client_id", "third", "scope", "openid email", "code_challenge", strings.Repeat("c", 43), "code_challenge_method", "S256")))
	view := b.waiting(b.post(question.Action, consenting(question)))
	back()
	h.code(b.get(view.RetryHref))
}
