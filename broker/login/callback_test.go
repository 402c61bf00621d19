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
	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/id"
	"github.com/bongsu/bongsu/broker/oauth"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/broker/token"
	"github.com/bongsu/bongsu/broker/web"
	"github.com/bongsu/bongsu/providers"
)

// Somebody known comes back: the website gets a code for exactly this.
func TestKnownPersonComesBack(t *testing.T) {
	h := newHouse(t)
	known := h.know("kakao")
	b := h.browser()
	challenge := strings.Repeat("c", 43)
	path := b.begun("code_challenge", challenge, "code_challenge_method", "S256")
	state := b.goneTo(path, "kakao")
	h.clock.pass(time.Minute)
	a := b.back("kakao", state)
	c := h.code(a)
	want := token.Code{
		Login: strings.TrimPrefix(path, "/login/"), Arbiter: token.Writer, Client: "shop", Redirect: callback,
		Challenge: challenge, Nonce: "the nonce", Issued: h.clock.Now().Unix(), Account: known.ID, Epoch: 1,
		Subject: h.handler.Accounts.Subject(known, &client.Client{}), Way: "kakao",
		ACR: "urn:bongsu:acr:provider", AuthTime: h.clock.Now().Unix(),
	}
	got := c
	got.SID, got.Scope, got.Claims = "", nil, want.Claims
	if g, w := string(mustJSON(t, got)), string(mustJSON(t, want)); g != w {
		t.Errorf("code %s, want %s", g, w)
	}
	if c.Claims.Name != known.Name || c.Claims.Email != known.Email || c.Claims.Phone != "" || !id.Valid(c.SID, id.Length) {
		t.Errorf("code %+v", c)
	}
	if q := a.to.Query(); q.Get("state") != "the state" || q.Get("iss") != issuer {
		t.Errorf("answer %v", q)
	}
	if begun, ended := h.ways["kakao"].legs[0], h.ways["kakao"].finished[0]; begun.State != ended.State ||
		begun.Nonce != ended.Nonce || begun.Verifier != ended.Verifier || begun.RedirectURI != ended.RedirectURI {
		t.Errorf("the leg came back as %+v, left as %+v", ended, begun)
	}
	if e := h.last(); e.Name != audit.LoginCompleted || e.Account != known.ID || e.Provider != "kakao" {
		t.Errorf("event %+v", e)
	}
	if h.records.asked != 1 {
		t.Errorf("%d reads", h.records.asked)
	}
}

// Whatever the provider does, the same login goes on.
func TestFailedLegsLeadToTheMenu(t *testing.T) {
	tests := []struct {
		name   string
		err    error
		want   web.Reason
		yields bool // the way loses its place
	}{
		{"the person declined", failing("kakao", providers.User), web.ReasonDenied, false},
		{"the provider is down", failing("kakao", providers.Down), web.ReasonUnavailable, true},
		{"the provider is slow", failing("kakao", providers.Slow), web.ReasonUnavailable, true},
		{"part of the provider is down", failing("kakao", providers.Partial), web.ReasonUnavailable, true},
		{"our credentials are refused", failing("kakao", providers.Ours), web.ReasonSetup, true},
		{"the answer cannot be trusted", failing("kakao", providers.Trust), web.ReasonInvalid, true},
		{"nobody can tell", failing("kakao", providers.Unknown), web.ReasonUnavailable, true},
		{"an error of no kind", errors.New("nonsense"), web.ReasonUnavailable, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHouse(t)
			h.know("naver")
			b := h.browser()
			path := b.begun()
			state := b.goneTo(path, "kakao")
			h.ways["kakao"].err = tt.err
			a := b.back("kakao", state)
			if a.err != nil || a.to == nil || a.to.Path != path+"/menu" {
				t.Fatalf("%d %v %v", a.code, a.to, a.err)
			}
			if e := h.last(); e.Name != audit.LegFailed || e.Provider != "kakao" {
				t.Errorf("event %+v", e)
			}
			m := b.get(a.to.Path).menu()
			if m.Notice == nil || m.Notice.Reason != tt.want || m.Notice.Way.ID != "kakao" {
				t.Errorf("notice %+v", m.Notice)
			}
			if yields := m.Ways[0].ID != "kakao"; yields != tt.yields || len(m.Ways) != 3 {
				t.Errorf("ways %+v", m.Ways)
			}
			if c := h.code(b.back("naver", b.goneTo(path, "naver"))); c.Way != "naver" {
				t.Errorf("code %+v", c)
			}
		})
	}
}

