//go:build linux

package chaos

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"text/template"
	"time"

	"github.com/bongsu/bongsu/broker/store/sqlstore"
	"github.com/bongsu/bongsu/deploy/netns/machines"
	"github.com/bongsu/bongsu/keys"
	"github.com/bongsu/bongsu/keys/wrap"
	"github.com/bongsu/bongsu/providers/fakeidp"
)

// fleet is the three sites: six brokers and three databases.
type fleet struct {
	*world

	databases *databases
	nodes     []*node // by site, in their order
}

// newFleet founds the three sites as operators do, and starts them.
func newFleet(w *world, stale time.Duration) *fleet {
	w.t.Helper()
	if os.Getenv(binary) == "" {
		w.t.Fatal(binary + " names no program: deploy/chaos.sh builds one and runs this")
	}
	f := &fleet{world: w, databases: newDatabases(w)}
	identities := make([]string, len(siteNames))
	for i, name := range siteNames {
		f.found(name)
		for number := range 2 {
			f.nodes = append(f.nodes, w.newNode(name, number+1))
		}
		f.configure(name, stale)
		var err error
		identities[i], err = w.program(w.t.Context(), name, "keys", "identity", "show", "--config", f.of(name)[0].config())
		w.must(err)
		named := "{name: " + name
		identities[i] = strings.Replace(identities[i], named, named+", origin: https://"+originHost(name), 1)
	}
	list := "sites:\n" + strings.Join(identities, "")
	for _, n := range f.nodes {
		file, err := os.OpenFile(n.config(), os.O_APPEND|os.O_WRONLY, 0)
		w.must(err)
		_, err = file.WriteString(list)
		w.must(errors.Join(err, file.Close()))
	}
	f.firstKeys()
	w.must(f.startAll(f.nodes...))
	return f
}

// of are the nodes of a site.
func (f *fleet) of(site string) (all []*node) {
	for _, n := range f.nodes {
		if n.site == site {
			all = append(all, n)
		}
	}
	return all
}

// startAll starts what does not run of some nodes, and waits until all are ready.
func (f *fleet) startAll(nodes ...*node) error {
	var starting sync.WaitGroup
	failed := make([]error, len(nodes))
	for i, n := range nodes {
		starting.Go(func() {
			if !n.alive() {
				failed[i] = n.start()
			}
			if failed[i] == nil {
				failed[i] = n.awaitReady(f.t.Context())
			}
		})
	}
	starting.Wait()
	return errors.Join(failed...)
}

// found has bongsu init write a site's secrets.
func (f *fleet) found(site string) {
	f.t.Helper()
	dir := f.siteDir(site)
	args := []string{"init", "--dir", dir, "--issuer", issuerURL, "--site", site}
	if site != siteNames[0] {
		first := filepath.Join(f.siteDir(siteNames[0]), "secrets")
		args = append(args, "--join", "--cluster-key", filepath.Join(first, "cluster.key"), "--gossip-keys", filepath.Join(first, "gossip.key"))
	}
	f.must(os.Mkdir(dir, 0o700))
	_, err := f.program(f.t.Context(), site, args...)
	f.must(err)
}

// configure writes the configuration of a site's nodes.
func (f *fleet) configure(site string, stale time.Duration) {
	f.t.Helper()
	for _, n := range f.of(site) {
		var text bytes.Buffer
		f.must(nodeSettings.Execute(&text, map[string]any{
			"Site": site, "Node": n.name(), "Listen": n.address, "Issuer": issuerURL, "Cert": f.files.Certificate, "Key": f.files.Key,
			"Admin": n.admin, "Data": n.data(), "Writer": f.writer(), "Reader": f.reader(site), "Secrets": filepath.Join(n.dir, "secrets"),
			"Gossip": fmt.Sprintf("%s:%d", f.InnerAddress(site), 7945+n.number), "Peers": fmt.Sprintf("%s:%d", f.InnerAddress(site), 7955+n.number),
			"Private": machines.Private, "Gossips": machines.InnerNetwork, "Canary": canaryHost, "Seeds": f.seeds(), "Stale": stale, "Mark": issuerHost,
			"Providers": f.registrations(), "Clients": websites,
		}))
		f.must(os.WriteFile(n.config(), text.Bytes(), 0o600))
	}
}

// writer is the connection string that finds whichever database can be written.
func (f *fleet) writer() string {
	var hosts []string
	for _, name := range siteNames {
		hosts = append(hosts, f.InnerAddress(name)+":5432")
	}
	return "postgres://postgres@" + strings.Join(hosts, ",") + "/" + databaseName + "?sslmode=disable&target_session_attrs=read-write"
}

