//go:build linux

package machines

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Authority signs certificates, all of them for one key.
type Authority struct {
	Root *x509.Certificate // from two days ago until tomorrow
	key  *ecdsa.PrivateKey
	raw  []byte
}

// NewAuthority makes one that signs with a key of its own.
func NewAuthority(name string) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	raw, err := x509.CreateCertificate(rand.Reader, root, root, key.Public(), key)
	return &Authority{root, key, raw}, err
}

// Sign makes a certificate for some names, at least one, good until a moment.
func (a *Authority) Sign(until time.Time, names ...string) ([]byte, error) {
	slices.Sort(names)
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: names[0]}, DNSNames: names,
		NotBefore: a.Root.NotBefore, NotAfter: until,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	return x509.CreateCertificate(rand.Reader, leaf, a.Root, a.key.Public(), a.key)
}

// Key is what its certificates are for, and its own.
func (a *Authority) Key() *ecdsa.PrivateKey { return a.key }

// Pool holds the authority alone.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(encode("CERTIFICATE", a.raw))
	return pool
}

// Files are paths of PEM files.
type Files struct{ Root, Certificate, Key string }

// Write writes into dir the authority, a certificate for some names that is good as
// long as the authority, and its key.
func (a *Authority) Write(dir string, names ...string) (Files, error) {
	leaf, err := a.Sign(a.Root.NotAfter, names...)
	if err != nil {
		return Files{}, err
	}
	key, err := x509.MarshalPKCS8PrivateKey(a.key)
	if err != nil {
		return Files{}, err
	}
	f := Files{filepath.Join(dir, "root.pem"), filepath.Join(dir, "all.pem"), filepath.Join(dir, "all.key")}
	return f, errors.Join(
		os.WriteFile(f.Root, encode("CERTIFICATE", a.raw), 0o600),
		os.WriteFile(f.Certificate, encode("CERTIFICATE", leaf), 0o600),
		os.WriteFile(f.Key, encode("PRIVATE KEY", key), 0o600),
	)
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
