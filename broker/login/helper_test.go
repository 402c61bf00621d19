package login

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/account"
	"github.com/bongsu/bongsu/broker/audit"
	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/cookie"
	"github.com/bongsu/bongsu/broker/session"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/broker/token"
	"github.com/bongsu/bongsu/broker/web"
	"github.com/bongsu/bongsu/keys"
	"github.com/bongsu/bongsu/keys/keystest"
	"github.com/bongsu/bongsu/keys/seal"
	"github.com/bongsu/bongsu/keys/wrap"
	"github.com/bongsu/bongsu/providers"
)

const issuer = "https://login.example.kr"

// errAway is a store that cannot be asked.
var errAway = errors.Join(store.ErrUnavailable, errors.New("away"))

// clock is a hand-turned clock.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// records keeps accounts in memory; down fails every verb.
type records struct {
	accounts map[string]store.Account
	links    map[store.IdentityKey]string
	down     error
	asked    int
}

func (r *records) AccountByIdentity(_ context.Context, key store.IdentityKey) (store.Account, error) {
	r.asked++
	if r.down != nil {
		return store.Account{}, r.down
	}
	return r.find(r.links[key])
}

func (r *records) Account(_ context.Context, id string, minEpoch int64) (store.Account, error) {
	r.asked++
	if r.down != nil {
		return store.Account{}, r.down
	}
	found, err := r.find(id)
	if err == nil && found.Epoch < minEpoch {
		return store.Account{}, store.ErrNotFound
	}
	return found, err
}

func (r *records) OpenAccount(_ context.Context, a store.Account, key store.IdentityKey) error {
	r.asked++
	if r.down != nil {
		return r.down
	}
	if _, taken := r.links[key]; taken {
		return store.ErrConflict
	}
	r.accounts[a.ID], r.links[key] = a, a.ID
	return nil
}

func (r *records) find(id string) (store.Account, error) {
	found, ok := r.accounts[id]
	if !ok {
		return store.Account{}, store.ErrNotFound
	}
	return found, nil
}

// facts are the negative facts known here.
type facts struct {
	known map[string]bool
	epoch int64
}

func (f *facts) Has(kind store.FactKind, id string) bool { return f.known[string(kind)+" "+id] }
func (f *facts) MinEpoch(string) int64                   { return f.epoch }
func (f *facts) Apply(_ context.Context, fact store.Fact) error {
	f.known[string(fact.Kind)+" "+fact.ID] = true
	return nil
}

// scripted is a provider that does what the test says.
type scripted struct {
	instance providers.Instance
	beginErr error
	identity providers.Identity
	err      error
	legs     []providers.Leg
	finished []providers.Leg
}

func (s *scripted) Instance() providers.Instance { return s.instance }

func (s *scripted) Begin(_ context.Context, leg providers.Leg) (string, error) {
	leg.Report(providers.Observation{Provider: s.instance.ID, Step: providers.StepAuthorize, Outcome: providers.OutcomeOf(s.beginErr)})
	if s.beginErr != nil {
		return "", s.beginErr
	}
	s.legs = append(s.legs, leg)
	return "https://" + s.instance.ID + ".example/auth?state=" + leg.State, nil
}

func (s *scripted) Finish(_ context.Context, leg providers.Leg, _ providers.Return) (providers.Identity, error) {
	s.finished = append(s.finished, leg)
	return s.identity, s.err
}

// failing is a provider's failure with that outcome.
func failing(way string, outcome providers.Outcome) error {
	return &providers.Error{Provider: way, Step: providers.StepToken, Outcome: outcome}
}

// pages keeps the last page instead of drawing it.
type pages struct{ view web.View }

func (p *pages) Write(w http.ResponseWriter, status int, view web.View) error {
	p.view = view
	w.WriteHeader(status)
	return nil
}

// observations keeps what the walk told of its steps.
type observations struct{ seen []Observation }

func (o *observations) Observe(_ context.Context, seen Observation) { o.seen = append(o.seen, seen) }

// house is a walk with everything around it in memory.
type house struct {
	t        testing.TB
	handler  *Handler
	mux      *http.ServeMux
	clock    *clock
	keys     *keystest.Store
	ring     *seal.Ring
	signing  *keys.Ring
	records  *records
	facts    *facts
	pages    *pages
	observed *observations
	ways     map[string]*scripted
	events   []audit.Event
	jar      cookie.Jar

	err error // of the last request
}

const callback = "https://shop.example/cb"

func shops() []*client.Client {
	shop := client.Client{ID: "shop", Name: "Shop", FirstParty: true, PKCEOptional: true, RedirectURIs: []string{callback}, URI: "https://shop.example/"}
	shop.SecretHashes = [][32]byte{client.HashSecret("shop-secret-of-more-than-thirty-two")}
	strict, third, narrow, machine := shop, shop, shop, shop
	strict.ID, strict.PKCEOptional = "strict", false
	third.ID, third.FirstParty = "third", false
	narrow.ID, narrow.Providers = "narrow", []string{"naver"}
	machine.ID, machine.GrantTypes = "machine", []string{client.GrantClientCredentials}
	passkeys := shop
	passkeys.ID, passkeys.MinACR = "passkeys", "phr"
	return []*client.Client{&shop, &strict, &third, &narrow, &machine, &passkeys}
}

