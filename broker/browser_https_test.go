package broker_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/bongsu/bongsu/broker"
	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/broker/dev/demo"
	"github.com/bongsu/bongsu/keys"
	"github.com/bongsu/bongsu/keys/wrap"
	"github.com/bongsu/bongsu/providers/fakeidp"
	"github.com/bongsu/bongsu/providers/fetch"
)

// Three websites that share no registrable domain, as they are in the world.
const (
	issuerHost   = "login.broker.test"
	shopHost     = "shop.example-site.test"
	upstreamHost = "id.upstream.test"

	issuerURL = "https://" + issuerHost
	shopURL   = "https://" + shopHost
)

// world is a broker, a website and providers over https, and the certificate
// that all of them show.
type world struct {
	listeners   map[string]net.Listener // by host
	certificate tls.Certificate
	roots       *x509.CertPool
	ahead       atomic.Int64 // how far the broker's clock runs ahead, in ns
}

// threeHosts are those of a broker of one site.
var threeHosts = []string{issuerHost, shopHost, upstreamHost}

// newWorld listens for hosts.
func newWorld(t *testing.T, hosts ...string) *world {
	t.Helper()
	w := &world{listeners: map[string]net.Listener{}, roots: x509.NewCertPool()}
	for _, host := range hosts {
		var config net.ListenConfig
		l, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() }) // whoever serves has closed it
		w.listeners[host] = l
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "hosts of a test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		DNSNames: hosts, IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, form, form, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	w.roots.AddCert(leaf)
	w.certificate = tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
	return w
}

// flags teach Chromium where the hosts are and which certificate is theirs.
func (w *world) flags() []chromedp.ExecAllocatorOption {
	var rules []string
	for host, l := range w.listeners {
		rules = append(rules, "MAP "+host+":443 "+l.Addr().String())
	}
	known := sha256.Sum256(w.certificate.Leaf.RawSubjectPublicKeyInfo)
	return []chromedp.ExecAllocatorOption{
		chromedp.Flag("host-resolver-rules", strings.Join(rules, ",")),
		chromedp.Flag("ignore-certificate-errors-spki-list", base64.StdEncoding.EncodeToString(known[:])),
	}
}

// dial connects to one of the hosts.
func (w *world) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	l, ok := w.listeners[host]
	if !ok {
		return nil, errors.New("no such host in this world")
	}
	var d net.Dialer
	return d.DialContext(ctx, network, l.Addr().String())
}

func (w *world) now() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) }

// serve serves a host until the test ends, or until it is stopped: then nothing
// listens there any more.
func (w *world) serve(t *testing.T, host string, h http.Handler) (stop func()) {
	t.Helper()
	return w.serveAt(t, w.listeners[host], h)
}

func (w *world) serveAt(t *testing.T, l net.Listener, h http.Handler) (stop func()) {
	t.Helper()
	server := broker.Server(h)
	server.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{w.certificate}}
	var running sync.WaitGroup
	running.Go(func() {
		if err := server.ServeTLS(l, "", ""); !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("serve %s: %v", l.Addr(), err)
		}
	})
	stop = func() {
		_ = server.Close() // what still comes is nobody's
		running.Wait()
	}
	t.Cleanup(stop)
	return stop
}

