package fakenet

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"sync"
	"time"
)

// wrongName is whose certificate [CertificateName] shows.
const wrongName = "someone-else.example"

// authority signs the certificates of all hosts. Its own lives as long as the
// network needs it; certificates are made when they are shown first.
type authority struct {
	key     *ecdsa.PrivateKey // of the authority and of all hosts
	trusted *x509.Certificate
	foreign *x509.Certificate // another authority with the same key, which nobody trusts

	mu    sync.Mutex
	shown map[shown]*tls.Certificate
}

// shown is one certificate: what kind, and whose.
type shown struct {
	kind Certificate
	name string
}

func newAuthority() (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	a := &authority{key: key, shown: map[shown]*tls.Certificate{}}
	for name, into := range map[string]**x509.Certificate{"Simulated authority": &a.trusted, "Foreign authority": &a.foreign} {
		template := &x509.Certificate{
			SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
			NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(30 * 24 * time.Hour),
			IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		}
		if *into, err = a.issue(template, template); err != nil {
			return nil, err
		}
	}
	return a, nil
}

func (a *authority) issue(template, parent *x509.Certificate) (*x509.Certificate, error) {
	raw, err := x509.CreateCertificate(rand.Reader, template, parent, a.key.Public(), a.key)
	if err != nil {
		return nil, fmt.Errorf("sign a certificate: %w", err)
	}
	made, err := x509.ParseCertificate(raw)
	if err != nil {
		return nil, fmt.Errorf("read a certificate: %w", err)
	}
	return made, nil
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.trusted)
	return pool
}

// config is how a host shows itself, HTTP/1.1 alone: there a connection is one
// conversation, and breaking it breaks that.
func (a *authority) config(kind Certificate) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			return a.show(kind, hello.ServerName)
		},
	}
}

// maxShown bounds the certificates that are kept; more are made afresh.
const maxShown = 1024

func (a *authority) show(kind Certificate, name string) (*tls.Certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	which := shown{kind, name}
	if made, ok := a.shown[which]; ok {
		return made, nil
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: now.Add(-47 * time.Hour), NotAfter: now.Add(29 * 24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	parent := a.trusted
	switch kind {
	case CertificateName:
		template.DNSNames = []string{wrongName}
	case CertificateExpired:
		template.NotAfter = now.Add(-24 * time.Hour)
	case CertificateForeign:
		parent = a.foreign
	}
	leaf, err := a.issue(template, parent)
	if err != nil {
		return nil, err
	}
	made := &tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: a.key, Leaf: leaf}
	if len(a.shown) < maxShown {
		a.shown[which] = made
	}
	return made, nil
}
