//go:build linux

package netns

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"text/template"
	"time"

	"github.com/bongsu/bongsu/broker/store/sqlstore"
	"github.com/bongsu/bongsu/deploy/netns/machines"
	"github.com/bongsu/bongsu/keys"
	"github.com/bongsu/bongsu/keys/wrap"
	"github.com/bongsu/bongsu/providers/fakeidp"
)

// sites are the machines that run the program, and what the sites are called.
var sites = []string{"seoul", "busan", "tokyo"}

// binary names the program; unless it does, the program is built.
const binary = "BONGSU_TEST_BINARY"

const (
	commandWithin = 30 * time.Second // one command, on a busy machine

	adminAddress = "127.0.0.1:9090" // of every site, on its own loopback
	readyWithin  = 30 * time.Second // from the start to the first login, on a busy machine
	stopWithin   = 15 * time.Second
)

// fleet is the three sites.
type fleet struct {
	*world

	program string
	all     map[string]*site
}

// site is one process of the program on its machine.
type site struct {
	*world

	name    string
	program string
	dir     string // what bongsu init wrote, and data
	log     *os.File
	admin   *http.Client
	secret  string // of the operator

	running *machines.Process // nil while there is no process

	// resting is what a load balancer knows: nobody is sent here.
	resting atomic.Bool
}

func (s *site) config() string { return filepath.Join(s.dir, "bongsu.yaml") }

// newFleet founds the three sites as operators do, and starts them.
func newFleet(w *world) *fleet {
	w.t.Helper()
	f := &fleet{world: w, program: w.build(), all: map[string]*site{}}
	for _, name := range sites {
		f.found(name)
	}
	f.firstKeys()
	f.introduce()
	var starting sync.WaitGroup
	for _, s := range f.all {
		starting.Go(func() {
			if err := s.start(); err != nil {
				w.t.Error(err)
			}
		})
	}
	starting.Wait()
	if w.t.Failed() {
		w.t.FailNow()
	}
	return f
}

// build returns the program, as it is released: without cgo.
func (w *world) build() string {
	w.t.Helper()
	if made := os.Getenv(binary); made != "" {
		return made
	}
	made := filepath.Join(w.dir, "bongsu")
	cmd := exec.CommandContext(w.t.Context(), "go", "build", "-o", made, "./cmd/bongsu")
	cmd.Dir, cmd.Env = "../..", append(os.Environ(), "CGO_ENABLED=0")
	if said, err := cmd.CombinedOutput(); err != nil {
		w.t.Fatalf("build the program: %v: %s", err, said)
	}
	return made
}

// found has bongsu init write a site's secrets, and puts a configuration for
// this world in the place of the one to begin with.
func (f *fleet) found(name string) {
	f.t.Helper()
	s := &site{world: f.world, name: name, program: f.program, dir: filepath.Join(f.dir, name)}
	args := []string{"init", "--dir", s.dir, "--issuer", "https://" + issuerHost, "--site", name}
	if first, ok := f.all[sites[0]]; ok {
		args = append(args, "--join", "--cluster-key", first.secretFile("cluster.key"), "--gossip-keys", first.secretFile("gossip.key"))
	}
	f.must(os.Mkdir(s.dir, 0o700))
	s.mustRun(args...)
	credential, err := os.ReadFile(s.secretFile("operator.secret"))
	f.must(err)
	s.secret = strings.TrimSpace(string(credential))
	var text bytes.Buffer
	f.must(settings.Execute(&text, map[string]any{
		"Site": name, "Wide": f.Address(name), "Gossip": f.InnerAddress(name), "Issuer": issuerHost,
		"Cert": f.files.Certificate, "Key": f.files.Key, "Admin": adminAddress, "Database": f.database,
		"Private": machines.Private, "Gossips": machines.InnerNetwork, "Canary": canaryHost,
		"Seeds": f.seeds(), "Providers": f.registrations(), "Clients": []website{shop, travel},
	}))
	f.must(os.WriteFile(s.config(), text.Bytes(), 0o600))
	s.log, err = os.Create(filepath.Join(f.dir, name+".log"))
	f.must(err)
	s.admin = &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute,
		DialContext: func(ctx context.Context, _, to string) (net.Conn, error) { return f.dial(ctx, name, to) },
	}}
	f.all[name] = s
	f.t.Cleanup(s.end)
}

