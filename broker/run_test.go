package broker_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker"
	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/keys"
	"github.com/bongsu/bongsu/keys/wrap"
)

// writeCertificate makes a certificate for 127.0.0.1 that signs itself and
// writes it into dir.
func writeCertificate(t *testing.T, dir string) (config.TLS, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "broker"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	files := config.TLS{CertFile: filepath.Join(dir, "tls.crt"), KeyFile: filepath.Join(dir, "tls.key")}
	for name, block := range map[string]*pem.Block{
		files.CertFile: {Type: "CERTIFICATE", Bytes: der},
		files.KeyFile:  {Type: "PRIVATE KEY", Bytes: private},
	} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return files, pool
}

// freeAddress is a loopback address that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// running is the configuration of a node that ends TLS itself.
func running(t *testing.T, files config.TLS) *config.Config {
	t.Helper()
	dir, address := t.TempDir(), freeAddress(t)
	cfg := &config.Config{
		Issuer: &url.URL{Scheme: "https", Host: address}, Site: "seoul", Listen: address, Admin: freeAddress(t),
		TLS: &files, DataDir: dir, Store: config.Store{Driver: "sqlite", Path: filepath.Join(dir, "bongsu.db")},
		Keys:     config.Keys{Algorithms: []keys.Algorithm{keys.ES256}},
		Sessions: config.Sessions{Idle: time.Hour, Lifetime: 2 * time.Hour},
		Outbound: config.Outbound{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
		Providers: []config.Provider{{
			ID: "p", Kind: "openid", Name: "P", ClientID: "c", ClientSecret: "s", Issuer: "https://" + freeAddress(t),
		}},
		Languages: config.Languages{Default: "ko"}, Log: config.Log{Level: "info"},
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

// A node ends TLS itself, serves its probes beside, starts although no provider
// answers (P10), and stops when it is told to.
func TestRunServesTLSAndProbesUntilItIsStopped(t *testing.T) {
	files, trusted := writeCertificate(t, t.TempDir())
	cfg := running(t, files)
	node, err := broker.New(t.Context(), cfg, broker.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := node.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- node.Run(ctx) }()

	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true,
	}}
	defer client.CloseIdleConnections()
	for _, address := range []string{cfg.Issuer.String() + "/jwks", "http://" + cfg.Admin + "/livez", "http://" + cfg.Admin + "/readyz"} {
		if status := statusOnce(t, client, address); status != http.StatusOK {
			t.Errorf("%s answers %d", address, status)
		}
	}
	answer, err := client.Get("http://" + cfg.Listen + "/jwks")
	if err == nil {
		if answer.StatusCode == http.StatusOK {
			t.Error("plain http is served beside TLS")
		}
		_ = answer.Body.Close()
	}
	client.CloseIdleConnections()
	stop()
	if err := <-ended; err != nil {
		t.Errorf("Run: %v", err)
	}
}

// statusOnce asks until somebody listens and returns the status.
func statusOnce(t *testing.T, client *http.Client, address string) int {
	t.Helper()
	deadline := time.NewTimer(10 * time.Second)
	defer deadline.Stop()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		answer, err := client.Get(address)
		if err == nil {
			_ = answer.Body.Close()
			return answer.StatusCode
		}
		select {
		case <-deadline.C:
			t.Fatalf("%s: %v", address, err)
		case <-again.C:
		}
	}
}

func TestRunRefusesACertificateThatIsNotThere(t *testing.T) {
	cfg := running(t, config.TLS{CertFile: "/nowhere/tls.crt", KeyFile: "/nowhere/tls.key"})
	node, err := broker.New(t.Context(), cfg, broker.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = node.Close() }()
	if err := node.Run(t.Context()); err == nil {
		t.Error("a node without its certificate ran")
	}
}
