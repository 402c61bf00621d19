package login

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/audit"
	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/oauth"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/broker/web"
	"github.com/bongsu/bongsu/keys"
	"github.com/bongsu/bongsu/providers"
)

// Nobody is sent anywhere before client and redirect URI are trusted.
func TestUntrustedRequestsEndHere(t *testing.T) {
	tests := []struct {
		name    string
		request string
		kind    web.ProblemKind
	}{
		{"no client", asking("client_id", ""), web.ProblemRequest},
		{"no redirect URI", asking("redirect_uri", ""), web.ProblemRequest},
		{"two clients", asking() + "&client_id=other", web.ProblemRequest},
		{"two redirect URIs", asking() + "&redirect_uri=https://evil.example", web.ProblemRequest},
		{"an unknown client", asking("client_id", "nobody"), web.ProblemClient},
		{"another redirect URI", asking("redirect_uri", "https://evil.example/cb"), web.ProblemClient},
		{"a redirect URI with more behind it", asking("redirect_uri", callback+"/more"), web.ProblemClient},
		{"a redirect URI in other case", asking("redirect_uri", strings.ToUpper(callback)), web.ProblemClient},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := newHouse(t).browser().get(tt.request)
			p := a.wantProblem(tt.kind, http.StatusBadRequest)
			if a.to != nil || p.RetryHref != "" || p.Client != nil {
				t.Errorf("there is a way out: %v %+v", a.to, p)
			}
		})
	}
}

func TestDeveloperIsToldWhatDiffers(t *testing.T) {
	a := newHouse(t).browser().get(asking("redirect_uri", "https://shop.example/other"))
	detail := a.wantProblem(web.ProblemClient, http.StatusBadRequest).Detail
	for _, want := range []string{"received    https://shop.example/other", "registered  " + callback, `"shop"`} {
		if !strings.Contains(detail, want) {
			t.Errorf("no %q in %q", want, detail)
		}
	}
}

// From then on the website hears of everything.
func TestRefusedRequests(t *testing.T) {
	tests := []struct {
		name    string
		request string
		want    string
	}{
		{"implicit flow", asking("response_type", "token"), oauth.CodeUnsupportedResponseType},
		{"no scope openid", asking("scope", "profile"), oauth.CodeInvalidScope},
		{"prompt none beside another", asking("prompt", "none login"), oauth.CodeInvalidRequest},
		{"a request object", asking("request", "e30."), oauth.CodeRequestNotSupported},
		{"PKCE left out where it is required", asking("client_id", "strict"), oauth.CodeInvalidRequest},
		{"a client for itself only", asking("client_id", "machine"), oauth.CodeUnauthorizedClient},
		{"a client that wants what nobody can give", asking("client_id", "passkeys"), oauth.CodeUnmetAuthentication},
		{"nobody logged in and nothing may be shown", asking("prompt", "none"), oauth.CodeLoginRequired},
		{"a hint that is no token", asking("id_token_hint", "nonsense"), oauth.CodeInvalidRequest},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHouse(t)
			b := h.browser()
			b.get(tt.request).wantError(tt.want)
			for name := range b.cookies {
				t.Errorf("a refused request left the cookie %s", name)
			}
			if e := h.last(); e.Name != audit.LoginRefused || e.Reason != tt.want {
				t.Errorf("event %+v", e)
			}
		})
	}
}

func TestPostedRequest(t *testing.T) {
	h := newHouse(t)
	h.know("kakao")
	b := h.browser()
	b.signedIn("kakao")
	form, err := url.ParseQuery(strings.TrimPrefix(asking(), "/authorize?"))
	h.must(err)
	form.Set("unknown", "parameter")
	bare := h.browser() // a POST from another site brings no Lax cookies
	a := bare.post("/authorize", form)
	if a.code != http.StatusSeeOther || a.to.Path != "/authorize" || strings.Contains(a.to.String(), "state") {
		t.Fatalf("%d %v %v", a.code, a.to, a.err)
	}
	if len(bare.cookies) != 0 {
		t.Errorf("cookies %v", bare.cookies)
	}
	if c := h.code(b.get(a.to.String())); c.Nonce != "the nonce" {
		t.Errorf("code %+v", c)
	}
	b.get("/authorize?posted=" + strings.TrimPrefix(a.to.Query().Get("posted"), "A")[1:]).wantRefused(oauth.CodeInvalidRequest)
}

