package login

import (
	"strings"
	"testing"

	"github.com/bongsu/bongsu/broker/web"
)

// switches are what operators say.
type switches map[string]Standing

func (h *house) switches() switches {
	s := switches{}
	h.handler.Standing = func(provider string) Standing { return s[provider] }
	return s
}

// What is switched off is said to be, and is no link; what is retired is gone.
func TestWaysThatOperatorsSwitchedOff(t *testing.T) {
	h := newHouse(t)
	s := h.switches()
	s["kakao"], s["apple"] = SwitchedOff, Retired
	b := h.browser()
	menu := b.menuOf()
	if got := order(menu); got != "naver kakao!" || menu.Ways[1].Why != web.ReasonPaused || menu.Notice != nil {
		t.Errorf("the menu is %s, %+v", got, menu)
	}
	menu = b.menuOf("idp_hint", "kakao")
	if n := menu.Notice; n == nil || n.Reason != web.ReasonPaused || n.Way.ID != "kakao" {
		t.Errorf("the notice is %+v", n)
	}
	if menu := b.menuOf("client_id", "narrow"); order(menu) != "naver" {
		t.Errorf("the menu of a website that permits naver alone is %s", order(menu))
	}
	s["naver"] = SwitchedOff
	if menu := b.menuOf(); order(menu) != "kakao! naver!" {
		t.Errorf("with everything off the menu is %s", order(menu))
	}
	clear(s)
	if got := order(b.menuOf()); got != "kakao naver apple" {
		t.Errorf("with everything on the menu is %s", got)
	}
}

// An operator switches a provider off while logins are under way (AB-60): by
// whichever address one goes on, nothing ends by that provider, and the same
// login goes on by another.
func TestSwitchedOffWhileALoginIsUnderWay(t *testing.T) {
	for _, standing := range []Standing{SwitchedOff, Retired} {
		tests := []struct {
			name string
			try  func(b *visitor, path, state string) answered
		}{
			{"the leg begins", func(b *visitor, path, _ string) answered { return b.get(path + "/go/kakao") }},
			{"the callback comes", func(b *visitor, _, state string) answered { return b.back("kakao", state) }},
		}
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				h := newHouse(t)
				h.know("kakao")
				h.know("naver")
				b := h.browser()
				path := b.begun()
				state := b.goneTo(path, "kakao")
				h.switches()["kakao"] = standing
				a := tt.try(b, path, state)
				if a.err != nil || a.to == nil || a.to.Path != path+"/menu" {
					t.Fatalf("%d %v %v", a.code, a.to, a.err)
				}
				if n := b.get(a.to.Path).menu().Notice; n == nil || n.Reason != web.ReasonPaused {
					t.Errorf("the notice is %+v", n)
				}
				if len(h.ways["kakao"].finished) != 0 || len(h.ways["kakao"].legs) != 1 {
					t.Error("kakao was asked")
				}
				if c := h.code(b.back("naver", b.goneTo(path, "naver"))); c.Way != "naver" {
					t.Errorf("code %+v", c)
				}
			})
		}
	}
}

// One that is switched off while it is being asked gives no session either.
func TestSwitchedOffWhileItIsAsked(t *testing.T) {
	h := newHouse(t)
	h.know("kakao")
	h.know("naver")
	s := h.switches()
	h.ways["kakao"].during = func() { s["kakao"] = SwitchedOff }
	b := h.browser()
	path := b.begun()
	a := b.back("kakao", b.goneTo(path, "kakao"))
	if a.err != nil || a.to == nil || a.to.Path != path+"/menu" || len(h.ways["kakao"].finished) != 1 {
		t.Fatalf("%d %v %v", a.code, a.to, a.err)
	}
	if n := b.get(a.to.Path).menu().Notice; n == nil || n.Reason != web.ReasonPaused {
		t.Errorf("the notice is %+v", n)
	}
	if c := h.code(b.back("naver", b.goneTo(path, "naver"))); c.Way != "naver" {
		t.Errorf("code %+v", c)
	}
}

// A session goes on while the provider that gave it is switched off, but no
// account is changed on its word alone, however fresh it is.
func TestSwitchedOffProvesNoChange(t *testing.T) {
	h, b := twoWays(t)
	path := b.linking("apple")
	h.switches()["kakao"] = SwitchedOff
	if menu := b.get(path).menu(); menu.Task != web.TaskOwner {
		t.Fatalf("the page asks for %q, want for another identity of the account", menu.Task)
	}
	b.back("naver", b.goneTo(path, "naver"))
	if menu := b.get(path).menu(); menu.Task != web.TaskNew {
		t.Errorf("with naver proven the page asks for %q", menu.Task)
	}
}

// A proof that waits for an account is worth nothing once its provider is off.
func TestSwitchedOffWhileAProofWaits(t *testing.T) {
	h := newHouse(t)
	s := h.switches()
	b := h.browser()
	path, m := b.asked("kakao")
	s["kakao"] = SwitchedOff
	a := b.post(m.NewAction, stepToken(m.StepToken))
	if a.err != nil || a.to == nil || a.to.Path != path+"/menu" || len(h.records.accounts) != 0 {
		t.Fatalf("%d %v %v, %d accounts", a.code, a.to, a.err, len(h.records.accounts))
	}
	if menu := b.get(path).menu(); menu.Notice == nil || menu.Notice.Reason != web.ReasonPaused {
		t.Errorf("the notice is %+v", menu.Notice)
	}
}

// Sessions that a provider gave before go on: what was proven was proven.
func TestSessionsOutliveTheSwitch(t *testing.T) {
	h := newHouse(t)
	h.know("kakao")
	b := h.browser()
	b.signedIn("kakao")
	h.switches()["kakao"] = SwitchedOff
	if c := h.code(b.get(asking())); c.Way != "kakao" {
		t.Errorf("code %+v", c)
	}
	if a := b.get(asking("prompt", "login")); a.to == nil || !strings.HasPrefix(a.to.Path, "/login/") {
		t.Errorf("a new proof: %d %v", a.code, a.to)
	}
}
