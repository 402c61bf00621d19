package backchannel

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/id"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/broker/store/sqlstore"
	"github.com/bongsu/bongsu/keys"
	"github.com/bongsu/bongsu/keys/keystest"
	"github.com/bongsu/bongsu/keys/wrap"
)

const issuer = "https://login.example.kr"

// website takes logout tokens at /{client}, and answers as it is told to.
type website struct {
	*httptest.Server

	mu      sync.Mutex
	answers map[string]int // by client id; 0 is 200
	tokens  map[string][]string
}

func newWebsite(t *testing.T) *website {
	w := &website{answers: map[string]int{}, tokens: map[string][]string{}}
	w.Server = httptest.NewTLSServer(http.HandlerFunc(w.serve))
	t.Cleanup(w.Close)
	return w
}

func (w *website) serve(to http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	name := r.URL.Path[1:]
	if r.Method != http.MethodPost || r.ParseForm() != nil {
		to.WriteHeader(http.StatusTeapot)
		return
	}
	w.tokens[name] = append(w.tokens[name], r.PostForm.Get("logout_token"))
	if answer := w.answers[name]; answer != 0 {
		to.Header().Set("Location", "/elsewhere")
		to.WriteHeader(answer)
	}
	_, _ = io.WriteString(to, "ok")
}

func (w *website) answer(name string, status int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answers[name] = status
}

func (w *website) heard(name string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.tokens[name])
}

type subjects struct{}

func (subjects) Subject(a store.Account, c *client.Client) string { return c.ID + "/" + a.ID[:4] }

type house struct {
	told     []string // of every attempt, as a notifier says
	t        *testing.T
	website  *website
	store    *sqlstore.Store
	keys     *keys.Ring
	account  store.Account
	registry *client.Registry
	metrics  *prometheus.Registry
	mu       sync.Mutex
	now      time.Time
	seen     int
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) newID() string {
	h.t.Helper()
	made, err := id.New(rand.Reader)
	h.must(err)
	return made
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, website: newWebsite(t), now: time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC), metrics: prometheus.NewRegistry()}
	var err error
	h.store, err = sqlstore.Open(t.Context(), sqlstore.Options{Driver: sqlstore.SQLite, Path: filepath.Join(t.TempDir(), "b.db")})
	h.must(err)
	t.Cleanup(func() { _ = h.store.Close() })
	key, err := wrap.New(bytes.Repeat([]byte{1}, wrap.SecretSize))
	h.must(err)
	h.keys, err = keys.Open(t.Context(), keys.Options{
		Issuer: issuer, Site: "seoul", Algorithms: []keys.Algorithm{keys.RS256, keys.ES256}, Store: keystest.NewStore(), Wrap: key,
		Now: h.clock, GenerateRSA: keystest.RSA(),
	})
	h.must(err)
	var clients []*client.Client
	for _, name := range []string{"shop", "games", "quiet"} {
		c := &client.Client{ID: name, Name: name, RedirectURIs: []string{"https://" + name + ".example/cb"}}
		c.SecretHashes = [][32]byte{client.HashSecret(name + " secret")}
		if name != "quiet" {
			c.BackchannelLogoutURI = h.website.URL + "/" + name
		}
		clients = append(clients, c)
	}
	clients[1].IDTokenAlg = keys.ES256
	h.registry, err = client.NewRegistry(clients)
	h.must(err)
	h.account = store.Account{ID: h.newID(), Seed: bytes.Repeat([]byte{7}, 32), Epoch: 1, CreatedAt: h.now, UpdatedAt: h.now}
	h.must(h.store.OpenAccount(t.Context(), h.account, store.IdentityKey{Provider: "kakao", Subject: "1"}))
	return h
}

func (h *house) clock() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *house) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

// notifier is one node's.
func (h *house) notifier() *Notifier {
	h.t.Helper()
	n, err := New(Options{
		Issuer: issuer, Store: h.store, Clients: h.registry, Subjects: subjects{}, Keys: h.keys, HTTP: h.client(), Rand: rand.Reader, Now: h.clock,
		Told: func(client string, err error) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.told = append(h.told, client+": "+fmt.Sprint(err))
		},
	})
	h.must(err)
	h.t.Cleanup(func() { h.must(n.Close()) })
	return n
}

// client reaches the website, and follows nothing.
func (h *house) client() *http.Client {
	c := *h.website.Client()
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &c
}

// granted is a login at a website in a session.
func (h *house) granted(website, sid string) store.Grant {
	h.t.Helper()
	g := store.Grant{
		ID: h.newID(), LoginID: h.newID(), CodeHash: bytes.Repeat([]byte{byte(h.seen)}, 32), AccountID: h.account.ID, ClientID: website,
		SID: sid, Provider: "kakao", AuthTime: h.clock(), CreatedAt: h.clock(), ExpiresAt: h.clock().Add(24 * time.Hour),
	}
	h.seen++
	_, err := h.store.ClaimCode(h.t.Context(), g)
	h.must(err)
	return g
}

