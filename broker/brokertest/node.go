package brokertest

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker"
	"github.com/bongsu/bongsu/broker/audit"
	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/broker/dev/browser"
	"github.com/bongsu/bongsu/broker/store/sqlstore"
	"github.com/bongsu/bongsu/keys"
	"github.com/bongsu/bongsu/providers/fakeidp"
	"github.com/bongsu/bongsu/providers/fetch"
)

// Setup is what a test may change before its node is built. The zero value is
// a node on SQLite with the four dialects and the OpenID providers p and q.
type Setup struct {
	// Postgres is the DSN of a database that [Fill] made; without one the node
	// has a SQLite file of its own.
	Postgres string
	// Clients are registered beside the [Websites].
	Clients []*client.Client
	// Twins puts a second node of the same site on the database, which must be
	// Postgres, and a door before both: see [Twins].
	Twins bool
	// Second changes the second twin's configuration when the first one stands.
	Second func(first *broker.Broker, second *config.Config)
	// Ahead is how far the node's clock is before the machine's when it starts.
	Ahead time.Duration
	// Configure changes the configuration last.
	Configure func(*config.Config)
	// Upstreams changes the simulated upstreams before they are built.
	Upstreams func(*fakeidp.Options)
	// Fetch changes how outgoing requests are made.
	Fetch func(*fetch.Options)
	// Prepare sets the upstreams up before the broker has asked them anything.
	Prepare func(*fakeidp.Server)
}

// Node is one broker as production has it, on listeners of its own, with
// simulated upstreams behind it. Everything it logs, and every event it
// records, is kept.
type Node struct {
	Issuer    string // http://localhost:PORT
	Admin     string // where the admin listener stands
	Database  string // the SQLite file; empty on PostgreSQL
	Broker    *broker.Broker
	Upstreams *fakeidp.Server
	Clock     *Clock

	config    *config.Config // as it runs
	fetch     func(*fetch.Options)
	dsn       string          // of PostgreSQL
	shared    *sqlstore.Store // what the broker sees of its database; nil: it opens it itself
	twin      *twin           // nil: the node is alone
	stop      func()          // ends Broker
	public    current
	private   current
	t         testing.TB
	transport *http.Transport
	log       buffer

	mu      sync.Mutex
	events  []audit.Event
	secrets map[string]string // what must never be logged, by value: what it is
}

// StartNode runs a node until the test ends. What ends then with it: listeners,
// background work, files. The end also looks for every code, token, cookie,
// verifier and client secret the test had in its hands: none may stand in the
// log or in the metrics.
func StartNode(t testing.TB, changes ...func(*Setup)) *Node {
	t.Helper()
	var s Setup
	for _, change := range changes {
		change(&s)
	}
	if everywhere() && s.Postgres == "" {
		Twins(t)(&s)
	}
	n := &Node{
		Clock: &Clock{offset: s.Ahead}, t: t, secrets: make(map[string]string),
		transport: &http.Transport{MaxIdleConnsPerHost: 16, IdleConnTimeout: time.Minute},
	}
	public, private, upstream := listen(t), listen(t), listen(t)
	n.Issuer = "http://localhost:" + port(public)
	n.Admin = "http://" + private.Addr().String()
	n.startUpstreams(s, upstream)
	cfg := n.settings(s)
	n.config = cfg
	n.start(cfg, s, public, private)
	return n
}

func (n *Node) startUpstreams(s Setup, l net.Listener) {
	n.t.Helper()
	o := fakeidp.Options{
		BaseURL: "http://" + l.Addr().String(), Now: n.Clock.Now, HoldFor: 10 * time.Second,
		Upstreams: []fakeidp.Spec{
			{Name: "kakao"},
			{Name: "naver"},
			{Name: "google"},
			{Name: "apple"},
			{Name: "p", Dialect: fakeidp.OpenID},
			{Name: "q", Dialect: fakeidp.OpenID},
		},
	}
	if s.Upstreams != nil {
		s.Upstreams(&o)
	}
	var err error
	if n.Upstreams, err = fakeidp.New(o); err != nil {
		n.t.Fatal(err)
	}
	for _, name := range n.Upstreams.Names() {
		// Making a key takes longer than a busy machine's broker waits for an answer.
		if upstream := n.Upstream(name); upstream.URL(fakeidp.JWKS) != "" {
			upstream.PublishedKeys()
		}
	}
	if s.Prepare != nil {
		s.Prepare(n.Upstreams)
	}
	n.serve(&http.Server{Handler: n.Upstreams, ReadHeaderTimeout: 5 * time.Second}, l)
	n.t.Cleanup(n.Upstreams.Close)
}

// Config returns the configuration that the node runs with. It is shared.
func (n *Node) Config() *config.Config { return n.config }

