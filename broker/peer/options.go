package peer

import (
	"crypto/ed25519"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// The bounds of questions.
const (
	// MaxBody is the longest question and the longest answer, in bytes.
	MaxBody = 64 << 10
	// AnswerWithin is how long a question is waited for once it is sent, however
	// long its context lasts: a handler must answer sooner.
	AnswerWithin = time.Second
	// MaxUnderWay is how many questions to one node are under way at a time;
	// others wait for their turn.
	MaxUnderWay = 16

	maxName = 64 // bytes, of a question's
)

// The bounds of lines.
const (
	dialWithin      = time.Second     // connecting, handshake and greeting
	handshakeWithin = 2 * time.Second // of who asks us, greeting included
	frameWithin     = time.Second     // from the first byte of a frame to its last
	idleAfter       = time.Minute     // a line that nobody asked on is given up by who asks …
	deafAfter       = 2 * time.Minute // … and later by who answers, so that no question meets a line just closed
	restFor         = 2 * time.Second // nobody tries a node that stopped answering
	maxHandshakes   = 64
	maxLines        = 1024 // of others to this node
	maxLinesOf      = 4    // of one node; the oldest goes
)

// The errors of [Wire.Ask]. Test them with [errors.Is].
var (
	// ErrUndelivered means that no handler has seen the question, nor will: it
	// may be asked elsewhere.
	ErrUndelivered = errors.New("peer: not delivered")
	// ErrUnknown means that the handler may have done what was asked, or may yet.
	ErrUnknown = errors.New("peer: outcome unknown")
	// ErrRefused means that the handler has answered with an error; its node's
	// log says which.
	ErrRefused = errors.New("peer: refused by the other side")
)

// Node names a node.
type Node struct {
	Site string
	Node string // unique in its site
}

// String returns "site/node".
func (n Node) String() string { return n.Site + "/" + n.Node }

// Keys is who this node is, and whom it believes. [github.com/bongsu/bongsu/keys.Ring]
// is one.
type Keys interface {
	// PeerCertificate has the site's identity certify a key of a node.
	PeerCertificate(node string, public ed25519.PublicKey) (*x509.Certificate, error)
	// VerifyPeer returns whom a certificate names, if it is to be believed now.
	VerifyPeer(c *x509.Certificate) (site, node string, err error)
	// Identity is the one that certifies now.
	Identity() ed25519.PublicKey
}

// Options is what a [Wire] is made of.
type Options struct {
	Self   Node
	Listen string         // "host:port", TCP; port 0 is any free one
	Allow  []netip.Prefix // where the others may be, and are dialled; empty: anywhere
	Keys   Keys

	// Address returns where the membership says a node "site/node" can be asked,
	// "host:port"; false: it knows no such node. It must be quick.
	Address func(node string) (string, bool)

	// Through may wrap every connection that is taken or made, before anything is
	// said on it: dev mode cuts and freezes nodes so. nil wraps nothing.
	Through func(net.Conn) net.Conn

	Now        func() time.Time      // nil is time.Now
	Logger     *slog.Logger          // nil discards
	Registerer prometheus.Registerer // nil counts nowhere

	listener net.Listener // tests: instead of Listen
	dial     dialer       // tests: instead of the network
}

func (o Options) completed() (Options, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Through == nil {
		o.Through = func(c net.Conn) net.Conn { return c }
	}
	if o.dial == nil {
		o.dial = o.network().DialContext
	}
	if err := o.validate(); err != nil {
		return o, fmt.Errorf("peer: options: %w", err)
	}
	return o, nil
}

func (o Options) validate() error {
	switch {
	case o.Self.Site == "" || o.Self.Node == "" || strings.ContainsRune(o.Self.String()[len(o.Self.Site)+1:], '/'):
		return fmt.Errorf("%q is not site/node", o.Self)
	case o.Keys == nil || o.Address == nil:
		return errors.New("nobody to ask for keys or addresses")
	case o.Listen == "" && o.listener == nil:
		return errors.New("nowhere to listen")
	}
	return nil
}

// allows reports whether others may be at an address.
func (o Options) allows(at net.Addr) bool {
	if len(o.Allow) == 0 {
		return true
	}
	found, err := netip.ParseAddrPort(at.String())
	if err != nil {
		return false
	}
	for _, p := range o.Allow {
		if p.Contains(found.Addr().Unmap()) {
			return true
		}
	}
	return false
}
