package main

import (
	"bytes"
	"crypto/rand"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/spf13/cobra"

	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/keys/wrap"
)

//go:embed init.yaml
var initTemplate string

// maxSecretFile bounds what init reads of a secret, in bytes.
const maxSecretFile = 4 << 10

// newSite is the site that init writes.
type newSite struct {
	dir    string
	issuer *url.URL
	site   string

	join        bool   // of a deployment that is there already
	clusterFile string // its cluster key
	gossipFile  string // its gossip keys; empty: it has none, or they come later
}

func newInit() *cobra.Command {
	var n newSite
	var issuer string
	cmd := &cobra.Command{
		Use:   "init [--dir DIR] [--issuer URL] [--site NAME] [--join --cluster-key FILE [--gossip-keys FILE]]",
		Short: "Write the secrets and the configuration of a new site",
		Long: `Write the secrets of a new site and a configuration with comments, which serve accepts
once the credentials of a provider are filled in. Nothing is ever overwritten.

With --join the site becomes one more of a deployment: the cluster key, and the gossip
keys if there are any, are taken from another site; everything else is its own. What is
then left to do is printed.`,
		Example: `  bongsu init
  bongsu init --dir /etc/bongsu --issuer https://login.example.kr --site seoul
  bongsu init --join --cluster-key cluster.key --gossip-keys gossip.key --issuer https://login.example.kr --site busan`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if n.issuer, err = config.ParseIssuer(issuer); err != nil {
				return usageError{fmt.Errorf("--issuer: %w", err), cmd.CommandPath()}
			}
			if err := config.CheckSite(n.site); err != nil {
				return usageError{fmt.Errorf("--site: %w", err), cmd.CommandPath()}
			}
			if err := n.checkJoin(cmd); err != nil {
				return usageError{err, cmd.CommandPath()}
			}
			return n.initialize(cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&n.dir, "dir", ".", "the `DIR`ectory to write to; made when it is not there")
	flags.StringVar(&issuer, "issuer", "http://localhost:8080", "the `URL` that websites will know this broker by")
	flags.StringVar(&n.site, "site", "main", "the `NAME` of this place")
	flags.BoolVar(&n.join, "join", false, "join the sites that are there already")
	flags.StringVar(&n.clusterFile, "cluster-key", "", "with --join: the `FILE` with their cluster key")
	flags.StringVar(&n.gossipFile, "gossip-keys", "", "with --join: the `FILE` with their gossip keys")
	return cmd
}

// checkJoin checks what a site that joins needs to be told.
func (n *newSite) checkJoin(cmd *cobra.Command) error {
	changed := cmd.Flags().Changed
	switch {
	case !n.join && (changed("cluster-key") || changed("gossip-keys")):
		return errors.New("--cluster-key and --gossip-keys need --join")
	case n.join && n.clusterFile == "":
		return errors.New("--join needs --cluster-key FILE: secrets/cluster.key of another site")
	case n.join && (!changed("issuer") || !changed("site")):
		return errors.New("--join needs --issuer, which is that of the other sites, and --site, which is not")
	}
	return nil
}

// newFile is one file that init writes.
type newFile struct {
	path string // in the directory
	what string // for the one who reads along
	mode os.FileMode
	text string
}

// initialize writes the site.
func (n *newSite) initialize(out, errs io.Writer) error {
	files, err := n.files()
	if err != nil {
		return err
	}
	for _, file := range files {
		path := filepath.Join(n.dir, file.path)
		if _, err := os.Lstat(path); err == nil {
			return refusal{fmt.Errorf("%s is already there and init overwrites nothing: move it away, or choose another --dir", path)}
		} else if !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("look for %s: %w", path, err)
		}
	}
	if err := os.MkdirAll(filepath.Join(n.dir, "secrets"), 0o700); err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	for _, file := range files {
		path := filepath.Join(n.dir, file.path)
		if err := create(path, file.text, file.mode); err != nil {
			return err
		}
		say(out, "%-32s %s\n", path, file.what)
	}
	n.sayNext(errs)
	return nil
}

// sayNext says what is left to do.
func (n *newSite) sayNext(errs io.Writer) {
	path := filepath.Join(n.dir, "bongsu.yaml")
	if !n.join {
		say(errs, "\nPut the provider's credentials into %s and %s.\nnext: bongsu config validate --config %s\n",
			path, filepath.Join(n.dir, "secrets", "kakao.secret"), path)
		return
	}
	say(errs, `
1. Put into %[1]s what the other sites have: store, providers, clients, sites and gossip.
2. bongsu keys identity show --config %[1]s
   prints the line of this site. Put it into sites of every configuration, this one included,
   and restart the nodes of the other sites one by one: from then on they believe this site.
3. bongsu serve --config %[1]s
next: bongsu config validate --config %[1]s
`, path)
}