// reader is that of the site's own database.
func (f *fleet) reader(site string) string {
	return "postgres://postgres@" + f.InnerAddress(site) + ":5432/" + databaseName + "?sslmode=disable"
}

// seeds are where nodes look for each other.
func (f *fleet) seeds() (all []string) {
	for _, n := range f.nodes {
		all = append(all, fmt.Sprintf("%s:%d", f.InnerAddress(n.site), 7945+n.number))
	}
	return all
}

// registration is the program's at a provider.
type registration struct{ ID, Client, Secret, Issuer, Authorize, Token, Userinfo, JWKS string }

func (w *world) registrations() (all []registration) {
	for _, spec := range upstreams {
		u, _ := w.providers.Upstream(spec.Name)
		known := u.Client()
		all = append(all, registration{
			ID: spec.Name, Client: known.ID, Secret: known.Secret, Issuer: u.Issuer(),
			Authorize: u.URL(fakeidp.Authorize), Token: u.URL(fakeidp.Token),
			Userinfo: u.URL(fakeidp.Userinfo), JWKS: u.URL(fakeidp.JWKS),
		})
	}
	return all
}

// nodeSettings is the configuration of a node.
var nodeSettings = template.Must(template.New("bongsu.yaml").Parse(`issuer: {{.Issuer}}
site: {{.Site}}
node: {{.Node}}
listen: {{.Listen}}
tls: {cert_file: {{.Cert}}, key_file: {{.Key}}}
admin: {{.Admin}}
operators: [{name: ops, secret_file: {{.Secrets}}/operator.secret}]
store: {driver: postgres, writer: "{{.Writer}}", reader: "{{.Reader}}"}
data_dir: {{.Data}}
site_key_file: {{.Secrets}}/site.key
cluster_key_file: {{.Secrets}}/cluster.key
gossip:
  listen: {{.Gossip}}
  advertise: {{.Gossip}}
  seeds: [{{range $i, $s := .Seeds}}{{if $i}}, {{end}}"{{$s}}"{{end}}]
  allow: [{{.Gossips}}]
  keys_file: {{.Secrets}}/gossip.key
peers: {listen: {{.Peers}}, advertise: {{.Peers}}}
outbound: {allow: [{{.Private}}]}
health: {canaries: ["https://{{.Canary}}/"]}
log: {level: info}
contact: {stale_after: {{.Stale}}}
browser_mark: {domain: {{.Mark}}}
providers:
{{- range .Providers}}
  - id: {{.ID}}
    kind: {{.ID}}
    client_id: {{.Client}}
    client_secret: {{.Secret}}
    issuer: {{.Issuer}}
    endpoints: {authorize: "{{.Authorize}}", token: "{{.Token}}", userinfo: "{{.Userinfo}}"{{with .JWKS}}, jwks: "{{.}}"{{end}}}
    timeout: 2s
{{- end}}
clients:
{{- range .Clients}}
  - {id: {{.ID}}, name: {{.ID}}, secret: {{.Secret}}, first_party: true, redirect_uris: ["{{.Redirect}}"], providers: [kakao, naver],
     grant_types: [authorization_code, refresh_token], client_uri: "https://shop.bongsu.test/"{{if .Stale}}, stale: allow{{end}}{{if .Continuation}}, continuation: true{{end}}}
{{- end}}
`))

// firstKeys has every site begin as the only one, so that its keys sign at once.
// The keys of a site that joins others are published for two days before they
// sign, which nobody here has.
func (f *fleet) firstKeys() {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), commandWithin)
	defer cancel()
	opened, err := sqlstore.Open(ctx, sqlstore.Options{Driver: sqlstore.Postgres, Writer: f.databases.leader().dsn(databaseName)})
	f.must(err)
	var making sync.WaitGroup
	for _, site := range siteNames {
		making.Go(func() { f.check(f.begin(ctx, opened, site)) })
	}
	making.Wait()
	f.must(opened.Close())
	if f.t.Failed() {
		f.t.FailNow()
	}
}

func (f *fleet) begin(ctx context.Context, store keys.Store, site string) error {
	text, err := os.ReadFile(filepath.Join(f.siteDir(site), "secrets", "site.key"))
	if err != nil {
		return err
	}
	wrapper, err := wrap.Parse(strings.TrimSpace(string(text)))
	if err != nil {
		return err
	}
	_, err = keys.Open(ctx, keys.Options{
		Issuer: issuerURL, Site: site, Store: store, Wrap: wrapper, Algorithms: []keys.Algorithm{keys.RS256, keys.ES256},
	})
	return err
}