func (h *house) ended(sid string) store.Fact {
	return store.Fact{Kind: store.SessionEnded, ID: sid, At: h.clock()}
}

// states are results without their times.
func states(results []Result) map[string]State {
	found := map[string]State{}
	for _, r := range results {
		found[r.Client] = r.State
	}
	return found
}

func (h *house) want(results []Result, want map[string]State) {
	h.t.Helper()
	if diff := cmp.Diff(want, states(results)); diff != "" {
		h.t.Errorf("results (-want +got):\n%s", diff)
	}
}

// A website that registered for it receives a token of its session, and nobody
// else hears of it.
func TestTheWebsitesOfASessionAreTold(t *testing.T) {
	h := newHouse(t)
	for _, website := range []string{"shop", "games", "quiet", "shop"} {
		h.granted(website, "sid-1")
	}
	h.granted("shop", "sid-2")
	results, err := h.notifier().Ended(t.Context(), h.ended("sid-1"))
	h.must(err)
	h.want(results, map[string]State{"shop": Delivered, "games": Delivered, "quiet": NotRegistered})
	for _, website := range []string{"shop", "games"} {
		heard := h.website.heard(website)
		if len(heard) != 1 {
			t.Fatalf("%s was told %d times", website, len(heard))
		}
		h.checkToken(heard[0], website, "sid-1")
	}
	// Once more, by whoever reads the feed: it was said already.
	_, err = h.store.RecordFact(t.Context(), h.ended("sid-1"))
	h.must(err)
	n := h.notifier()
	h.must(n.follow(t.Context()))
	n.tell(t.Context())
	if heard := h.website.heard("shop"); len(heard) != 1 {
		t.Errorf("shop was told %d times", len(heard))
	}
}

func (h *house) checkToken(token, website, sid string) {
	h.t.Helper()
	payload, err := h.keys.Verify(keys.LogoutToken, token)
	h.must(err)
	var claims map[string]any
	h.must(json.Unmarshal(payload, &claims))
	if tokenID, _ := claims["jti"].(string); len(tokenID) < 20 {
		h.t.Errorf("jti %v", claims["jti"])
	}
	delete(claims, "jti")
	now := float64(h.clock().Unix())
	want := map[string]any{
		"iss": issuer, "sub": website + "/" + h.account.ID[:4], "aud": website, "iat": now, "exp": now + 120, "sid": sid,
		"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
	}
	if diff := cmp.Diff(want, claims); diff != "" {
		h.t.Errorf("claims (-want +got):\n%s", diff)
	}
}

// What a website answers decides whether it is told again, and for how long.
func TestAnswers(t *testing.T) {
	tests := []struct {
		name    string
		answers []int
		want    []State
	}{
		{"yes", []int{200}, []State{Delivered}},
		{"yes, without a word", []int{204}, []State{Delivered}},
		{"no, three times", []int{400, 400, 400, 200}, []State{Trying, Trying, Refused, Refused}},
		{"no, and then yes", []int{400, 200}, []State{Trying, Delivered}},
		{"a redirect is no yes", []int{302, 307, 301}, []State{Trying, Trying, Refused}},
		{"in trouble, and back", []int{500, 503, 429, 200}, []State{Trying, Trying, Trying, Delivered}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHouse(t)
			h.granted("shop", "sid-1")
			fact := h.ended("sid-1")
			for i, answer := range tt.answers {
				h.website.answer("shop", answer)
				n := h.notifier() // as after a restart
				if i == 0 {
					_, err := n.Ended(t.Context(), fact)
					h.must(err)
				} else {
					n.tell(t.Context())
				}
				results, err := n.Results(t.Context(), fact)
				h.must(err)
				h.want(results, map[string]State{"shop": tt.want[i]})
				h.pass(2 * longPause)
			}
			if heard := h.website.heard("shop"); slices.Contains(heard[1:], heard[0]) {
				t.Error("two attempts had one token")
			}
		})
	}
}

