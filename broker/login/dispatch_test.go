package login

import (
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/session"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/broker/web"
	"github.com/bongsu/bongsu/providers"
)

// The one place that decides what is next.
func TestNext(t *testing.T) {
	known := &store.Account{ID: "a"}
	proof := &Proof{Identity: providers.Identity{Provider: "kakao", Subject: "s"}}
	fresh, stale := &Proof{At: 1000}, &Proof{At: 1000 - 301}
	bound := func(p Purpose, change func(v *visit)) visit {
		v := visit{login: &Login{Purpose: p}, holder: known, session: &session.Session{Provider: "kakao"}}
		change(&v)
		return v
	}
	tests := []struct {
		name  string
		visit visit
		want  step
	}{
		{"nothing happened yet", visit{login: &Login{}}, showMenu},
		{"the person chose a way", visit{login: &Login{}, way: "kakao"}, beginLeg},
		{"the person chose another way after proving one", visit{login: &Login{Proof: proof}, way: "naver"}, beginLeg},
		{"a leg failed", visit{login: &Login{}, menu: true}, showMenu},
		{"the person wants the menu after proving a way", visit{login: &Login{Proof: proof}, menu: true}, showMenu},
		{"somebody came back", visit{login: &Login{Proof: proof}}, resolveIdentity},
		{"nobody has this identity", visit{login: &Login{Proof: proof}, unknown: true}, askMatch},
		{"the account is found", visit{login: &Login{Proof: proof}, found: known}, checkConsent},
		{"the session is good enough", visit{login: &Login{}, found: known}, checkConsent},
		{"the session is good enough and a way was named", visit{login: &Login{}, found: known, way: "kakao"}, checkConsent},
		{"the website may see what it asks for", visit{login: &Login{}, found: known, consented: true}, finishLogin},
		{"the person is to be asked about something", visit{login: &Login{}, found: known, missing: []string{"email"}}, askConsent},
		{"the person said yes to it", visit{login: &Login{}, found: known, missing: []string{"email"}, yes: true}, takeConsent},
		{"the login goes on with the browser's session", visit{login: &Login{Session: "s"}}, resumeSession},
		{"but for whoever would rather go another way", visit{login: &Login{Session: "s"}, way: "kakao"}, beginLeg},
		{"unknown without a proof is nothing", visit{login: &Login{}, unknown: true}, showMenu},

		{"an identity is set aside", visit{login: &Login{New: fresh}}, showMenu},
		{"its owner came back", visit{login: &Login{New: fresh, Proof: proof}}, resolveIdentity},
		{"its owner is known", visit{login: &Login{New: fresh, Proof: proof}, owner: known}, askLink},
		{"its owner is known, and it is too old", visit{login: &Login{New: stale, Proof: proof}, owner: known}, askNew},
		{"the person said yes", visit{login: &Login{New: fresh, Proof: proof}, owner: known, agreed: true}, linkIdentity},
		{"the person said yes to nothing", visit{login: &Login{}, agreed: true}, showMenu},

		{"whose session it is comes first", visit{login: &Login{Purpose: PurposeLink, Proof: proof}, way: "kakao"}, checkHolder},
		{"an old session proves nothing", bound(PurposeLink, func(*visit) {}), askOwner},
		{"an old session proves nothing, whatever the yes", bound(PurposeLink, func(v *visit) { v.agreed, v.login.New = true, fresh }), askOwner},
		{"a failure leads back to the same task", bound(PurposeLink, func(v *visit) { v.menu = true }), askOwner},
		{"a young session does", bound(PurposeLink, func(v *visit) { v.session.AuthTime = 1000 - 300 }), askNew},
		{"so does a proof in this login", bound(PurposeLink, func(v *visit) { v.login.Owner = fresh }), askNew},
		{"an old one does not", bound(PurposeLink, func(v *visit) { v.login.Owner = stale }), askOwner},
		{"something came back", bound(PurposeLink, func(v *visit) { v.login.Proof = proof }), resolveIdentity},
		{"both are proven", bound(PurposeLink, func(v *visit) { v.login.Owner, v.login.New = fresh, fresh }), askLink},
		{"the new one too long ago", bound(PurposeLink, func(v *visit) { v.login.Owner, v.login.New = fresh, stale }), askNew},
		{"both, and yes", bound(PurposeLink, func(v *visit) { v.login.Owner, v.login.New, v.agreed = fresh, fresh, true }), linkIdentity},
		{"a young session of the way that goes", bound(PurposeReauth, func(v *visit) { v.session.AuthTime, v.login.Way = 1000, "kakao" }), askOwner},
		{"a young session of another way", bound(PurposeReauth, func(v *visit) { v.session.AuthTime, v.login.Way = 1000, "naver" }), askUnlink},
		{"unlinking, and yes", bound(PurposeReauth, func(v *visit) { v.login.Owner, v.agreed = fresh, true }), unlinkIdentity},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.visit.next(time.Unix(1000, 0)); got != tt.want {
				t.Errorf("next is %d, want %d", got, tt.want)
			}
		})
	}
}

func TestMenu(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	path := b.begun("acr_values", "phr")
	m := b.get(path).menu()
	var shown []string
	for _, w := range m.Ways {
		shown = append(shown, w.ID)
		if w.Href != path+"/go/"+w.ID || w.Kind != w.ID || w.LastUsed || w.Open {
			t.Errorf("way %+v", w)
		}
	}
	if strings.Join(shown, " ") != "kakao naver apple" || m.Notice != nil {
		t.Errorf("ways %v, notice %+v", shown, m.Notice)
	}
	if m.CancelAction != path+"/cancel" || m.StepToken == "" || m.LangPath != path {
		t.Errorf("menu %+v", m)
	}
}