func newHouse(t testing.TB) *house {
	t.Helper()
	h := &house{
		t: t, mux: http.NewServeMux(), keys: keystest.NewStore(), pages: &pages{}, observed: &observations{},
		clock:   &clock{now: time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)},
		records: &records{accounts: map[string]store.Account{}, links: map[store.IdentityKey]string{}},
		facts:   &facts{known: map[string]bool{}}, ways: map[string]*scripted{},
	}
	h.openRings()
	at, err := url.Parse(issuer)
	h.must(err)
	h.jar = cookie.NewJar(at)
	accounts, err := account.New(account.Options{
		Records: h.records, Negatives: h.facts, Salt: bytes.Repeat([]byte{3}, 32), Rand: rand.Reader, Now: h.clock.Now,
	})
	h.must(err)
	sessions, err := session.New(session.Options{
		Jar: h.jar, Seal: h.ring, Negatives: h.facts, Idle: 12 * time.Hour, Lifetime: 7 * 24 * time.Hour, Now: h.clock.Now,
	})
	h.must(err)
	registry, err := client.NewRegistry(shops())
	h.must(err)
	o := Options{
		Issuer: at, Clients: registry, Accounts: accounts, Sessions: sessions, Seal: h.ring, Keys: h.signing,
		Pages: h.pages, Observer: h.observed, Rand: rand.Reader, Now: h.clock.Now,
		Frame: func(_ *http.Request, _ *client.Client, lang string) web.Frame { return web.Frame{Lang: lang} },
		Audit: audit.New(slog.New(slog.DiscardHandler), []byte("key"), func(e audit.Event) { h.events = append(h.events, e) }),
	}
	for _, way := range []string{"kakao", "naver", "apple"} {
		h.ways[way] = &scripted{
			instance: providers.Instance{ID: way, Kind: way, Name: way, FormPost: way == "apple"},
			identity: providers.Identity{Provider: way, Subject: "minji at " + way, Name: "김민지", Email: "minji@example.com"},
		}
		o.Providers = append(o.Providers, h.ways[way])
	}
	h.handler, err = New(o)
	h.must(err)
	h.route()
	return h
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) openRings() {
	h.t.Helper()
	cluster, err := wrap.New(bytes.Repeat([]byte{1}, wrap.SecretSize))
	h.must(err)
	h.ring, err = seal.Open(h.t.Context(), seal.Options{Store: h.keys, Wrap: cluster, Now: h.clock.Now})
	h.must(err)
	h.signing, err = keys.Open(h.t.Context(), keys.Options{
		Issuer: issuer, Site: "seoul", Algorithms: []keys.Algorithm{keys.ES256}, Store: h.keys, Wrap: cluster, Now: h.clock.Now,
	})
	h.must(err)
}

func (h *house) route() {
	for pattern, handle := range map[string]func(http.ResponseWriter, *http.Request) error{
		"GET /authorize": h.handler.Authorize, "POST /authorize": h.handler.AuthorizePosted,
		"GET /callback/{provider}": h.handler.Callback, "POST /callback/{provider}": h.handler.CallbackPosted,
		"GET /login/{id}": h.handler.Page, "GET /login/{id}/menu": h.handler.Menu, "GET /login/{id}/go/{way}": h.handler.Go,
		"POST /login/{id}/new-account": h.handler.NewAccount, "POST /login/{id}/cancel": h.handler.Cancel,
	} {
		h.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { h.err = handle(w, r) })
	}
}

// know gives the person of way an account.
func (h *house) know(way string, change ...func(*store.Account)) store.Account {
	known := store.Account{ID: "account-of-" + way, Seed: bytes.Repeat([]byte{7}, 32), Epoch: 1, Name: "민지", Email: "m@example.com"}
	for _, c := range change {
		c(&known)
	}
	h.records.accounts[known.ID] = known
	h.records.links[store.IdentityKey{Provider: way, Subject: h.ways[way].identity.Subject}] = known.ID
	return known
}

// visitor is a browser that keeps cookies and follows nothing.
type visitor struct {
	h       *house
	cookies map[string]string
}

func (h *house) browser() *visitor { return &visitor{h: h, cookies: map[string]string{}} }

// answered is what one request came to.
type answered struct {
	t      testing.TB
	code   int
	to     *url.URL // Location; nil without one
	view   web.View // the page, if one was drawn
	err    error
	header http.Header
}

