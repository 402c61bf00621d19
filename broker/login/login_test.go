package login

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bongsu/bongsu/broker/cookie"
	"github.com/bongsu/bongsu/broker/id"
	"github.com/bongsu/bongsu/broker/oauth"
	"github.com/bongsu/bongsu/broker/web"
	"github.com/bongsu/bongsu/keys/seal"
	"github.com/bongsu/bongsu/providers"
)

// pending is a login as [Handler.Authorize] begins it.
func (h *house) pending() *Login {
	h.t.Helper()
	v := &visit{login: &Login{Purpose: PurposeLogin, Client: "shop", Request: oauth.AuthorizationRequest{
		ClientID: "shop", RedirectURI: callback, ResponseType: "code", Scope: []string{"openid"}, State: "the state",
	}}}
	h.must(h.handler.stamp(v))
	v.login.Seen = v.login.Began
	return v.login
}

// kept puts l into a browser and returns a request of that browser.
func (h *house) kept(l *Login) *http.Request {
	h.t.Helper()
	r := httptest.NewRequestWithContext(h.t.Context(), http.MethodGet, "/", http.NoBody)
	w := httptest.NewRecorder()
	h.must(h.handler.logins.keep(w, r, l))
	return carrying(r, w)
}

// carrying returns a request like r with the cookies that w sets.
func carrying(r *http.Request, w *httptest.ResponseRecorder) *http.Request {
	next := r.Clone(r.Context())
	result := w.Result()
	_ = result.Body.Close()
	for _, c := range result.Cookies() {
		next.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
	}
	return next
}

func TestLoginComesBackFromItsCookie(t *testing.T) {
	h := newHouse(t)
	age := 300
	want := h.pending()
	want.Request.MaxAge, want.Hinted, want.Lang = &age, "u_someone", "ja"
	want.Failures = []Failure{{"kakao", web.ReasonUnavailable}}
	want.Proof = &Proof{At: h.clock.Now().Unix(), Identity: providers.Identity{
		Provider: "naver", Subject: "it's \"me\"", Name: "김민지", Email: "m@example.com", EmailVerified: true, Phone: "+82 10",
		PhoneVerified: true, Picture: "https://p.example/1", Locale: "ko", AuthTime: h.clock.Now().UTC(), ACR: "1", AMR: []string{"pwd"},
	}}
	got, err := h.handler.logins.read(t.Context(), h.kept(want), want.ID)
	h.must(err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestLoginCookieIsOurOwn(t *testing.T) {
	h := newHouse(t)
	l, w := h.pending(), httptest.NewRecorder()
	h.must(h.handler.logins.keep(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody), l))
	line := w.Header().Get("Set-Cookie")
	for _, want := range []string{"__Host-bongsu_login_" + l.ID + "=", "HttpOnly", "Secure", "SameSite=Lax", "Path=/", "Max-Age=5400"} {
		if !strings.Contains(line, want) {
			t.Errorf("no %s in %s", want, line)
		}
	}
	for _, secret := range []string{callback, "the state", "shop"} {
		if strings.Contains(line, secret) {
			t.Errorf("%s can be read", secret)
		}
	}
}

func TestLoginEnds(t *testing.T) {
	tests := []struct {
		name  string
		waits []time.Duration // between uses
		holds bool
	}{
		{"used at once", nil, true},
		{"just before ten minutes unused", []time.Duration{10 * time.Minute}, true},
		{"after ten minutes unused", []time.Duration{10*time.Minute + time.Second}, false},
		{"in use for half an hour", []time.Duration{9 * time.Minute, 9 * time.Minute, 9 * time.Minute, 3 * time.Minute}, true},
		{"in use for longer", []time.Duration{9 * time.Minute, 9 * time.Minute, 9 * time.Minute, 3*time.Minute + time.Second}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHouse(t)
			l := h.pending()
			r := h.kept(l)
			for n, wait := range tt.waits {
				h.clock.pass(wait)
				found, err := h.handler.logins.read(t.Context(), r, l.ID)
				if last := n == len(tt.waits)-1; last && errors.Is(err, errNoLogin) == tt.holds || !last && err != nil {
					t.Fatalf("after wait %d: %v", n, err)
				}
				if err == nil {
					r = h.kept(found)
				}
			}
		})
	}
}

