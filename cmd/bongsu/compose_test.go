package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/bongsu/bongsu/broker/dev/browser"
	"github.com/bongsu/bongsu/providers/fakeidp"
)

// threeSites are the names in deploy/compose/sites.
var threeSites = []string{"seoul", "busan", "tokyo"}

// portOf are the ports that take the place of a container's here, where others may
// listen at the ones that everybody takes.
var portOf = map[string]string{"8080": ":18080", "9090": ":19090", "7946": ":17946", "7947": ":17947", "5432": ":15432"}

// composed is a copy of deploy/compose/sites in which every address is one of this
// machine's, and the only provider a simulated one.
type composed struct {
	*testing.T

	dir      string
	network  string // in the place of 172.31.
	door     *httptest.Server
	provider *httptest.Server
	p        *fakeidp.Upstream
}

// newComposed copies the folder and has found.sh found the sites.
func newComposed(t *testing.T) *composed {
	t.Helper()
	dir, err := os.MkdirTemp("", "sites") // short: sockets stand below it
	if err != nil {
		t.Fatal(err)
	}
	c := &composed{T: t, dir: dir, network: freeNetwork(t)}
	t.Cleanup(func() {
		t.Chdir(dir)
		if err := eachContainer(c.started(), (*container).down); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			c.tellLogs()
		}
		_ = os.RemoveAll(dir)
	})
	c.openProvider()
	c.copy()
	c.openDoor()
	c.script("bash", "found.sh")
	return c
}

// openProvider starts the simulated provider, by TLS, for the issuer is no trial's.
func (c *composed) openProvider() {
	c.Helper()
	c.provider = httptest.NewUnstartedServer(nil)
	upstreams, err := fakeidp.New(fakeidp.Options{
		BaseURL: "https://" + c.provider.Listener.Addr().String(), Upstreams: []fakeidp.Spec{{Name: "p", Dialect: fakeidp.OpenID}},
	})
	if err != nil {
		c.Fatal(err)
	}
	c.provider.Config.Handler = upstreams
	c.provider.StartTLS()
	c.Cleanup(func() { upstreams.Close(); c.provider.Close() })
	c.p, _ = upstreams.Upstream("p")
	root := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.provider.Certificate().Raw})
	if err := os.WriteFile(filepath.Join(c.dir, "root.pem"), root, 0o600); err != nil {
		c.Fatal(err)
	}
	c.Setenv("SSL_CERT_FILE", filepath.Join(c.dir, "root.pem")) // of the nodes
}

// freeNetwork is the beginning of addresses of this machine that nobody listens at.
func freeNetwork(t *testing.T) string {
	t.Helper()
	for n := os.Getpid()%200 + 20; n < 250; n++ {
		network := fmt.Sprintf("127.%d.", n)
		l, err := net.Listen("tcp", network+"1.10"+portOf["5432"])
		if err == nil {
			_ = l.Close()
			return network
		}
	}
	t.Fatal("no address of this machine is free")
	return ""
}

// here is what a text of the folder is on this machine.
func (c *composed) here(name, text string) string {
	var words []string
	for port, other := range portOf {
		words = append(words, ":"+port, other, "port="+port, "port="+other[1:], "port = "+port, "port = "+other[1:])
	}
	words = append(words, "172.31.", c.network)
	if name == "postgres/postgresql.conf" {
		text += "fsync = off\n" // it is gone after the test
	}
	words = append(words, "initdb --pgdata", "initdb --no-sync --pgdata", "pg_basebackup --dbname", "pg_basebackup --no-sync --dbname")
	text = strings.NewReplacer(words...).Replace(text)
	if name == "bongsu.yaml" {
		providers := fmt.Sprintf("providers:\n  - {id: p, kind: openid, name: P, issuer: %q, client_id: %s, client_secret: %s}\n\nclients:",
			c.p.Issuer(), c.p.Client().ID, c.p.Client().Secret)
		text = regexp.MustCompile(`(?s)\nproviders:.*\nclients:`).ReplaceAllLiteralString(text, "\n"+providers)
		text += "outbound: {allow: [127.0.0.0/8]}\n" // of a provider on this machine
	}
	return text
}

func (c *composed) copy() {
	c.Helper()
	from := os.DirFS(filepath.Join(deploy, "compose", "sites"))
	err := fs.WalkDir(from, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(from, path)
		if err != nil {
			return err
		}
		at := filepath.Join(c.dir, path)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			return err
		}
		mode := os.FileMode(0o644)
		if path == "bongsu.yaml" {
			mode = 0o600 // a client's secret stands in it here
		}
		return os.WriteFile(at, []byte(c.here(path, string(text))), mode)
	})
	if err != nil {
		c.Fatal(err)
	}
	for _, secret := range []string{"kakao.secret", "naver.secret"} {
		if err := os.WriteFile(filepath.Join(c.dir, secret), []byte("from-the-console"), 0o600); err != nil {
			c.Fatal(err)
		}
	}
	if err := os.Chmod(c.dir, 0o755); err != nil {
		c.Fatal(err)
	}
}

// script runs a program in the folder, with the docker that is this test binary.
func (c *composed) script(words ...string) {
	c.Helper()
	bin := filepath.Join(c.dir, "bin")
	self, err := os.Executable()
	if err != nil {
		c.Fatal(err)
	}
	if err := os.MkdirAll(bin, 0o755); err != nil {
		c.Fatal(err)
	}
	_ = os.Symlink(self, filepath.Join(bin, "docker")) // it may be there
	cmd := exec.CommandContext(c.Context(), words[0], words[1:]...)
	cmd.Dir, cmd.Env = c.dir, append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
	if said, err := cmd.CombinedOutput(); err != nil {
		c.Fatalf("%q: %v\n%s", words, err, said)
	}
}