// open starts everything that stands in the world.
func (w *world) open(t *testing.T) {
	t.Helper()
	upstreams, err := fakeidp.New(fakeidp.Options{BaseURL: "https://" + upstreamHost})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(upstreams.Close)
	b, err := broker.New(t.Context(), w.settings(t, upstreams), broker.Options{
		Now: w.now,
		Fetch: func(o *fetch.Options) {
			o.RootCAs, o.Dial = w.roots, w.dial
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	shop := w.shop(t)
	w.serve(t, upstreamHost, upstreams)
	w.serve(t, issuerHost, b.Handler())
	w.serve(t, shopHost, shop)
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { b.Background(ctx) })
	t.Cleanup(func() {
		stop()
		running.Wait()
	})
}

// settings is the configuration that an operator would write.
func (w *world) settings(t *testing.T, upstreams *fakeidp.Server) *config.Config {
	t.Helper()
	issuer, err := url.Parse(issuerURL)
	if err != nil {
		t.Fatal(err)
	}
	apple, _ := upstreams.Upstream("apple")
	naver, _ := upstreams.Upstream("naver")
	cfg := &config.Config{
		Issuer: issuer, Site: "test", Listen: issuerHost + ":443",
		Store: config.Store{Driver: "sqlite", Path: filepath.Join(t.TempDir(), "bongsu.db")},
		Keys: config.Keys{
			ActiveFor: 90 * 24 * time.Hour, PublishWindow: 48 * time.Hour, RetireFor: 7 * 24 * time.Hour,
			Algorithms: []keys.Algorithm{keys.RS256, keys.ES256},
		},
		Sessions: config.Sessions{Idle: 12 * time.Hour, Lifetime: 7 * 24 * time.Hour},
		Outbound: config.Outbound{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
		Providers: []config.Provider{
			{
				ID: "apple", Kind: "apple", Name: "Apple", ClientID: apple.Client().ID, Issuer: apple.Issuer(), Timeout: patience,
				TeamID: apple.Client().TeamID, KeyID: apple.Client().KeyID, PrivateKey: apple.Client().KeyPEM(),
			},
			{
				ID: "naver", Kind: "naver", Name: "Naver", ClientID: naver.Client().ID, ClientSecret: naver.Client().Secret,
				Issuer: naver.Issuer(), Timeout: patience,
			},
		},
		Clients: []*client.Client{{
			ID: "shop", Name: "Shop", FirstParty: true, SecretHashes: [][32]byte{client.HashSecret("shop-secret")},
			GrantTypes:   []string{client.GrantAuthorizationCode},
			RedirectURIs: []string{shopURL + "/callback"}, PostLogoutRedirectURIs: []string{shopURL + "/"},
			URI: shopURL + "/", InitiateLoginURI: shopURL + "/login",
		}},
		Languages: config.Languages{Default: "ko"},
	}
	for _, key := range []**wrap.Key{&cfg.SiteKey, &cfg.ClusterKey} {
		text, err := wrap.Generate(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if *key, err = wrap.Parse(text); err != nil {
			t.Fatal(err)
		}
	}
	return cfg
}

// shop is the demo website, and pages of it that no honest website has.
func (w *world) shop(t *testing.T) http.Handler {
	t.Helper()
	transport := &http.Transport{
		DialContext: w.dial, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: w.roots},
	}
	t.Cleanup(transport.CloseIdleConnections)
	site, err := demo.New(demo.Options{
		URL: shopURL, Issuer: issuerURL, ClientID: "shop", ClientSecret: "shop-secret", Switchboard: shopURL, Transport: transport,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(site.Close)
	mux := http.NewServeMux()
	mux.Handle("/", site)
	mux.HandleFunc("GET /test/post", func(rw http.ResponseWriter, r *http.Request) { w.asForm(t, site, rw, r) })
	mux.HandleFunc("GET /test/frame", show(`<iframe id="frame" src="{{.}}"></iframe>`))
	mux.HandleFunc("GET /test/image", show(`<img src="{{.}}" alt="">`))
	mux.HandleFunc("GET /test/send", show(`<form method="post" action="{{.}}"><input type="hidden" name="step_token" value="guessed"><button id="send">send</button></form>`))
	return mux
}

// show writes a page around the address that its query asks for.
func show(body string) http.HandlerFunc {
	page := template.Must(template.New("").Parse("<!doctype html><title>shop</title><link rel=\"icon\" href=\"data:,\">" + body))
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_ = page.Execute(w, r.URL.Query().Get("to")) // a browser that left needs no page
	}
}

// asForm is the website's login, sent to the issuer by POST.
func (w *world) asForm(t *testing.T, site http.Handler, rw http.ResponseWriter, r *http.Request) {
	redirect := httptest.NewRecorder()
	site.ServeHTTP(redirect, httptest.NewRequestWithContext(r.Context(), http.MethodGet, shopURL+"/login", nil))
	to, err := url.Parse(redirect.Header().Get("Location"))
	if err != nil || to.Host != issuerHost {
		t.Errorf("the website leads to %q, %v", redirect.Header().Get("Location"), err)
		return
	}
	for _, cookie := range redirect.Result().Cookies() {
		http.SetCookie(rw, cookie)
	}
	rw.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = fmt.Fprintf(rw, `<!doctype html><title>shop</title><link rel="icon" href="data:,"><form method="post" action="%s/authorize">`, issuerURL)
	for name, values := range to.Query() {
		_, _ = fmt.Fprintf(rw, `<input type="hidden" name="%s" value="%s">`, template.HTMLEscapeString(name), template.HTMLEscapeString(values[0]))
	}
	_, _ = fmt.Fprint(rw, `<button id="send">send</button></form>`)
}