// Nothing but this login's own cookie, sealed as a login, opens it.
func TestOnlyItsOwnCookieOpensALogin(t *testing.T) {
	h := newHouse(t)
	l, other := h.pending(), h.pending()
	name := func(l *Login) string { return "__Host-bongsu_" + group + l.ID }
	sealed := func(p seal.Purpose, text string) string {
		value, err := h.ring.Seal(p, []byte(text))
		h.must(err)
		return value
	}
	mine := h.kept(l).Cookies()[0].Value
	tests := []struct {
		name    string
		cookies []http.Cookie
		id      string
	}{
		{"no cookie", nil, l.ID},
		{"another login's", []http.Cookie{{Name: name(l), Value: h.kept(other).Cookies()[0].Value}}, l.ID},
		{"sealed for something else", []http.Cookie{{Name: name(l), Value: sealed("session", `{"i":"`+l.ID+`"}`)}}, l.ID},
		{"the mark of its end", []http.Cookie{{Name: name(l), Value: sealed(sealDone, `{"c":"shop"}`)}}, l.ID},
		{"no JSON", []http.Cookie{{Name: name(l), Value: sealed(sealLogin, "nonsense")}}, l.ID},
		{"sent twice", []http.Cookie{{Name: name(l), Value: mine}, {Name: name(l), Value: mine}}, l.ID},
		{"not sealed", []http.Cookie{{Name: name(l), Value: "eyJpIjoiIn0"}}, l.ID},
		{"a name that is no login's", []http.Cookie{{Name: "__Host-bongsu_login_x", Value: mine}}, "x"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
			for _, c := range tt.cookies {
				r.AddCookie(&c)
			}
			if _, err := h.handler.logins.read(t.Context(), r, tt.id); !errors.Is(err, errNoLogin) {
				t.Errorf("read: %v", err)
			}
		})
	}
}

func TestLoginThatCannotBeOpenedIsNotGone(t *testing.T) {
	h, other := newHouse(t), newHouse(t)
	l := other.pending()
	r := other.kept(l)
	h.away()
	_, err := h.handler.logins.read(t.Context(), r, l.ID)
	if errors.Is(err, errNoLogin) || !errors.Is(err, seal.ErrUnavailable) {
		t.Errorf("could not check: %v", err)
	}
	if _, ok := h.handler.logins.finished(t.Context(), r, l.ID); ok {
		t.Error("it counts as finished")
	}
}

func TestEndOfALoginIsRemembered(t *testing.T) {
	h := newHouse(t)
	l := h.pending()
	r := h.kept(l)
	if _, ok := h.handler.logins.finished(t.Context(), r, l.ID); ok {
		t.Error("a pending login counts as finished")
	}
	w := httptest.NewRecorder()
	h.must(h.handler.logins.finish(w, l))
	r = httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
	r = carrying(r, w)
	if d, ok := h.handler.logins.finished(t.Context(), r, l.ID); !ok || d.Client != "shop" {
		t.Errorf("finished: %+v %t", d, ok)
	}
	if _, err := h.handler.logins.read(t.Context(), r, l.ID); !errors.Is(err, errNoLogin) {
		t.Errorf("a finished login goes on: %v", err)
	}
}

