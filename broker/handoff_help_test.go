package broker_test

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker"
	"github.com/bongsu/bongsu/broker/audit"
	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/broker/contact"
	"github.com/bongsu/bongsu/broker/dev/browser"
	"github.com/bongsu/bongsu/broker/dev/demo"
	"github.com/bongsu/bongsu/broker/health"
	"github.com/bongsu/bongsu/broker/peer"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/broker/store/sqlstore"
	"github.com/bongsu/bongsu/keys"
	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/fakeidp"
	"github.com/bongsu/bongsu/providers/fetch"
)

// A nation is three sites of one deployment, each at an origin of its own below the
// issuer's host, as they are in the world.
const (
	nationHost   = "login.nation.test"
	nationShop   = "market.example-nation.test"
	nationAbroad = "id.abroad.test" // where the providers stand

	nationURL     = "https://" + nationHost
	nationShopURL = "https://" + nationShop
)

var (
	nationSites = []string{"seoul", "busan", "tokyo"}
	nationHosts = []string{
		nationHost, "seoul." + nationHost, "busan." + nationHost, "tokyo." + nationHost, nationShop, nationAbroad,
	}
)

// nation is the sites, and who is with them.
type nation struct {
	*world

	t         *testing.T
	opened    *sqlstore.Store
	path      string // of the database
	sites     map[string]*place
	upstreams *fakeidp.Server
	front     atomic.Pointer[place] // who answers at the issuer; nil: nobody
	issuer    func()                // stops listening there
	answering bool                  // it listens there
	held      atomic.Pointer[delay] // what websites redeem waits for; nil: nothing
	mode      atomic.Uint32         // a contact.Mode: which of the databases are there
}

// delay is websites made to wait.
type delay struct {
	asked    func()
	released chan struct{}
}

// between is how every site sees the database.
func (n *nation) between(s *sqlstore.Store) sqlstore.Between {
	until := func(worst contact.Mode) error {
		if contact.Mode(n.mode.Load()) > worst {
			return fmt.Errorf("no such database: %w", store.ErrUnavailable)
		}
		return nil
	}
	return sqlstore.Between{
		Writer:  func(context.Context) error { return until(contact.Full) },
		Replica: func(context.Context) (*sqlstore.Store, error) { return s, until(contact.WriterLost) },
	}
}

// falls takes databases away, or gives them back, and waits until every site that
// lives knows.
func (n *nation) falls(to contact.Mode) {
	n.mode.Store(uint32(to))
	n.await(func() bool {
		for _, p := range n.sites {
			if p.broker.Contact().Mode != to {
				return false
			}
		}
		return true
	})
}

// hold has websites wait with the codes that they redeem; asked is closed when one
// does.
func (n *nation) hold() (asked <-chan struct{}, release func()) {
	first, released := make(chan struct{}), make(chan struct{})
	n.held.Store(&delay{asked: sync.OnceFunc(func() { close(first) }), released: released})
	return first, func() { n.held.Store(nil); close(released) }
}

// place is one site.
type place struct {
	name   string
	broker *broker.Broker   // its first node
	nodes  []*broker.Broker // that take turns
	turn   atomic.Uint64
	cut    sync.Map // hosts that it does not reach
	fence  fence    // between its nodes and all others
	stop   func()   // listening at its origin
	end    func()   // what runs beside requests

	mu     sync.Mutex
	events []audit.Event
}

// newNation starts three sites that know each other, behind the listeners of w.
func newNation(t *testing.T, w *world) *nation {
	t.Helper()
	n := &nation{world: w, t: t, sites: map[string]*place{}}
	var err error
	n.upstreams, err = fakeidp.New(fakeidp.Options{BaseURL: "https://" + nationAbroad, Now: w.now})
	must(t, err)
	t.Cleanup(n.upstreams.Close)
	w.serve(t, nationAbroad, n.upstreams)
	base := n.settings()
	opened, err := sqlstore.Open(t.Context(), sqlstore.Options{Driver: "sqlite", Path: base.Store.Path, Now: w.now})
	must(t, err)
	t.Cleanup(func() { must(t, opened.Close()) })
	n.opened, n.path = opened, base.Store.Path
	for i := range base.Sites {
		base.Sites[i].Identities = n.introduce(opened, base, base.Sites[i].Name)
	}
	var seeds []string
	for _, name := range nationSites {
		count := 1
		if name == "busan" {
			count = 2
		}
		n.found(opened, base, name, count, seeds)
		seeds = append(seeds, n.sites[name].broker.GossipAddress())
	}
	n.front.Store(n.sites["seoul"])
	n.issuer, n.answering = w.serve(t, nationHost, http.HandlerFunc(n.answer)), true
	n.openShop()
	n.await(func() bool {
		return len(n.living("seoul")) == 2 && len(n.living("busan")) == 2 && len(n.living("tokyo")) == 2
	})
	return n
}

