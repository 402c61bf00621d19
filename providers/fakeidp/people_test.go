package fakeidp_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/bongsu/bongsu/providers/fakeidp"
)

// F12: phones and apps see the page and never come back, everybody else does.
func TestAppRouteDown(t *testing.T) {
	w := start(t, fakeidp.Options{})
	for _, name := range w.Names() {
		u := w.upstream(t, name)
		fail(t, u, fakeidp.AppRouteDown)
		for text, stuck := range map[string]bool{phoneAgent: true, appAgent: true, desktopAgent: false, probeAgent: false} {
			if page := w.ask(t, u, "haru", agent(text)); page.status != http.StatusOK {
				t.Errorf("%s: %s: page has status %d", name, text, page.status)
			}
			if a := w.pressed(t, u, "haru", agent(text)); a.leads() == stuck {
				t.Errorf("%s: %s: leads on: %v (status %d)", name, text, a.leads(), a.status)
			}
		}
		if a := w.tokenAnswer(t, u, "haru"); a.status != http.StatusOK {
			t.Errorf("%s: token has status %d", name, a.status)
		}
	}
}

// F13: browsers are turned away, servers are served.
func TestThrottled(t *testing.T) {
	w := start(t, fakeidp.Options{})
	u := w.upstream(t, "kakao")
	fail(t, u, fakeidp.Throttled)
	met := map[int]int{}
	for range 60 {
		a := w.ask(t, u, "haru", agent(desktopAgent))
		met[a.status]++
		if a.status == http.StatusTooManyRequests && a.header.Get("Retry-After") == "" {
			t.Error("429 without Retry-After")
		}
	}
	if len(met) != 2 || met[429] < 10 || met[502] < 10 {
		t.Errorf("browsers met %v", met)
	}
	w.metadata(t, u)
	if a := w.ask(t, u, "haru", agent(probeAgent)); a.status != http.StatusOK {
		t.Errorf("a probe met %d", a.status)
	}
	if a := w.tokenAnswer(t, u, "haru"); a.status != http.StatusOK {
		t.Errorf("token: %d", a.status)
	}
	for variant, want := range map[string]int{"429": 429, "502": 502} {
		failWith(t, u, fakeidp.Throttled, fakeidp.Scope{Variant: variant})
		for range 5 {
			if a := w.ask(t, u, "haru", agent(phoneAgent)); a.status != want {
				t.Errorf("%s: %d", variant, a.status)
			}
		}
	}
}

// F17: who was here before gets in, by the page and by refreshing.
func TestNewLoginsDown(t *testing.T) {
	w := start(t, fakeidp.Options{})
	for _, name := range w.Names() {
		u := w.upstream(t, name)
		tokens := w.login(t, u, "regular")
		fail(t, u, fakeidp.NewLoginsDown)
		if a := w.pressed(t, u, "regular"); !a.leads() {
			t.Errorf("%s: somebody from before gets %d", name, a.status)
		}
		if a := w.pressed(t, u, "newcomer"); a.leads() || a.status != http.StatusOK {
			t.Errorf("%s: somebody new gets %d", name, a.status)
		}
		if page := w.ask(t, u, "newcomer"); page.status != http.StatusOK {
			t.Errorf("%s: the page has status %d", name, page.status)
		}
		if refresh, ok := tokens["refresh_token"].(string); ok {
			v := redemption(t, u, "")
			v.Set("grant_type", "refresh_token")
			v.Set("refresh_token", refresh)
			if a := w.do(t, http.MethodPost, u.URL(fakeidp.Token), v); a.status != http.StatusOK || !strings.Contains(a.body, "access_token") {
				t.Errorf("%s: refresh: %d %s", name, a.status, a.body)
			}
		}
	}
	if a := w.pressed(t, w.upstream(t, "kakao"), "minji"); !a.leads() {
		t.Error("minji, whom websites know, is new at Kakao")
	}
}

// F18 and F20: of many people a share gets in, and always the same ones.
func TestSharesOfPeople(t *testing.T) {
	for f, want := range map[fakeidp.Fault]float64{fakeidp.Regional: 0.17, fakeidp.ConsentStepDown: 0.5} {
		w := start(t, fakeidp.Options{})
		u := w.upstream(t, "naver")
		fail(t, u, f)
		const people = 120
		in := 0
		for n := range people {
			person := "p" + strings.Repeat("x", n%30) + string(rune('a'+n/30))
			first := w.getsIn(t, u, person)
			if first {
				in++
			}
			if n < 20 && w.getsIn(t, u, person) != first {
				t.Errorf("%s: %s once gets in and once does not", f, person)
			}
		}
		if got := float64(in) / people; got < want-0.1 || got > want+0.1 {
			t.Errorf("%s: %d of %d get in, want %.2f", f, in, people, want)
		}
	}
}

// getsIn walks a whole login as person and reports whether it ends well.
func (w *world) getsIn(t *testing.T, u *fakeidp.Upstream, person string) bool {
	t.Helper()
	page := w.ask(t, u, person)
	if page.status != http.StatusOK {
		return false
	}
	back := w.get(t, link(t, page.body, "continue"))
	if !back.leads() {
		return false
	}
	a := w.do(t, http.MethodPost, u.URL(fakeidp.Token), redemption(t, u, returned(t, back).Get("code")), agent(brokerAgent))
	return a.status == http.StatusOK && strings.Contains(a.body, "access_token")
}

// A button that nobody has to press meets what the button would.
func TestFaultsWithoutPage(t *testing.T) {
	w := start(t, fakeidp.Options{AutoContinue: true})
	u := w.upstream(t, "kakao")
	for f, leads := range map[fakeidp.Fault]bool{
		"": true, fakeidp.NewLoginsDown: false, fakeidp.ErrorPage: false, fakeidp.TokenDown: true, fakeidp.CoreDown: false,
	} {
		fail(t, u, f)
		if a := w.ask(t, u, "newcomer"); a.leads() != leads {
			t.Errorf("%q: status %d", f, a.status)
		}
	}
	fail(t, u, fakeidp.AppRouteDown)
	if a := w.ask(t, u, "newcomer", agent(phoneAgent)); a.leads() {
		t.Error("a phone comes back")
	}
	if a := w.ask(t, u, "newcomer", agent(desktopAgent)); !a.leads() {
		t.Error("a desktop does not come back")
	}
}

// Nobody looks at a page that a probe asked for.
func TestProbesAreNobody(t *testing.T) {
	events := make(chan fakeidp.Event, 4)
	w := start(t, fakeidp.Options{OnEvent: func(e fakeidp.Event) { events <- e }})
	u := w.upstream(t, "kakao")
	w.ask(t, u, "haru", agent(probeAgent))
	if len(events) > 0 {
		t.Errorf("told: %+v", <-events)
	}
	w.ask(t, u, "haru", agent(desktopAgent))
	if e := <-events; e.What != fakeidp.PageShown {
		t.Errorf("told: %+v", e)
	}
}
