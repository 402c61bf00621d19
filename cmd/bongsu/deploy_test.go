package main

import (
	"bytes"
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/bongsu/bongsu/broker/config"
)

const deploy = "../../deploy/"

func file(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(deploy, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// compose is what the test looks at of a compose file.
type compose struct {
	Services map[string]service
	Volumes  map[string]any
	Networks map[string]any
	Secrets  map[string]struct{ File string }
}

// service is one of them.
type service struct {
	Image       string
	User        string
	Entrypoint  []string
	Environment map[string]string
	Build       struct{ Context, Dockerfile string }
	Volumes     []string
	Ports       []string
	ReadOnly    bool     `yaml:"read_only"`
	CapDrop     []string `yaml:"cap_drop"`
	SecurityOpt []string `yaml:"security_opt"`
	Grace       string   `yaml:"stop_grace_period"`
	Networks    networks
	Secrets     []string
}

// networks are those of a service, by name; the one of a list has no address.
type networks map[string]struct {
	Address string `yaml:"ipv4_address"`
}

func (n *networks) UnmarshalYAML(node *yaml.Node) error {
	*n = networks{}
	var names []string
	if node.Decode(&names) == nil {
		return nil
	}
	type plain networks
	return node.Decode((*plain)(n))
}

// tight reports whether a node may do what it needs and nothing else.
func (s service) tight() bool {
	return s.ReadOnly && slices.Equal(s.CapDrop, []string{"ALL"}) && slices.Equal(s.SecurityOpt, []string{"no-new-privileges:true"})
}

// mounts are where a service sees something, by where it stands outside; what is a
// volume has to be declared.
func (c *compose) mounts(t *testing.T, name string) map[string]string {
	t.Helper()
	seen := map[string]string{}
	for _, volume := range c.Services[name].Volumes {
		from, at, _ := strings.Cut(volume, ":")
		if _, ok := c.Volumes[from]; !ok && !strings.HasPrefix(from, "./") {
			t.Errorf("the volume %s of %s is declared nowhere", from, name)
		}
		seen[from] = strings.TrimSuffix(at, ":ro")
	}
	for _, secret := range c.Services[name].Secrets {
		if c.Secrets[secret].File == "" {
			t.Errorf("the secret %s of %s is declared nowhere", secret, name)
		}
	}
	return seen
}

// The configuration that compose mounts is valid once its secrets are there, and
// the container may write nowhere but into its volume.
func TestComposeOfOneSite(t *testing.T) {
	var c compose
	if err := yaml.Unmarshal([]byte(file(t, "compose/compose.yaml")), &c); err != nil {
		t.Fatal(err)
	}
	node, database := c.Services["bongsu"], c.Services["postgres"]
	if !node.tight() {
		t.Errorf("the node may do more than it needs: %+v", node)
	}
	for _, port := range node.Ports {
		if !strings.HasPrefix(port, "127.0.0.1:") {
			t.Errorf("port %s is open to everybody", port)
		}
	}
	if len(database.Ports) > 0 {
		t.Error("the database is open to the machine")
	}
	c.mounts(t, "bongsu")
	c.mounts(t, "postgres")
	if _, err := os.Stat(filepath.Join(deploy, "compose", node.Build.Context, node.Build.Dockerfile)); err != nil {
		t.Error(err)
	}

	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "secrets"), 0o700); err != nil {
		t.Fatal(err)
	}
	text := file(t, "compose/bongsu.yaml")
	for name, secret := range map[string]string{
		"bongsu.yaml":          text,
		"secrets/site.key":     base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("s"), 32)),
		"secrets/cluster.key":  base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("c"), 32)),
		"secrets/writer.dsn":   "postgres://bongsu:word@postgres/bongsu",
		"secrets/kakao.secret": "from-the-console",
		"secrets/shop.secret":  "shop-secret-of-more-than-thirty-two",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(secret), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg, err := config.Load(filepath.Join(dir, "bongsu.yaml"), nil)
	if err != nil {
		t.Fatal(err)
	}
	grace, err := time.ParseDuration(node.Grace)
	if err != nil || grace < cfg.Drain.Wait+cfg.Drain.Finish+stopBeyond {
		t.Errorf("%s are too few for a node that drains for %s and %s: %v", node.Grace, cfg.Drain.Wait, cfg.Drain.Finish, err)
	}
}

