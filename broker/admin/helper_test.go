package admin

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bongsu/bongsu/broker/account"
	"github.com/bongsu/bongsu/broker/audit"
	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/contact"
	"github.com/bongsu/bongsu/broker/coverage"
	"github.com/bongsu/bongsu/broker/credential"
	"github.com/bongsu/bongsu/broker/drill"
	"github.com/bongsu/bongsu/broker/habit"
	"github.com/bongsu/bongsu/broker/health"
	"github.com/bongsu/bongsu/broker/negative"
	"github.com/bongsu/bongsu/broker/outage"
	"github.com/bongsu/bongsu/broker/roster"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/broker/store/sqlstore"
	"github.com/bongsu/bongsu/keys/wrap"
	"github.com/bongsu/bongsu/providers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// cuttable is a real store that can be cut off.
type cuttable struct {
	*sqlstore.Store

	cut bool
}

func (c *cuttable) away() error {
	if c.cut {
		return store.ErrUnavailable
	}
	return nil
}

func (c *cuttable) RecordFact(ctx context.Context, f store.Fact) (store.Fact, error) {
	if err := c.away(); err != nil {
		return store.Fact{}, err
	}
	return c.Store.RecordFact(ctx, f)
}

func (c *cuttable) LiftFact(ctx context.Context, kind store.FactKind, id string, at time.Time) (store.Fact, error) {
	if err := c.away(); err != nil {
		return store.Fact{}, err
	}
	return c.Store.LiftFact(ctx, kind, id, at)
}

func (c *cuttable) DeclareOutage(ctx context.Context, o store.Outage) error {
	if err := c.away(); err != nil {
		return err
	}
	return c.Store.DeclareOutage(ctx, o)
}

func (c *cuttable) Outages(ctx context.Context, at time.Time) ([]store.Outage, error) {
	if err := c.away(); err != nil {
		return nil, err
	}
	return c.Store.Outages(ctx, at)
}

func (c *cuttable) StartDrill(ctx context.Context, d store.Drill) error {
	if err := c.away(); err != nil {
		return err
	}
	return c.Store.StartDrill(ctx, d)
}

func (c *cuttable) Coverage(ctx context.Context, q store.CoverageQuery) (active, covered int64, err error) {
	if err := c.away(); err != nil {
		return 0, 0, err
	}
	return c.Store.Coverage(ctx, q)
}

// published is metadata that waits, or does not.
type published struct {
	waits   bool
	adopted int
	fails   error
}

func (p *published) Pending() (any, bool) {
	return map[string]string{"token": "https://new.example/"}, p.waits
}

func (p *published) Adopt(context.Context) error {
	if p.fails != nil {
		return p.fails
	}
	if !p.waits {
		return ErrNothingWaits
	}
	p.waits = false
	p.adopted++
	return nil
}

// house is an admin listener with everything real behind it but the providers.
type house struct {
	t        *testing.T
	contact  contact.State
	now      time.Time
	store    *cuttable
	facts    *negative.Set
	outages  *outage.Set
	ledger   *coverage.Ledger
	drills   *drill.Engine
	secrets  *credential.Set
	asked    map[string]providers.Outcome // what providers say to a secret
	metadata *published
	healthy  map[string]bool
	events   []audit.Event

	server    *httptest.Server
	directory *client.Directory
	habits    *habit.Notes
	roster    *roster.Roster
	accounts  *account.Directory

	credential string
	other      string // the same operator's, while it changes
	client     *Client
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{
		t: t, now: time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC), metadata: &published{},
		healthy: map[string]bool{"naver": true, "google": true},
	}
	opened, err := sqlstore.Open(t.Context(), sqlstore.Options{Driver: sqlstore.SQLite, Path: filepath.Join(t.TempDir(), "bongsu.db")})
	h.must(err)
	t.Cleanup(func() { _ = opened.Close() })
	h.store = &cuttable{Store: opened}
	clock := func() time.Time { return h.now }
	h.facts, err = negative.Open(t.Context(), negative.Options{Store: h.store, Now: clock})
	h.must(err)
	h.outages, err = outage.New(outage.Options{Store: h.store, Now: clock})
	h.must(err)
	h.serve(clock)
	return h
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) serve(clock func() time.Time) {
	h.t.Helper()
	var ways []coverage.Provider
	var boarded []health.ProviderInfo
	var configured []Provider
	ids := []string{"kakao", "naver", "google"}
	for _, id := range ids {
		ways = append(ways, coverage.Provider{ID: id, Domains: []string{id}})
		boarded = append(boarded, health.ProviderInfo{ID: id, Domains: []string{id}})
		configured = append(configured, Provider{ID: id, Kind: id, Name: id, Domains: []string{id}})
	}
	configured[2].Metadata = h.metadata
	h.keepSecrets(clock, configured)
	board, err := health.New(health.Options{Site: "seoul", Node: "a", Providers: boarded, Now: clock})
	h.must(err)
	h.ledger, err = coverage.New(coverage.Options{
		Store: h.store, Providers: ways, Clients: shops, Now: clock,
		Out: func(p string) bool { return h.facts.Has(store.ProviderRetired, p) },
	})
	h.must(err)
	h.drills, err = drill.New(drill.Options{
		Store: h.store, Node: "seoul/a/1", Providers: ids, Now: clock,
		Healthy: func(p string) bool { return h.healthy[p] }, Incident: func() string { return "" },
		Forbidden: func() bool { return h.facts.Has(store.DrillsForbidden, store.AllDrills) },
	})
	h.must(err)
	h.register(clock)
	handler, err := New(Options{
		Site: "seoul", Node: "a", Operators: h.operators(), Providers: configured, Board: board, Contact: func() contact.State { return h.contact }, Negatives: h.facts, Facts: h.store,
		Instances: h.store, Credentials: h.secrets, Outages: h.store, Coverage: h.ledger, Drills: h.drills, Reread: h.outages.Read, Now: clock,
		Websites: h.websites(), People: h.people(),
		Audit: audit.New(slog.New(slog.DiscardHandler), []byte("key"), func(e audit.Event) { h.events = append(h.events, e) }),
	})
	h.must(err)
	mux := http.NewServeMux()
	for _, route := range handler.Routes() {
		mux.HandleFunc(route.Pattern, func(w http.ResponseWriter, r *http.Request) { _ = route.Handle(w, r) })
	}
	h.server = httptest.NewServer(mux)
	h.t.Cleanup(h.server.Close)
	h.client = h.as(h.credential)
}

