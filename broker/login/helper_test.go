package login

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/account"
	"github.com/bongsu/bongsu/broker/audit"
	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/consent"
	"github.com/bongsu/bongsu/broker/cookie"
	"github.com/bongsu/bongsu/broker/health"
	"github.com/bongsu/bongsu/broker/session"
	"github.com/bongsu/bongsu/broker/store"
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
	consents map[string]store.Consent
	readOnly error // every verb that writes fails with it
	down     error
	asked    int
}

func (r *records) AccountByIdentity(_ context.Context, key store.IdentityKey, _ int64) (store.Account, error) {
	r.asked++
	if r.down != nil {
		return store.Account{}, r.down
	}
	return r.find(r.links[key])
}

func (r *records) Account(_ context.Context, id string, _ int64) (store.Account, error) {
	r.asked++
	if r.down != nil {
		return store.Account{}, r.down
	}
	return r.find(id)
}

func (r *records) FillProfile(_ context.Context, a store.Account) error {
	if r.down != nil {
		return r.down
	}
	r.accounts[a.ID] = a
	return nil
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

func (r *records) Links(_ context.Context, accountID string) ([]store.Link, error) {
	r.asked++
	if r.down != nil {
		return nil, r.down
	}
	var links []store.Link
	for key, owner := range r.links {
		if owner == accountID {
			links = append(links, store.Link{IdentityKey: key, AccountID: owner})
		}
	}
	slices.SortFunc(links, func(a, b store.Link) int { return strings.Compare(a.Provider+a.Subject, b.Provider+b.Subject) })
	return links, nil
}

func (r *records) LinkIdentityEndSessions(_ context.Context, l store.Link, epoch int64, at time.Time) (store.Fact, error) {
	r.asked++
	_, taken := r.links[l.IdentityKey]
	switch {
	case r.down != nil:
		return store.Fact{}, r.down
	case taken:
		return store.Fact{}, store.ErrConflict
	case r.accounts[l.AccountID].Epoch != epoch:
		return store.Fact{}, store.ErrNotFound
	}
	r.links[l.IdentityKey] = l.AccountID
	return r.end(l.AccountID, at), nil
}

func (r *records) UnlinkIdentity(_ context.Context, key store.IdentityKey, accountID string, epoch int64, at time.Time) (store.Fact, error) {
	r.asked++
	links, err := r.Links(context.Background(), accountID)
	switch {
	case err != nil:
		return store.Fact{}, err
	case r.links[key] != accountID, r.accounts[accountID].Epoch != epoch:
		return store.Fact{}, store.ErrNotFound
	case len(links) == 1:
		return store.Fact{}, store.ErrLast
	}
	delete(r.links, key)
	return r.end(accountID, at), nil
}

func (r *records) end(accountID string, at time.Time) store.Fact {
	a := r.accounts[accountID]
	a.Epoch++
	r.accounts[accountID] = a
	return store.Fact{Kind: store.AccountEpoch, ID: accountID, Epoch: a.Epoch, Revision: 1, At: at}
}

func (r *records) find(id string) (store.Account, error) {
	found, ok := r.accounts[id]
	if !ok {
		return store.Account{}, store.ErrNotFound
	}
	return found, nil
}

func (r *records) Consent(_ context.Context, accountID, clientID string, _ []string) (store.Consent, error) {
	given, ok := r.consents[accountID+" "+clientID]
	switch {
	case r.down != nil:
		return store.Consent{}, r.down
	case !ok && r.readOnly != nil:
		return store.Consent{}, r.readOnly
	case !ok:
		return store.Consent{}, store.ErrNotFound
	}
	return given, nil
}

func (r *records) GiveConsent(_ context.Context, c store.Consent) error {
	if err := errors.Join(r.down, r.readOnly); err != nil {
		return err
	}
	r.consents[c.AccountID+" "+c.ClientID] = c
	return nil
}

func (r *records) ConsentsOf(context.Context, string, int) ([]store.Consent, error) {
	return nil, r.down
}

func (r *records) GrantsOfAccount(context.Context, string, time.Time, int) ([]store.Grant, error) {
	return nil, r.down
}

// facts are the negative facts known here.
type facts struct {
	known  map[string]bool
	epochs map[string]int64
}

func (f *facts) Has(kind store.FactKind, id string) bool    { return f.known[string(kind)+" "+id] }
func (f *facts) EpochInDoubt(string) (doubted, stored bool) { return false, false }
func (f *facts) MinEpoch(account string) int64              { return f.epochs[account] }
func (f *facts) Epoch(k store.FactKind, id string) int64    { return f.epochs[string(k)+" "+id] }
func (f *facts) Apply(_ context.Context, fact store.Fact) error {
	f.known[string(fact.Kind)+" "+fact.ID] = true
	if fact.Kind == store.AccountEpoch {
		f.epochs[fact.ID] = fact.Epoch
	}
	f.epochs[string(fact.Kind)+" "+fact.ID] = fact.Epoch
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
	during   func() // what happens elsewhere while it is asked; nil: nothing
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
	leg.Report(providers.Observation{Provider: s.instance.ID, Step: providers.StepCallback, Outcome: providers.OK})
	s.finished = append(s.finished, leg)
	if s.during != nil {
		s.during()
	}
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

// weather is what the board says, and which providers bear no more.
type weather struct {
	snapshot *health.Snapshot
	closed   map[string]bool
}

func (w *weather) Snapshot() *health.Snapshot { return w.snapshot }
func (w *weather) Enter(provider string) bool { return !w.closed[provider] }
func (w *weather) Full(provider string) bool  { return w.closed[provider] }

// says replaces what the board says.
func (h *house) says(verdicts ...health.Verdict) {
	h.weather.snapshot = health.View(h.clock.Now(), "seoul", verdicts...)
}

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
	weather  *weather

	err error // of the last request
}

const callback = "https://shop.example/cb"

func shops() []*client.Client {
	shop := client.Client{ID: "shop", Name: "Shop", FirstParty: true, PKCEOptional: true, RedirectURIs: []string{callback}, URI: "https://shop.example/"}
	shop.SecretHashes = [][32]byte{client.HashSecret("shop-secret-of-more-than-thirty-two")}
	strict, third, narrow, machine := shop, shop, shop, shop
	strict.ID, strict.PKCEOptional = "strict", false
	third.ID, third.FirstParty, third.OptionalScopes = "third", false, []string{"phone"}
	narrow.ID, narrow.Providers = "narrow", []string{"naver"}
	machine.ID, machine.GrantTypes = "machine", []string{client.GrantClientCredentials}
	passkeys := shop
	passkeys.ID, passkeys.MinACR = "passkeys", "phr"
	patient := shop
	patient.ID, patient.WriterGone = "patient", client.WriterGoneWait
	lenient := shop
	lenient.ID, lenient.StaleAllowed = "lenient", true
	return []*client.Client{&shop, &strict, &third, &narrow, &machine, &passkeys, &patient, &lenient}
}

func newHouse(t testing.TB) *house {
	t.Helper()
	h := &house{
		t: t, mux: http.NewServeMux(), keys: keystest.NewStore(), pages: &pages{}, observed: &observations{},
		clock:   &clock{now: time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)},
		records: &records{accounts: map[string]store.Account{}, links: map[store.IdentityKey]string{}, consents: map[string]store.Consent{}},
		facts:   &facts{known: map[string]bool{}, epochs: map[string]int64{}}, ways: map[string]*scripted{},
		weather: &weather{closed: map[string]bool{}},
	}
	h.says()
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
	consents, err := consent.New(consent.Options{Records: h.records, Negatives: h.facts, Now: h.clock.Now})
	h.must(err)
	registry, err := client.NewRegistry(shops())
	h.must(err)
	o := Options{
		Issuer: at, Clients: registry, Accounts: accounts, Sessions: sessions, Consents: consents, Seal: h.ring, Keys: h.signing,
		Pages: h.pages, Observer: h.observed, Health: h.weather, Ceilings: h.weather,
		Neighbourhood: func(*http.Request) string { return "203.0.113.0/24" }, Rand: rand.Reader, Now: h.clock.Now,
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
		"POST /login/{id}/link": h.handler.Link, "POST /login/{id}/unlink": h.handler.Unlink,
		"GET /account/sign-in": h.handler.SignIn, "POST /account/link/{provider}": h.handler.BeginLink,
		"POST /account/unlink/{provider}": h.handler.BeginUnlink,
		"POST /login/{id}/new-account":    h.handler.NewAccount, "POST /login/{id}/cancel": h.handler.Cancel,
		"POST /login/{id}/agree": h.handler.Agree,
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
