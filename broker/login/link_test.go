package login

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/audit"
	"github.com/bongsu/bongsu/broker/session"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/broker/web"
	"github.com/bongsu/bongsu/providers"
)

// linkQuestion is the page that asks whether two identities shall be linked.
func (b *visitor) linkQuestion(a answered, path string) web.Link {
	b.h.t.Helper()
	if a.err != nil || a.to == nil || a.to.Path != path {
		b.h.t.Fatalf("no question but %d %v %v %T", a.code, a.to, a.err, a.view)
	}
	a = b.get(path)
	q, ok := a.view.(web.Link)
	if !ok {
		b.h.t.Fatalf("the page is %T %+v (%d %v %v)", a.view, a.view, a.code, a.to, a.err)
	}
	return q
}

func yes(q web.Link) url.Values {
	return url.Values{"step_token": {q.StepToken}, "pair": {q.Pair}}
}

// session is what the browser's session cookie holds.
func (b *visitor) session() session.Session {
	b.h.t.Helper()
	plain, err := b.h.ring.Open(b.h.t.Context(), "session", b.cookies["__Host-bongsu_session"])
	b.h.must(err)
	var s session.Session
	b.h.must(json.Unmarshal(plain, &s))
	return s
}

// form is what the account page sends.
func (b *visitor) form() url.Values {
	b.h.t.Helper()
	return url.Values{"step_token": {b.h.handler.FormToken(b.session())}}
}

// linking brings a signed-in browser to where it proves the identity at way.
func (b *visitor) linking(way string) (path string) {
	b.h.t.Helper()
	a := b.post("/account/link/"+way, b.form())
	if a.err != nil || a.to == nil || !strings.HasPrefix(a.to.Path, "/login/") {
		b.h.t.Fatalf("linking did not begin: %d %v %v", a.code, a.to, a.err)
	}
	return a.to.Path
}

// atAccount checks that the browser is sent to the account page, with that word.
func (b *visitor) atAccount(a answered, word web.Note) {
	b.h.t.Helper()
	if a.err != nil || a.to == nil || a.to.Path != "/account" {
		b.h.t.Fatalf("not at the account page but %d %v %v %T", a.code, a.to, a.err, a.view)
	}
	if noted := b.cookies["__Host-bongsu_note"]; !strings.HasPrefix(noted, string(word)+".") && (word != "" || noted != "") {
		b.h.t.Errorf("the account page says %q, want %q", noted, word)
	}
}

// vicAndMal have an account each; the browser is Vic's, signed in by Kakao.
func vicAndMal(t *testing.T) (h *house, b *visitor) {
	t.Helper()
	h = newHouse(t)
	h.know("kakao")
	h.know("apple", func(a *store.Account) { a.ID = "mals" })
	b = h.browser()
	b.signedIn("kakao")
	return h, b
}

func TestLinkingWhileTheProofIsFresh(t *testing.T) {
	h, b := vicAndMal(t)
	before := b.session()
	path := b.linking("naver")
	menu := b.get(path).menu()
	if menu.Task != web.TaskNew || menu.About.ID != "naver" || len(menu.Ways) != 1 || menu.Ways[0].ID != "naver" {
		t.Fatalf("menu %+v", menu)
	}
	question := b.linkQuestion(b.back("naver", b.goneTo(path, "naver")), path)
	if leg := h.ways["naver"].legs[0]; !leg.Fresh || !h.ways["naver"].finished[0].Fresh {
		t.Errorf("the leg is %+v", leg)
	}
	if question.Owner.ID != "kakao" || question.OwnerName != "민지" || question.New.ID != "naver" || question.Website {
		t.Errorf("question %+v", question)
	}
	b.atAccount(b.post(question.Action, yes(question)), web.NoteLinked)
	after := b.session()
	if after.SID == before.SID || after.Epoch != before.Epoch+1 || after.AuthTime != before.AuthTime || after.Account != before.Account {
		t.Errorf("session %+v became %+v", before, after)
	}
	if h.facts.MinEpoch(before.Account) != after.Epoch {
		t.Error("older sessions go on here")
	}
	if h.last().Name != audit.AccountLinked || h.last().Account != before.Account || h.last().Provider != "naver" {
		t.Errorf("event %+v", h.last())
	}
	b.get(path).wantProblem(web.ProblemDone, http.StatusOK)
}