func TestMenuHoldsWhatTheWebsiteAllows(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	path := b.begun("client_id", "narrow")
	m := b.get(path).menu()
	if len(m.Ways) != 1 || m.Ways[0].ID != "naver" {
		t.Errorf("ways %+v", m.Ways)
	}
	for _, way := range []string{"kakao", "nowhere", ""} {
		if a := b.get(path + "/go/" + way); way != "" && (a.to == nil || a.to.Path != path+"/menu") {
			t.Errorf("%q led to %v (%v)", way, a.to, a.err)
		}
	}
	if len(h.ways["kakao"].legs) != 0 {
		t.Error("a leg was begun at a provider that the website does not take")
	}
}

// Back from the provider's page asks "not finished?".
func TestBackFromTheProvider(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	path := b.begun()
	b.goneTo(path, "kakao")
	m := b.get(path).menu()
	if m.Notice == nil || m.Notice.Reason != web.ReasonUnfinished || m.Notice.Way.ID != "kakao" {
		t.Fatalf("notice %+v", m.Notice)
	}
	for _, w := range m.Ways {
		if w.Open != (w.ID == "kakao") {
			t.Errorf("way %+v", w)
		}
	}
	if other := b.begun(); b.get(other).menu().Notice != nil {
		t.Error("another login takes the leg for its own")
	}
}

func TestLastWayIsRemembered(t *testing.T) {
	h := newHouse(t)
	h.know("naver")
	b := h.browser()
	b.signedIn("naver")
	m := b.get(b.begun("prompt", "login")).menu()
	if m.Ways[0].ID != "naver" || !m.Ways[0].LastUsed {
		t.Errorf("first is %+v", m.Ways[0])
	}
	b.cookies["__Host-bongsu_last"] = "../nowhere"
	if m := b.get(b.begun("prompt", "login")).menu(); m.Ways[0].ID != "kakao" || m.Ways[0].LastUsed {
		t.Errorf("a forged memory shows %+v", m.Ways[0])
	}
}

func TestLanguageOfALogin(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	path := b.begun("ui_locales", "ja en")
	if got := b.get(path).menu().Lang; got != "ja" {
		t.Errorf("asked for ja: %s", got)
	}
	if got := b.get(path + "?lang=en").menu().Lang; got != "en" {
		t.Errorf("chose en: %s", got)
	}
	if got := b.get(path + "?lang=xx").menu().Lang; got != "en" {
		t.Errorf("chose nonsense: %s", got)
	}
	if b.cookies["__Host-bongsu_lang"] != "en" {
		t.Errorf("cookies %v", b.cookies)
	}
	if leg := h.leg(b, path, "kakao"); leg.Locales[0] != "en" {
		t.Errorf("the provider is told %v", leg.Locales)
	}
}

// leg begins a leg and returns what the provider was given.
func (h *house) leg(b *visitor, path, way string) providers.Leg {
	h.t.Helper()
	b.goneTo(path, way)
	return h.ways[way].legs[len(h.ways[way].legs)-1]
}

// A page that is looked at keeps its login alive, up to its whole life.
func TestPageKeepsALoginAlive(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	path := b.begun()
	for range 3 {
		h.clock.pass(9 * time.Minute)
		b.get(path).menu()
	}
	h.clock.pass(4 * time.Minute)
	b.get(path).wantProblem(web.ProblemExpired, http.StatusGone)
}

func TestLoginsThatAreNotHere(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	path := b.begun()
	strange := h.browser()
	strange.get(path).wantProblem(web.ProblemCookies, http.StatusBadRequest)
	strange.cookies["anything"] = "else"
	strange.get(path).wantProblem(web.ProblemExpired, http.StatusGone)
	strange.get("/login/nothing").wantProblem(web.ProblemExpired, http.StatusGone)
	strange.post(path+"/new-account", nil).wantProblem(web.ProblemExpired, http.StatusGone)
	delete(strange.cookies, "anything")
	h.clock.pass(2 * time.Minute)
	strange.get(path).wantProblem(web.ProblemExpired, http.StatusGone)
}

// A client that was removed while somebody logged in ends that login on our
// own page.
func TestClientRemovedMeanwhile(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	path := b.begun()
	l := h.pending()
	l.Client = "gone"
	maps.Copy(b.cookies, h.cookiesOf(l))
	b.get("/login/"+l.ID).wantProblem(web.ProblemExpired, http.StatusGone)
	b.get(path).menu()
}

func (h *house) cookiesOf(l *Login) map[string]string {
	h.t.Helper()
	found := map[string]string{}
	for _, c := range h.kept(l).Cookies() {
		found[c.Name] = c.Value
	}
	return found
}

// Two tabs of one login, and two logins, do not overwrite each other.
func TestTabsDoNotDisturbEachOther(t *testing.T) {
	h := newHouse(t)
	h.know("kakao")
	h.know("naver")
	b := h.browser()
	first, second := b.begun(), b.begun("state", "the state", "scope", "openid")
	one, two, three := b.goneTo(first, "kakao"), b.goneTo(first, "naver"), b.goneTo(second, "kakao")
	if one == two || one == three {
		t.Fatal("legs share a state")
	}
	if c := h.code(b.back("naver", two)); c.Way != "naver" || len(c.Scope) != 3 {
		t.Errorf("first login gave %+v", c)
	}
	if c := h.code(b.back("kakao", three)); c.Way != "kakao" || len(c.Scope) != 1 {
		t.Errorf("second login gave %+v", c)
	}
	b.back("kakao", one).wantProblem(web.ProblemDone, http.StatusBadRequest)
}