func shops() []coverage.Client {
	return []coverage.Client{{ID: "shop"}, {ID: "narrow", Providers: []string{"kakao"}}}
}

// asked is a provider that says the same to every question.
type asked struct{ outcome providers.Outcome }

func (asked) Levels() []providers.Level {
	return []providers.Level{providers.LevelReach, providers.LevelToken}
}

func (a asked) Probe(_ context.Context, l providers.Level) providers.Probed {
	p := providers.Probed{Level: l, Outcome: a.outcome}
	if a.outcome != providers.OK {
		p.Code = "invalid_client"
	}
	return p
}

// keepSecrets makes providers what they are; google signs its secrets.
func (h *house) keepSecrets(clock func() time.Time, configured []Provider) {
	h.t.Helper()
	key, err := wrap.New(make([]byte, 32))
	h.must(err)
	h.secrets, err = credential.New(credential.Options{Store: h.store, Wrap: key, Now: clock})
	h.must(err)
	h.asked = map[string]providers.Outcome{"good": providers.OK, "bad": providers.Ours, "away": providers.Down}
	for i := range configured {
		id := configured[i].ID
		f := store.Fingerprint{Provider: id, Kind: id, Issuer: "https://" + id + ".example", ClientID: "ours", At: h.now}
		_, err := h.store.KeepFingerprint(h.t.Context(), f)
		h.must(err)
		configured[i].Trial = Trial{Fingerprint: f, Prober: asked{providers.OK}}
		if id == "google" {
			continue
		}
		h.secrets.Add(credential.Instance{ID: id, Issuer: f.Issuer, ClientID: f.ClientID, Configured: "configured"})
		configured[i].Trial.With = func(secret string) (providers.Prober, error) { return asked{h.asked[secret]}, nil }
	}
}

func (h *house) operators() []Operator {
	h.t.Helper()
	var hashes [2][32]byte
	var err error
	h.credential, hashes[0], err = client.NewSecret(rand.Reader)
	h.must(err)
	h.other, hashes[1], err = client.NewSecret(rand.Reader)
	h.must(err)
	_, night, err := client.NewSecret(rand.Reader)
	h.must(err)
	return []Operator{{Name: "night shift", SecretHashes: [][32]byte{night}}, {Name: "ops", SecretHashes: hashes[:]}}
}

// as is a client with that credential.
func (h *house) as(credential string) *Client {
	h.t.Helper()
	base, err := url.Parse(h.server.URL)
	h.must(err)
	c, err := NewClient(base, credential)
	h.must(err)
	return c
}

// order gives an order that must succeed.
func (h *house) order(provider, order string, o Order) Done {
	h.t.Helper()
	done, err := h.client.Order(h.t.Context(), provider, order, o)
	h.must(err)
	return done
}

// last is the latest event.
func (h *house) last() audit.Event {
	h.t.Helper()
	if len(h.events) == 0 {
		h.t.Fatal("nothing was audited")
	}
	return h.events[len(h.events)-1]
}

// wantUntouched checks that no order has had an effect.
func (h *house) wantUntouched() {
	h.t.Helper()
	facts, err := h.store.FactsSince(h.t.Context(), 0, 10)
	h.must(err)
	outages, err := h.store.Outages(h.t.Context(), h.now)
	h.must(err)
	drills, err := h.store.Drills(h.t.Context(), 10)
	h.must(err)
	if len(facts) != 0 || h.facts.Len() != 0 || len(outages) != 0 || len(drills) != 0 || h.metadata.adopted != 0 {
		h.t.Errorf("something changed: %v %v %v", facts, outages, drills)
	}
}

// wantProblem checks what the broker answered with.
func wantProblem(t *testing.T, err error, status int, code Code) {
	t.Helper()
	p, ok := errors.AsType[*Problem](err)
	if !ok || p.Status != status || p.Code != code || p.Title == "" {
		t.Fatalf("got %+v, want %d %s", err, status, code)
	}
}

// wantRefusal checks which safety check refused, and what overrides it.
func wantRefusal(t *testing.T, err error, check, override string) {
	t.Helper()
	wantProblem(t, err, http.StatusConflict, CodeRefused)
	if p, _ := errors.AsType[*Problem](err); p.Check != check || p.Override != override {
		t.Errorf("problem %+v, want %s, overridden by %q", p, check, override)
	}
}
