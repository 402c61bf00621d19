package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"

	"github.com/bongsu/bongsu/keys/wrap"
)

const shopSecret = "a-secret-of-thirty-two-characters"

// loadText loads a file with that text, closed to others, beside some secrets.
func loadText(t *testing.T, text string) (*Config, error) {
	t.Helper()
	dir := t.TempDir()
	writeSecrets(t, dir)
	path := filepath.Join(dir, "bongsu.yaml")
	write(t, path, text, 0o600)
	return Load(path, nil)
}

// writeSecrets writes the secrets, keys and certificates that the files of these tests name.
func writeSecrets(t *testing.T, dir string) {
	t.Helper()
	if err := os.Mkdir(filepath.Join(dir, "secrets"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"site.key", "cluster.key", "gossip.key"} {
		text, err := wrap.Generate(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, "secrets", name), text+"\n", 0o600)
	}
	write(t, filepath.Join(dir, "secrets/kakao.secret"), "from the console\n", 0o600)
	write(t, filepath.Join(dir, "secrets/company.secret"), "from the company\r\n", 0o600)
	write(t, filepath.Join(dir, "secrets/forum.secret"), "from the forum\n", 0o600)
	write(t, filepath.Join(dir, "secrets/shop.secret"), shopSecret+"\n", 0o600)
	key, cert := keyPair(t)
	write(t, filepath.Join(dir, "secrets/apple.p8"), key, 0o600)
	write(t, filepath.Join(dir, "tls.key"), key, 0o600)
	write(t, filepath.Join(dir, "tls.crt"), cert, 0o644)
	_, other := keyPair(t)
	write(t, filepath.Join(dir, "other.crt"), other, 0o644)
}

// keyPair is a P-256 key and a certificate for it, in PEM.
func keyPair(t *testing.T) (key, cert string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "login.example.kr"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	key = string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
	return key, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	chmod(t, path, mode)
}

func chmod(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}