// A session older than the window is refused, with the way to prove an identity
// that the account has.
func TestLinkingWithAnOldProof(t *testing.T) {
	h, b := vicAndMal(t)
	h.clock.pass(freshLife + time.Second)
	a := b.post("/account/link/naver", b.form())
	menu := a.menu()
	if a.code != http.StatusForbidden || menu.Task != web.TaskOwner || menu.About.ID != "naver" ||
		len(menu.Ways) != 1 || menu.Ways[0].ID != "kakao" {
		t.Fatalf("%d %+v", a.code, menu)
	}
	path := strings.TrimSuffix(menu.CancelAction, "/cancel")
	if menu.LangPath != path {
		t.Errorf("the page in another language is %q", menu.LangPath)
	}
	for way, task := range map[string]web.Task{"apple": web.TaskOwner, "naver": web.TaskOwner} {
		if way == "naver" { // it may be proven first, but counts for nothing alone
			b.back(way, b.goneTo(path, way))
		} else if a := b.get(path + "/go/" + way); a.to == nil || a.to.Path != path {
			t.Errorf("%s leads to %v", way, a.to)
		}
		if menu := b.get(path).menu(); menu.Task != task {
			t.Errorf("after %s: %+v", way, menu)
		}
	}
	question := b.linkQuestion(b.back("kakao", b.goneTo(path, "kakao")), path)
	if len(h.ways["kakao"].legs) != 2 || !h.ways["kakao"].legs[1].Fresh {
		t.Error("the earlier identity was not asked for anew")
	}
	h.clock.pass(freshLife + time.Second)
	if a := b.post(question.Action, yes(question)); a.to == nil || a.to.Path != path {
		t.Fatalf("old proofs: %d %v %v", a.code, a.to, a.err)
	}
	if menu := b.get(path).menu(); menu.Task != web.TaskOwner || len(h.records.links) != 2 {
		t.Fatalf("%d links, %+v", len(h.records.links), menu)
	}
	b.back("kakao", b.goneTo(path, "kakao"))
	if menu := b.get(path).menu(); menu.Task != web.TaskNew {
		t.Fatalf("menu %+v", menu)
	}
	question = b.linkQuestion(b.back("naver", b.goneTo(path, "naver")), path)
	b.atAccount(b.post(question.Action, yes(question)), web.NoteLinked)
	if now := b.session().AuthTime; now != h.clock.Now().Unix() {
		t.Errorf("the session's auth_time is %d", now)
	}
}

// What is proven and does not help leads to the menu, with the reason.
func TestProofsThatDoNotHelp(t *testing.T) {
	old := time.Date(2027, 3, 1, 9, 0, 0, 0, time.UTC)
	tests := []struct {
		name   string
		age    time.Duration // of the session
		way    string        // where somebody proves something
		who    providers.Identity
		reason web.Reason
		event  string
	}{
		{"somebody else's identity, as one's own", 6 * time.Minute, "kakao", providers.Identity{Provider: "kakao", Subject: "somebody"}, web.ReasonNotYours, "not_owner"},
		{"an own identity, as the new one", 0, "naver", providers.Identity{}, web.ReasonLinked, ""},
		{"the provider did not ask again", 6 * time.Minute, "kakao", providers.Identity{Provider: "kakao", Subject: "minji at kakao", AuthTime: old}, web.ReasonStale, "stale"},
		{"the provider did not ask again for the new one", 0, "naver", providers.Identity{Provider: "naver", Subject: "n", AuthTime: old}, web.ReasonStale, "stale"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h, b := vicAndMal(t)
			path := b.linking("naver")
			h.clock.pass(tt.age)
			if tt.who.Provider == "" { // linked meanwhile, by hand
				h.records.links[store.IdentityKey{Provider: "naver", Subject: "minji at naver"}] = "account-of-kakao"
				tt.who = h.ways["naver"].identity
			}
			h.ways[tt.way].identity = tt.who
			before := len(h.records.links)
			a := b.back(tt.way, b.goneTo(path, tt.way))
			if a.err != nil || a.to == nil || a.to.Path != path {
				t.Fatalf("%d %v %v", a.code, a.to, a.err)
			}
			menu := b.get(path).menu()
			if menu.Notice == nil || menu.Notice.Reason != tt.reason || menu.Notice.Way.ID != tt.way {
				t.Errorf("notice %+v", menu.Notice)
			}
			if len(h.records.links) != before || tt.event != "" && (h.last().Name != audit.LinkRefused || h.last().Reason != tt.event) {
				t.Errorf("%d links, event %+v", len(h.records.links), h.last())
			}
		})
	}
}