// settings is the configuration of the node, complete.
func (n *Node) settings(s Setup) *config.Config {
	n.t.Helper()
	issuer, err := url.Parse(n.Issuer)
	if err != nil {
		n.t.Fatal(err)
	}
	dir := n.t.TempDir()
	cfg := &config.Config{
		Issuer: issuer, Site: "seoul", Node: "seoul-1", Listen: issuer.Host, DataDir: dir,
		Store: config.Store{Driver: "postgres", Writer: s.Postgres},
		Keys: config.Keys{
			ActiveFor: 90 * 24 * time.Hour, PublishWindow: 48 * time.Hour, RetireFor: 7 * 24 * time.Hour,
			Algorithms: []keys.Algorithm{keys.RS256, keys.ES256, keys.EdDSA},
		},
		Sessions: config.Sessions{Idle: 12 * time.Hour, Lifetime: 7 * 24 * time.Hour},
		Clients:  slices.Concat(clients(), s.Clients),
		Resources: []*client.Resource{{
			ID: API, Name: "Orders", Scopes: []string{"orders.read", "orders.write"},
			Clients: []string{RP1.ID, RP3.ID}, Introspects: []string{RP2.ID},
		}},
		Outbound: config.Outbound{
			Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, AllowHTTP: true,
		},
		Languages: config.Languages{Default: "en"},
		Log:       config.Log{Level: "debug"},
	}
	made := template(n.t)
	cfg.SiteKey, cfg.ClusterKey = made.site, made.cluster
	n.dsn, n.fetch = s.Postgres, s.Fetch
	if s.Postgres == "" {
		n.Database = filepath.Join(dir, "bongsu.db")
		made.copyTo(n.t, n.Database)
		cfg.Store = config.Store{Driver: "sqlite", Path: n.Database}
	}
	for _, name := range n.Upstreams.Names() {
		cfg.Providers = append(cfg.Providers, provider(n.Upstreams, name))
	}
	if s.Configure != nil {
		s.Configure(cfg)
	}
	return cfg
}

func provider(upstreams *fakeidp.Server, name string) config.Provider {
	upstream, _ := upstreams.Upstream(name)
	known := upstream.Client()
	p := config.Provider{
		ID: name, Kind: string(upstream.Dialect()), Name: upstream.Title(),
		ClientID: known.ID, ClientSecret: known.Secret,
		Issuer: upstream.Issuer(), Timeout: 2 * time.Second,
		Domains: []string{name},
	}
	switch upstream.Dialect() {
	case fakeidp.Apple:
		p.ClientSecret = ""
		p.TeamID, p.KeyID, p.PrivateKey = known.TeamID, known.KeyID, known.KeyPEM()
	case fakeidp.OAuth2:
		p.Endpoints = map[string]string{
			"authorize": upstream.URL(fakeidp.Authorize), "token": upstream.URL(fakeidp.Token),
			"userinfo": upstream.URL(fakeidp.Userinfo), "tokeninfo": upstream.URL(fakeidp.TokenInfo),
		}
		p.Claims, p.TokenInfo = map[string]string{"subject": "id", "email_verified": "verified"}, "bearer"
	}
	return p
}

// start builds the broker, and its twin, and serves them.
func (n *Node) start(cfg *config.Config, s Setup, public, private net.Listener) {
	n.t.Helper()
	n.t.Cleanup(func() { n.transport.CloseIdleConnections(); n.checkLeaks("the log", n.Log()) })
	n.Broker, n.stop = n.run(cfg)
	n.public.be(n.Broker.Handler())
	n.private.be(n.Broker.AdminHandler())
	if s.Twins {
		second := *cfg
		second.Node, second.DataDir = "seoul-2", n.t.TempDir()
		if s.Second != nil {
			s.Second(n.Broker, &second)
		}
		n.twin = &twin{config: &second}
		n.twin.Broker, n.twin.stop = n.run(&second)
		n.twin.handler.be(n.twin.Broker.Handler())
		n.public.be(n.door(n.Broker.Handler(), &n.twin.handler))
	}
	n.serve(broker.Server(&n.private), private)
	n.serve(broker.Server(&n.public), public)
	n.t.Cleanup(func() { n.checkMetrics() })
}

// run builds a broker that works until it is stopped or the test ends.
func (n *Node) run(cfg *config.Config) (_ *broker.Broker, stop func()) {
	n.t.Helper()
	built, err := broker.New(n.t.Context(), cfg, broker.Options{
		Logger: slog.New(slog.NewJSONHandler(&n.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Now:    n.Clock.Now, OnEvent: n.keepEvent, Fetch: n.fetch, Shared: n.shared,
	})
	if err != nil {
		n.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(n.t.Context()))
	var running sync.WaitGroup
	running.Go(func() { built.Background(ctx) })
	stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
		if err := built.Close(); err != nil {
			n.t.Errorf("close: %v", err)
		}
	})
	n.t.Cleanup(stop)
	return built, stop
}

