package session

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bongsu/bongsu/broker/audit"
	"github.com/bongsu/bongsu/broker/backchannel"
	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/cookie"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/broker/web"
	"github.com/bongsu/bongsu/keys"
	"github.com/bongsu/bongsu/keys/keystest"
	"github.com/bongsu/bongsu/keys/seal"
	"github.com/bongsu/bongsu/keys/wrap"
)

const issuer = "https://login.example.kr"

type facts struct {
	said  []store.Fact
	fails error
}

func (f *facts) Has(kind store.FactKind, id string) bool {
	for _, s := range f.said {
		if s.Kind == kind && s.ID == id {
			return true
		}
	}
	return false
}

func (f *facts) Epoch(kind store.FactKind, id string) int64 {
	for _, s := range f.said {
		if s.Kind == kind && s.ID == id {
			return s.Epoch
		}
	}
	return 0
}

func (f *facts) Apply(_ context.Context, s store.Fact) error {
	if f.fails == nil {
		f.said = append(f.said, s)
	}
	return f.fails
}

type pages struct{ view web.View }

func (p *pages) Write(w http.ResponseWriter, status int, view web.View) error {
	p.view = view
	w.WriteHeader(status)
	return nil
}

// websites remembers what it was told, and answers as it is made to.
type websites struct {
	ended   []string // sids that somebody waited for
	begun   []string // sids that nobody waited for
	results []backchannel.Result
	fails   error
}

func (w *websites) Ended(_ context.Context, f store.Fact) ([]backchannel.Result, error) {
	w.ended = append(w.ended, f.ID)
	return w.results, w.fails
}

func (w *websites) Begin(_ context.Context, f store.Fact) { w.begun = append(w.begun, f.ID) }

type house struct {
	t       *testing.T
	keeper  *Keeper
	logout  *Logout
	ring    *seal.Ring
	signing *keys.Ring
	keys    *keystest.Store
	facts   *facts
	pages   *pages
	now     time.Time
	events  []audit.Event

	websites websites
	cookies  map[string]string
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{
		t: t, keys: keystest.NewStore(), facts: &facts{}, pages: &pages{}, cookies: map[string]string{},
		now: time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC),
	}
	clock := func() time.Time { return h.now }
	key, err := wrap.New(bytes.Repeat([]byte{1}, wrap.SecretSize))
	h.must(err)
	h.ring, err = seal.Open(t.Context(), seal.Options{Store: h.keys, Wrap: key, Now: clock})
	h.must(err)
	h.signing, err = keys.Open(t.Context(), keys.Options{
		Issuer: issuer, Site: "seoul", Algorithms: []keys.Algorithm{keys.ES256}, Store: h.keys, Wrap: key, Now: clock,
	})
	h.must(err)
	at, err := url.Parse(issuer)
	h.must(err)
	h.keeper, err = New(Options{
		Jar: cookie.NewJar(at), Seal: h.ring, Negatives: h.facts, Idle: time.Hour, Lifetime: 24 * time.Hour, Now: clock,
	})
	h.must(err)
	shop := client.Client{ID: "shop", Name: "Shop", FirstParty: true, RedirectURIs: []string{"https://shop.example/cb"}, URI: "https://shop.example/"}
	shop.SecretHashes = [][32]byte{client.HashSecret("shop-secret-of-more-than-thirty-two")}
	shop.PostLogoutRedirectURIs = []string{"https://shop.example/out"}
	other := shop
	other.ID = "other"
	registry, err := client.NewRegistry([]*client.Client{&shop, &other})
	h.must(err)
	h.logout = &Logout{
		Sessions: h.keeper, Clients: registry, Keys: h.signing, Tags: h.ring, Pages: h.pages, Path: "/logout", Confirm: "/logout/confirm",
		Audit:    audit.New(slog.New(slog.DiscardHandler), nil, func(e audit.Event) { h.events = append(h.events, e) }),
		Frame:    func(*http.Request, *client.Client, []string) web.Frame { return web.Frame{} },
		Websites: &h.websites,
	}
	return h
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) sample() Session {
	return Session{SID: "sid-1", Account: "acc", Epoch: 3, Provider: "kakao", ACR: "c", AMR: []string{"pwd"}, AuthTime: h.now.Unix() - 5, Began: h.now.Unix()}
}

func (h *house) request(method, target string, form url.Values) *http.Request {
	r := httptest.NewRequestWithContext(h.t.Context(), method, target, strings.NewReader(form.Encode()))
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, value := range h.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	return r
}

// keep takes over the cookies that w sets.
func (h *house) keep(w *httptest.ResponseRecorder) {
	result := w.Result()
	_ = result.Body.Close()
	for _, c := range result.Cookies() {
		if c.MaxAge < 0 {
			delete(h.cookies, c.Name)
		} else {
			h.cookies[c.Name] = c.Value
		}
	}
}

