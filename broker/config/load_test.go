package config

import (
	"crypto/rand"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/keys"
	"github.com/bongsu/bongsu/keys/wrap"
)

const minimal = `
issuer: https://login.example.kr
site: seoul
trusted_proxies: [10.0.0.0/8]
site_key_file: secrets/site.key
cluster_key_file: secrets/cluster.key
providers:
  - {id: kakao, kind: kakao, client_id: "0123", client_secret_file: secrets/kakao.secret}
`

// What a file leaves out has the documented default.
func TestDefaults(t *testing.T) {
	c, err := loadText(t, minimal)
	if err != nil {
		t.Fatal(err)
	}
	want := &Config{
		Site: "seoul", Listen: "127.0.0.1:8080",
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
		Store:          Store{Driver: "sqlite", Path: "/var/lib/bongsu/bongsu.db"},
		DataDir:        "/var/lib/bongsu",
		Keys: Keys{
			ActiveFor: 90 * 24 * time.Hour, PublishWindow: 48 * time.Hour, RetireFor: 168 * time.Hour,
			Algorithms: []keys.Algorithm{keys.RS256, keys.ES256},
		},
		Sessions: Sessions{Idle: 12 * time.Hour, Lifetime: 168 * time.Hour},
		Providers: []Provider{{
			ID: "kakao", Kind: "kakao", Name: "Kakao", ClientID: "0123", ClientSecret: "from the console", Upstream: "https://kauth.kakao.com",
			Timeout: 4 * time.Second, Domains: []string{"kakao"},
		}},
		Health:    Health{Probes: true},
		Languages: Languages{Default: "ko"},
		Contact:   Contact{StaleAfter: time.Minute},
		Drain:     Drain{Finish: 10 * time.Second},
		Snapshot:  Snapshot{MaxAge: 168 * time.Hour},
		Limits:    DefaultLimits(),
		Log:       Log{Level: "info"},
	}
	if c.SiteKey == nil || c.ClusterKey == nil || c.Issuer.String() != "https://login.example.kr" {
		t.Errorf("issuer %v, site key %v, cluster key %v", c.Issuer, c.SiteKey, c.ClusterKey)
	}
	if name, err := os.Hostname(); err != nil || c.Node != strings.ToLower(name) {
		t.Errorf("node %q on the machine %q, %v", c.Node, name, err)
	}
	c.SiteKey, c.ClusterKey, c.Issuer, c.Node = nil, nil, nil, ""
	c.written, c.warned = nil, nil
	if diff := cmp.Diff(want, c, cmp.AllowUnexported(Config{}), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A client is taken over as it is written, its secrets as hashes alone.
func TestClients(t *testing.T) {
	c, err := loadText(t, minimal+`
clients:
  - id: shop
    name: 한빛상점
    names: {en: Hanbit Store}
    secret_file: secrets/shop.secret
    secret_hashes: ["sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"]
    pkce: optional
    auth_method: client_secret_post
    first_party: true
    redirect_uris: [https://shop.example.kr/callback]
    post_logout_redirect_uris: [https://shop.example.kr/]
    grant_types: [authorization_code, client_credentials]
    subject: pairwise
    sector_identifier: shop.example.kr
    id_token_signed_response_alg: EdDSA
    min_acr: phr
    providers: [kakao]
    stale: allow
    language: ja
    client_uri: https://shop.example.kr/
    initiate_login_uri: https://shop.example.kr/login
    logo_uri: https://shop.example.kr/logo.png
    policy_uri: https://shop.example.kr/privacy
    terms_uri: https://shop.example.kr/terms
`)
	if err != nil {
		t.Fatal(err)
	}
	hash, err := client.ParseHash("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")
	if err != nil {
		t.Fatal(err)
	}
	want := client.Client{
		ID: "shop", Name: "한빛상점", Names: map[string]string{"en": "Hanbit Store"}, FirstParty: true, PKCEOptional: true,
		SecretHashes: [][32]byte{client.HashSecret(shopSecret), hash}, AuthMethod: "client_secret_post",
		RedirectURIs: []string{"https://shop.example.kr/callback"}, PostLogoutRedirectURIs: []string{"https://shop.example.kr/"},
		GrantTypes: []string{"authorization_code", "client_credentials"}, Subject: "pairwise", Sector: "shop.example.kr",
		IDTokenAlg: keys.EdDSA, MinACR: "phr", Providers: []string{"kakao"}, StaleAllowed: true, Language: "ja",
		URI: "https://shop.example.kr/", InitiateLoginURI: "https://shop.example.kr/login", LogoURI: "https://shop.example.kr/logo.png",
		PolicyURI: "https://shop.example.kr/privacy", TermsURI: "https://shop.example.kr/terms",
	}
	if diff := cmp.Diff([]*client.Client{&want}, c.Clients, cmp.Comparer(func(a, b *client.Client) bool {
		return asText(t, &Config{Clients: []*client.Client{a}}) == asText(t, &Config{Clients: []*client.Client{b}})
	})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]keys.Algorithm{"RS256", "ES256", "EdDSA"}, c.Keys.Algorithms); diff != "" {
		t.Errorf("algorithms (-want +got):\n%s", diff)
	}
}

func TestIssuer(t *testing.T) {
	tests := []struct {
		name, issuer string
		ok           bool
	}{
		{"a host", "https://login.example.kr", true},
		{"a port", "https://login.example.kr:8443", true},
		{"an IPv6 address", "https://[2001:db8::1]", true},
		{"http on localhost", "http://localhost:8080", true},
		{"http on a name under localhost", "http://login.localhost:8080", true},
		{"http on an IPv6 loopback", "http://[::1]:8080", true},
		{"http in public", "http://login.example.kr", false},
		{"http on a name that only begins like loopback", "http://127.0.0.1.example.kr", false},
		{"another scheme", "ftp://login.example.kr", false},
		{"no scheme", "login.example.kr", false},
		{"no host", "https:///", false},
		{"opaque", "https:login.example.kr", false},
		{"a slash", "https://login.example.kr/", false},
		{"a path", "https://login.example.kr/auth", false},
		{"a query", "https://login.example.kr?a=b", false},
		{"an empty query", "https://login.example.kr?", false},
		{"a fragment", "https://login.example.kr#a", false},
		{"an empty fragment", "https://login.example.kr#", false},
		{"a password", "https://a:b@login.example.kr", false},
		{"upper case", "https://Login.example.kr", false},
		{"upper case in the scheme", "HTTPS://login.example.kr", false},
		{"Hangul", "https://로그인.kr", false},
		{"the usual port", "https://login.example.kr:443", false},
		{"the usual port of http", "http://localhost:80", false},
		{"no port behind the colon", "https://login.example.kr:", false},
		{"a port with a leading zero", "https://login.example.kr:08443", false},
		{"port 0", "https://login.example.kr:0", false},
		{"port 65536", "https://login.example.kr:65536", false},
		{"a long form of an IPv6 address", "https://[2001:db8:0::1]", false},
		{"a trailing dot", "https://login.example.kr.", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := strings.Replace(minimal, "https://login.example.kr", `"`+tt.issuer+`"`, 1)
			if _, err := loadText(t, text); (err == nil) != tt.ok {
				t.Errorf("Load: %v", err)
			}
		})
	}
}

