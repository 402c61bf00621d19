package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/bongsu/bongsu/broker/dev/browser"
	"github.com/bongsu/bongsu/providers/fakeidp"
)

const (
	shopSecret   = "shop-secret-of-more-than-thirty-two" //nolint:gosec // of a website that does not exist
	shopCallback = "https://shop.example/callback"
)

// site is one real process of bongsu serve with a simulated provider p.
type site struct {
	t             *testing.T
	dir           string
	issuer, admin string
	upstream      string

	process *exec.Cmd
	log     *logLines
	ended   chan error
}

// newPlace writes a configuration; more is added to it as it is.
func newPlace(t *testing.T, more string) *site {
	t.Helper()
	stop, p, err := newUpstream()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	at, err := url.Parse(p.Issuer())
	if err != nil {
		t.Fatal(err)
	}
	port, err := freePort(t)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{
		t: t, dir: t.TempDir(), issuer: fmt.Sprintf("http://localhost:%d", port), admin: fmt.Sprintf("127.0.0.1:%d", port+1),
		upstream: at.Host,
	}
	key := func() string {
		raw := make([]byte, 32)
		_, _ = rand.Read(raw)
		return base64.StdEncoding.EncodeToString(raw)
	}
	s.write(fmt.Sprintf(`issuer: %s
site: seoul
node: seoul-1
listen: localhost:%d
admin: %s
data_dir: data
site_key: %s
cluster_key: %s
outbound: {allow: [127.0.0.0/8], allow_http: true}
providers:
  - {id: p, kind: openid, name: P, issuer: %q, client_id: %s, client_secret: %s}
`, s.issuer, port, s.admin, key(), key(), p.Issuer(), p.Client().ID, p.Client().Secret) + more)
	return s
}

// newUpstream starts a simulated provider.
func newUpstream() (stop func(), p *fakeidp.Upstream, err error) {
	server := httptest.NewUnstartedServer(nil)
	upstreams, err := fakeidp.New(fakeidp.Options{
		BaseURL: "http://" + server.Listener.Addr().String(), Upstreams: []fakeidp.Spec{{Name: "p", Dialect: fakeidp.OpenID}},
	})
	if err != nil {
		return nil, nil, err
	}
	server.Config.Handler = upstreams
	server.Start()
	p, _ = upstreams.Upstream("p")
	return func() { upstreams.Close(); server.Close() }, p, nil
}

func (s *site) path() string { return filepath.Join(s.dir, "bongsu.yaml") }