// wantRefused checks that the request was refused where it was made.
func (a answered) wantRefused(code string) {
	a.t.Helper()
	var refused *oauth.Error
	if !errors.As(a.err, &refused) || refused.Code != code || a.to != nil {
		a.t.Errorf("%d %v %v", a.code, a.to, a.err)
	}
}

// session is what signs a browser in for the table below.
type given struct {
	name    string
	change  func(*house)  // between signing in and asking
	asks    []string      // parameters
	waits   time.Duration // between signing in and asking
	goodFor bool          // the session answers
}

// A session answers for the person as long as nothing speaks against it.
func TestSessionAnswers(t *testing.T) {
	tests := []given{
		{"a plain request", nil, nil, 0, true},
		{"prompt none", nil, []string{"prompt", "none"}, 0, true},
		{"another way named", nil, []string{"idp_hint", "naver"}, 0, true},
		{"prompt login", nil, []string{"prompt", "login"}, 0, false},
		{"prompt select_account", nil, []string{"prompt", "select_account"}, 0, false},
		{"max_age not reached", nil, []string{"max_age", "60"}, 59 * time.Second, true},
		{"max_age reached", nil, []string{"max_age", "60"}, 60 * time.Second, false},
		{"max_age 0", nil, []string{"max_age", "0"}, 0, false},
		{"unused for long", nil, nil, 13 * time.Hour, false},
		{"the account disabled, says the store", func(h *house) { h.know("kakao", func(a *store.Account) { a.Disabled = true }) }, nil, 0, false},
		{"the account disabled, says a fact", func(h *house) { h.facts.known["account_disabled account-of-kakao"] = true }, nil, 0, false},
		{"all sessions ended, says the store", func(h *house) { h.know("kakao", func(a *store.Account) { a.Epoch = 2 }) }, nil, 0, false},
		{"all sessions ended, says a fact", func(h *house) { h.facts.epochs["account-of-kakao"] = 2 }, nil, 0, false},
		{"the account gone", func(h *house) { clear(h.records.accounts) }, nil, 0, false},
		{"a website that does not take the way it was made by", nil, []string{"client_id", "narrow"}, 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHouse(t)
			h.know("kakao")
			b := h.browser()
			b.signedIn("kakao")
			h.clock.pass(tt.waits)
			if tt.change != nil {
				tt.change(h)
			}
			a := b.get(asking(tt.asks...))
			if tt.goodFor {
				if c := h.code(a); c.Account != "account-of-kakao" || c.Way != "kakao" || c.AuthTime != h.clock.Now().Add(-tt.waits).Unix() {
					t.Errorf("code %+v", c)
				}
				return
			}
			if a.err != nil || a.to == nil || !strings.HasPrefix(a.to.Path, "/login/") {
				t.Errorf("%d %v %v", a.code, a.to, a.err)
			}
			b.get(asking(append(tt.asks, "prompt", "none")...)).wantNoneOr(tt.asks)
		})
	}
}

// wantNoneOr checks prompt=none, where the request does not say otherwise.
func (a answered) wantNoneOr(asks []string) {
	a.t.Helper()
	for n := 0; n+1 < len(asks); n += 2 {
		if asks[n] == "prompt" {
			return
		}
	}
	a.wantError(oauth.CodeLoginRequired)
}

// Could not check is neither a yes nor a no (P5).
func TestSessionThatCannotBeChecked(t *testing.T) {
	h := newHouse(t)
	h.know("kakao")
	b := h.browser()
	b.signedIn("kakao")
	h.records.down = errAway
	b.get(asking("prompt", "none")).wantError(oauth.CodeTemporarilyUnavailable)
	p := b.get(asking()).wantProblem(web.ProblemUnavailable, http.StatusServiceUnavailable)
	if !errors.Is(p, store.ErrUnavailable) || p.Client == nil {
		t.Errorf("problem %v", p)
	}
	h.records.down = nil
	h.code(b.get(asking("prompt", "none")))
}

func (h *house) hint(claims map[string]any) string {
	h.t.Helper()
	payload, err := json.Marshal(claims)
	h.must(err)
	signed, err := h.signing.Sign(keys.IDToken, keys.ES256, payload)
	h.must(err)
	return signed
}