// A callback that belongs to no login of this browser sends nothing to any
// provider.
func TestStrayCallbacks(t *testing.T) {
	tests := []struct {
		name string
		come func(b *visitor, path, state string) answered
		want web.ProblemKind
	}{
		{"without a state", func(b *visitor, _, _ string) answered { return b.get("/callback/kakao?code=c") }, web.ProblemCallback},
		{"with two states", func(b *visitor, _, s string) answered {
			return b.get("/callback/kakao?code=c&state=" + s + "&state=" + s)
		}, web.ProblemCallback},
		{"with nonsense for a state", func(b *visitor, _, _ string) answered { return b.back("kakao", "nonsense") }, web.ProblemCallback},
		{"at another provider (mix-up)", func(b *visitor, _, s string) answered { return b.back("naver", s) }, web.ProblemCallback},
		{"at a provider nobody knows", func(b *visitor, _, s string) answered { return b.back("nowhere", s) }, web.ProblemCallback},
		{"by a browser without cookies", func(b *visitor, _, s string) answered { return b.h.browser().back("kakao", s) }, web.ProblemCookies},
		{"by another person's browser", func(b *visitor, _, s string) answered {
			other := b.h.browser()
			other.begun()
			return other.back("kakao", s)
		}, web.ProblemExpired},
		{"too late", func(b *visitor, _, s string) answered {
			b.h.clock.pass(11 * time.Minute)
			return b.back("kakao", s)
		}, web.ProblemExpired},
		{"after the login was cancelled", func(b *visitor, path, s string) answered {
			b.post(path+"/cancel", url.Values{"step_token": {b.get(path).menu().StepToken}})
			return b.back("kakao", s)
		}, web.ProblemDone},
		{"posted to a provider that answers by query", func(b *visitor, _, s string) answered {
			return b.post("/callback/kakao", url.Values{"state": {s}, "code": {"c"}})
		}, web.ProblemCallback},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHouse(t)
			h.know("kakao")
			b := h.browser()
			path := b.begun()
			a := tt.come(b, path, b.goneTo(path, "kakao"))
			p := a.wantProblem(tt.want, http.StatusBadRequest)
			if len(h.ways["kakao"].finished)+len(h.ways["naver"].finished) != 0 {
				t.Error("a provider was asked")
			}
			if known := p.Client != nil; known != (tt.want != web.ProblemCallback) {
				t.Errorf("the page knows the website: %t", known)
			}
		})
	}
}

// A login of a website that no longer takes the way is not ended by it.
func TestWayForbiddenMeanwhile(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	l := h.pending()
	l.Client = "narrow"
	maps.Copy(b.cookies, h.cookiesOf(l))
	leg := state{purpose: PurposeLogin, login: l.ID, leg: "legleg22", provider: id.Tag("kakao"), client: client.TagOf("narrow")}
	b.back("kakao", leg.text(h.ring)).wantProblem(web.ProblemCallback, http.StatusBadRequest)
	leg.client = client.TagOf("shop")
	b.back("kakao", leg.text(h.ring)).wantProblem(web.ProblemCallback, http.StatusBadRequest)
	leg.client, leg.provider = client.TagOf("narrow"), id.Tag("naver")
	if a := b.back("naver", leg.text(h.ring)); a.err != nil || len(h.ways["naver"].finished) != 1 {
		t.Errorf("the allowed way: %d %v %v", a.code, a.to, a.err)
	}
}

// A provider that posts its answer is heard without cookies and believed with
// them.
func TestPostedAnswer(t *testing.T) {
	h := newHouse(t)
	h.know("apple")
	b := h.browser()
	state := b.goneTo(b.begun(), "apple")
	a := h.browser().post("/callback/apple", url.Values{"state": {state}, "code": {"c"}, "user": {`{"name":"x"}`}, "other": {"y"}})
	if a.code != http.StatusSeeOther || a.to.Path != "/callback/apple" || len(a.to.Query()) != 1 {
		t.Fatalf("%d %v %v", a.code, a.to, a.err)
	}
	h.browser().get(a.to.String()).wantProblem(web.ProblemCookies, http.StatusBadRequest)
	if c := h.code(b.get(a.to.String())); c.Way != "apple" {
		t.Errorf("code %+v", c)
	}
}