// A leg that fails leads back to the menu of the same task.
func TestALegThatFailsWhileLinking(t *testing.T) {
	h, b := vicAndMal(t)
	path := b.linking("naver")
	h.ways["naver"].err = failing("naver", providers.Down)
	a := b.back("naver", b.goneTo(path, "naver"))
	if a.to == nil || a.to.Path != path {
		t.Fatalf("%d %v %v", a.code, a.to, a.err)
	}
	menu := b.get(path).menu()
	if menu.Task != web.TaskNew || menu.Notice == nil || menu.Notice.Reason != web.ReasonUnavailable {
		t.Errorf("menu %+v", menu)
	}
	b.atAccount(b.post(menu.CancelAction, stepToken(menu.StepToken)), "")
}

// An identity that another account has is refused without a word about whose;
// both accounts' events tell of it.
func TestIdentityOfAnotherAccount(t *testing.T) {
	for _, late := range []bool{false, true} {
		h, b := vicAndMal(t)
		path := b.linking("naver")
		key := store.IdentityKey{Provider: "naver", Subject: "minji at naver"}
		var a answered
		if late { // between the question and the yes
			question := b.linkQuestion(b.back("naver", b.goneTo(path, "naver")), path)
			h.records.links[key] = "mals"
			a = b.post(question.Action, yes(question))
		} else {
			h.records.links[key] = "mals"
			a = b.back("naver", b.goneTo(path, "naver"))
		}
		p := a.wantProblem(web.ProblemTaken, http.StatusConflict)
		if p.RetryHref != path || h.records.links[key] != "mals" {
			t.Errorf("problem %+v", p)
		}
		told := map[string]string{}
		for _, e := range h.events {
			if e.Name == audit.LinkRefused && e.Provider == "naver" {
				told[e.Account] = e.Reason
			}
		}
		if !maps.Equal(told, map[string]string{"account-of-kakao": "taken", "mals": "taken"}) {
			t.Errorf("told %v", told)
		}
		if menu := b.get(path).menu(); menu.Task != web.TaskNew {
			t.Errorf("the way on is %+v", menu)
		}
	}
}

// A change ends in the session that began it, and in no other.
func TestChangesBelongToTheirSession(t *testing.T) {
	tests := []struct {
		name  string
		early bool // no provider hears of it
		other func(h *house, b *visitor)
	}{
		{"the session is gone", true, func(_ *house, b *visitor) { delete(b.cookies, "__Host-bongsu_session") }},
		{"it was ended", true, func(h *house, b *visitor) { h.facts.known[string(store.SessionEnded)+" "+b.session().SID] = true }},
		{"the person signed in again", true, func(_ *house, b *visitor) {
			b.code(b.back("kakao", b.goneTo(b.begun("prompt", "login"), "kakao")))
		}},
		{"another person signed in", true, func(_ *house, b *visitor) {
			b.code(b.back("apple", b.goneTo(b.begun("prompt", "login"), "apple")))
		}},
		{"all sessions ended", false, func(h *house, _ *visitor) { h.records.end("account-of-kakao", h.clock.Now()) }},
		{"the account is disabled", true, func(h *house, _ *visitor) {
			h.facts.known[string(store.AccountDisabled)+" account-of-kakao"] = true
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h, b := vicAndMal(t)
			path := b.linking("naver")
			question := b.linkQuestion(b.back("naver", b.goneTo(path, "naver")), path)
			waiting := b.linking("naver")
			state := b.goneTo(waiting, "naver")
			tt.other(h, b)
			asked := len(h.ways["naver"].finished)
			before := len(h.records.links)
			for name, a := range map[string]answered{
				"the yes": b.post(question.Action, yes(question)), "the page": b.get(path),
			} {
				if p := a.wantProblem(web.ProblemSession, http.StatusForbidden); p.Client.Home() != "/account" {
					t.Errorf("%s: the way on is %q", name, p.Client.Home())
				}
			}
			a := b.back("naver", state)
			if p := (*Problem)(nil); !errors.As(a.err, &p) || p.Kind != web.ProblemSession {
				t.Errorf("the way back: %d %v %v", a.code, a.to, a.err)
			}
			if len(h.records.links) != before {
				t.Errorf("%d links, were %d", len(h.records.links), before)
			}
			if tt.early && len(h.ways["naver"].finished) > asked {
				t.Error("the provider was asked")
			}
		})
	}
}