// started are the containers that were ever started.
func (c *composed) started() (names []string) {
	found, _ := filepath.Glob(filepath.Join(c.dir, "containers", "*", "pid"))
	for _, path := range found {
		names = append(names, filepath.Base(filepath.Dir(path)))
	}
	return names
}

func (c *composed) tellLogs() {
	found, _ := filepath.Glob(filepath.Join(c.dir, "containers", "*", "log"))
	for _, path := range found {
		text, _ := os.ReadFile(path)
		c.Logf("%s:\n%s", path, text[max(0, len(text)-4000):])
	}
}

// openDoor is haproxy.cfg in short: the issuer's name leads to any node that is
// ready, each origin to its site's.
func (c *composed) openDoor() {
	from := &net.TCPAddr{IP: net.ParseIP(c.network + "0.10")}
	transport := &http.Transport{DialContext: (&net.Dialer{LocalAddr: from}).DialContext, DisableKeepAlives: true}
	c.door = httptest.NewTLSServer(&httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetXForwarded()
		r.Out.Host = r.In.Host
		r.Out.URL.Scheme, r.Out.URL.Host = "http", c.nodeFor(r.In.Host)
	}, ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusServiceUnavailable) }})
	c.Cleanup(c.door.Close)
}

func (c *composed) nodeFor(host string) string {
	first, _, _ := strings.Cut(host, ".")
	for i, site := range threeSites {
		at := fmt.Sprintf("%s%d.11", c.network, i+1)
		if first == site || !slices.Contains(threeSites, first) && c.ready(i) {
			return at + portOf["8080"]
		}
	}
	return c.network + "1.11" + portOf["8080"]
}

func (c *composed) ready(site int) bool {
	ctx, cancel := context.WithTimeout(c.Context(), 2*time.Second)
	defer cancel()
	_, err := ask(ctx, fmt.Sprintf("http://%s%d.11%s/readyz", c.network, site+1, portOf["9090"]))
	return err == nil
}

// RoundTrip implements [http.RoundTripper]: the broker's names lead to the door, and
// websites show an empty page.
func (c *composed) RoundTrip(r *http.Request) (*http.Response, error) {
	switch host := r.URL.Hostname(); {
	case strings.HasSuffix(host, "login.example.kr"):
		inside := r.Clone(r.Context())
		inside.Host, inside.URL.Host = r.URL.Host, c.door.Listener.Addr().String()
		answer, err := c.door.Client().Transport.RoundTrip(inside)
		if answer != nil {
			answer.Request = r
		}
		return answer, err
	case strings.HasPrefix(host, "127."):
		return c.provider.Client().Transport.RoundTrip(r)
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"text/plain"}}, Body: http.NoBody, Request: r, ProtoMajor: 1, ProtoMinor: 1}, nil
}

// login walks a login at a host, in a browser of its own, and returns who the website
// was told it is.
func (c *composed) login(host, person string) (string, error) {
	const callback = "https://shop.example.kr/login/callback"
	ctx, cancel := context.WithTimeout(c.Context(), 20*time.Second)
	defer cancel()
	b := browser.New(browser.Options{Transport: c, Language: "en"})
	defer b.Close()
	verifier := oauth2.GenerateVerifier()
	page, err := walk(ctx, b, "https://"+host, person, "shop", callback, verifier)
	if err != nil {
		return "", err
	}
	code, err := codeAt(page)
	if err != nil {
		return "", err
	}
	return c.redeem(ctx, host, url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}, "code_verifier": {verifier}})
}

func (c *composed) redeem(ctx context.Context, host string, form url.Values) (string, error) {
	secret, err := os.ReadFile(filepath.Join(c.dir, "tokyo", "secrets", "shop.secret"))
	if err != nil {
		return "", err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+host+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth("shop", strings.TrimSpace(string(secret)))
	answer, err := c.RoundTrip(r)
	if err != nil {
		return "", err
	}
	defer func() { _ = answer.Body.Close() }()
	var tokens struct {
		IDToken string `json:"id_token"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&tokens); err != nil || answer.StatusCode != http.StatusOK {
		return "", fmt.Errorf("token endpoint of %s: %d %w", host, answer.StatusCode, err)
	}
	var claims struct {
		Issuer  string `json:"iss"`
		Subject string `json:"sub"`
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(tokens.IDToken, ".")[1])
	if err == nil {
		err = json.Unmarshal(payload, &claims)
	}
	if err == nil && claims.Issuer != "https://login.example.kr" {
		err = fmt.Errorf("the token of %s is by %s", host, claims.Issuer)
	}
	return claims.Subject, err
}

// eventually logs in until it works, and checks who it was; as whom empty: anybody.
func (c *composed) eventually(host, person, as string) string {
	c.Helper()
	began := time.Now()
	for {
		subject, err := c.login(host, person)
		switch {
		case err == nil && (as == "" || subject == as):
			c.Logf("%s at %s after %s", person, host, time.Since(began).Round(time.Millisecond))
			return subject
		case err == nil:
			c.Fatalf("%s is %s at %s, and was %s", person, subject, host, as)
		case time.Since(began) > time.Minute:
			c.Fatalf("%s never gets in at %s: %v", person, host, err)
		}
		<-time.After(50 * time.Millisecond)
	}
}
