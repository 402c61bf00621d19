//go:build linux

package netns

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/store/pgtest"
	"github.com/bongsu/bongsu/deploy/netns/machines"
	"github.com/bongsu/bongsu/providers/fakeidp"
)

// The names of what stands on the network. The issuer is one name for all sites,
// as it is behind a load balancer.
const (
	issuerHost = "login.bongsu.test"
	canaryHost = "canary.test"
	shopHost   = "shop.bongsu.test" // nobody serves it: browsers show an empty page
)

// upstreams are the simulated providers: each on the machine of its name.
var upstreams = []fakeidp.Spec{
	{Name: "kakao", URL: "https://kauth.kakao.test", Elsewhere: map[fakeidp.Endpoint]string{fakeidp.Userinfo: "https://kapi.kakao.test"}},
	{Name: "naver", URL: "https://nid.naver.test", Elsewhere: map[fakeidp.Endpoint]string{fakeidp.Userinfo: "https://openapi.naver.test"}},
	{Name: "google", URL: "https://accounts.google.test", Elsewhere: map[fakeidp.Endpoint]string{fakeidp.Token: "https://oauth2.google.test"}},
}

// names are all names but the issuer's, and the machines that serve them.
func names() map[string]string {
	all := map[string]string{canaryHost: "store"}
	for _, spec := range upstreams {
		for _, raw := range spec.Elsewhere {
			all[strings.TrimPrefix(raw, "https://")] = spec.Name
		}
		all[strings.TrimPrefix(spec.URL, "https://")] = spec.Name
	}
	return all
}

// world is everything that is not a site.
type world struct {
	*network

	dir       string
	authority *x509.CertPool
	files     machines.Files // the authority, and what it signed, for all names there are
	direct    string         // the database as the test reaches it
	database  string         // and as the sites do
	providers *fakeidp.Server
	fronts    map[string]*front // by machine
	zone      *machines.Zone
	issuers   issuers
}

// newWorld makes the network and starts what the sites need.
func newWorld(t *testing.T) *world {
	t.Helper()
	dir := t.TempDir()
	w := &world{network: newNetwork(t, dir), dir: dir, fronts: map[string]*front{}}
	var err error
	w.zone, err = w.Resolve(names())
	w.must(err)
	t.Cleanup(func() { w.must(w.zone.Close()) })
	certificate := w.certify()
	w.direct = pgtest.Database(t, "netns", func(context.Context, string) error { return nil })
	w.relay(w.direct)
	w.providers, err = fakeidp.New(fakeidp.Options{
		BaseURL: "https://providers.test", Upstreams: upstreams, Clients: map[string]fakeidp.Client{},
	})
	w.must(err)
	t.Cleanup(w.providers.Close)
	for _, spec := range upstreams {
		w.serve(spec.Name, &certificate, w.providers)
	}
	w.serve("store", &certificate, http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(rw, "alive") }))
	return w
}

// serve serves HTTPS on a machine until the test ends.
func (w *world) serve(machine string, certificate *tls.Certificate, h http.Handler) {
	w.t.Helper()
	l := &front{Listener: w.listen(machine, 443), own: certificate}
	w.fronts[machine] = l
	server := &http.Server{
		Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, IdleTimeout: time.Minute,
		TLSConfig: &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: l.certificate},
		ErrorLog:  slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug), // handshakes break where cables do
	}
	done := make(chan error, 1)
	go func() { done <- server.ServeTLS(l, "", "") }()
	w.t.Cleanup(func() {
		if err := server.Close(); err != nil {
			w.t.Errorf("close %s: %v", machine, err)
		}
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			w.t.Errorf("serve %s: %v", machine, err)
		}
	})
}

// issuers are the authority that everybody trusts, and one that nobody does.
type issuers struct{ ours, foreign *machines.Authority }

// certify makes the authorities, and a certificate for every name.
func (w *world) certify() tls.Certificate {
	w.t.Helper()
	var err error
	w.issuers.ours, err = machines.NewAuthority("Authority of the test")
	w.must(err)
	w.issuers.foreign, err = machines.NewAuthority("Authority of nobody")
	w.must(err)
	w.files, err = w.issuers.ours.Write(w.dir, append(slices.Collect(maps.Keys(names())), issuerHost)...)
	w.must(err)
	w.authority = w.issuers.ours.Pool()
	made, err := tls.LoadX509KeyPair(w.files.Certificate, w.files.Key)
	w.must(err)
	return made
}

// relay makes the PostgreSQL at dsn, which listens on this machine alone, answer
// on the machine called store.
func (w *world) relay(dsn string) {
	w.t.Helper()
	at, err := url.Parse(dsn)
	w.must(err)
	if at.Hostname() == "" || at.Port() == "" {
		w.t.Fatalf("the PostgreSQL of the tests is not at host:port: %s", at.Redacted())
	}
	server := at.Host
	at.Host = net.JoinHostPort(w.Address("store"), "5432")
	w.database = at.String()

	l := w.listen("store", 5432)
	r := &relay{server: server, open: map[net.Conn]bool{}}
	r.running.Go(func() { r.accept(l) })
	w.t.Cleanup(func() {
		if err := l.Close(); err != nil {
			w.t.Errorf("close the relay: %v", err)
		}
		r.close()
	})
}

// relay carries connections to a server.
type relay struct {
	server  string
	running sync.WaitGroup

	mu     sync.Mutex
	closed bool
	open   map[net.Conn]bool
}

func (r *relay) accept(l net.Listener) {
	for {
		near, err := l.Accept()
		if err != nil {
			return // closed
		}
		r.running.Go(func() { r.carry(near) })
	}
}

// carry carries one connection until either end closes it.
func (r *relay) carry(near net.Conn) {
	defer r.end(near)
	far, err := net.DialTimeout("tcp", r.server, machines.ConnectWithin)
	if err != nil {
		return // which the site is told by its own end
	}
	defer r.end(far)
	if !r.begin(near) || !r.begin(far) {
		return
	}
	done := make(chan bool, 2)
	for _, way := range [][2]net.Conn{{near, far}, {far, near}} {
		r.running.Go(func() { _, _ = io.Copy(way[0], way[1]); done <- true })
	}
	<-done
}

func (r *relay) begin(c net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open[c] = true
	return !r.closed
}

func (r *relay) end(c net.Conn) {
	r.mu.Lock()
	delete(r.open, c)
	r.mu.Unlock()
	_ = c.Close() // the other side may have
}

func (r *relay) close() {
	r.mu.Lock()
	r.closed = true
	for c := range r.open {
		_ = c.Close() // its goroutines then end
	}
	r.mu.Unlock()
	r.running.Wait()
}