func (s *site) write(text string) {
	s.t.Helper()
	if err := os.WriteFile(s.path(), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) read() string {
	s.t.Helper()
	text, err := os.ReadFile(s.path())
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

// start runs the process and returns when it is ready. It is killed with the test.
func (s *site) start(env ...string) {
	s.t.Helper()
	s.launch(env...)
	s.await("a node that is ready", func() bool { return s.ready() == http.StatusOK })
}

// launch runs the process and returns at once. It is killed with the test.
func (s *site) launch(env ...string) {
	s.t.Helper()
	s.log = &logLines{}
	// This test binary is bongsu when it is called so.
	s.process = &exec.Cmd{
		Path: os.Args[0], Args: []string{"bongsu", "serve", "--config", s.path()},
		Env: append(os.Environ(), env...), Stderr: s.log,
	}
	if err := s.process.Start(); err != nil {
		s.t.Fatal(err)
	}
	ended, process := make(chan error, 1), s.process
	s.ended = ended
	go func() { ended <- process.Wait() }()
	s.t.Cleanup(func() {
		if process.ProcessState == nil {
			_ = process.Process.Kill()
		}
	})
}

func (s *site) signal(signal os.Signal) {
	s.t.Helper()
	if err := s.process.Process.Signal(signal); err != nil {
		s.t.Fatal(err)
	}
}

// end waits for the process to end by itself.
func (s *site) end(within time.Duration) error {
	s.t.Helper()
	select {
	case err := <-s.ended:
		return err
	case <-time.After(within):
		s.t.Fatalf("the process did not end within %s:\n%s", within, s.log)
		return nil
	}
}

// ready is the status of /readyz; 0: nobody answers.
func (s *site) ready() int { return s.probe("/readyz") }

// whole reports whether the node serves everything that it ever does.
func (s *site) whole() bool { return s.probe("/readyz?mode=full") == http.StatusOK }

// probe is the status of a path on the admin listener; 0: nobody answers.
func (s *site) probe(path string) int {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.admin+path, nil)
	if err != nil {
		return 0
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return 0
	}
	_ = answer.Body.Close()
	return answer.StatusCode
}

func (s *site) await(what string, done func() bool) {
	s.t.Helper()
	over := time.After(30 * time.Second)
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for !done() {
		select {
		case <-over:
			s.t.Fatalf("there was no %s:\n%s", what, s.log)
		case <-again.C:
		}
	}
}

// metric is the value of a metric without labels.
func (s *site) metric(name string) string {
	s.t.Helper()
	body, err := ask(s.t.Context(), "http://"+s.admin+"/metrics")
	if err != nil {
		s.t.Fatal(err)
	}
	for line := range strings.Lines(body) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// walk logs a person in for a client by the one provider and returns the page at
// which that ends: the website's, with a code, if all went well.
func walk(ctx context.Context, b *browser.Browser, issuer, person, client, callback, verifier string) (*browser.Page, error) {
	page, err := b.Open(ctx, issuer+"/authorize?"+url.Values{
		"client_id": {client}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {"openid"}, "state": {"s"},
		"code_challenge": {oauth2.S256ChallengeFromVerifier(verifier)}, "code_challenge_method": {"S256"}, "idp_hint": {"p"},
	}.Encode())
	if err == nil && page.Has("continue") {
		at := *page.URL
		query := at.Query()
		query.Set("person", person)
		at.RawQuery = query.Encode()
		if page, err = b.Open(ctx, at.String()); err == nil {
			page, err = b.Click(ctx, "continue")
		}
	}
	if err == nil && page.Has("new-account") {
		page, err = b.Click(ctx, "new-account")
	}
	return page, err
}

// codeAt is the code that a walk ended with.
func codeAt(page *browser.Page) (string, error) {
	code := page.URL.Query().Get("code")
	if code == "" {
		return "", fmt.Errorf("no code at %s: %d %s", page.URL, page.Status, page.Text())
	}
	return code, nil
}

// login walks a whole login of a person and returns the subject.
func (s *site) login(ctx context.Context, person, client, secret string) (string, error) {
	b := browser.New(browser.Options{Transport: s, Language: "en"})
	defer b.Close()
	verifier := oauth2.GenerateVerifier()
	page, err := walk(ctx, b, s.issuer, person, client, shopCallback, verifier)
	if err != nil {
		return "", err
	}
	code, err := codeAt(page)
	if err != nil {
		return "", err
	}
	return s.redeem(ctx, code, verifier, client, secret)
}

func (s *site) redeem(ctx context.Context, code, verifier, client, secret string) (string, error) {
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {shopCallback}, "code_verifier": {verifier}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.issuer+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(client, secret)
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return "", err
	}
	defer func() { _ = answer.Body.Close() }()
	var tokens struct {
		IDToken string `json:"id_token"`
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil || json.Unmarshal(body, &tokens) != nil || answer.StatusCode != http.StatusOK {
		return "", fmt.Errorf("token endpoint: %d %s", answer.StatusCode, body)
	}
	var claims struct {
		Subject string `json:"sub"`
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(tokens.IDToken, ".")[1])
	if err != nil {
		return "", err
	}
	return claims.Subject, json.Unmarshal(payload, &claims)
}

// RoundTrip implements [http.RoundTripper]: websites show an empty page.
func (s *site) RoundTrip(r *http.Request) (*http.Response, error) {
	if "http://"+r.URL.Host == s.issuer || r.URL.Host == s.upstream {
		return http.DefaultTransport.RoundTrip(r)
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"text/plain"}}, Body: http.NoBody, Request: r, ProtoMajor: 1, ProtoMinor: 1}, nil
}

// logLines keeps what a process logs.
type logLines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logLines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// event is the last line of that event, decoded; nil: there is none.
func (l *logLines) event(name string) map[string]any {
	var last map[string]any
	lines := bufio.NewScanner(strings.NewReader(l.String()))
	for lines.Scan() {
		var line map[string]any
		if json.Unmarshal(lines.Bytes(), &line) == nil && line["event"] == name {
			last = line
		}
	}
	return last
}

// load logs people in, some at once, as long as more says so.
func (s *site) load(more func() bool) (done *atomic.Int64, wait func() error) {
	done = new(atomic.Int64)
	var running sync.WaitGroup
	var mu sync.Mutex
	var failed error
	for i := range 4 {
		running.Go(func() {
			for more() {
				if _, err := s.login(s.t.Context(), fmt.Sprintf("person-%d", i), "shop", shopSecret); err != nil {
					mu.Lock()
					failed = errors.Join(failed, err)
					mu.Unlock()
					return
				}
				done.Add(1)
			}
		})
	}
	return done, func() error { running.Wait(); return failed }
}

const shop = `clients:
  - {id: shop, name: Shop, secret: ` + shopSecret + `, first_party: true, redirect_uris: [` + shopCallback + `]}
`

// Who is told in time sends nobody any more, and whoever is on the way arrives.
func TestSIGTERMUnderLoadFailsNoLogin(t *testing.T) {
	s := newPlace(t, shop+"drain: {wait: 3s, finish: 10s}\n")
	s.start()
	// The load balancer asks /readyz and sends new logins to who is ready.
	done, wait := s.load(func() bool { return s.ready() == http.StatusOK })
	s.await("load", func() bool { return done.Load() >= 8 })
	s.signal(syscall.SIGTERM)
	s.await("503 of /readyz", func() bool { return s.ready() == http.StatusServiceUnavailable })
	if err := wait(); err != nil {
		t.Errorf("logins failed: %v", err)
	}
	if err := s.end(25 * time.Second); err != nil {
		t.Errorf("the process ended with %v:\n%s", err, s.log)
	}
	if line := s.log.event("node.draining"); line == nil {
		t.Error("the log does not say that it is stopping")
	}
}

