package config

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// What a key is for stands beside it, and nothing is explained that is no key.
func TestEveryKeyIsExplained(t *testing.T) {
	known := make(map[string]bool)
	for _, key := range AllKeys() {
		known[key] = true
		e, err := Explain(key)
		if err != nil {
			t.Error(err)
			continue
		}
		if e.Key != key || e.Says == "" || e.Type == "" || e.Default == "" || e.Example == "" {
			t.Errorf("%s is explained as %+v", key, e)
		}
		if !strings.HasSuffix(e.Says, ".") {
			t.Errorf("%s: %q is no sentence", key, e.Says)
		}
	}
	for _, explained := range [][]string{
		slices.Collect(maps.Keys(meanings)), slices.Collect(maps.Keys(bounds)), slices.Collect(maps.Keys(words)),
	} {
		for _, key := range explained {
			if !known[key] {
				t.Errorf("%s is no key", key)
			}
		}
	}
}

// An example is read as its key's type, by the decoder that reads the file.
func TestEveryExampleCanBeRead(t *testing.T) {
	for _, key := range AllKeys() {
		e, err := Explain(key)
		if err != nil {
			t.Fatal(err)
		}
		_, of, err := lookUp(key)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := parse("example", []byte(e.Example))
		if err != nil {
			t.Errorf("%s: %v", e.Example, err)
			continue
		}
		target := reflect.New(of)
		value := doc.root.Content[1]
		if isSection(of) && value.Kind == yaml.SequenceNode {
			target = reflect.New(reflect.SliceOf(of))
		}
		doc.value(value, key, target.Elem())
		if len(doc.problems) > 0 {
			t.Errorf("%s: %v", e.Example, doc.problems)
		}
		if known := words[key]; known != nil && !slices.Contains(known, target.Elem().String()) {
			t.Errorf("%s: %s is not among %v", key, target.Elem(), known)
		}
	}
}

func TestExplain(t *testing.T) {
	tests := []struct {
		key  string
		want Explanation
	}{
		{"providers.kakao.timeout", Explanation{
			Key: "providers.timeout", Type: "duration, such as 90d, 12h or 4s", Default: "4s", Bounds: "100ms to 20s",
			Example: "timeout: 4s", Variable: "BONGSU_PROVIDERS__ID__TIMEOUT", Restart: true,
		}},
		{"providers[3].ceiling", Explanation{
			Key: "providers.ceiling", Type: "number", Default: "0", Example: "ceiling: 200", Variable: "BONGSU_PROVIDERS__ID__CEILING",
		}},
		{"sessions.idle", Explanation{
			Key: "sessions.idle", Type: "duration, such as 90d, 12h or 4s", Default: "12h", Bounds: "1m to 14d",
			Example: "idle: 12h", Variable: "BONGSU_SESSIONS__IDLE", Restart: true,
		}},
		{"providers.endpoints.token", Explanation{
			Key: "providers.endpoints", Type: "mapping of names to text", Default: "those of the kind",
			Example: "endpoints: {userinfo: https://forum.example.kr/api/me}", Variable: "BONGSU_PROVIDERS__ID__ENDPOINTS__NAME", Restart: true,
		}},
		{"limits.starts_per_client.burst", Explanation{
			Key: "limits.starts_per_client.burst", Type: "whole number", Default: "5000", Example: "burst: 1000", Variable: "BONGSU_LIMITS__STARTS_PER_CLIENT__BURST",
		}},
		{"clients.redirect_uris", Explanation{
			Key: "clients.redirect_uris", Type: "list of text", Default: "required", Example: "redirect_uris: [https://shop.example.kr/login/callback]",
		}},
		{"clients.secret_file", Explanation{
			Key: "clients.secret_file", Type: "text", Default: "secret stands elsewhere", Example: "secret_file: secrets/secret", Variable: "BONGSU_CLIENTS__ID__SECRET_FILE",
		}},
		{"log.level", Explanation{
			Key: "log.level", Type: "text", Default: "info", Bounds: "debug, info, warn, error", Example: "level: info", Variable: "BONGSU_LOG__LEVEL",
		}},
	}
	for _, tt := range tests {
		got, err := Explain(tt.key)
		got.Says = ""
		if err != nil || got != tt.want {
			t.Errorf("Explain(%q):\n got %+v, %v\nwant %+v", tt.key, got, err, tt.want)
		}
	}
}