func (s *site) secretFile(name string) string { return filepath.Join(s.dir, "secrets", name) }

// seeds are where the sites look for each other.
func (w *world) seeds() []string {
	var all []string
	for _, name := range sites {
		all = append(all, w.InnerAddress(name)+":7946")
	}
	return all
}

// registration is the program's at a provider.
type registration struct{ ID, Client, Secret, Issuer, Authorize, Token, Userinfo, JWKS string }

func (w *world) registrations() []registration {
	var all []registration
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

// settings is the configuration of a site.
var settings = template.Must(template.New("bongsu.yaml").Parse(`issuer: https://{{.Issuer}}
site: {{.Site}}
node: {{.Site}}-1
listen: {{.Wide}}:443
tls: {cert_file: {{.Cert}}, key_file: {{.Key}}}
admin: {{.Admin}}
operators: [{name: ops, secret_file: secrets/operator.secret}]
store: {driver: postgres, writer: "{{.Database}}"}
data_dir: data
site_key_file: secrets/site.key
cluster_key_file: secrets/cluster.key
gossip:
  listen: {{.Gossip}}:7946
  advertise: {{.Gossip}}:7946
  seeds: [{{range $i, $s := .Seeds}}{{if $i}}, {{end}}"{{$s}}"{{end}}]
  allow: [{{.Gossips}}]
  keys_file: secrets/gossip.key
peers: {listen: "{{.Gossip}}:7947"}
outbound: {allow: [{{.Private}}]}
health: {canaries: ["https://{{.Canary}}/"]}
log: {level: info}
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
  - {id: {{.ID}}, name: {{.ID}}, secret: {{.Secret}}, first_party: true, redirect_uris: ["{{.RedirectURI}}"], providers: [{{.Order}}]}
{{- end}}
`))

// firstKeys has every site begin as the only one, so that its keys sign at once.
// The keys of a site that joins others are published for two days before they
// sign, which nobody here has.
func (f *fleet) firstKeys() {
	f.t.Helper()
	opened, err := sqlstore.Open(f.t.Context(), sqlstore.Options{Driver: sqlstore.Postgres, Writer: f.direct})
	f.must(err)
	var making sync.WaitGroup
	for _, s := range f.all {
		making.Go(func() {
			text, err := os.ReadFile(s.secretFile("site.key"))
			if err == nil {
				err = begin(f.t.Context(), opened, s.name, strings.TrimSpace(string(text)))
			}
			if err != nil {
				f.t.Errorf("first keys of %s: %v", s.name, err)
			}
		})
	}
	making.Wait()
	f.must(opened.Close())
}

func begin(ctx context.Context, store keys.Store, name, siteKey string) error {
	wrapper, err := wrap.Parse(siteKey)
	if err != nil {
		return err
	}
	_, err = keys.Open(ctx, keys.Options{
		Issuer: "https://" + issuerHost, Site: name, Store: store, Wrap: wrapper,
		Algorithms: []keys.Algorithm{keys.RS256, keys.ES256},
	})
	return err
}

// introduce has every site list the identities of all, as their commands print
// them.
func (f *fleet) introduce() {
	f.t.Helper()
	lines := make([]string, len(sites))
	var asking sync.WaitGroup
	for i, name := range sites {
		asking.Go(func() {
			var err error
			if lines[i], err = f.all[name].run("keys", "identity", "show", "--config", f.all[name].config()); err != nil {
				f.t.Error(err)
			}
		})
	}
	asking.Wait()
	list := "sites:\n" + strings.Join(lines, "")
	for _, name := range sites {
		file, err := os.OpenFile(f.all[name].config(), os.O_APPEND|os.O_WRONLY, 0)
		f.must(err)
		_, err = file.WriteString(list)
		f.must(errors.Join(err, file.Close()))
	}
}
