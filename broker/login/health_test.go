package login

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/device"
	"github.com/bongsu/bongsu/broker/health"
	"github.com/bongsu/bongsu/broker/id"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/broker/web"
	"github.com/bongsu/bongsu/providers"
)

func down(way string) health.Verdict {
	return health.Verdict{Provider: way, State: health.Down, Cause: health.CauseProvider, Weight: 1, Checked: time.Date(2027, 3, 1, 11, 58, 0, 0, time.UTC)}
}

// menuOf opens the menu of a new login.
func (b *visitor) menuOf(changes ...string) web.Menu {
	b.h.t.Helper()
	a := b.get(b.begun(changes...))
	menu, ok := a.view.(web.Menu)
	if !ok {
		b.h.t.Fatalf("no menu: %d %T %v", a.code, a.view, a.err)
	}
	return menu
}

func order(m web.Menu) string {
	ids := make([]string, len(m.Ways))
	for i, w := range m.Ways {
		ids[i] = w.ID
		if w.Down {
			ids[i] += "!"
		}
	}
	return strings.Join(ids, " ")
}

// A provider that is down stands last and apart, is said to be down, and can
// still be chosen.
func TestDownOnArrival(t *testing.T) {
	h := newHouse(t)
	h.says(down("kakao"))
	b := h.browser()
	menu := b.menuOf()
	if got := order(menu); got != "naver apple kakao!" {
		t.Errorf("the menu is %s", got)
	}
	if n := menu.Notice; n == nil || n.Reason != web.ReasonDown || n.Way.ID != "kakao" || n.Checked.IsZero() {
		t.Errorf("the notice is %+v", menu.Notice)
	}
	b.goneTo(b.begun(), "kakao") // it is their only way, perhaps
}

// A hint leads to the menu when the menu would not put the provider first.
func TestHintedWayThatIsDown(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	if a := b.get(asking("idp_hint", "kakao")); a.to == nil || a.to.Host != "kakao.example" {
		t.Fatalf("a healthy hint went to %v", a.to)
	}
	h.says(down("kakao"))
	menu := b.menuOf("idp_hint", "kakao")
	if n := menu.Notice; n == nil || n.Reason != web.ReasonDown || n.Way.ID != "kakao" {
		t.Errorf("the notice is %+v", menu.Notice)
	}
	h.says(health.Verdict{Provider: "kakao", State: health.Down, Trial: true, Weight: 1e-12})
	if menu := b.menuOf("idp_hint", "kakao"); order(menu) != "naver apple kakao!" {
		t.Errorf("on trial in another login the menu is %s", order(menu))
	}
	h.says(health.Verdict{Provider: "kakao", State: health.Down, Trial: true, Weight: 1})
	if a := b.get(asking("idp_hint", "kakao")); a.to == nil || a.to.Host != "kakao.example" {
		t.Errorf("a trial login went to %v", a.to)
	}
}

// What is wrong is said in the words of whose trouble it is.
func TestConditions(t *testing.T) {
	phone := "Mozilla/5.0 (Linux; Android 16) Mobile"
	tests := []struct {
		name    string
		verdict health.Verdict
		want    web.Reason
	}{
		{"up", health.Verdict{Provider: "kakao", State: health.Up, Weight: 1}, ""},
		{"unknown", health.Verdict{Provider: "kakao", Weight: 1}, ""},
		{"this site is cut off from it", health.Verdict{Provider: "kakao", State: health.Down, Cause: health.CauseCutOff, Weight: 1}, web.ReasonCutOff},
		{"others say it is down", health.Verdict{Provider: "kakao", Cause: health.CausePeers, Weight: 0.25}, web.ReasonChecking},
		{"slow", health.Verdict{Provider: "kakao", State: health.Degraded, Cause: health.CauseSlow, Weight: 0.5}, web.ReasonSlow},
		{"it fails on phones, and this is one", health.Verdict{Provider: "kakao", State: health.Degraded, Cause: health.CausePartial, Devices: []device.Class{device.Mobile}, Weight: 0.5}, web.ReasonPartial},
		{"it fails in apps, and this is none", health.Verdict{Provider: "kakao", State: health.Degraded, Cause: health.CausePartial, Devices: []device.Class{device.App}, Weight: 0.5}, ""},
		{"coming back", health.Verdict{Provider: "kakao", State: health.Degraded, Cause: health.CauseRamp, Weight: 0.25}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHouse(t)
			h.says(tt.verdict)
			b := h.browser()
			b.agent = phone
			menu := b.menuOf()
			var got web.Reason
			if menu.Notice != nil {
				got = menu.Notice.Reason
			}
			if got != tt.want {
				t.Errorf("the notice says %q, want %q", got, tt.want)
			}
			if len(menu.Ways) != 3 {
				t.Errorf("%d ways are left", len(menu.Ways))
			}
		})
	}
}

