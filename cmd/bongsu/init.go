package main

import (
	"bytes"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"text/template"

	"github.com/spf13/cobra"

	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/keys/wrap"
)

//go:embed init.yaml
var initTemplate string

func newInit() *cobra.Command {
	var dir, issuer, site string
	cmd := &cobra.Command{
		Use:   "init [--dir DIR] [--issuer URL] [--site NAME]",
		Short: "Write the secrets and the configuration of a new site",
		Long: `Write the two secrets of a new site, a secret for its first website, and a
configuration with comments, which serve accepts once the credentials of a provider
are filled in. Nothing is ever overwritten.`,
		Example: `  bongsu init
  bongsu init --dir /etc/bongsu --issuer https://login.example.kr --site seoul`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			parsed, err := config.ParseIssuer(issuer)
			if err != nil {
				return usageError{fmt.Errorf("--issuer: %w", err), cmd.CommandPath()}
			}
			if err := config.CheckSite(site); err != nil {
				return usageError{fmt.Errorf("--site: %w", err), cmd.CommandPath()}
			}
			return initialize(cmd.OutOrStdout(), cmd.ErrOrStderr(), dir, parsed, site)
		},
	}
	cmd.Flags().StringVar(&dir, "dir", ".", "the `DIR`ectory to write to; made when it is not there")
	cmd.Flags().StringVar(&issuer, "issuer", "http://localhost:8080", "the `URL` that websites will know this broker by")
	cmd.Flags().StringVar(&site, "site", "main", "the `NAME` of this place")
	return cmd
}

// newFile is one file that init writes.
type newFile struct {
	path string // in the directory
	what string // for the one who reads along
	mode os.FileMode
	text string
}

// initialize writes a new site to dir.
func initialize(out, errs io.Writer, dir string, issuer *url.URL, site string) error {
	files, err := newSite(issuer, site)
	if err != nil {
		return err
	}
	for _, file := range files {
		path := filepath.Join(dir, file.path)
		if _, err := os.Lstat(path); err == nil {
			return refusal{fmt.Errorf("%s is already there and init overwrites nothing: move it away, or choose another --dir", path)}
		} else if !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("look for %s: %w", path, err)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "secrets"), 0o700); err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	for _, file := range files {
		path := filepath.Join(dir, file.path)
		if err := create(path, file.text, file.mode); err != nil {
			return err
		}
		say(out, "%-32s %s\n", path, file.what)
	}
	path := filepath.Join(dir, "bongsu.yaml")
	say(errs, "\nPut the provider's credentials into %s and %s.\nnext: bongsu config validate --config %s\n",
		path, filepath.Join(dir, "secrets", "kakao.secret"), path)
	return nil
}

// newSite makes everything that init writes.
func newSite(issuer *url.URL, site string) ([]newFile, error) {
	siteKey, err := wrap.Generate(rand.Reader)
	if err != nil {
		return nil, err
	}
	clusterKey, err := wrap.Generate(rand.Reader)
	if err != nil {
		return nil, err
	}
	website, _, err := client.NewSecret(rand.Reader)
	if err != nil {
		return nil, err
	}
	parsed, err := template.New("init.yaml").Parse(initTemplate)
	if err != nil {
		return nil, fmt.Errorf("read template: %w", err)
	}
	var text bytes.Buffer
	if err := parsed.Execute(&text, map[string]any{
		"Issuer": issuer.String(), "Site": site, "Listen": listenFor(issuer), "Public": issuer.Scheme == "https",
	}); err != nil {
		return nil, fmt.Errorf("write configuration: %w", err)
	}
	return []newFile{
		{"secrets/site.key", "wraps this site's signing keys; keep a copy elsewhere", 0o600, siteKey + "\n"},
		{"secrets/cluster.key", "the same at every site; keep a copy elsewhere", 0o600, clusterKey + "\n"},
		{"secrets/website.secret", "what your website proves itself with", 0o600, website + "\n"},
		{"secrets/kakao.secret", "empty: the client secret from Kakao goes here", 0o600, ""},
		{"bongsu.yaml", "the configuration", 0o640, text.String()},
	}, nil
}

// listenFor is where a node listens behind a proxy on the same machine, or, for
// an issuer on loopback, where the issuer says.
func listenFor(issuer *url.URL) string {
	if issuer.Scheme == "https" {
		return "127.0.0.1:8080"
	}
	host, port := issuer.Hostname(), issuer.Port()
	if net.ParseIP(host) == nil {
		host = "127.0.0.1"
	}
	if port == "" {
		port = "80"
	}
	return net.JoinHostPort(host, port)
}

// create writes a new file and has it on disk before it returns. It never
// follows a link nor replaces a file.
func create(path, text string, mode os.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return fmt.Errorf("write new file: %w", err)
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write new file: %w", err)
	}
	return nil
}