func TestASecondSignalEndsItAtOnce(t *testing.T) {
	s := newPlace(t, shop+"drain: {wait: 4m}\n")
	s.start()
	s.signal(syscall.SIGTERM)
	s.await("503 of /readyz", func() bool { return s.ready() == http.StatusServiceUnavailable })
	s.signal(syscall.SIGTERM)
	if err := s.end(10 * time.Second); err == nil || !strings.Contains(err.Error(), "signal: terminated") {
		t.Errorf("the process ended with %v", err)
	}
}

// A new configuration counts from the next request on, a wrong one never, and no
// request notices either.
func TestSIGHUPUnderLoadFailsNothing(t *testing.T) {
	s := newPlace(t, shop)
	s.start()
	var stop atomic.Bool
	done, wait := s.load(func() bool { return !stop.Load() })
	s.await("load", func() bool { return done.Load() >= 4 })
	good := s.read()

	second := strings.Replace(shop, "clients:\n", "", 1)
	s.write(good + strings.NewReplacer("id: shop", "id: second", shopSecret, shopSecret+"2").Replace(second) + "log: {level: debug}\n")
	s.signal(syscall.SIGHUP)
	s.await("new client", func() bool {
		_, err := s.login(t.Context(), "other", "second", shopSecret+"2")
		return err == nil
	})
	s.await("word of it", func() bool { return s.log.event("config.reloaded") != nil })
	if line := s.log.event("config.reloaded"); !slices.Equal(texts(line["changed"]), []string{"clients", "log"}) || len(texts(line["restart"])) > 0 {
		t.Errorf("the log says %v", line)
	}

	s.write(strings.Replace(good, "id: shop", "id: renamed", 1) + "limits: {entries: 1}\nlisten: nonsense\n")
	s.signal(syscall.SIGHUP)
	s.await("refusal", func() bool { return s.log.event("config.reload_rejected") != nil })
	said, _ := s.log.event("config.reload_rejected")["error"].(string)
	if !strings.Contains(said, "bongsu.yaml:") || !strings.Contains(said, "limits.entries") || !strings.Contains(said, "listen") {
		t.Errorf("the refusal says %q", said)
	}
	if got := s.metric("bongsu_config_last_reload_successful"); got != "0" {
		t.Errorf("the metric is %q", got)
	}
	if _, err := s.login(t.Context(), "other", "second", shopSecret+"2"); err != nil {
		t.Errorf("what was taken over before is gone: %v", err)
	}

	s.write(good + "sessions: {idle: 1h}\n")
	s.signal(syscall.SIGHUP)
	s.await("third reload", func() bool { return s.metric("bongsu_config_last_reload_successful") == "1" })
	s.await("word of what waits", func() bool {
		line := s.log.event("config.reloaded")
		return slices.Equal(texts(line["restart"]), []string{"sessions"})
	})
	if _, err := s.login(t.Context(), "other", "second", shopSecret+"2"); err == nil {
		t.Error("a client that was taken out of the file may still log in")
	}
	stop.Store(true)
	if err := wait(); err != nil {
		t.Errorf("logins failed: %v", err)
	}
	s.signal(syscall.SIGTERM)
	if err := s.end(20 * time.Second); err != nil {
		t.Error(err)
	}
}

func texts(list any) []string {
	items, _ := list.([]any)
	found := make([]string, 0, len(items))
	for _, item := range items {
		text, _ := item.(string)
		found = append(found, text)
	}
	return found
}

// systemd hears when a node is ready, that it lives, and that it stops; programs that it
// starts cannot speak for it.
func TestSystemdIsTold(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "notify")
	heard, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = heard.Close() }()
	s := newPlace(t, shop)
	s.start("NOTIFY_SOCKET="+socket, "WATCHDOG_USEC=300000")
	next := func() string {
		buffer := make([]byte, 100)
		if err := heard.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		n, err := heard.Read(buffer)
		if err != nil {
			t.Fatal(err)
		}
		return string(buffer[:n])
	}
	var told []string
	hear := func(state string) {
		for len(told) == 0 || told[len(told)-1] != state {
			told = append(told, next())
			if len(told) > 1000 {
				t.Fatalf("no %s among %q", state, told[:10])
			}
		}
	}
	hear("READY=1")
	hear("WATCHDOG=1")
	s.signal(syscall.SIGTERM)
	hear("STOPPING=1")
	if err := s.end(20 * time.Second); err != nil {
		t.Error(err)
	}
}