// answer is what the issuer's name leads to.
func (n *nation) answer(w http.ResponseWriter, r *http.Request) {
	if held := n.held.Load(); held != nil && r.URL.Path == "/token" {
		held.asked()
		<-held.released
	}
	at := n.front.Load()
	if at == nil {
		panic(http.ErrAbortHandler)
	}
	at.ServeHTTP(w, r)
}

// settings are what the sites have in common.
func (n *nation) settings() *config.Config {
	cfg := n.world.settings(n.t, n.upstreams)
	issuer, err := url.Parse(nationURL)
	must(n.t, err)
	cfg.Issuer, cfg.MarkDomain, cfg.RPID = issuer, nationHost, nationHost
	cfg.Store.Path = filepath.Join(n.t.TempDir(), "bongsu.db")
	cfg.Providers = nil
	for _, name := range []string{"kakao", "naver"} {
		upstream, _ := n.upstreams.Upstream(name)
		cfg.Providers = append(cfg.Providers, config.Provider{
			ID: name, Kind: name, Name: upstream.Title(), ClientID: upstream.Client().ID, ClientSecret: upstream.Client().Secret,
			Issuer: upstream.Issuer(), Timeout: patience, Domains: []string{name},
		})
	}
	shop := *cfg.Clients[0]
	shop.RedirectURIs, shop.PostLogoutRedirectURIs = []string{nationShopURL + "/callback"}, []string{nationShopURL + "/"}
	shop.URI, shop.InitiateLoginURI, shop.PKCEOptional = nationShopURL+"/", nationShopURL+"/login", true
	shop.Names = map[string]string{"ko": "한빛상점", "en": "Hanbit Store", "ja": "ハンビットストア"}
	third := shop
	third.ID, third.FirstParty = "third", false
	patient := shop
	patient.ID, patient.WriterGone = "patient", client.WriterGoneWait
	shop.Continuation = true
	cfg.Clients = []*client.Client{&shop, &third, &patient}
	for _, name := range nationSites {
		at, err := url.Parse("https://" + name + "." + nationHost)
		must(n.t, err)
		cfg.Sites = append(cfg.Sites, config.Site{Name: name, Origin: at})
	}
	return cfg
}

// introduce has a site begin as the only one, so that its keys sign at once.
func (n *nation) introduce(opened *sqlstore.Store, cfg *config.Config, site string) []ed25519.PublicKey {
	ring, err := keys.Open(n.t.Context(), keys.Options{
		Issuer: nationURL, Site: site, Algorithms: cfg.Keys.Algorithms, Store: opened, Wrap: cfg.SiteKey, Now: n.now,
	})
	must(n.t, err)
	must(n.t, ring.Keep(n.t.Context()))
	all, err := opened.SiteIdentities(n.t.Context(), site)
	must(n.t, err)
	return []ed25519.PublicKey{all[0].Public}
}

// found starts one site of so many nodes.
func (n *nation) found(opened *sqlstore.Store, base *config.Config, name string, count int, seeds []string) {
	p := &place{name: name}
	ctx, stop := context.WithCancel(context.WithoutCancel(n.t.Context()))
	var running sync.WaitGroup
	for i := range count {
		cfg := *base
		cfg.Site, cfg.Node, cfg.DataDir = name, fmt.Sprintf("%s-%d", name, i+1), n.t.TempDir()
		cfg.Outbound.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		cfg.Gossip = &config.Gossip{
			Listen: "127.0.0.1:0", Label: "nation", Keys: [][]byte{gossipKey("nation")}, Seeds: seeds,
			Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		}
		cfg.Peers = &config.Peers{Listen: "127.0.0.1:0"}
		built, err := broker.New(n.t.Context(), &cfg, broker.Options{
			Now: n.now, Shared: opened.Behind(n.between(opened)), OnEvent: p.keep,
			Peers: func(o *peer.Options) { o.Through = p.fence.through },
			Fetch: func(o *fetch.Options) { o.RootCAs, o.Dial = n.roots, n.from(p) },
		})
		must(n.t, err)
		running.Go(func() { built.Background(ctx) })
		p.nodes = append(p.nodes, built)
	}
	p.broker = p.nodes[0]
	p.end = sync.OnceFunc(func() {
		stop()
		running.Wait()
		for _, node := range p.nodes {
			must(n.t, node.Close())
		}
	})
	n.t.Cleanup(p.end)
	p.stop = n.serve(n.t, name+"."+nationHost, p)
	n.sites[name] = p
}