// The example of a database over three sites waits for no standby that may be
// lost, lets no primary come back unseen, and tells nobody's password.
func TestPatroniOfThreeSites(t *testing.T) {
	text := file(t, "patroni/seoul.yaml")
	var p struct {
		Etcd3     struct{ Hosts []string }
		Bootstrap struct {
			DCS struct {
				TTL          int
				LoopWait     int    `yaml:"loop_wait"`
				RetryTimeout int    `yaml:"retry_timeout"`
				Mode         string `yaml:"synchronous_mode"`
				Strict       bool   `yaml:"synchronous_mode_strict"`
				Count        int    `yaml:"synchronous_node_count"`
				PostgreSQL   struct{ Parameters map[string]any }
			}
		}
		Watchdog struct{ Mode string }
	}
	if err := yaml.Unmarshal([]byte(text), &p); err != nil {
		t.Fatal(err)
	}
	dcs := p.Bootstrap.DCS
	if dcs.TTL < 20 || dcs.LoopWait+2*dcs.RetryTimeout > dcs.TTL {
		t.Errorf("a leader that lives may lose its place: %+v", dcs)
	}
	if dcs.Mode != "quorum" || !dcs.Strict || dcs.Count != 1 || dcs.PostgreSQL.Parameters["synchronous_commit"] != "on" {
		t.Errorf("a write may stand at one site alone: %+v", dcs)
	}
	if p.Watchdog.Mode != "required" || len(p.Etcd3.Hosts) != 3 {
		t.Errorf("a primary that thaws goes on, or two places vote: %+v", p)
	}
	if strings.Contains(text, "password:") {
		t.Error("the file holds passwords")
	}
}

// The image has no root and is built of what there is.
func TestContainerFile(t *testing.T) {
	text := file(t, "Containerfile")
	if !strings.Contains(text, "\nUSER 65532:65532\n") || strings.Contains(text, "ADD ") {
		t.Error("the container does not run as a user of its own")
	}
	for _, copied := range regexp.MustCompile(`(?m)^COPY ([a-z.]+)`).FindAllStringSubmatch(text, -1) {
		if _, err := os.Stat(filepath.Join(deploy, "..", copied[1])); err != nil {
			t.Error(err)
		}
	}
	if wanted := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(file(t, "../go.mod"))[1]; !strings.Contains(text, "golang:"+wanted+"\n") {
		t.Errorf("go.mod wants Go %s, the container is built with another", wanted)
	}
}

// systemd understands every line of the unit; where it is not installed the lines
// that matter are looked at alone.
func TestSystemdUnit(t *testing.T) {
	text := file(t, "systemd/bongsu.service")
	for _, line := range []string{
		"Type=notify", "ExecReload=/bin/kill -HUP $MAINPID", "DynamicUser=yes", "ProtectSystem=strict", "NoNewPrivileges=yes",
		"LoadCredential=site.key:/etc/bongsu/secrets/site.key", "StateDirectory=bongsu", "MemoryDenyWriteExecute=yes",
	} {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("the unit has no line %s", line)
		}
	}
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		return
	}
	program, err := filepath.Abs(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	unit := filepath.Join(t.TempDir(), "bongsu.service")
	if err := os.WriteFile(unit, []byte(strings.ReplaceAll(text, "/usr/local/bin/bongsu", program)), 0o600); err != nil {
		t.Fatal(err)
	}
	said, err := exec.CommandContext(t.Context(), analyze, "verify", "--man=no", "--recursive-errors=no", unit).CombinedOutput()
	for line := range strings.Lines(string(said)) {
		if strings.Contains(line, "bongsu.service") {
			t.Errorf("systemd says: %s", line)
		}
	}
	if err != nil {
		t.Logf("systemd-analyze: %v %s", err, said)
	}
}