// files makes everything that init writes.
func (n *newSite) files() ([]newFile, error) {
	siteKey, err := wrap.Generate(rand.Reader)
	if err != nil {
		return nil, err
	}
	clusterKey, err := n.clusterKey()
	if err != nil {
		return nil, err
	}
	gossip, err := n.gossipKeys()
	if err != nil {
		return nil, err
	}
	operator, hash, err := client.NewSecret(rand.Reader)
	if err != nil {
		return nil, err
	}
	text, err := n.configuration(client.FormatHash(hash), gossip != "")
	if err != nil {
		return nil, err
	}
	files := []newFile{
		{"secrets/site.key", "wraps this site's signing keys; keep a copy elsewhere", 0o600, siteKey + "\n"},
		{"secrets/cluster.key", "the same at every site; keep a copy elsewhere", 0o600, clusterKey + "\n"},
	}
	if gossip != "" {
		files = append(files, newFile{"secrets/gossip.key", "the same at every node of every site", 0o600, gossip + "\n"})
	}
	files = append(files, newFile{"secrets/operator.secret", "what an operator's commands prove themselves with", 0o600, operator + "\n"})
	if !n.join { // else the websites are known, with their secrets
		website, _, err := client.NewSecret(rand.Reader)
		if err != nil {
			return nil, err
		}
		files = append(files, newFile{"secrets/website.secret", "what your website proves itself with", 0o600, website + "\n"})
	}
	return append(files,
		newFile{"secrets/kakao.secret", "empty: the client secret from Kakao goes here", 0o600, ""},
		newFile{"bongsu.yaml", "the configuration", 0o640, text}), nil
}

// configuration is the text of the configuration.
func (n *newSite) configuration(operator string, gossip bool) (string, error) {
	parsed, err := template.New("init.yaml").Parse(initTemplate)
	if err != nil {
		return "", fmt.Errorf("read template: %w", err)
	}
	var text bytes.Buffer
	if err := parsed.Execute(&text, map[string]any{
		"Issuer": n.issuer.String(), "Site": n.site, "Listen": listenFor(n.issuer), "Public": n.issuer.Scheme == "https",
		"Operator": operator, "Join": n.join, "Gossip": gossip,
	}); err != nil {
		return "", fmt.Errorf("write configuration: %w", err)
	}
	return text.String(), nil
}

// clusterKey makes the cluster key, or reads that of the deployment.
func (n *newSite) clusterKey() (string, error) {
	if !n.join {
		return wrap.Generate(rand.Reader)
	}
	text, err := readSecret(n.clusterFile)
	if err != nil {
		return "", fmt.Errorf("--cluster-key: %w", err)
	}
	if _, err := wrap.Parse(text); err != nil {
		return "", fmt.Errorf("--cluster-key: %s is no secret of 32 bytes in base64, as bongsu init writes it", n.clusterFile)
	}
	return text, nil
}

// gossipKeys makes a gossip key, or reads those of the deployment.
func (n *newSite) gossipKeys() (string, error) {
	if !n.join {
		key := make([]byte, 32)
		if _, err := io.ReadFull(rand.Reader, key); err != nil {
			return "", fmt.Errorf("make gossip key: %w", err)
		}
		return base64.StdEncoding.EncodeToString(key), nil
	}
	if n.gossipFile == "" {
		return "", nil
	}
	text, err := readSecret(n.gossipFile)
	if err != nil {
		return "", fmt.Errorf("--gossip-keys: %w", err)
	}
	if _, err := config.ParseGossipKeys(text); err != nil {
		return "", fmt.Errorf("--gossip-keys: %s: %w", n.gossipFile, err)
	}
	return text, nil
}

// readSecret reads a small file that holds a secret.
func readSecret(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // read only: nothing to lose
	data, err := io.ReadAll(io.LimitReader(f, maxSecretFile+1))
	if err != nil {
		return "", err
	}
	if len(data) > maxSecretFile {
		return "", fmt.Errorf("%s is larger than %d bytes", path, maxSecretFile)
	}
	return strings.TrimSpace(string(data)), nil
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