func TestAKeyThatIsNoneNamesTheNearest(t *testing.T) {
	for key, want := range map[string]string{
		"providers.time_out":     `did you mean "providers.timeout"?`,
		"provider.timeout":       `did you mean "providers"?`,
		"timeout":                `did you mean "providers.timeout"?`,
		"providers.kakao.reuath": `did you mean "providers.reauth"?`,
		"issuer.x":               `no such key as "issuer.x"`,
		"":                       `no such key as ""`,
	} {
		_, err := Explain(key)
		if !errors.Is(err, ErrNoKey) || !strings.Contains(err.Error(), want) {
			t.Errorf("Explain(%q): %v, want %s", key, err, want)
		}
	}
}

// Every value that holds is shown with where it comes from, and no secret is.
func TestShow(t *testing.T) {
	dir := t.TempDir()
	writeSecrets(t, dir)
	path := filepath.Join(dir, "bongsu.yaml")
	write(t, path, `issuer: https://login.example.kr
site: seoul
node: seoul-1
trusted_proxies: [10.0.0.0/8]
site_key_command: [/bin/cat, secrets/site.key]
cluster_key_file: secrets/cluster.key
providers:
  - id: kakao
    kind: kakao
    client_id: ours
    client_secret: from-the-console
clients:
  - id: shop
    name: Shop
    names: {ja: 店, en: "The, shop"}
    secret_file: secrets/shop.secret
    redirect_uris: [https://shop.example/cb]
`, 0o600)
	settings, err := Show(path, []string{"BONGSU_SESSIONS__IDLE=8h", "BONGSU_OTHER=x"})
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]Setting)
	for _, s := range settings {
		got[s.Key] = s
		s.Origin = strings.ReplaceAll(s.Origin, dir+string(filepath.Separator), "")
		for _, secret := range []string{"from-the-console", shopSecret} {
			if strings.Contains(s.Value, secret) {
				t.Errorf("%s shows a secret", s.Key)
			}
		}
	}
	for key, want := range map[string][2]string{
		"issuer":                     {"https://login.example.kr", "bongsu.yaml:1"},
		"listen":                     {"127.0.0.1:8080", "default"},
		"trusted_proxies":            {"[10.0.0.0/8]", "bongsu.yaml:4"},
		"sessions.idle":              {"8h", "BONGSU_SESSIONS__IDLE"},
		"sessions.lifetime":          {"7d", "default"},
		"sessions.outage_ceiling":    {"0s", "default"},
		"site_key_command":           {"•••• (command /bin/cat)", "bongsu.yaml:5"},
		"providers[0].client_secret": {"•••• (16 bytes)", "bongsu.yaml:11"},
		"providers[0].timeout":       {"4s", "default"},
		"providers[0].domains":       {"[kakao]", "default"},
		"clients[0].names":           {`{en: "The, shop", ja: 店}`, "bongsu.yaml:15"},
		"health.probes":              {"true", "default"},
		"store.path":                 {"/var/lib/bongsu/bongsu.db", "default"},
	} {
		if s := got[key]; s.Value != want[0] || strings.TrimPrefix(s.Origin, dir+string(filepath.Separator)) != want[1] {
			t.Errorf("%s is shown as %+v, want %v", key, s, want)
		}
	}
	for key, want := range map[string]string{"cluster_key_file": "•••• (file secrets/cluster.key, 45 bytes, changed 20", "clients[0].secret_file": "•••• (file secrets/shop.secret, 34 bytes, changed 20"} {
		if !strings.HasPrefix(got[key].Value, want) {
			t.Errorf("%s is shown as %+v", key, got[key])
		}
	}
	for _, key := range []string{"admin", "clients[0].public", "clients[0].secret", "gossip"} {
		if s, ok := got[key]; ok {
			t.Errorf("nobody set %s, and it is shown as %+v", key, s)
		}
	}
}

func TestShowSaysWhatLoadSays(t *testing.T) {
	dir := t.TempDir()
	if _, err := Show(filepath.Join(dir, "none.yaml"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Show: %v", err)
	}
	path := filepath.Join(dir, "bongsu.yaml")
	write(t, path, "site: Seoul\n", 0o600)
	var problems Problems
	if _, err := Show(path, nil); !errors.As(err, &problems) || len(problems) < 2 {
		t.Errorf("Show: %v", err)
	}
}