func (b *visitor) do(method, target string, form url.Values) answered {
	b.h.t.Helper()
	r := httptest.NewRequestWithContext(b.h.t.Context(), method, target, strings.NewReader(form.Encode()))
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	b.h.pages.view, b.h.err = nil, nil
	w := httptest.NewRecorder()
	b.h.mux.ServeHTTP(w, r)
	result := w.Result()
	defer func() { _ = result.Body.Close() }()
	for _, c := range result.Cookies() {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c.Value
		}
	}
	a := answered{t: b.h.t, code: w.Code, view: b.h.pages.view, err: b.h.err, header: result.Header}
	if location := result.Header.Get("Location"); location != "" {
		var err error
		a.to, err = url.Parse(location)
		b.h.must(err)
	}
	return a
}

func (b *visitor) get(target string) answered {
	b.h.t.Helper()
	return b.do(http.MethodGet, target, nil)
}

func (b *visitor) post(target string, form url.Values) answered {
	b.h.t.Helper()
	return b.do(http.MethodPost, target, form)
}

// asking is a request of the website shop with changes: an empty value takes
// the parameter away.
func asking(changes ...string) string {
	q := url.Values{
		"client_id": {"shop"}, "redirect_uri": {callback}, "response_type": {"code"},
		"scope": {"openid profile email"}, "state": {"the state"}, "nonce": {"the nonce"},
	}
	for n := 0; n+1 < len(changes); n += 2 {
		q.Set(changes[n], changes[n+1])
		if changes[n+1] == "" {
			q.Del(changes[n])
		}
	}
	return "/authorize?" + q.Encode()
}

// begun brings a browser to the menu and returns the path of its login.
func (b *visitor) begun(changes ...string) string {
	b.h.t.Helper()
	a := b.get(asking(changes...))
	if a.err != nil || a.to == nil || !strings.HasPrefix(a.to.Path, "/login/") {
		b.h.t.Fatalf("no login began: %d %v %v", a.code, a.to, a.err)
	}
	return a.to.Path
}

// goneTo sends the browser to way and returns the state it left with.
func (b *visitor) goneTo(path, way string) string {
	b.h.t.Helper()
	a := b.get(path + "/go/" + way)
	if a.to == nil || a.to.Host != way+".example" {
		b.h.t.Fatalf("the browser did not leave for %s: %d %v %v", way, a.code, a.to, a.err)
	}
	return a.to.Query().Get("state")
}

// back is the provider's answer.
func (b *visitor) back(way, state string) answered {
	b.h.t.Helper()
	return b.get("/callback/" + way + "?code=c&state=" + url.QueryEscape(state))
}

// signedIn gives the browser a session by logging in by way.
func (b *visitor) signedIn(way string) {
	b.h.t.Helper()
	a := b.back(way, b.goneTo(b.begun(), way))
	b.h.code(a)
}

// code opens the code that the website got.
func (h *house) code(a answered) token.Code {
	h.t.Helper()
	if a.to == nil || a.to.Query().Get("code") == "" {
		h.t.Fatalf("the website got no code: %d %v %v", a.code, a.to, a.err)
	}
	plain, err := h.ring.Open(h.t.Context(), "code", a.to.Query().Get("code"))
	h.must(err)
	var c token.Code
	h.must(json.Unmarshal(plain, &c))
	return c
}

// wantError checks that the website was told that error, with its state.
func (a answered) wantError(code string) {
	a.t.Helper()
	if a.err != nil || a.to == nil {
		a.t.Fatalf("the website was not told %s: %d %v", code, a.code, a.err)
	}
	q := a.to.Query()
	if got := q.Get("error"); got != code || !strings.HasPrefix(a.to.String(), callback+"?") {
		a.t.Errorf("the website was told %q at %s, want %q", got, a.to, code)
	}
	if q.Get("state") != "the state" || q.Get("iss") != issuer || q.Get("error_description") == "" || q.Get("code") != "" {
		a.t.Errorf("the answer is %v", q)
	}
}

// wantProblem checks that the request ended on that page of ours.
func (a answered) wantProblem(kind web.ProblemKind, status int) *Problem {
	a.t.Helper()
	var p *Problem
	if !errors.As(a.err, &p) {
		a.t.Fatalf("no problem page but %d %v %v", a.code, a.to, a.err)
	}
	if p.Kind != kind || p.Status != status {
		a.t.Fatalf("problem %s %d, want %s %d", p.Kind, p.Status, kind, status)
	}
	return p
}

// menu returns the menu that is shown.
func (a answered) menu() web.Menu {
	a.t.Helper()
	m, ok := a.view.(web.Menu)
	if !ok {
		a.t.Fatalf("the page is %T (%d %v %v)", a.view, a.code, a.to, a.err)
	}
	return m
}

// last returns the last event.
func (h *house) last() audit.Event {
	if len(h.events) == 0 {
		return audit.Event{}
	}
	return h.events[len(h.events)-1]
}

// away makes every key that is not known here impossible to look up.
func (h *house) away() {
	h.keys.Intercept(func(context.Context, string) error { return errAway })
	h.clock.pass(11 * time.Second) // past the last look
}
