package peer

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/bongsu/bongsu/keys"
)

// Nobody is asked, and nobody may ask, who is not a node of a configured site
// with a certificate of today.
func TestStrangersAreRefused(t *testing.T) {
	all, b := sites(t, "seoul", "busan"), new(book)
	node := opens(t, all["seoul"].ring(t), Node{"seoul", "s-1"}, b, handles("echo", echo))
	stranger := sites(t, "busan")["busan"] // of the same name, with another identity
	unlisted := sites(t, "jeju")["jeju"]
	stranger.known, unlisted.known = nil, nil
	trusting := func(s *site) *keys.Ring {
		return s.ring(t, func(o *keys.Options) {
			o.SiteIdentities = map[string][]ed25519.PublicKey{"seoul": all["seoul"].known["seoul"]}
		})
	}
	late := all["busan"].ring(t, func(o *keys.Options) {
		o.Now = func() time.Time { return time.Now().Add(-2 * keys.PeerLife) }
	})
	for _, tt := range []struct {
		what, reason string
		ring         *keys.Ring
		self         Node
	}{
		{"another identity under the name of a site", reasonForeign, trusting(stranger), Node{"busan", "b-1"}},
		{"a site that is not configured", reasonForeign, trusting(unlisted), Node{"jeju", "j-1"}},
		{"a certificate of the day before yesterday", reasonExpired, late, Node{"busan", "b-2"}},
	} {
		before := refusals(node, tt.reason)
		w := opens(t, tt.ring, tt.self, b, handles("echo", echo), func(w *Wire, o *Options) {
			if o != nil {
				o.Keys = lenient{tt.ring}
			}
		})
		_, err := w.Ask(t.Context(), "seoul/s-1", "echo", nil)
		wants(t, err, ErrUndelivered)
		eventually(t, tt.what+" is counted when it asks", func() bool { return refusals(node, tt.reason) == before+1 })
		_, err = node.Ask(t.Context(), tt.self.String(), "echo", nil)
		wants(t, err, ErrUndelivered)
		if refusals(node, tt.reason) != before+2 {
			t.Errorf("%s: %d refusals when it is asked, want %d", tt.what, refusals(node, tt.reason), before+2)
		}
	}
}

// lenient believes everybody, so that it is the other end that refuses.
type lenient struct{ *keys.Ring }

func (lenient) VerifyPeer(c *x509.Certificate) (site, node string, err error) {
	return c.URIs[0].Host, c.URIs[0].Path[1:], nil
}

// Whoever answers at the address of another node is not asked, though his own
// site has signed for him; and of a site he cannot speak for another.
func TestAnotherNodeAnswers(t *testing.T) {
	asker, _, b := pair(t, handles("echo", echo))
	at, _ := b.find("busan/b-1")
	for _, name := range []string{"busan/b-2", "seoul/s-2"} {
		before := refusals(asker, reasonOther)
		b.set(name, at)
		_, err := asker.Ask(t.Context(), name, "echo", nil)
		wants(t, err, ErrUndelivered)
		if refusals(asker, reasonOther) != before+1 {
			t.Errorf("%s: not counted", name)
		}
	}
	_, err := asker.Ask(t.Context(), "busan/b-1", "echo", nil)
	wants(t, err, nil)
}

// Who does not speak as nodes do gets nothing, and nothing happens to others.
func TestOtherClients(t *testing.T) {
	asker, answerer, b := pair(t, handles("echo", echo))
	at, _ := b.find(answerer.String())
	_, private, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	must(t, err)
	own := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}
	mine, err := asker.passport.show()
	must(t, err)
	dials := func(c *tls.Config) error {
		c.InsecureSkipVerify = true
		conn, err := (&tls.Dialer{Config: c}).DialContext(t.Context(), "tcp", at)
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close() }()
		_, err = io.ReadAll(conn) // the refusal comes when it is read
		return err
	}
	for what, c := range map[string]*tls.Config{
		"TLS without a certificate":           {NextProtos: []string{protocol}},
		"TLS with a certificate of no node":   {NextProtos: []string{protocol}, Certificates: []tls.Certificate{own}},
		"a node that speaks another protocol": {NextProtos: []string{"h2"}, Certificates: []tls.Certificate{*mine}},
		"a node that names no protocol":       {Certificates: []tls.Certificate{*mine}},
		"TLS 1.2":                             {NextProtos: []string{protocol}, Certificates: []tls.Certificate{*mine}, MaxVersion: tls.VersionTLS12},
	} {
		if err := dials(c); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("%s: %v, want an alert", what, err)
		}
	}
	plain, err := net.Dial("tcp", at)
	must(t, err)
	_, err = plain.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
	must(t, err)
	if answer, err := io.ReadAll(plain); err == nil && len(answer) > 7 { // an alert has seven bytes
		t.Errorf("plain HTTP is answered %q", answer)
	}
	must(t, plain.Close())
	if _, err := asker.Ask(t.Context(), answerer.String(), "echo", nil); err != nil {
		t.Errorf("a node that asks meanwhile: %v", err)
	}
}

