package main

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http/httptest"
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

// Every file of the three sites fits the others: what is mounted is what is read, the
// door and the databases know every address, and there is no secret in any of them.
func TestComposeOfThreeSites(t *testing.T) {
	const folder = "compose/sites/"
	var c compose
	if err := yaml.Unmarshal([]byte(file(t, folder+"compose.yaml")), &c); err != nil {
		t.Fatal(err)
	}
	door, settings, databases := file(t, folder+"haproxy.cfg"), file(t, folder+"bongsu.yaml"), ""
	for i, site := range threeSites {
		at := fmt.Sprintf("172.31.%d.", i+1)
		postgres := c.Services["postgres-"+site]
		if postgres.Networks["wire"].Address != at+"10" || postgres.Environment["ADDRESS"] != at+"10" || postgres.Environment["SITE"] != site || len(postgres.Ports) > 0 {
			t.Errorf("the database of %s is %+v", site, postgres)
		}
		if seen := c.mounts(t, "postgres-"+site); seen["postgres-"+site] != "/var/lib/postgresql/data" || filepath.Join(seen["./postgres"], "start.sh") != postgres.Entrypoint[1] {
			t.Errorf("the database of %s sees %v", site, seen)
		}
		databases += "," + at + "10"
		for number := 1; number <= 2; number++ {
			name := fmt.Sprintf("%s-%d", site, number)
			node, address := c.Services[name], fmt.Sprintf("%s1%d", at, number)
			if !node.tight() || len(node.Ports) > 0 || node.Networks["wire"].Address != address || node.Environment["BONGSU_SITE"] != site || node.Environment["BONGSU_NODE"] != name {
				t.Errorf("%s is %+v", name, node)
			}
			seen := c.mounts(t, name)
			if seen["./bongsu.yaml"] != "/etc/bongsu/bongsu.yaml" || seen["./"+site+"/secrets"] != "/etc/bongsu/secrets" || seen[name] != "/var/lib/bongsu" || len(seen) != 3 {
				t.Errorf("%s sees %v", name, seen)
			}
			if strings.Count(door, "server "+name+" "+address+":8080\n") != 2 || !strings.Contains(settings, "    - "+address+":7946\n") {
				t.Errorf("the door or the seeds do not know %s", name)
			}
			if _, err := os.Stat(filepath.Join(deploy, folder, node.Build.Context, node.Build.Dockerfile)); err != nil {
				t.Error(err)
			}
			validNode(t, settings, node)
		}
	}
	for _, name := range []string{"postgres/start.sh", "postgres/postgresql.conf"} {
		if !strings.Contains(file(t, folder+name), "host="+databases[1:]+" ") {
			t.Errorf("%s does not know %s", name, databases[1:])
		}
	}
	for _, line := range []string{
		"synchronous_commit = on\n", "synchronous_standby_names = 'ANY 1 (seoul, busan, tokyo)'", "wal_retrieve_retry_interval = 1s", "target_session_attrs=read-write",
	} {
		if !strings.Contains(file(t, folder+"postgres/postgresql.conf"), line) {
			t.Errorf("the databases do without %s", line)
		}
	}
	for _, line := range []string{"httpchk GET /readyz\n", "check port 9090 inter 5s fall 2 rise 2\n", "timeout check 2s\n", "use_backend tokyo if { req.hdr(host) -i tokyo.login.example.kr }"} {
		if !strings.Contains(door, line) {
			t.Errorf("the door does without %s", line)
		}
	}
}

// HAProxy takes the door's configuration.
func TestDoorOfThreeSites(t *testing.T) {
	program, err := exec.LookPath("haproxy")
	if err != nil {
		program = "/usr/sbin/haproxy" // where Debian puts it, and not everybody looks
	}
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	key, err := x509.MarshalPKCS8PrivateKey(server.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	both := slices.Concat(
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))
	dir := t.TempDir()
	for name, text := range map[string]string{
		"login.pem": string(both), "haproxy.cfg": strings.ReplaceAll(file(t, "compose/sites/haproxy.cfg"), "/etc/haproxy/tls", dir),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if said, err := exec.CommandContext(t.Context(), program, "-c", "-V", "-f", filepath.Join(dir, "haproxy.cfg")).CombinedOutput(); err != nil || strings.Contains(string(said), "WARNING") {
		t.Errorf("%v: %s", err, said)
	}
}

// validNode checks the configuration that a node of compose reads.
func validNode(t *testing.T, settings string, node service) {
	t.Helper()
	dir := t.TempDir()
	key := func(letter string) string {
		return base64.StdEncoding.EncodeToString([]byte(strings.Repeat(letter, 32)))
	}
	files := map[string]string{"bongsu.yaml": settings + "sites:\n", "secrets/site.key": key("s"), "secrets/cluster.key": key("c"), "secrets/gossip.key": key("g")}
	for i, site := range threeSites {
		identity := "ed25519:" + base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat(string(rune('a'+i)), 32)))
		files["bongsu.yaml"] += fmt.Sprintf("  - {name: %s, identities: [%s], origin: https://%[1]s.login.example.kr}\n", site, identity)
	}
	for _, name := range regexp.MustCompile(`secrets/\S+\.(secret|dsn)`).FindAllString(settings, -1) {
		name = strings.TrimSuffix(name, "}")
		files[name] = "postgres://bongsu:word@" + node.Environment["BONGSU_SITE"] + "/bongsu-of-more-than-thirty-two"
	}
	if err := os.Mkdir(filepath.Join(dir, "secrets"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var env []string
	for name, value := range node.Environment {
		env = append(env, name+"="+value)
	}
	cfg, err := config.Load(filepath.Join(dir, "bongsu.yaml"), env)
	if err != nil {
		t.Fatal(err)
	}
	grace, err := time.ParseDuration(node.Grace)
	if err != nil || grace < cfg.Drain.Wait+cfg.Drain.Finish+stopBeyond {
		t.Errorf("%s are too few for a node that drains for %s and %s: %v", node.Grace, cfg.Drain.Wait, cfg.Drain.Finish, err)
	}
	if len(cfg.Warnings()) > 0 || !cfg.MarkShared() || cfg.Peers == nil || cfg.Store.Reader == "" || len(cfg.Entrances()) != 4 || cfg.RPID == "" {
		t.Errorf("%s: %v", cfg.Node, cfg.Warnings())
	}
	for _, word := range []string{"secret:", "password:", "keys:", "writer:"} {
		if strings.Contains(settings, "\n    "+word) || strings.Contains(settings, " "+word+" ") {
			t.Errorf("the configuration holds secrets: %s", word)
		}
	}
}
