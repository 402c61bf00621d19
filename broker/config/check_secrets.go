package config

import (
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/bongsu/bongsu/keys/wrap"
)

// secret reads a secret that stands in one of up to three places: at path
// itself, in a file, or in what a command prints. It returns "" when there is
// none, or when it could not be read, which it reports; set tells them apart
// from "not configured".
func (c *checker) secret(path, value, file string, command []string) (text string, set bool) {
	places := 0
	for _, used := range []bool{value != "", file != "", len(command) > 0} {
		if used {
			places++
		}
	}
	switch {
	case places == 0:
		return "", c.bad[path] || c.bad[path+"_file"] || c.bad[path+"_command"]
	case places > 1:
		c.add(path, "%s has more than one source: set %s, %[1]s_file or %[1]s_command", path, path)
		return "", true
	case value != "":
		if n, ok := c.at[path]; ok && c.origin[n] == "" {
			c.secrets = append(c.secrets, path)
		}
		return value, true
	}
	source, fetch := path+"_file", func() (string, error) { return c.read(file, true) }
	if file == "" {
		source, fetch = path+"_command", func() (string, error) { return c.run(command) }
	}
	text, err := fetch()
	if err != nil {
		c.add(source, "%s: %v", source, err)
		return "", true
	}
	if strings.TrimSpace(text) == "" {
		c.add(source, "%s: there is nothing in it", source)
		return "", true
	}
	return text, true
}

// ringSecrets reads the two secrets that wrap everything else.
func (c *checker) ringSecrets() {
	f := c.file
	site := c.wrapKey("site_key", f.SiteKey, f.SiteKeyFile, f.SiteKeyCommand, &c.config.SiteKey)
	cluster := c.wrapKey("cluster_key", f.ClusterKey, f.ClusterKeyFile, f.ClusterKeyCommand, &c.config.ClusterKey)
	if site != "" && subtle.ConstantTimeCompare([]byte(site), []byte(cluster)) == 1 {
		c.add("cluster_key", "cluster_key must not be the same secret as site_key: all sites know the one, this site alone the other")
	}
}

// wrapKey reads one wrapping secret and returns its text.
func (c *checker) wrapKey(path, value, file string, command []string, target **wrap.Key) string {
	text, set := c.secret(path, value, file, command)
	if !set {
		c.add(path, "%s is required: set %[1]s_file to a secret that bongsu init wrote", path)
	}
	if text == "" {
		return ""
	}
	key, err := wrap.Parse(text)
	if err != nil {
		c.add(c.source(path), "%s is no secret of 32 bytes in base64, as bongsu init writes it", path)
		return ""
	}
	*target = key
	return strings.TrimSpace(text)
}

// source is the path of the place that a secret was read from.
func (c *checker) source(path string) string {
	for _, suffix := range []string{"", "_file", "_command"} {
		if _, ok := c.at[path+suffix]; ok {
			return path + suffix
		}
	}
	return path
}

// tls reads certificate and key once, so that a wrong pair is found now and not
// by the first browser.
func (c *checker) tls() {
	if c.file.TLS == nil {
		return
	}
	if c.config.Issuer != nil && c.config.Issuer.Scheme == "http" {
		c.add("tls", "tls needs an issuer that begins with https://")
	}
	certFile, keyFile := c.file.TLS.CertFile, c.file.TLS.KeyFile
	if certFile == "" {
		c.add("tls.cert_file", "tls.cert_file is required: the certificate and its chain, in PEM")
	}
	if keyFile == "" {
		c.add("tls.key_file", "tls.key_file is required: the private key of the certificate, in PEM")
	}
	if certFile == "" || keyFile == "" {
		return
	}
	c.config.TLS = &TLS{CertFile: c.path(certFile), KeyFile: c.path(keyFile)}
	cert, err := c.read(certFile, false)
	if err != nil {
		c.add("tls.cert_file", "tls.cert_file: %v", err)
	}
	key, err := c.read(keyFile, true)
	if err != nil {
		c.add("tls.key_file", "tls.key_file: %v", err)
	}
	if cert == "" || key == "" {
		return
	}
	pair, err := tls.X509KeyPair([]byte(cert), []byte(key))
	if err != nil {
		c.add("tls.cert_file", "tls: %s", strings.TrimPrefix(err.Error(), "tls: "))
		return
	}
	c.covers(pair.Leaf)
}

// covers warns of a certificate that is not for a host of this node: browsers turn
// back there.
func (c *checker) covers(certificate *x509.Certificate) {
	for _, at := range []*url.URL{c.config.Issuer, c.config.Origin(c.config.Site)} {
		if at != nil && certificate.VerifyHostname(at.Hostname()) != nil {
			c.warn("tls.cert_file", "tls.cert_file: the certificate is not for %s, where this node answers too", at.Hostname())
		}
	}
}

// store checks the database and reads the connection strings, which hold
// passwords.
func (c *checker) store() {
	s := c.file.Store
	c.config.DataDir = c.path(c.file.DataDir)
	if c.file.DataDir == "" {
		c.add("data_dir", "data_dir is required: the directory for what this node must remember alone")
	}
	c.oneOf("store.driver", s.Driver)
	c.oneOf("store.migrate", s.Migrate)
	writer, hasWriter := c.secret("store.writer", s.Writer, s.WriterFile, nil)
	reader, hasReader := c.secret("store.reader", s.Reader, s.ReaderFile, nil)
	c.config.Store = Store{Driver: s.Driver, Path: c.path(s.Path), Writer: writer, Reader: reader, Manual: s.Migrate == migrateManual}
	switch s.Driver {
	case "sqlite":
		if s.Path == "" {
			c.config.Store.Path = filepath.Join(c.config.DataDir, defaultPath)
		}
		if hasWriter || hasReader {
			c.add(c.source("store.writer"), "store.writer and store.reader are for the driver postgres")
		}
	case "postgres":
		if s.Path != "" {
			c.add("store.path", "store.path is for the driver sqlite")
		}
		if !hasWriter {
			c.add("store", "store.writer is required: the connection string of the database, in store.writer_file or here")
		}
		for path, dsn := range map[string]string{"store.writer": writer, "store.reader": reader} {
			if dsn != "" && !strings.HasPrefix(dsn, "postgres://") && !strings.HasPrefix(dsn, "postgresql://") && !strings.Contains(dsn, "=") {
				c.add(c.source(path), "%s must be a connection string such as postgres://bongsu@db.internal/bongsu?sslmode=verify-full", path)
			}
		}
	}
}