// Only where nodes may be somebody is dialled, and let in from.
func TestAddresses(t *testing.T) {
	all, b := sites(t, "seoul", "busan"), new(book)
	elsewhere := func(w *Wire, o *Options) {
		if o != nil {
			o.Allow = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
		}
	}
	strict := opens(t, all["seoul"].ring(t), Node{"seoul", "s-1"}, b, elsewhere, handles("echo", echo))
	open := opens(t, all["busan"].ring(t), Node{"busan", "b-1"}, b, handles("echo", echo))
	_, err := open.Ask(t.Context(), "seoul/s-1", "echo", nil)
	wants(t, err, ErrUndelivered)
	if refusals(strict, reasonAddress) != 1 {
		t.Error("who came from elsewhere is not counted")
	}
	_, err = strict.Ask(t.Context(), "busan/b-1", "echo", nil)
	wants(t, err, ErrUndelivered)
}

// While a site changes its identity its nodes are spoken with as before, whichever
// of the two they have, and they show the new one as soon as they know it.
func TestRotatingIdentity(t *testing.T) {
	all, b := sites(t, "seoul", "busan"), new(book)
	busan := all["busan"]
	rotation := func(named ...ed25519.PublicKey) *keys.Rotation {
		r, err := keys.OpenRotation(t.Context(), keys.RotationOptions{Site: "busan", Store: busan.store, Wrap: busan.wrap, Named: named})
		must(t, err)
		return r
	}
	first := busan.known["busan"][0]
	staged, err := rotation().Stage(t.Context())
	must(t, err)
	both := map[string][]ed25519.PublicKey{"seoul": busan.known["seoul"], "busan": {first, staged.Public}}
	knowsBoth := func(o *keys.Options) { o.SiteIdentities = both }
	seoul := opens(t, all["seoul"].ring(t, knowsBoth), Node{"seoul", "s-1"}, b, handles("echo", echo))
	ring := busan.ring(t, knowsBoth)
	node := opens(t, ring, Node{"busan", "b-1"}, b, handles("echo", echo))
	asks := func(when string) {
		t.Helper()
		for _, w := range []*Wire{seoul, node} {
			w.mu.Lock()
			for _, n := range w.neighbours { // a handshake each time
				n.drop()
			}
			w.mu.Unlock()
		}
		if _, err := seoul.Ask(t.Context(), "busan/b-1", "echo", nil); err != nil {
			t.Errorf("%s, asked: %v", when, err)
		}
		if _, err := node.Ask(t.Context(), "seoul/s-1", "echo", nil); err != nil {
			t.Errorf("%s, asking: %v", when, err)
		}
	}
	asks("before")
	before, err := node.passport.show()
	must(t, err)
	_, err = rotation(first, staged.Public).Use(t.Context())
	must(t, err)
	must(t, ring.Keep(t.Context()))
	after, err := node.passport.show()
	must(t, err)
	if after == before || !ring.Identity().Equal(staged.Public) {
		t.Error("the node shows the certificate of before")
	}
	asks("afterwards")
	later := opens(t, all["seoul"].ring(t, func(o *keys.Options) {
		o.SiteIdentities = map[string][]ed25519.PublicKey{"seoul": both["seoul"], "busan": {staged.Public}}
	}), Node{"seoul", "s-2"}, b)
	if _, err := later.Ask(t.Context(), "busan/b-1", "echo", nil); err != nil {
		t.Errorf("who knows the new identity alone: %v", err)
	}
}

// A certificate is renewed long before it ends, and when the clock was set back.
func TestRenewal(t *testing.T) {
	now := time.Now()
	s := sites(t, "seoul")["seoul"]
	clock := func() time.Time { return now }
	p := &passport{keys: s.ring(t, func(o *keys.Options) { o.Now = clock }), node: "s-1", now: clock}
	shows := func() *tls.Certificate {
		t.Helper()
		c, err := p.show()
		must(t, err)
		return c
	}
	first := shows()
	now = now.Add(time.Hour)
	if shows() != first {
		t.Error("renewed after an hour")
	}
	now = now.Add(8 * time.Hour)
	second := shows()
	if second == first || second.Leaf.NotAfter.Sub(now) < keys.PeerLife-time.Minute {
		t.Error("not renewed after nine hours")
	}
	now = now.Add(-9 * time.Hour)
	if shows() == second {
		t.Error("not renewed when the clock was set back")
	}
}