func TestIsolatedSite(t *testing.T) {
	h := newHouse(t)
	h.says(health.Verdict{Provider: "kakao", State: health.Unknown, Cause: health.CauseIsolated, Weight: 1})
	h.weather.snapshot.Isolated = true
	menu := h.browser().menuOf()
	if order(menu) != "kakao naver apple" || menu.Notice == nil || menu.Notice.Reason != web.ReasonIsolated {
		t.Errorf("cut off from everything: %s, %+v", order(menu), menu.Notice)
	}
}

// Beyond its ceiling a provider gets no more; another way is offered, and when
// all are full the person is asked to come back, to the same login.
func TestCeilings(t *testing.T) {
	h := newHouse(t)
	h.weather.closed["naver"] = true
	b := h.browser()
	path := b.begun()
	a := b.get(path + "/go/naver")
	if a.to == nil || a.to.Path != path+"/menu" {
		t.Fatalf("a full way led to %d %v %v", a.code, a.to, a.err)
	}
	menu, ok := b.get(path).view.(web.Menu)
	if !ok || menu.Notice == nil || menu.Notice.Reason != web.ReasonBusy || order(menu) != "kakao apple naver" {
		t.Fatalf("the menu is %s with %+v", order(menu), menu.Notice)
	}
	if len(h.ways["naver"].legs) != 0 {
		t.Error("a leg began beyond the ceiling")
	}
	h.weather.closed["kakao"], h.weather.closed["apple"] = true, true
	full := b.get(path)
	p := full.wantProblem(web.ProblemBusy, http.StatusServiceUnavailable)
	if p.RetryAfter < waitLeast || p.RetryAfter > waitMost || p.RetryHref != path {
		t.Errorf("told to wait %d s and go to %q", p.RetryAfter, p.RetryHref)
	}
	delete(h.weather.closed, "kakao")
	b.goneTo(path, "kakao")
}

// Only a browser that came in by a provider before is a witness of its health.
func TestMarkedBrowsers(t *testing.T) {
	h := newHouse(t)
	h.know("kakao")
	stranger := h.browser()
	stranger.goneTo(stranger.begun(), "kakao")
	for _, o := range h.observed.seen {
		if o.Marked || o.Browser != "" || o.Prefix != "" {
			t.Errorf("a stranger's %s counts: %+v", o.Step, o)
		}
	}
	h.observed.seen, h.ways["kakao"].beginErr = nil, failing("kakao", providers.Down)
	stranger.get(stranger.begun() + "/go/kakao")
	h.ways["kakao"].beginErr = nil
	for _, o := range h.observed.seen {
		if o.Marked || o.Prefix != "203.0.113.0/24" {
			t.Errorf("where a stranger's browser is that meets a failure is not known: %+v", o)
		}
	}
	if len(h.observed.seen) != 1 {
		t.Errorf("%d steps were told of", len(h.observed.seen))
	}
	b := h.browser()
	b.signedIn("kakao")
	h.observed.seen = nil
	path := b.begun("prompt", "login")
	state := b.goneTo(path, "kakao")
	left := h.clock.Now()
	h.clock.pass(17 * time.Second)
	b.back("kakao", state)
	var steps []providers.Step
	for _, o := range h.observed.seen {
		steps = append(steps, o.Step)
		if !o.Marked || len(o.Browser) != 26 || o.Prefix != "203.0.113.0/24" {
			t.Errorf("a witness's %s does not count: %+v", o.Step, o)
		}
		if o.Step == providers.StepCallback && !o.Began.Equal(left) {
			t.Errorf("the leg began %v, told %v", left, o.Began)
		}
	}
	if want := []providers.Step{providers.StepAuthorize, providers.StepCallback}; !slices.Equal(steps, want) {
		t.Fatalf("steps %v, want %v", steps, want)
	}
	h.observed.seen = nil
	b.goneTo(b.begun("prompt", "login"), "naver")
	if h.observed.seen[0].Marked {
		t.Error("a witness of one provider counts at another")
	}
}

