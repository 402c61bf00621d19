package keys

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"strings"
	"time"
)

// The errors of [Ring.VerifyPeer]. Test them with [errors.Is].
var (
	ErrPeerForeign = errors.New("keys: not a node of a configured site")   // no such site, or its identity has not signed this
	ErrPeerExpired = errors.New("keys: certificate of a node out of date") // by this node's clock
	ErrPeerShape   = errors.New("keys: not the certificate of a node")     // names no node, or several
)

var (
	errPeerName   = errors.New("keys: not the name of a node, or not its key")
	peerUsages    = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	serialNumbers = new(big.Int).Lsh(big.NewInt(1), 127) // RFC 5280 4.1.2.2 has 20 octets at most
)

const (
	// PeerLife is how long the certificate of a node is good, to either side of
	// the moment it was made: sites' clocks may differ.
	PeerLife = 24 * time.Hour

	maxNode = 64 // bytes, of a site's name too

	peerScheme = "bongsu"
)

// Identity returns the public key of the identity that this site signs as now.
func (r *Ring) Identity() ed25519.PublicKey { return r.standing.Load().own.public() }

// PeerCertificate returns a certificate by which a node of this site shows the
// nodes of all sites who it is: signed by the site's identity, over public,
// whose private key never leaves the process that made it, for both ends of TLS,
// good for [PeerLife]. Its only name is the URI bongsu://site/node. The identity
// signs nothing else for TLS, so that no handshake can have it sign something.
// The error means that node or key is malformed.
func (r *Ring) PeerCertificate(node string, public ed25519.PublicKey) (*x509.Certificate, error) {
	if !isNode(node) || len(public) != ed25519.PublicKeySize {
		return nil, errPeerName
	}
	serial, err := rand.Int(rand.Reader, serialNumbers)
	if err != nil {
		return nil, fmt.Errorf("draw serial number: %w", err)
	}
	own, now := r.standing.Load().own, r.options.Now().UTC()
	issuer := pkix.Name{CommonName: "site " + own.site}
	template := &x509.Certificate{
		SerialNumber: serial.Add(serial, big.NewInt(1)), Subject: pkix.Name{CommonName: "node"}, Issuer: issuer,
		NotBefore: now.Add(-PeerLife), NotAfter: now.Add(PeerLife),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: peerUsages, BasicConstraintsValid: true,
		URIs: []*url.URL{{Scheme: peerScheme, Host: own.site, Path: "/" + node}},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, &x509.Certificate{Subject: issuer}, public, own.private)
	if err != nil {
		return nil, fmt.Errorf("make certificate of node %s: %w", node, err)
	}
	return x509.ParseCertificate(der)
}

// VerifyPeer returns the site and node that a certificate names, if one of the
// site's identities has signed it and it is in date. No store is asked and no
// lock is taken. Errors: [ErrPeerShape], [ErrPeerForeign], [ErrPeerExpired].
func (r *Ring) VerifyPeer(c *x509.Certificate) (site, node string, err error) {
	site, node, ok := peerName(c)
	if !ok {
		return "", "", ErrPeerShape
	}
	if !r.issued(site, c) {
		return "", "", fmt.Errorf("%w: it says %s/%s", ErrPeerForeign, site, node)
	}
	if now := r.options.Now(); now.Before(c.NotBefore) || now.After(c.NotAfter) {
		return "", "", fmt.Errorf("%w: of %s/%s, good from %s until %s", ErrPeerExpired, site, node,
			c.NotBefore.Format(time.RFC3339), c.NotAfter.Format(time.RFC3339))
	}
	return site, node, nil
}

// issued reports whether one of the identities of site has signed c.
func (r *Ring) issued(site string, c *x509.Certificate) bool {
	if c.SignatureAlgorithm != x509.PureEd25519 {
		return false
	}
	for _, public := range r.standing.Load().sites[site] {
		if ed25519.Verify(public, c.RawTBSCertificate, c.Signature) {
			return true
		}
	}
	return false
}

// peerName returns what c names, if it has the shape of what PeerCertificate
// makes.
func peerName(c *x509.Certificate) (site, node string, ok bool) {
	if _, is := c.PublicKey.(ed25519.PublicKey); !is || c.IsCA || len(c.UnhandledCriticalExtensions) > 0 {
		return "", "", false
	}
	if len(c.URIs) != 1 || len(c.DNSNames)+len(c.EmailAddresses)+len(c.IPAddresses) > 0 {
		return "", "", false
	}
	name := c.URIs[0]
	node, rooted := strings.CutPrefix(name.Path, "/")
	if !rooted || !isNode(node) || !isNode(name.Host) || name.String() != peerScheme+"://"+name.Host+"/"+node {
		return "", "", false
	}
	return name.Host, node, true
}

// isNode reports whether s can name a node or a site.
func isNode(s string) bool {
	return s != "" && len(s) <= maxNode && strings.IndexFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '.' && r != '_'
	}) < 0
}
