package config

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const examplePath = "../../deploy/bongsu.example.yaml"

// The example loads once its secrets are there.
func TestExample(t *testing.T) {
	c, err := loadExample(t, readExample(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Providers) != 4 || len(c.Clients) != 2 {
		t.Errorf("%d providers and %d clients, want 4 and 2", len(c.Providers), len(c.Clients))
	}
}

// Every key is in the example, so that there is one place to look.
func TestExampleNamesEveryKey(t *testing.T) {
	example := readExample(t)
	var visit func(reflect.Type)
	visit = func(structure reflect.Type) {
		for field := range structure.Fields() {
			name := field.Tag.Get("yaml")
			if !regexp.MustCompile(`(?m)^[#\s(-]*` + name + `:`).MatchString(example) {
				t.Errorf("no line sets %q", name)
			}
			inner := field.Type
			for inner.Kind() == reflect.Pointer || inner.Kind() == reflect.Slice {
				inner = inner.Elem()
			}
			if inner.Kind() == reflect.Struct && inner.PkgPath() == structure.PkgPath() {
				visit(inner)
			}
		}
	}
	visit(reflect.TypeFor[file]())
}

// The settings that the example shows behind # are the defaults: writing them
// out changes nothing. What several sites need has a test of its own.
func TestExampleShowsDefaults(t *testing.T) {
	example := regexp.MustCompile(`(?ms)^#(gossip|peers):$.*?^$`).ReplaceAllString(readExample(t), "")
	before, err := loadExample(t, example)
	if err != nil {
		t.Fatal(err)
	}
	optional := []string{
		"listen", "path", "data_dir", "keys", "active_for", "publish_window", "retire_for", "sessions", "idle", "lifetime",
		"outage_ceiling", "timeout", "name", "ceiling", "health", "languages", "default", "log", "level", "pkce", "subject",
		"allow_http",
	}
	shown := 0
	written := regexp.MustCompile(`(?m)^#( *)(\w+):`).ReplaceAllStringFunc(example, func(line string) string {
		for _, key := range optional {
			if strings.TrimSpace(strings.TrimPrefix(line, "#")) == key+":" {
				shown++
				return line[1:]
			}
		}
		return line
	})
	written = strings.NewReplacer(
		"  allow_http: false", "outbound: {allow_http: false}",
		"#  probes: true", "  probes: true",
	).Replace(written)
	if shown != len(optional) {
		t.Errorf("%d of %d defaults are shown", shown, len(optional))
	}
	after, err := loadExample(t, written)
	if err != nil {
		t.Fatal(err)
	}
	after.Clients[0].Subject = "" // the registry's default
	if diff := cmp.Diff(asText(t, before), asText(t, after)); diff != "" {
		t.Errorf("(-left out +written):\n%s", diff)
	}
}

// What the example shows for several sites works once it is not behind #.
func TestExampleOfSeveralSites(t *testing.T) {
	section := regexp.MustCompile(`(?ms)^#(sites|gossip|peers):$.*?^$`)
	written := section.ReplaceAllStringFunc(readExample(t), func(lines string) string {
		lines = regexp.MustCompile(`(?m)^#  keys(_command)?:.*$`).ReplaceAllString(lines, "")
		return regexp.MustCompile(`(?m)^#`).ReplaceAllString(lines, "")
	})
	c, err := loadExample(t, written)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Sites) != 2 || c.Gossip == nil || len(c.Gossip.Keys) != 1 || len(c.Gossip.Seeds) != 2 || len(c.Gossip.Allow) != 1 {
		t.Errorf("sites %+v, gossip %+v", c.Sites, c.Gossip)
	}
	if c.Peers == nil || c.Peers.Advertise == "" {
		t.Fatalf("peers %+v", c.Peers)
	}
	if c.Gossip.Listen != defaultGossip || c.Gossip.Label != defaultLabel || c.Peers.Listen != defaultPeers {
		t.Errorf("%s, %s and %s are shown as defaults", c.Gossip.Listen, c.Gossip.Label, c.Peers.Listen)
	}
}

func readExample(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(examplePath)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// loadExample loads text beside the secrets that it names.
func loadExample(t *testing.T, text string) (*Config, error) {
	t.Helper()
	dir := t.TempDir()
	writeSecrets(t, dir)
	path := filepath.Join(dir, "bongsu.yaml")
	write(t, path, text, 0o644)
	c, err := Load(path, nil)
	if err != nil {
		return nil, err
	}
	c.SiteKey, c.ClusterKey = nil, nil // of every load its own
	c.Providers[1].PrivateKey = nil
	return c, nil
}

// asText is a configuration as text.
func asText(t *testing.T, c *Config) string {
	t.Helper()
	text, err := json.MarshalIndent(c, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
