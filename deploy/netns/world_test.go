//go:build linux

package netns

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/store/pgtest"
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
	rootFile  string // the authority, for the sites
	certFile  string // and what it signed, for all names there are
	keyFile   string
	direct    string // the database as the test reaches it
	database  string // and as the sites do
	providers *fakeidp.Server
	fronts    map[string]*front // by machine
	zone      *zone
	issuers   issuers
}

// newWorld makes the network and starts what the sites need.
func newWorld(t *testing.T) *world {
	t.Helper()
	dir := t.TempDir()
	w := &world{network: newNetwork(t, dir), dir: dir, fronts: map[string]*front{}}
	w.zone = w.resolve(names())
	certificate := w.certify()
	w.direct = pgtest.Database(t, "netns", func(context.Context, string) error { return nil })
	w.relay(w.direct)
	var err error
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
	l := &front{Listener: w.listen(machine, "443"), own: certificate}
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
type issuers struct{ ours, foreign *issuer }

type issuer struct {
	key  *ecdsa.PrivateKey
	root *x509.Certificate
	raw  []byte
}

func (w *world) issuer(name string) *issuer {
	w.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	w.must(err)
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	raw, err := x509.CreateCertificate(rand.Reader, root, root, key.Public(), key)
	w.must(err)
	return &issuer{key, root, raw}
}

// sign makes a certificate for some names, good until a moment.
func (w *world) sign(i *issuer, until time.Time, names ...string) []byte {
	w.t.Helper()
	slices.Sort(names)
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: names[0]}, DNSNames: names,
		NotBefore: i.root.NotBefore, NotAfter: until,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	raw, err := x509.CreateCertificate(rand.Reader, leaf, i.root, i.key.Public(), i.key)
	w.must(err)
	return raw
}

// certify makes the authorities, and a certificate for every name.
func (w *world) certify() tls.Certificate {
	w.t.Helper()
	w.issuers = issuers{w.issuer("Authority of the test"), w.issuer("Authority of nobody")}
	all := append(slices.Collect(maps.Keys(names())), issuerHost)
	leaf := w.sign(w.issuers.ours, w.issuers.ours.root.NotAfter, all...)
	rawKey, err := x509.MarshalPKCS8PrivateKey(w.issuers.ours.key)
	w.must(err)

	rootPEM := w.pem("CERTIFICATE", w.issuers.ours.raw)
	w.rootFile, w.certFile, w.keyFile = w.file("root.pem", rootPEM), w.file("all.pem", w.pem("CERTIFICATE", leaf)), w.file("all.key", w.pem("PRIVATE KEY", rawKey))
	w.authority = x509.NewCertPool()
	w.authority.AppendCertsFromPEM(rootPEM)
	made, err := tls.LoadX509KeyPair(w.certFile, w.keyFile)
	w.must(err)
	return made
}

func (w *world) pem(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// file writes a file of the test's own and returns its path.
func (w *world) file(name string, data []byte) string {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	w.must(os.WriteFile(path, data, 0o600))
	return path
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
	at.Host = net.JoinHostPort(address("store"), "5432")
	w.database = at.String()

	l := w.listen("store", "5432")
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
	far, err := net.DialTimeout("tcp", r.server, connectWithin)
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