func TestDisabledAccountIsRefused(t *testing.T) {
	h := newHouse(t)
	h.know("kakao", func(a *store.Account) { a.Disabled = true })
	b := h.browser()
	b.back("kakao", b.goneTo(b.begun(), "kakao")).wantError(oauth.CodeAccessDenied)
}

// While the store is away nobody is new and nobody is lost: the proof is kept.
func TestPersonWhoCannotBeLookedUp(t *testing.T) {
	h := newHouse(t)
	h.know("kakao")
	b := h.browser()
	path := b.begun()
	state := b.goneTo(path, "kakao")
	h.records.down = errAway
	p := b.back("kakao", state).wantProblem(web.ProblemUnavailable, http.StatusServiceUnavailable)
	if p.RetryHref != path || !errors.Is(p, store.ErrUnavailable) {
		t.Errorf("problem %+v", p)
	}
	b.get(path).wantProblem(web.ProblemUnavailable, http.StatusServiceUnavailable)
	h.records.down = nil
	if c := h.code(b.get(path)); c.Account != "account-of-kakao" {
		t.Errorf("code %+v", c)
	}
	if len(h.ways["kakao"].finished) != 1 {
		t.Error("the provider was asked again")
	}
}

// auth_time is the provider's word where that makes sense.
func TestAuthTime(t *testing.T) {
	tests := []struct {
		name string
		said time.Duration // before now; 0: nothing said
		want time.Duration
	}{
		{"the provider says nothing", 0, 0},
		{"an hour ago", time.Hour, time.Hour},
		{"in the future", -time.Hour, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHouse(t)
			h.know("kakao")
			if tt.said != 0 {
				h.ways["kakao"].identity.AuthTime = h.clock.Now().Add(-tt.said)
			}
			b := h.browser()
			c := h.code(b.back("kakao", b.goneTo(b.begun(), "kakao")))
			if want := h.clock.Now().Add(-tt.want).Unix(); c.AuthTime != want {
				t.Errorf("auth_time %d, want %d", c.AuthTime, want)
			}
		})
	}
}

func TestFresh(t *testing.T) {
	now := time.Unix(10_000, 0)
	silent := &Proof{At: 10_000}
	telling := &Proof{At: 10_000, Identity: providers.Identity{AuthTime: time.Unix(9_000, 0)}}
	tests := []struct {
		name     string
		authTime int64
		maxAge   int
		proof    *Proof
		want     bool
	}{
		{"a session young enough", 9_990, 10, nil, true},
		{"a session a second too old", 9_989, 10, nil, false},
		{"a proof of this login, the provider silent", 1, 0, silent, true},
		{"a proof that rests on an older one", 9_000, 10, telling, false},
		{"a proof within the clocks' leeway", 9_930, 10, telling, true},
		{"a proof beyond the leeway", 9_929, 10, telling, false},
		{"a proof old but young enough", 9_000, 1_000, telling, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := fresh(tt.authTime, tt.maxAge, now, tt.proof); got != tt.want {
				t.Errorf("fresh is %t", got)
			}
		})
	}
}

// A provider that admits an old proof does not satisfy max_age.
func TestOldProofIsNotEnough(t *testing.T) {
	h := newHouse(t)
	h.know("kakao")
	h.ways["kakao"].identity.AuthTime = h.clock.Now().Add(-time.Hour)
	b := h.browser()
	b.back("kakao", b.goneTo(b.begun("max_age", "300"), "kakao")).wantError(oauth.CodeLoginRequired)
}

func TestReasonOf(t *testing.T) {
	for outcome, want := range map[providers.Outcome]web.Reason{
		providers.User: web.ReasonDenied, providers.Ours: web.ReasonSetup, providers.Trust: web.ReasonInvalid,
		providers.Down: web.ReasonUnavailable, providers.Slow: web.ReasonUnavailable,
		providers.Partial: web.ReasonUnavailable, providers.Unknown: web.ReasonUnavailable,
	} {
		if got := reasonOf(failing("kakao", outcome)); got != want {
			t.Errorf("%s is %s, want %s", outcome, got, want)
		}
	}
}