func (b *visitor) code(a answered) { b.h.t.Helper(); b.h.code(a) }

// The yes is to the question that was shown.
func TestTheYesNamesBoth(t *testing.T) {
	h, b := vicAndMal(t)
	path := b.linking("naver")
	question := b.linkQuestion(b.back("naver", b.goneTo(path, "naver")), path)
	h.ways["naver"].identity.Subject = "another one"
	other := b.linkQuestion(b.back("naver", b.goneTo(path, "naver")), path)
	if other.Pair == question.Pair {
		t.Fatal("two questions have one name")
	}
	for name, form := range map[string]url.Values{
		"the question before": yes(question), "no question": stepToken(other.StepToken),
	} {
		if a := b.post(other.Action, form); a.err != nil || a.to == nil || a.to.Path != path || len(h.records.links) != 2 {
			t.Errorf("%s: %d %v %v, %d links", name, a.code, a.to, a.err, len(h.records.links))
		}
	}
	b.post(other.Action, url.Values{"pair": {other.Pair}}).wantProblem(web.ProblemForbidden, http.StatusForbidden)
	b.atAccount(b.post(other.Action, yes(other)), web.NoteLinked)
	if h.records.links[store.IdentityKey{Provider: "naver", Subject: "another one"}] != "account-of-kakao" {
		t.Errorf("links %v", h.records.links)
	}
}

// Forms of the account page that it did not make for this session.
func TestFormsOfOtherSessions(t *testing.T) {
	h, b := vicAndMal(t)
	other := h.browser()
	other.signedIn("kakao")
	for _, path := range []string{"/account/link/naver", "/account/unlink/kakao"} {
		for _, form := range []url.Values{{"a": {"b"}}, other.form(), stepToken("")} {
			b.post(path, form).wantProblem(web.ProblemForbidden, http.StatusForbidden)
		}
		h.browser().post(path, b.form()).wantProblem(web.ProblemSession, http.StatusForbidden)
	}
	b.post("/account/link/nowhere", b.form()).wantProblem(web.ProblemNotFound, http.StatusNotFound)
	b.atAccount(b.post("/account/link/kakao", b.form()), web.NoteAlready)
	b.atAccount(b.post("/account/unlink/naver", b.form()), web.NoteGone)
	b.post("/account/unlink/kakao", b.form()).wantProblem(web.ProblemLast, http.StatusConflict)
	if h.last().Reason != "last" || len(h.records.links) != 2 {
		t.Errorf("event %+v, %d links", h.last(), len(h.records.links))
	}
}

// While the store is away nothing is decided, and the same page goes on.
func TestLinkingWhileTheStoreIsAway(t *testing.T) {
	h, b := vicAndMal(t)
	path := b.linking("naver")
	state := b.goneTo(path, "naver")
	h.records.down = errAway
	form := b.form()
	for _, p := range []*Problem{
		b.back("naver", state).wantProblem(web.ProblemUnavailable, http.StatusServiceUnavailable),
		b.get(path).wantProblem(web.ProblemUnavailable, http.StatusServiceUnavailable),
	} {
		if p.RetryHref != path {
			t.Errorf("the way on is %q", p.RetryHref)
		}
	}
	for _, at := range []string{"/account/link/naver", "/account/unlink/kakao"} {
		if p := b.post(at, form).wantProblem(web.ProblemUnavailable, http.StatusServiceUnavailable); p.RetryHref != "/account" {
			t.Errorf("the way on is %q", p.RetryHref)
		}
	}
	h.records.down = nil
	question := b.linkQuestion(answered{to: &url.URL{Path: path}}, path)
	h.records.down = errAway
	if p := b.post(question.Action, yes(question)).wantProblem(web.ProblemUnavailable, http.StatusServiceUnavailable); p.RetryHref != path {
		t.Errorf("the way on is %q", p.RetryHref)
	}
	h.records.down = nil
	b.atAccount(b.post(question.Action, yes(question)), web.NoteLinked)
	if len(h.ways["naver"].finished) != 1 {
		t.Error("the person had to prove it twice")
	}
}