// Plain http is answered on loopback, or to proxies that we know, alone.
func TestPlainHTTP(t *testing.T) {
	tests := []struct {
		name, settings string
		ok             bool
	}{
		{"https behind a proxy", "issuer: https://login.example.kr\nlisten: :8080\ntrusted_proxies: [10.0.0.0/8]", true},
		{"https with TLS", "issuer: https://login.example.kr\nlisten: :8443\ntls: {cert_file: tls.crt, key_file: tls.key}", true},
		{"https with neither", "issuer: https://login.example.kr\nlisten: :8443", false},
		{"https with neither on loopback", "issuer: https://login.example.kr\nlisten: 127.0.0.1:8080", false},
		{"http on loopback", "issuer: http://localhost:8080\nlisten: localhost:8080", true},
		{"http on IPv6 loopback", "issuer: http://localhost:8080\nlisten: '[::1]:8080'", true},
		{"http on every address", "issuer: http://localhost:8080\nlisten: :8080", false},
		{"http on every address behind a proxy", "issuer: http://localhost:8080\nlisten: :8080\ntrusted_proxies: [10.0.0.0/8]", false},
		{"http with TLS", "issuer: http://localhost:8080\ntls: {cert_file: tls.crt, key_file: tls.key}", false},
		{"certificate of another key", "issuer: https://login.example.kr\ntls: {cert_file: other.crt, key_file: tls.key}", false},
	}
	rest := minimal[strings.Index(minimal, "site: seoul"):]
	rest = strings.Replace(rest, "trusted_proxies: [10.0.0.0/8]\n", "", 1)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := loadText(t, tt.settings+"\n"+rest); (err == nil) != tt.ok {
				t.Errorf("Load: %v", err)
			}
		})
	}
}