// fence stands between the nodes of a place and all others, one another included:
// while it is shut they ask each other nothing.
type fence struct {
	mu    sync.Mutex
	shut  bool
	conns []net.Conn
}

func (f *fence) through(c net.Conn) net.Conn {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.shut {
		_ = c.Close()
	} else {
		f.conns = append(f.conns, c)
	}
	return c
}

func (f *fence) set(shut bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.shut = shut
	for _, c := range f.conns {
		_ = c.Close()
	}
	f.conns = nil
}

// ServeHTTP implements [http.Handler]: one request goes to one node, the next to
// the next.
func (p *place) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.nodes[p.turn.Add(1)%uint64(len(p.nodes))].Handler().ServeHTTP(w, r)
}

func (p *place) keep(e audit.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.events = append(p.events, e)
}

// told is how often an event happened at the place.
func (p *place) told(name audit.Name) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	count := 0
	for _, e := range p.events {
		if e.Name == name {
			count++
		}
	}
	return count
}

// from dials for a site, which may be cut off from a host.
func (n *nation) from(p *place) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		host, _, _ := net.SplitHostPort(address)
		if _, cut := p.cut.Load(host); cut {
			return nil, errors.New("no route")
		}
		return n.dial(ctx, network, address)
	}
}

// openShop serves the website.
func (n *nation) openShop() {
	site, err := demo.New(demo.Options{
		URL: nationShopURL, Issuer: nationURL, ClientID: "shop", ClientSecret: "shop-secret", Switchboard: nationShopURL, Transport: n.transport(),
	})
	must(n.t, err)
	n.t.Cleanup(site.Close)
	n.serve(n.t, nationShop, site)
}

func (n *nation) transport() *http.Transport {
	transport := &http.Transport{
		DialContext: n.dial, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: n.roots},
	}
	n.t.Cleanup(transport.CloseIdleConnections)
	return transport
}

// person is a browser without scripts, in this world.
func (n *nation) person() *brokertest.Browser {
	return brokertest.NewBrowser(n.t, func(o *browser.Options) { o.Transport, o.Now, o.Language = n.transport(), n.now, "en" })
}

// living are the other sites that one believes to live.
func (n *nation) living(site string) []string {
	var living []string
	for _, target := range n.sites[site].broker.Neighbours() {
		living = append(living, target.Site)
	}
	return living
}

// await waits until something is so.
func (n *nation) await(so func() bool) {
	n.t.Helper()
	for began := time.Now(); !so(); {
		if time.Since(began) > time.Minute {
			n.t.Fatal("it never came true")
		}
		select {
		case <-n.t.Context().Done():
			n.t.Fatal("the test was ended")
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// cutOff has a site not reach kakao, and its board know that, as three probes in a
// row would: the others reach it.
func (n *nation) cutOff(site string) {
	n.t.Helper()
	for range 4 {
		n.ahead.Add(int64(5 * time.Second))
		for name, p := range n.sites {
			probed := providers.Probed{Provider: "kakao", Level: providers.LevelToken, Step: providers.StepToken, Outcome: providers.OK}
			if name == site {
				probed.Outcome = providers.Down
			}
			for _, node := range p.nodes {
				node.Board().Probed(probed)
				node.Board().Tick()
			}
		}
	}
	n.await(func() bool {
		verdict := n.sites[site].broker.Board().Snapshot().Of("kakao")
		return verdict.State == health.Down && verdict.Cause == health.CauseCutOff && len(n.living(site)) == 2
	})
}

// kill ends a site: nothing listens at its origin any more, and what the issuer's
// name leads to is nobody until somebody moves it.
func (n *nation) kill(site string) {
	p := n.sites[site]
	if n.front.Load() == p {
		n.front.Store(nil)
	}
	p.stop()
	p.end()
}