// serve serves until the test ends and waits for what is under way.
func (n *Node) serve(server *http.Server, l net.Listener) {
	var underway sync.RWMutex // held by each request for reading
	handler := server.Handler
	server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		underway.RLock()
		defer underway.RUnlock()
		handler.ServeHTTP(w, r)
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(l) // always an error: that it was closed
	}()
	n.t.Cleanup(func() {
		underway.Lock()
		defer underway.Unlock()
		if err := server.Close(); err != nil {
			n.t.Errorf("close server: %v", err)
		}
		<-done
	})
}

// Upstream returns the simulated upstream called name.
func (n *Node) Upstream(name string) *fakeidp.Upstream {
	n.t.Helper()
	upstream, ok := n.Upstreams.Upstream(name)
	if !ok {
		n.t.Fatalf("no upstream is called %s", name)
	}
	return upstream
}

// Log returns everything logged so far: JSON, one line per record.
func (n *Node) Log() string { return n.log.String() }

// Events returns the audit events recorded so far that are called name, oldest
// first.
func (n *Node) Events(name audit.Name) []audit.Event {
	n.mu.Lock()
	defer n.mu.Unlock()
	var found []audit.Event
	for _, e := range n.events {
		if e.Name == name {
			found = append(found, e)
		}
	}
	return found
}

func (n *Node) keepEvent(e audit.Event) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.events = append(n.events, e)
}

// Secret remembers values that must never be logged, and what they are.
func (n *Node) Secret(what string, values ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, value := range values {
		if len(value) >= 12 { // shorter ones would be found by chance
			n.secrets[value] = what
		}
	}
}

// checkMetrics reads the metrics while the node still serves them.
func (n *Node) checkMetrics() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, n.Admin+"/metrics", nil)
	if err != nil {
		n.t.Error(err)
		return
	}
	n.checkLeaks("the metrics", string(n.Do(request).Body))
}

func (n *Node) checkLeaks(where, text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for value, what := range n.secrets {
		if strings.Contains(text, value) || strings.Contains(text, url.QueryEscape(value)) {
			n.t.Errorf("%s shows a %s", where, what)
		}
	}
}

// NewBrowser returns a browser that shows every address outside the node and
// its upstreams as an empty page, so that a test sees where it was sent.
func (n *Node) NewBrowser(changes ...func(*browser.Options)) *Browser {
	n.t.Helper()
	upstream, err := url.Parse(n.Upstream("p").Issuer())
	if err != nil {
		n.t.Fatal(err)
	}
	return NewBrowser(n.t, func(o *browser.Options) {
		o.Transport = border{node: n, inside: []string{strings.TrimPrefix(n.Issuer, "http://"), upstream.Host}}
		o.Now, o.Language = n.Clock.Now, "en"
		for _, change := range changes {
			change(o)
		}
	})
}

// border lets requests to our own hosts pass and answers for all others.
type border struct {
	node   *Node
	inside []string
}

// RoundTrip implements [http.RoundTripper].
func (b border) RoundTrip(r *http.Request) (*http.Response, error) {
	if !slices.Contains(b.inside, r.URL.Host) {
		return &http.Response{
			StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"text/plain"}},
			Body: http.NoBody, Request: r, ProtoMajor: 1, ProtoMinor: 1,
		}, nil
	}
	response, err := b.node.transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if r.URL.Host == b.inside[0] {
		b.node.inspect(r, response)
		for _, c := range response.Cookies() {
			b.node.Secret("cookie", c.Value)
		}
	}
	return response, nil
}

// inspect holds every answer of the broker to the rules for all cases: no 5xx
// but a 503 that says when to come back, and no redirect that keeps a POST.
func (n *Node) inspect(r *http.Request, response *http.Response) {
	query := r.URL.Query()
	for _, name := range []string{"code", "posted", "id_token_hint", "access_token", "client_secret"} {
		n.Secret(name, query[name]...)
	}
	status, where := response.StatusCode, r.Method+" "+r.URL.Path
	switch {
	case status == http.StatusServiceUnavailable && response.Header.Get("Retry-After") == "":
		n.t.Errorf("%s: 503 without Retry-After", where)
	case status >= 500 && status != http.StatusServiceUnavailable:
		n.t.Errorf("%s: %d", where, status)
	case status == http.StatusTemporaryRedirect || status == http.StatusPermanentRedirect:
		n.t.Errorf("%s: redirected with %d", where, status)
	}
}

// buffer is a [bytes.Buffer] that many may write to.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements [io.Writer].
func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// String returns what was written.
func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func port(l net.Listener) string {
	_, p, _ := net.SplitHostPort(l.Addr().String())
	return p
}
