package login

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bongsu/bongsu/broker/drill"
	"github.com/bongsu/bongsu/broker/web"
)

// practice is a drill that every login with more than one known way is in.
type practice struct {
	kind   drill.Kind
	ways   []int
	events []string
}

func (p *practice) Looks(provider, _ string, ways int) (drill.Kind, string) {
	if provider != "kakao" || p.kind == drill.None {
		return drill.None, ""
	}
	p.ways = append(p.ways, ways)
	return p.kind, "drill-1"
}

func (p *practice) Seems(provider, in string) drill.Kind {
	if provider != "kakao" || in != "drill-1" {
		return drill.None
	}
	return p.kind
}

func (p *practice) Count(e drill.Event) {
	p.events = append(p.events, fmt.Sprint(e.What, " ", e.Drill, " ", e.Way))
}

func (h *house) practise(kind drill.Kind) *practice {
	p := &practice{kind: kind}
	h.handler.Drills = p
	return p
}

func wantEvents(t *testing.T, p *practice, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, p.events); diff != "" {
		t.Errorf("not what was told (-want +got):\n%s", diff)
	}
}

// A login in a drill meets the menu of an outage, and is told of once.
func TestALoginPractisesAnOutage(t *testing.T) {
	h := newHouse(t)
	h.know("naver")
	p := h.practise(drill.Down)
	b := h.browser()
	path := b.begun()
	for range 3 { // reloads
		menu := b.get(path).menu()
		if got := order(menu); got != "naver apple kakao!" || menu.Notice == nil || menu.Notice.Reason != web.ReasonDown {
			t.Errorf("the menu is %s, its notice %+v", got, menu.Notice)
		}
	}
	h.code(b.back("naver", b.goneTo(path, "naver")))
	if leg := h.ways["naver"].finished[0]; leg.Drill != "drill-1" {
		t.Errorf("the leg names drill %q", leg.Drill)
	}
	wantEvents(t, p, "0 drill-1 ", "1 drill-1 naver")
	if p.ways[0] != 0 {
		t.Errorf("a stranger is said to have %d ways", p.ways[0])
	}
}

// A login that goes straight to its way is in the drill too.
func TestAHintedLoginPractises(t *testing.T) {
	h := newHouse(t)
	p := h.practise(drill.Error)
	b := h.browser()
	a := b.get(asking("idp_hint", "kakao"))
	if a.to == nil || a.to.Host != "kakao.example" || h.ways["kakao"].legs[0].Drill != "drill-1" {
		t.Fatalf("%d %v %+v", a.code, a.to, h.ways["kakao"].legs)
	}
	b.back("kakao", a.to.Query().Get("state"))
	if h.ways["kakao"].finished[0].Drill != "drill-1" {
		t.Error("the callback has forgotten the drill")
	}
	wantEvents(t, p, "0 drill-1 ")
}

func TestALoginThatIsGivenUpIsToldOf(t *testing.T) {
	h := newHouse(t)
	p := h.practise(drill.Down)
	b := h.browser()
	menu := b.menuOf()
	b.post(menu.CancelAction, stepToken(menu.StepToken))
	wantEvents(t, p, "0 drill-1 ", "2 drill-1 ")
}

// How many ways a person is known to have is told before anybody decides.
func TestKnownWaysAreTold(t *testing.T) {
	h := newHouse(t)
	h.know("kakao")
	b := h.browser()
	b.signedIn("kakao")
	p := h.practise(drill.Down)
	b.menuOf("prompt", "login")
	if len(p.ways) == 0 || p.ways[0] != 1 {
		t.Errorf("ways %v", p.ways)
	}
}

// A session answers without any choice: nobody practises then.
func TestASessionIsInNoDrill(t *testing.T) {
	h := newHouse(t)
	h.know("kakao")
	b := h.browser()
	b.signedIn("kakao")
	p := h.practise(drill.Down)
	h.code(b.get(asking()))
	wantEvents(t, p)
}
