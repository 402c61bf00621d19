package peer

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/bongsu/bongsu/keys"
)

// renewBefore is how long before its end a certificate is made anew, and how old
// it may be when the clock went back.
const renewBefore = keys.PeerLife * 2 / 3

var (
	errOther    = errors.New("peer: another node answered")
	errProtocol = errors.New("peer: not the protocol of nodes")
)

// passport is what this node shows the others. It is made in memory and never
// leaves it.
type passport struct {
	keys Keys
	node string
	now  func() time.Time

	mu      sync.Mutex
	current *tls.Certificate
	by      ed25519.PublicKey
}

// show returns a certificate that is good for hours, of the identity that the
// site has now.
func (p *passport) show() (*tls.Certificate, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	by := p.keys.Identity()
	if p.current != nil && p.by.Equal(by) && p.lasts(p.current.Leaf) {
		return p.current, nil
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("generate key: %w", err)
	}
	leaf, err := p.keys.PeerCertificate(p.node, public)
	if err != nil {
		return nil, err
	}
	p.current, p.by = &tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: private, Leaf: leaf}, by
	return p.current, nil
}

func (p *passport) lasts(c *x509.Certificate) bool {
	now := p.now()
	return c.NotAfter.Sub(now) > renewBefore && now.Sub(c.NotBefore) > renewBefore
}

// server is the TLS of who is asked. Tickets would let in who was let in before.
func (w *Wire) server() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: []string{protocol}, SessionTicketsDisabled: true,
		ClientAuth:     tls.RequireAnyClientCert,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return w.passport.show() },
		VerifyConnection: func(state tls.ConnectionState) error {
			_, err := w.whois(state)
			return err
		},
		Time: w.options.Now,
	}
}

// client is the TLS of who asks the node called name.
func (w *Wire) client(name string) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: []string{protocol},
		// Names of machines prove nothing here: the node's name and its site's
		// identity are checked below, in VerifyConnection.
		InsecureSkipVerify:   true,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return w.passport.show() },
		VerifyConnection: func(state tls.ConnectionState) error {
			found, err := w.whois(state)
			if err == nil && found.String() != name {
				return fmt.Errorf("%w: %s", errOther, found)
			}
			return err
		},
		Time: w.options.Now,
	}
}

// whois returns who is at the other end, who has proved to hold its key.
func (w *Wire) whois(state tls.ConnectionState) (Node, error) {
	if state.NegotiatedProtocol != protocol || len(state.PeerCertificates) != 1 {
		return Node{}, errProtocol
	}
	site, node, err := w.options.Keys.VerifyPeer(state.PeerCertificates[0])
	return Node{Site: site, Node: node}, err
}

// refuse counts why a node is not spoken with, and logs each reason once a minute.
func (w *Wire) refuse(ctx context.Context, reason, address string, err error) {
	w.metrics.refused[reason].Inc()
	w.mu.Lock()
	now := w.options.Now()
	last, said := w.said[reason]
	quiet := said && now.Sub(last).Abs() < time.Minute
	if !quiet {
		w.said[reason] = now
	}
	w.mu.Unlock()
	if !quiet {
		w.options.Logger.LogAttrs(ctx, slog.LevelWarn, "connection between nodes refused", slog.String("event", "peer.refused"),
			slog.String("reason", reason), slog.String("address", address), slog.Any("error", err))
	}
}

// reasonOf says why a handshake has failed.
func reasonOf(err error) string {
	switch {
	case errors.Is(err, keys.ErrPeerShape):
		return reasonShape
	case errors.Is(err, keys.ErrPeerForeign):
		return reasonForeign
	case errors.Is(err, keys.ErrPeerExpired):
		return reasonExpired
	case errors.Is(err, errOther):
		return reasonOther
	}
	return reasonHandshake
}