// Who asks how a website takes word hears of every attempt, and why one failed.
func TestEveryAttemptIsHeardOf(t *testing.T) {
	h := newHouse(t)
	h.granted("shop", "sid-1")
	h.website.answer("shop", 500)
	n := h.notifier()
	_, err := n.Ended(t.Context(), h.ended("sid-1"))
	h.must(err)
	h.website.answer("shop", 200)
	h.pass(2 * longPause)
	n.tell(t.Context())
	h.mu.Lock()
	defer h.mu.Unlock()
	if diff := cmp.Diff([]string{"shop: tell website: it answered 500", "shop: <nil>"}, h.told); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A website that never answers is given up after some hours, with growing pauses.
func TestAWebsiteThatIsGone(t *testing.T) {
	h := newHouse(t)
	h.granted("shop", "sid-1")
	h.granted("shop", "sid-1")
	h.website.Close()
	n := h.notifier()
	fact := h.ended("sid-1")
	_, err := n.Ended(t.Context(), fact)
	h.must(err)
	began, last := h.clock(), time.Duration(0)
	for attempt := 1; ; attempt++ {
		stands, err := h.store.LogoutsOf(t.Context(), causeOf(fact))
		h.must(err)
		if stands[0].Attempts != attempt {
			t.Fatalf("%d attempts, want %d", stands[0].Attempts, attempt)
		}
		if stands[0].State == store.LogoutUnreached {
			break
		}
		pause := stands[0].NextAt.Sub(h.clock())
		if least := min(firstPause<<(attempt-1), longPause) * 3 / 4; pause < least || pause > 2*least || pause < last/2 {
			t.Errorf("after attempt %d it waits for %s", attempt, pause)
		}
		last = pause
		n.tell(t.Context()) // too early
		h.pass(pause)
		n.tell(t.Context())
	}
	if took := h.clock().Sub(began); took < 2*time.Hour || took > 12*time.Hour {
		t.Errorf("given up after %s", took)
	}
}

// Two nodes and many restarts: each attempt is one node's.
func TestNodesShareTheQueue(t *testing.T) {
	h := newHouse(t)
	for i := range 30 {
		h.granted("shop", fmt.Sprintf("sid-%d", i))
		h.granted("games", fmt.Sprintf("sid-%d", i))
	}
	fact := must[store.Fact](t)(h.store.EndSessions(t.Context(), h.account.ID, h.clock()))
	nodes := []*Notifier{h.notifier(), h.notifier(), h.notifier()}
	var running sync.WaitGroup
	for _, n := range nodes {
		running.Go(func() {
			if err := n.follow(t.Context()); err != nil {
				t.Error(err)
			}
			n.tell(t.Context())
		})
	}
	running.Wait()
	nodes[0].tell(t.Context())
	for _, website := range []string{"shop", "games"} {
		if heard := h.website.heard(website); len(heard) != 30 {
			t.Errorf("%s was told %d times", website, len(heard))
		}
	}
	h.want(must[[]Result](t)(nodes[1].Results(t.Context(), fact)), map[string]State{"shop": Delivered, "games": Delivered})
}

func must[T any](t *testing.T) func(T, error) T {
	t.Helper()
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

// What a fact is about decides who is told.
func TestFacts(t *testing.T) {
	h := newHouse(t)
	first := h.granted("shop", "sid-1")
	h.granted("games", "sid-2")
	ctx := t.Context()
	tests := []struct {
		name string
		fact func() store.Fact
		want map[string]State
	}{
		{"a grant was revoked: its website", func() store.Fact {
			return store.Fact{Kind: store.GrantRevoked, ID: first.ID, At: h.clock()}
		}, map[string]State{"shop": Delivered}},
		{"a grant that nobody knows", func() store.Fact {
			return store.Fact{Kind: store.GrantRevoked, ID: "nobody", At: h.clock()}
		}, map[string]State{}},
		{"all sessions ended", func() store.Fact {
			return must[store.Fact](t)(h.store.EndSessions(ctx, h.account.ID, h.clock()))
		}, map[string]State{"shop": Delivered, "games": Delivered}},
		{"all sessions ended before the person signed in again", func() store.Fact {
			return store.Fact{Kind: store.AccountEpoch, ID: h.account.ID, Epoch: 99, At: h.clock().Add(-time.Hour)}
		}, map[string]State{}},
		{"the account was disabled", func() store.Fact {
			return must[store.Fact](t)(h.store.DisableAccount(ctx, h.account.ID, h.clock()))
		}, map[string]State{"shop": Delivered, "games": Delivered}},
		{"the account is enabled again", func() store.Fact {
			return must[store.Fact](t)(h.store.EnableAccount(ctx, h.account.ID, h.clock()))
		}, map[string]State{}},
		{"a key was withdrawn", func() store.Fact {
			return store.Fact{Kind: store.KeyWithdrawn, ID: "kid", At: h.clock()}
		}, map[string]State{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h.want(must[[]Result](t)(h.notifier().Ended(t.Context(), tt.fact())), tt.want)
		})
	}
}

// The store being away is no answer: the caller learns that nothing is known.
func TestWithoutAStore(t *testing.T) {
	h := newHouse(t)
	n := h.notifier()
	h.must(h.store.Close())
	if _, err := n.Ended(t.Context(), h.ended("sid-1")); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	n.Begin(t.Context(), h.ended("sid-1"))
}

// Run follows the feed from where some node left it, and stops with its context.
func TestRun(t *testing.T) {
	h := newHouse(t)
	h.granted("shop", "sid-1")
	_, err := h.store.RecordFact(t.Context(), h.ended("sid-1"))
	h.must(err)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	n := h.notifier()
	stopped := make(chan struct{})
	go func() { n.Run(ctx); close(stopped) }()
	for len(h.website.heard("shop")) == 0 && ctx.Err() == nil {
		n.Wake()
	}
	cancel()
	<-stopped
	if len(h.website.heard("shop")) != 1 || must[int64](t)(h.store.LogoutFeed(t.Context())) == 0 {
		t.Error("nobody was told")
	}
}