// id_token_hint names who is meant: nobody else is taken for them.
func TestHint(t *testing.T) {
	h := newHouse(t)
	mine := h.handler.Accounts.Subject(h.know("kakao"), &client.Client{})
	b := h.browser()
	b.signedIn("kakao")
	tests := []struct {
		name   string
		claims map[string]any
		want   string // error; empty: a code
	}{
		{"of this person, long expired", map[string]any{"iss": issuer, "sub": mine, "aud": "shop", "exp": 1}, ""},
		{"of somebody else", map[string]any{"iss": issuer, "sub": "u_other", "aud": "shop"}, oauth.CodeLoginRequired},
		{"given to another website", map[string]any{"iss": issuer, "sub": mine, "aud": "narrow"}, oauth.CodeInvalidRequest},
		{"of another issuer", map[string]any{"iss": "https://other.example", "sub": mine, "aud": "shop"}, oauth.CodeInvalidRequest},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h.t = t
			a := b.get(asking("prompt", "none", "id_token_hint", h.hint(tt.claims)))
			if tt.want == "" {
				h.code(a)
				return
			}
			b.h.t, a.t = t, t
			a.wantError(tt.want)
		})
	}
}

// A hint is checked at finish too: another person who proves themselves is not
// the one who is meant.
func TestHintIsCheckedAtFinish(t *testing.T) {
	h := newHouse(t)
	h.know("kakao")
	b := h.browser()
	path := b.begun("id_token_hint", h.hint(map[string]any{"iss": issuer, "sub": "u_other", "aud": "shop"}))
	b.back("kakao", b.goneTo(path, "kakao")).wantError(oauth.CodeLoginRequired)
}

func TestHintThatCannotBeChecked(t *testing.T) {
	h, other := newHouse(t), newHouse(t)
	b := h.browser()
	hint := other.hint(map[string]any{"iss": issuer, "sub": "u_x", "aud": "shop"})
	h.away()
	b.get(asking("id_token_hint", hint)).wantError(oauth.CodeTemporarilyUnavailable)
}

// A way named by the website begins its leg at once, where it may.
func TestNamedWay(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	a := b.get(asking("idp_hint", "naver", "login_hint", "minji@example.com", "prompt", "login", "max_age", "60"))
	if a.to == nil || a.to.Host != "naver.example" {
		t.Fatalf("%d %v %v", a.code, a.to, a.err)
	}
	leg := h.ways["naver"].legs[0]
	if !leg.Fresh || leg.MaxAge == nil || *leg.MaxAge != time.Minute || leg.LoginHint != "minji@example.com" ||
		leg.RedirectURI != issuer+"/callback/naver" || len(leg.State) > 96 || len(leg.Nonce) != 43 || len(leg.Verifier) != 43 {
		t.Errorf("leg %+v", leg)
	}
	for _, way := range []string{"kakao", "nowhere"} {
		if a := b.get(asking("client_id", "narrow", "idp_hint", way)); a.to == nil || !strings.HasPrefix(a.to.Path, "/login/") {
			t.Errorf("%s led to %v (%v)", way, a.to, a.err)
		}
	}
}

// A way that cannot be begun leads to the menu, which says why and yields.
func TestWayThatCannotBeBegun(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	h.ways["kakao"].beginErr = failing("kakao", providers.Down)
	a := b.get(asking("idp_hint", "kakao"))
	if a.to == nil || !strings.HasSuffix(a.to.Path, "/menu") {
		t.Fatalf("%d %v %v", a.code, a.to, a.err)
	}
	m := b.get(a.to.String()).menu()
	if m.Notice == nil || m.Notice.Reason != web.ReasonUnavailable || m.Notice.Way.ID != "kakao" || m.Ways[0].ID == "kakao" {
		t.Errorf("notice %+v, first %s", m.Notice, m.Ways[0].ID)
	}
	if seen := h.observed.seen; len(seen) != 1 || seen[0].Outcome != providers.Down || seen[0].Client != "shop" {
		t.Errorf("observed %+v", seen)
	}
}

func TestMaxAgeZeroWantsAFreshProof(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	b.get(asking("idp_hint", "kakao", "max_age", "0"))
	b.get(asking("idp_hint", "kakao"))
	if legs := h.ways["kakao"].legs; !legs[0].Fresh || legs[1].Fresh || legs[1].MaxAge != nil {
		t.Errorf("legs %+v", legs)
	}
}