func (h *house) signIn() Session {
	h.t.Helper()
	w := httptest.NewRecorder()
	h.must(h.keeper.Write(w, h.sample()))
	h.keep(w)
	s, err := h.read()
	h.must(err)
	return s
}

func (h *house) read() (Session, error) {
	return h.keeper.Read(h.t.Context(), h.request(http.MethodGet, "/", nil))
}

func TestSessionComesBack(t *testing.T) {
	h := newHouse(t)
	want := h.sample()
	want.Seen = h.now.Unix()
	if diff := cmp.Diff(want, h.signIn()); diff != "" {
		t.Error(diff)
	}
	h.cookies["__Host-bongsu_session"] += "A"
	if _, err := h.read(); !errors.Is(err, ErrNone) {
		t.Errorf("a changed cookie: %v", err)
	}
	foreign, err := h.ring.Seal("login", mustJSON(t, want))
	h.must(err)
	h.cookies["__Host-bongsu_session"] = foreign
	if _, err := h.read(); !errors.Is(err, ErrNone) {
		t.Errorf("another seal: %v", err)
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

func TestSessionEnds(t *testing.T) {
	began := newHouse(t).now.Unix()
	tests := []struct {
		name  string
		touch []time.Duration // uses before, one after another
		wait  time.Duration
		fact  store.Fact
		holds bool
	}{
		{"used a moment ago", nil, time.Hour - time.Second, store.Fact{}, true},
		{"unused too long", nil, time.Hour, store.Fact{}, false},
		{"kept by use", []time.Duration{50 * time.Minute, 50 * time.Minute}, 50 * time.Minute, store.Fact{}, true},
		{"used within a minute: nothing is renewed", []time.Duration{59 * time.Second}, time.Hour - 59*time.Second, store.Fact{}, false},
		{"ended", nil, 0, store.Fact{Kind: store.SessionEnded, ID: "sid-1"}, false},
		{"another one ended", nil, 0, store.Fact{Kind: store.SessionEnded, ID: "sid-2"}, true},
		{"its provider's word is worth nothing", nil, 0, store.Fact{Kind: store.ProviderSessionsEnded, ID: "kakao", Epoch: began}, false},
		{"begun after its provider's word was worth nothing", nil, 0, store.Fact{Kind: store.ProviderSessionsEnded, ID: "kakao", Epoch: began - 1}, true},
		{"another provider's word is worth nothing", nil, 0, store.Fact{Kind: store.ProviderSessionsEnded, ID: "naver", Epoch: began}, true},
		{"its account disabled", nil, 0, store.Fact{Kind: store.AccountDisabled, ID: "acc"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHouse(t)
			s := h.signIn()
			for _, wait := range tt.touch {
				h.now = h.now.Add(wait)
				w := httptest.NewRecorder()
				h.must(h.keeper.Touch(w, s))
				h.keep(w)
				var err error
				s, err = h.read()
				h.must(err)
			}
			h.facts.said = append(h.facts.said, tt.fact)
			h.now = h.now.Add(tt.wait)
			if _, err := h.read(); errors.Is(err, ErrNone) == tt.holds {
				t.Errorf("read: %v", err)
			}
		})
	}
}

func TestNoUseOutlivesTheLifetime(t *testing.T) {
	h := newHouse(t)
	s := h.signIn()
	for range 26 {
		h.now = h.now.Add(55 * time.Minute)
		w := httptest.NewRecorder()
		h.must(h.keeper.Touch(w, s))
		h.keep(w)
	}
	if _, err := h.read(); err != nil {
		t.Fatalf("before its end: %v", err)
	}
	h.now = h.now.Add(10 * time.Minute)
	if _, err := h.read(); !errors.Is(err, ErrNone) {
		t.Errorf("after its end: %v", err)
	}
}

func TestSessionThatCannotBeOpened(t *testing.T) {
	h, other := newHouse(t), newHouse(t)
	other.signIn()
	h.cookies = other.cookies
	h.keys.Intercept(func(context.Context, string) error { return errors.New("away") })
	h.now = h.now.Add(11 * time.Second)
	if _, err := h.read(); errors.Is(err, ErrNone) || !errors.Is(err, seal.ErrUnavailable) {
		t.Errorf("could not check: %v", err)
	}
}

func TestOptionsAreRequired(t *testing.T) {
	whole := newHouse(t).keeper.Options
	for name, spoil := range map[string]func(*Options){
		"no sealer": func(o *Options) { o.Seal = nil }, "no negatives": func(o *Options) { o.Negatives = nil },
		"a negative ceiling": func(o *Options) { o.Ceiling = -1 }, "a ceiling without outages": func(o *Options) { o.Ceiling = 1 },
		"no idle time": func(o *Options) { o.Idle = 0 }, "idle longer than the whole": func(o *Options) { o.Idle = o.Lifetime + 1 },
	} {
		o := whole
		spoil(&o)
		if _, err := New(o); err == nil {
			t.Error(name)
		}
	}
}