// A mark that was edited, is old, or belongs to something else is no mark.
func TestForgedMarks(t *testing.T) {
	h := newHouse(t)
	h.know("kakao")
	b := h.browser()
	b.signedIn("kakao")
	name := markName(t, b)
	whole := b.cookies[name]
	for _, forged := range []string{whole[:len(whole)-2] + "aa", "", "x", b.cookies[strings.Replace(name, markCookie, "session", 1)]} {
		b.cookies[name] = forged
		h.observed.seen = nil
		b.goneTo(b.begun("prompt", "login"), "kakao")
		if h.observed.seen[0].Marked {
			t.Errorf("a forged mark %q counts", forged)
		}
	}
}

// An old mark is forgotten, whatever its seal says.
func TestOldMarks(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	for age, want := range map[time.Duration]bool{time.Hour: true, MarkLife + time.Hour: false} {
		old := mark{Browser: strings.Repeat("a", id.Length), Ways: []string{"kakao"}, At: h.clock.Now().Add(-age).Unix()}
		plain, err := json.Marshal(old)
		h.must(err)
		b.cookies["__Host-bongsu_"+markCookie], err = h.ring.Seal(sealMark, plain)
		h.must(err)
		h.observed.seen = nil
		b.goneTo(b.begun(), "kakao")
		if h.observed.seen[0].Marked != want {
			t.Errorf("a mark of age %v counts: %t", age, !want)
		}
	}
}

// The mark is renewed when it says something new, not with every login.
func TestMarkIsWrittenWhenItChanges(t *testing.T) {
	h := newHouse(t)
	h.know("kakao")
	h.know("naver")
	b := h.browser()
	b.signedIn("kakao")
	name := markName(t, b)
	first := b.cookies[name]
	again := func(way string) {
		b.h.code(b.back(way, b.goneTo(b.begun("prompt", "login"), way)))
	}
	again("kakao")
	if b.cookies[name] != first {
		t.Error("the same login wrote the mark again")
	}
	again("naver")
	second := b.cookies[name]
	if second == first {
		t.Error("a new way is not in the mark")
	}
	h.clock.pass(markRenew)
	again("naver")
	if b.cookies[name] == second {
		t.Error("a day later the mark was not renewed")
	}
}

func markName(t *testing.T, b *visitor) string {
	t.Helper()
	for name := range b.cookies {
		if strings.HasSuffix(name, "_"+markCookie) {
			return name
		}
	}
	t.Fatal("the browser has no mark")
	return ""
}

// Whoever opens an account while a provider is down may have one already: the
// page says so, an earlier account is the first answer, and the new account
// remembers what was down.
func TestNewAccountDuringAnOutage(t *testing.T) {
	h := newHouse(t)
	h.says(down("naver"), down("kakao"))
	b := h.browser()
	_, m := b.asked("kakao") // proven all the same: that one is not to blame
	if len(m.OtherWaysDown) != 1 || m.OtherWaysDown[0].ID != "naver" {
		t.Errorf("question %+v", m)
	}
	c := h.code(b.target(b.post(m.NewAction, stepToken(m.StepToken))))
	if got := h.records.accounts[c.Account].OpenedDuring; got != "naver" {
		t.Errorf("opened during %q", got)
	}
	h.says()
	b = h.browser()
	_, m = b.asked("apple")
	c = h.code(b.target(b.post(m.NewAction, stepToken(m.StepToken))))
	if got := h.records.accounts[c.Account].OpenedDuring; got != "" || len(m.OtherWaysDown) > 0 {
		t.Errorf("opened during %q, question %+v", got, m)
	}
}

// What is down or switched off cannot be linked, and says nothing about links.
func TestLinkingWhatIsDown(t *testing.T) {
	h, b := vicAndMal(t)
	h.says(down("naver"))
	b.atAccount(b.post("/account/link/naver", b.form()), "")
	h.says()
	h.handler.Standing = func(way string) Standing {
		if way == "naver" {
			return SwitchedOff
		}
		return InUse
	}
	b.atAccount(b.post("/account/link/naver", b.form()), "")
	h.records.links[store.IdentityKey{Provider: "naver", Subject: "n"}] = "account-of-kakao"
	h.handler.Standing = func(way string) Standing {
		if way == "naver" {
			return Retired
		}
		return InUse
	}
	b.post("/account/unlink/kakao", b.form()).wantProblem(web.ProblemLast, http.StatusConflict)
}
