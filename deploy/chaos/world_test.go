//go:build linux

package chaos

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
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bongsu/bongsu/deploy/netns/machines"
	"github.com/bongsu/bongsu/providers/fakeidp"
)

// siteNames are the sites: each a machine with two brokers and a PostgreSQL.
var siteNames = []string{"seoul", "busan", "tokyo"}

// everyMachine is the namespaces there are. A broker has an address of its own;
// databases, gossip and all that brokers tell each other go by the inner bridge.
var everyMachine = []machines.Machine{
	{Name: "seoul", Host: 11, Second: 111, Inside: true},
	{Name: "busan", Host: 12, Second: 112, Inside: true},
	{Name: "tokyo", Host: 13, Second: 113, Inside: true},
	{Name: "kakao", Host: 21},
	{Name: "naver", Host: 22},
	{Name: machines.People, Host: 31},
	{Name: machines.Names, Host: 51},
}

// The names of what stands on the network. The issuer is one name for all sites.
const (
	issuerHost = "login.bongsu.test"
	issuerURL  = "https://" + issuerHost
	canaryHost = "canary.test"
	shopHost   = "shop.bongsu.test"
)

// originHost is where people reach a site and no other.
func originHost(site string) string { return site + "." + issuerHost }

// ours tells whether a host is of the program, at whichever site.
func ours(host string) bool { return host == issuerHost || strings.HasSuffix(host, "."+issuerHost) }

// hosts are all of them.
func hosts() []string {
	all := []string{issuerHost}
	for _, site := range siteNames {
		all = append(all, originHost(site))
	}
	return all
}

// upstreams are the simulated providers: each on the machine of its name.
var upstreams = []fakeidp.Spec{
	{Name: "kakao", URL: "https://kauth.kakao.test", Elsewhere: map[fakeidp.Endpoint]string{fakeidp.Userinfo: "https://kapi.kakao.test"}},
	{Name: "naver", URL: "https://nid.naver.test", Elsewhere: map[fakeidp.Endpoint]string{fakeidp.Userinfo: "https://openapi.naver.test"}},
}

// names are all names but the issuer's, and the machines that serve them.
func names() map[string]string {
	all := map[string]string{canaryHost: machines.Names}
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
	*machines.Network

	t         *report
	dir       string
	files     machines.Files
	authority *x509.CertPool
	providers *fakeidp.Server
	began     time.Time
}

// newWorld makes the network and starts the providers.
func newWorld(t *testing.T) *world {
	t.Helper()
	told := newReport(t)
	dir := t.TempDir()
	for _, d := range []string{dir, filepath.Dir(dir)} { // PostgreSQL runs as somebody else
		if err := os.Chmod(d, 0o711); err != nil {
			t.Fatal(err)
		}
	}
	w := &world{t: told, dir: dir, began: time.Now()}
	var err error
	w.Network, err = machines.New(dir, everyMachine)
	w.must(err)
	t.Cleanup(func() { w.check(w.Close()) })
	zone, err := w.Resolve(names())
	w.must(err)
	t.Cleanup(func() { w.check(zone.Close()) })
	authority, err := machines.NewAuthority("Authority of the test")
	w.must(err)
	w.authority = authority.Pool()
	w.files, err = authority.Write(dir, append(slices.Collect(maps.Keys(names())), hosts()...)...)
	w.must(err)
	certificate, err := tls.LoadX509KeyPair(w.files.Certificate, w.files.Key)
	w.must(err)
	w.providers, err = fakeidp.New(fakeidp.Options{
		BaseURL: "https://providers.test", Upstreams: upstreams, Clients: map[string]fakeidp.Client{},
	})
	w.must(err)
	t.Cleanup(w.providers.Close)
	for _, spec := range upstreams {
		w.serve(spec.Name, certificate, w.providers)
	}
	w.serve(machines.Names, certificate, http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(rw, "alive") }))
	return w
}

// serve serves HTTPS on a machine until the test ends.
func (w *world) serve(machine string, certificate tls.Certificate, h http.Handler) {
	w.t.Helper()
	l, err := w.Listen(machine, "443")
	w.must(err)
	server := &http.Server{
		Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, IdleTimeout: time.Minute,
		TLSConfig: &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{certificate}},
		ErrorLog:  slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug), // handshakes break where cables do
	}
	done := make(chan error, 1)
	go func() { done <- server.ServeTLS(l, "", "") }()
	w.t.Cleanup(func() {
		w.check(server.Close())
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			w.t.Errorf("serve %s: %v", machine, err)
		}
	})
}

// mount mounts a disk of a limited size, which fills up; it goes with the world.
func (w *world) mount(path, size string) {
	w.t.Helper()
	w.must(os.MkdirAll(path, 0o700))
	w.must(syscall.Mount("tmpfs", path, "tmpfs", 0, "mode=0700,size="+size))
}

// fill fills a disk to the last byte. It is emptied by removing the file it returns.
func fill(path string) (string, error) {
	name := filepath.Join(path, "filler")
	f, err := os.Create(name)
	if err != nil {
		return name, err
	}
	block := make([]byte, 1<<16)
	for err == nil {
		_, err = f.Write(block)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		return name, errors.Join(err, f.Close())
	}
	return name, f.Close()
}

// at is now, as the history tells it.
func (w *world) at() time.Duration { return time.Since(w.began) }

// dialer connects from a machine, for clients of the machine's own listeners.
func (w *world) dialer(machine string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, _, to string) (net.Conn, error) { return w.Dial(ctx, machine, to) }
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) check(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Error(err)
	}
}

// wait waits, unless ctx ends before.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