// What a provider tells of a person never ends a login: it is shortened until
// the cookie holds it, and who it is stays.
func TestTooBigProofIsShortened(t *testing.T) {
	long := strings.Repeat("가", 340)
	tests := []struct {
		name     string
		identity providers.Identity
		state    string
		keeps    bool // name and e-mail
	}{
		{"a long picture", providers.Identity{Picture: "https://p.example/" + strings.Repeat("p", 2000)}, "s", true},
		{"a long name", providers.Identity{Name: long + long}, "s", true},
		{"a name longer than a cookie", providers.Identity{Name: strings.Repeat(long, 3)}, "s", false},
		{"many means", providers.Identity{AMR: strings.Fields(strings.Repeat("pwd ", 700))}, "s", true},
		{"the longest request, the longest subject", providers.Identity{Name: long, Phone: "+82 10-1234-5678"}, strings.Repeat("s", oauth.MaxState), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHouse(t)
			l := h.pending()
			l.Request.State = tt.state
			if len(tt.state) > 1 {
				l.Client, l.Hinted, l.Lang = strings.Repeat("c", 64), "u_"+strings.Repeat("h", 26), "ko"
				l.Request.Nonce = strings.Repeat("n", oauth.MaxRequest-len(mustJSON(t, l.Request))-len(`,"n":""`))
				l.Failures = []Failure{{"kakao", web.ReasonUnavailable}, {"naver", web.ReasonUnavailable}, {"google", web.ReasonDenied}}
				tt.identity.Subject = strings.Repeat("x", 255)
			} else {
				tt.identity.Subject = "who it is"
			}
			tt.identity.Provider = strings.Repeat("p", 32)
			if tt.identity.Name == "" {
				tt.identity.Name, tt.identity.Email = "김민지", "m@example.com"
			}
			l.Proof = &Proof{Identity: tt.identity, At: 1}
			got, err := h.handler.logins.read(t.Context(), h.kept(l), l.ID)
			h.must(err)
			i := got.Proof.Identity
			if i.Provider != tt.identity.Provider || i.Subject != tt.identity.Subject || got.Request.State != tt.state {
				t.Errorf("it is %q at %q now", i.Subject, i.Provider)
			}
			if (i.Name == tt.identity.Name && i.Email == tt.identity.Email) != tt.keeps {
				t.Errorf("name %d bytes, e-mail %q", len(i.Name), i.Email)
			}
		})
	}
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// All our cookies together stay below what servers take: the oldest logins go.
func TestOldestLoginsMakeRoom(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	var paths []string
	for range 12 {
		paths = append(paths, b.begun("state", strings.Repeat("s", 900), "nonce", "n"))
		h.clock.pass(time.Second)
		size := 0
		for name, value := range b.cookies {
			size += len(name) + len(value) + 3
		}
		if size > cookie.MaxTotal {
			t.Fatalf("%d bytes of cookies", size)
		}
	}
	b.get(paths[len(paths)-1]).menu()
	b.get(paths[0]).wantProblem(web.ProblemExpired, http.StatusGone)
}

func TestFailedWays(t *testing.T) {
	l := &Login{}
	l.failed("kakao", web.ReasonUnavailable)
	l.failed("naver", web.ReasonDenied)
	l.failed("apple", web.ReasonInvalid)
	l.failed("kakao", web.ReasonSetup)
	want := []Failure{{"naver", web.ReasonDenied}, {"apple", web.ReasonInvalid}, {"kakao", web.ReasonSetup}}
	if diff := cmp.Diff(want, l.Failures); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"apple", "kakao"}, l.failedWays()); diff != "" {
		t.Errorf("whoever changed their mind did not find a broken way: %s", diff)
	}
}

func TestOptionsAreRequired(t *testing.T) {
	whole := newHouse(t).handler.Options
	for name, leaveOut := range map[string]func(*Options){
		"issuer": func(o *Options) { o.Issuer = nil }, "clients": func(o *Options) { o.Clients = nil },
		"providers": func(o *Options) { o.Providers = nil }, "accounts": func(o *Options) { o.Accounts = nil },
		"sessions": func(o *Options) { o.Sessions = nil }, "sealer": func(o *Options) { o.Seal = nil },
		"keys": func(o *Options) { o.Keys = nil }, "pages": func(o *Options) { o.Pages = nil },
		"frame": func(o *Options) { o.Frame = nil }, "observer": func(o *Options) { o.Observer = nil },
		"health": func(o *Options) { o.Health = nil }, "ceilings": func(o *Options) { o.Ceilings = nil },
		"neighbourhood": func(o *Options) { o.Neighbourhood = nil },
		"audit":         func(o *Options) { o.Audit = nil }, "randomness": func(o *Options) { o.Rand = nil },
	} {
		o := whole
		leaveOut(&o)
		if _, err := New(o); err == nil {
			t.Errorf("a walk without %s", name)
		}
	}
	whole.Now = nil
	if h, err := New(whole); err != nil || h.Now == nil {
		t.Errorf("a walk without a clock: %v", err)
	}
}

func TestLoginsOfBrokenRandomnessAreNone(t *testing.T) {
	h := newHouse(t)
	h.handler.Rand = strings.NewReader("short")
	if a := h.browser().get(asking()); a.err == nil || a.to != nil {
		t.Errorf("a login began: %v", a.to)
	}
	h.handler.Rand = strings.NewReader("as much as an id wants")
	if a := h.browser().get(asking()); a.err == nil || a.to != nil {
		t.Errorf("a login without a whole secret began: %v", a.to)
	}
	if !id.Valid(h.pendingID(), id.DatedLength) {
		t.Error("no id")
	}
}

func (h *house) pendingID() string {
	h.handler.Rand = strings.NewReader(strings.Repeat("enough randomness ", 10))
	u, err := url.Parse(h.browser().get(asking()).to.String())
	h.must(err)
	return strings.TrimPrefix(u.Path, "/login/")
}
