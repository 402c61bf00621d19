package keys_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net/url"
	"testing"
	"time"

	"github.com/bongsu/bongsu/keys"
	"github.com/bongsu/bongsu/keys/keystest"
)

func nodeKey(t testing.TB) (ed25519.PublicKey, ed25519.PrivateKey) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return public, private
}

func mustCertify(t testing.TB, r *keys.Ring, node string) *x509.Certificate {
	t.Helper()
	public, _ := nodeKey(t)
	c, err := r.PeerCertificate(node, public)
	if err != nil {
		t.Fatalf("PeerCertificate: %v", err)
	}
	return c
}

// A node is believed to be whom its site's identity says it is, while that is in
// date, and nobody else is.
func TestPeerCertificate(t *testing.T) {
	clock, store := newClock(), keystest.NewStore()
	both := identities(t, store)
	seoul := open(t, store, knows(both), at(clock))
	busan := open(t, store, knows(both), at(clock), inBusan(t))
	stranger := open(t, keystest.NewStore(), knows(nil), inBusan(t), at(clock))
	unlisted := open(t, keystest.NewStore(), at(clock), func(o *keys.Options) { o.Site, o.Wrap = "jeju", siteKey(t, 3) })

	good := mustCertify(t, seoul, "seoul-1")
	for name, ring := range map[string]*keys.Ring{"seoul": seoul, "busan": busan} {
		if site, node, err := ring.VerifyPeer(good); site != "seoul" || node != "seoul-1" || err != nil {
			t.Errorf("at %s: %q/%q, %v", name, site, node, err)
		}
	}
	refused := map[string]struct {
		certificate *x509.Certificate
		want        error
	}{
		"another identity in a site's name": {mustCertify(t, stranger, "busan-1"), keys.ErrPeerForeign},
		"a site that is not configured":     {mustCertify(t, unlisted, "jeju-1"), keys.ErrPeerForeign},
	}
	for name, tt := range refused {
		if _, _, err := seoul.VerifyPeer(tt.certificate); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}

	for _, step := range []struct {
		pass time.Duration
		want error
	}{{keys.PeerLife, nil}, {time.Second, keys.ErrPeerExpired}, {-2*keys.PeerLife - time.Second, nil}, {-time.Second, keys.ErrPeerExpired}} {
		clock.pass(step.pass)
		if _, _, err := busan.VerifyPeer(good); !errors.Is(err, step.want) {
			t.Errorf("at %s: %v, want %v", clock.Now(), err, step.want)
		}
	}
}

// What does not have the shape of a node's certificate is none, whoever signed it.
func TestOtherCertificatesAreNoNodes(t *testing.T) {
	ring := open(t, keystest.NewStore())
	public, private := nodeKey(t)
	uri := func(text string) *url.URL {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	name := func(urls ...string) func(*x509.Certificate) {
		return func(c *x509.Certificate) {
			for _, text := range urls {
				c.URIs = append(c.URIs, uri(text))
			}
		}
	}
	tests := map[string]func(*x509.Certificate){
		"no name":              func(*x509.Certificate) {},
		"two names":            name("bongsu://seoul/a", "bongsu://seoul/b"),
		"another scheme":       name("spiffe://seoul/a"),
		"no node":              name("bongsu://seoul"),
		"an empty node":        name("bongsu://seoul/"),
		"a port":               name("bongsu://seoul:1/a"),
		"a user":               name("bongsu://me@seoul/a"),
		"a query":              name("bongsu://seoul/a?b"),
		"a slash in the node":  name("bongsu://seoul/a/b"),
		"a name of a machine":  func(c *x509.Certificate) { name("bongsu://seoul/a")(c); c.DNSNames = []string{"seoul"} },
		"the right to certify": func(c *x509.Certificate) { name("bongsu://seoul/a")(c); c.IsCA = true },
	}
	for what, change := range tests {
		template := &x509.Certificate{
			SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "node"}, BasicConstraintsValid: true,
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		}
		change(template)
		der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
		if err != nil {
			t.Fatal(err)
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := ring.VerifyPeer(c); !errors.Is(err, keys.ErrPeerShape) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, node := range []string{"", "a/b", "a b", "한강", string(make([]byte, 65))} {
		if _, err := ring.PeerCertificate(node, public); err == nil {
			t.Errorf("a node may be called %q", node)
		}
	}
	if _, err := ring.PeerCertificate("a", public[:31]); err == nil {
		t.Error("a short key is certified")
	}
}

// While a site changes its identity, what either of the two has signed is
// believed, and the new one certifies as soon as the node knows it.
func TestPeerCertificateOverARotation(t *testing.T) {
	clock, store := newClock(), keystest.NewStore()
	ring := open(t, store, at(clock))
	before := mustCertify(t, ring, "a")
	r := rotation(t, store, clock.Now)
	first := active(t, r)
	next := mustStage(t, r)
	both := map[string][]ed25519.PublicKey{"seoul": {first, next}}
	elsewhere := open(t, keystest.NewStore(), at(clock), inBusan(t), knows(both))

	again := open(t, store, at(clock), knows(both))
	if _, err := rotation(t, store, clock.Now, first, next).Use(t.Context()); err != nil {
		t.Fatalf("Use: %v", err)
	}
	keys.Tick(t.Context(), again)
	if !again.Identity().Equal(next) {
		t.Fatal("the ring signs as the identity of before")
	}
	after := mustCertify(t, again, "a")
	for what, c := range map[string]*x509.Certificate{"before": before, "after": after} {
		if site, _, err := elsewhere.VerifyPeer(c); site != "seoul" || err != nil {
			t.Errorf("the one of %s: %v", what, err)
		}
	}
	later := open(t, keystest.NewStore(), at(clock), inBusan(t), knows(map[string][]ed25519.PublicKey{"seoul": {next}}))
	if _, _, err := later.VerifyPeer(before); !errors.Is(err, keys.ErrPeerForeign) {
		t.Errorf("of the identity that was dropped: %v", err)
	}
	if _, _, err := later.VerifyPeer(after); err != nil {
		t.Errorf("of the identity that stayed: %v", err)
	}
}