// Variables replace what the file says, and each other place of a secret.
func TestEnvironment(t *testing.T) {
	dir := t.TempDir()
	writeSecrets(t, dir)
	write(t, filepath.Join(dir, "other.secret"), "by variable\n", 0o600)
	path := filepath.Join(dir, "bongsu.yaml")
	write(t, path, minimal, 0o600)
	site, err := wrap.Generate(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c, err := Load(path, []string{
		"BONGSU_SITE=busan",
		"BONGSU_LISTEN=", // sets nothing
		"BONGSU_SESSIONS__IDLE=1h",
		"BONGSU_LOG__LEVEL=debug",
		"BONGSU_SITE_KEY=" + site,
		"BONGSU_PROVIDERS__KAKAO__CLIENT_SECRET_FILE=other.secret",
		"BONGSU_PROVIDERS__KAKAO__CLIENT_ID_FILE=other.secret",
		"BONGSU_PROVIDERS__KAKAO__ENDPOINTS__TOKEN=https://kauth.kakao.com/oauth/token",
		"BONGSU_TLS__CERT_FILE=tls.crt",
		"BONGSU_TLS__KEY_FILE=tls.key",
		"BONGSU_SERVICE_PORT=8080", // an orchestrator's
		"HOME=/root",
	})
	if err != nil {
		t.Fatal(err)
	}
	p := c.Providers[0]
	got := []string{c.Site, c.Listen, c.Sessions.Idle.String(), c.Log.Level, p.ClientSecret, p.ClientID, p.Endpoints["token"], filepath.Base(c.TLS.CertFile)}
	want := []string{"busan", "127.0.0.1:8080", "1h0m0s", "debug", "by variable", "by variable", "https://kauth.kakao.com/oauth/token", "tls.crt"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A secret that everyone can read is no secret.
func TestSecretsOpenToEveryone(t *testing.T) {
	inline := strings.Replace(minimal, "client_secret_file: secrets/kakao.secret", "client_secret: from the console", 1)
	tests := []struct {
		name       string
		text       string
		file, keys os.FileMode
		want       string // in the error; empty: none
	}{
		{"all is closed", minimal, 0o600, 0o600, ""},
		{"a group may read", minimal, 0o640, 0o640, ""},
		{"the configuration is open and holds no secret", minimal, 0o644, 0o600, ""},
		{"the configuration is open and holds a secret", inline, 0o644, 0o600, "providers[0].client_secret stands in a file that everyone"},
		{"the configuration may be changed and holds a secret", inline, 0o602, 0o600, "providers[0].client_secret stands in a file that everyone"},
		{"the configuration is closed and holds a secret", inline, 0o640, 0o600, ""},
		{"the keys are open", minimal, 0o600, 0o644, "site_key_file: secrets/site.key can be read or changed by everyone on this machine (mode 0644)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			writeSecrets(t, dir)
			chmod(t, filepath.Join(dir, "secrets/site.key"), tt.keys)
			path := filepath.Join(dir, "bongsu.yaml")
			write(t, path, tt.text, tt.file)

			_, err := Load(path, nil)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("Load: %v, want %q", err, tt.want)
			}
		})
	}
}

// No error repeats a secret.
func TestErrorsKeepSecrets(t *testing.T) {
	text := strings.NewReplacer(
		"site_key_file: secrets/site.key", "site_key: very-secret",
		"cluster_key_file: secrets/cluster.key", "cluster_key_command: [printf, very-secret]",
		"client_secret_file: secrets/kakao.secret", `client_secret: "very-secret\n"`,
	).Replace(minimal) + `
store: {driver: postgres, writer: very-secret}
clients:
  - {id: shop, name: Shop, secret: very-secret, redirect_uris: ["https://shop.example.kr"]}
`
	_, err := loadText(t, text)
	var problems Problems
	if !errors.As(err, &problems) || len(problems) != 5 {
		t.Fatalf("Load: %v, want 5 problems", err)
	}
	if strings.Contains(err.Error(), "very-secret") {
		t.Errorf("a secret is in %v", err)
	}
}

func TestLoadUnreadable(t *testing.T) {
	dir := t.TempDir()
	large := filepath.Join(dir, "large.yaml")
	write(t, large, strings.Repeat("#", maxFile+1), 0o600)
	pipe := filepath.Join(dir, "pipe.yaml")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(dir, "missing.yaml"), dir, large, pipe} {
		if _, err := Load(path, nil); err == nil || !strings.HasPrefix(err.Error(), "read configuration: ") {
			t.Errorf("Load(%s): %v", filepath.Base(path), err)
		}
	}
	if _, err := Load(filepath.Join(dir, "missing.yaml"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
}

// Commands that print secrets run without a shell, without our variables and
// for a bounded time.
func TestCommands(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "helper"), "#!/bin/sh\nprintf 'home %s, ours %s, args %s' \"$HOME\" \"$BONGSU_SITE\" \"$*\"\n", 0o700)
	m := machine{dir: dir, env: []string{"HOME=/home/kim", "BONGSU_SITE=seoul", "PATH=" + os.Getenv("PATH")}, patience: time.Minute}
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}

	got, err := m.run([]string{"./helper", "$(id)", "a b"})
	if want := "home /home/kim, ours , args $(id) a b"; err != nil || got != want {
		t.Errorf("run: %q, %v, want %q", got, err, want)
	}
	m.patience = 50 * time.Millisecond
	for name, argv := range map[string][]string{
		"fails":          {"false"},
		"never ends":     {"sleep", "600"},
		"prints forever": {"yes"},
		"does not exist": {"./missing"},
	} {
		if _, err := m.run(argv); err == nil {
			t.Errorf("a command that %s: no error", name)
		}
	}
}

func TestParseDuration(t *testing.T) {
	tests := []struct {
		text string
		want time.Duration
		ok   bool
	}{
		{"4s", 4 * time.Second, true},
		{"1h30m", 90 * time.Minute, true},
		{"90d", 90 * 24 * time.Hour, true},
		{"1d12h", 36 * time.Hour, true},
		{"0d", 0, true},
		{"-4s", -4 * time.Second, true},
		{"d", 0, false},
		{"-1d", 0, false},
		{"1d-1h", 0, false},
		{"1.5d", 0, false},
		{"1d1d", 0, false},
		{"4", 0, false},
		{"36501d", 0, false},
		{"99999999999999999999d", 0, false},
		{"1d9999999999h", 0, false},
	}
	for _, tt := range tests {
		got, err := parseDuration(tt.text)
		if got != tt.want || (err == nil) != tt.ok {
			t.Errorf("parseDuration(%q) = %v, %v", tt.text, got, err)
		}
	}
}
