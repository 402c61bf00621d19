package broker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/broker/cookie"
	"github.com/bongsu/bongsu/broker/login"
	"github.com/bongsu/bongsu/broker/oauth"
	"github.com/bongsu/bongsu/broker/session"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/broker/web"
)

const secretText = "what only the log may say"

// shell is a broker of nothing but its adapter: routes are the test's own.
func shell(t *testing.T, log io.Writer) *Broker {
	t.Helper()
	issuer, err := url.Parse("https://login.example.kr")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := web.New(web.Options{})
	if err != nil {
		t.Fatal(err)
	}
	shop := &client.Client{ID: "shop", Name: "Shop", FirstParty: true, Public: true, RedirectURIs: []string{"https://shop.example/cb"}}
	clients := client.NewDirectory()
	if err := clients.SetFile([]*client.Client{shop}); err != nil {
		t.Fatal(err)
	}
	return &Broker{
		config: &config.Config{Issuer: issuer, Languages: config.Languages{Default: "en"}},
		logger: slog.New(supported{slog.NewTextHandler(log, nil)}), pages: pages, clients: clients, metrics: newMetrics(&config.Config{}, time.Now),
		crossOrigin: http.NewCrossOriginProtection(), jar: cookie.NewJar(issuer),
	}
}

func answering(err error) func(http.ResponseWriter, *http.Request) error {
	return func(http.ResponseWriter, *http.Request) error { return err }
}

// ask sends a request with headers in pairs to h and returns the answer.
func ask(t *testing.T, h http.Handler, method, target string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, "https://login.example.kr"+target, http.NoBody)
	for n := 0; n+1 < len(headers); n += 2 {
		if headers[n] == "Host" {
			r.Host = headers[n+1]
			continue
		}
		r.Header.Set(headers[n], headers[n+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// One error, two audiences: people get a page, machines get JSON, and neither
// gets its text.
func TestErrorsAtTheEdge(t *testing.T) {
	tests := []struct {
		name          string
		err           error
		machine, page int
		code          string
	}{
		{"refused by the protocol", oauth.InvalidGrant("The code is old.").With(errors.New(secretText)), 400, 400, "invalid_grant"},
		{"nobody authenticated", oauth.InvalidClient("Wrong."), 401, 401, "invalid_client"},
		{"the store is away", fmt.Errorf("%s: %w", secretText, store.ErrUnavailable), 503, 503, "temporarily_unavailable"},
		{"out of time", fmt.Errorf("%s: %w", secretText, context.DeadlineExceeded), 503, 503, "temporarily_unavailable"},
		{"a form of another session", session.ErrForm, 500, 403, "server_error"},
		{"a page of the walk", &login.Problem{Kind: web.ProblemExpired, Status: 410, Err: errors.New(secretText)}, 500, 410, "server_error"},
		{"a mistake of ours", errors.New(secretText), 500, 500, "server_error"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := shell(t, io.Discard).mux([]route{{"GET /machine", machine, answering(tt.err)}, {"GET /page", page, answering(tt.err)}})
			m, p := ask(t, h, http.MethodGet, "/machine"), ask(t, h, http.MethodGet, "/page")
			if m.Code != tt.machine || !strings.Contains(m.Body.String(), `"error":"`+tt.code+`"`) || !strings.HasPrefix(m.Header().Get("Content-Type"), "application/json") {
				t.Errorf("machine: %d %s", m.Code, m.Body)
			}
			if p.Code != tt.page || !strings.HasPrefix(p.Header().Get("Content-Type"), "text/html") {
				t.Errorf("page: %d %s", p.Code, p.Header())
			}
			for _, w := range []*httptest.ResponseRecorder{m, p} {
				if strings.Contains(w.Body.String()+fmt.Sprint(w.Header()), secretText) {
					t.Error("the error's text is told")
				}
				if (w.Code == 503) != (w.Header().Get("Retry-After") != "") {
					t.Errorf("%d with Retry-After %q", w.Code, w.Header().Get("Retry-After"))
				}
			}
		})
	}
}

// A panic is one request's: 500 without its text, and the log has it.
func TestPanic(t *testing.T) {
	var log bytes.Buffer
	h := shell(t, &log).mux([]route{
		{"GET /machine", machine, func(http.ResponseWriter, *http.Request) error { panic(secretText) }},
		{"GET /late", page, func(w http.ResponseWriter, _ *http.Request) error {
			_, _ = io.WriteString(w, "begun")
			panic(secretText)
		}},
	})
	if w := ask(t, h, http.MethodGet, "/machine"); w.Code != 500 || strings.Contains(w.Body.String(), secretText) || strings.Contains(w.Body.String(), "goroutine") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := ask(t, h, http.MethodGet, "/late"); w.Body.String() != "begun" {
		t.Errorf("what had begun goes on: %s", w.Body)
	}
	if !strings.Contains(log.String(), secretText) {
		t.Error("the log does not tell")
	}
}

var supportCodes = regexp.MustCompile(`^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$`)

func TestSupportCode(t *testing.T) {
	var log bytes.Buffer
	h := shell(t, &log).mux([]route{{"GET /page", page, answering(errors.New("x"))}})
	one, two := ask(t, h, http.MethodGet, "/page"), ask(t, h, http.MethodGet, "/page")
	code := one.Header().Get("Bongsu-Request-Id")
	if !supportCodes.MatchString(code) || code == two.Header().Get("Bongsu-Request-Id") {
		t.Errorf("code %q", code)
	}
	if !strings.Contains(one.Body.String(), code) || !strings.Contains(log.String(), "support="+code) {
		t.Error("page and log do not tell the same code")
	}
}

func TestWrongMethodAndWrongPath(t *testing.T) {
	fine := answering(nil)
	b := shell(t, io.Discard)
	h := b.mux([]route{{"GET /both", machine, fine}, {"POST /both", machine, fine}, {"POST /one", machine, fine}})
	for path, allow := range map[string]string{"/both": "GET, POST", "/one": "POST"} {
		w := ask(t, h, http.MethodDelete, path)
		if w.Code != 405 || w.Header().Get("Allow") != allow {
			t.Errorf("%s: %d, Allow %q", path, w.Code, w.Header().Get("Allow"))
		}
	}
	if w := ask(t, h, http.MethodGet, "/nowhere"); w.Code != 404 || !strings.Contains(w.Header().Get("Content-Type"), "html") {
		t.Errorf("nowhere: %d", w.Code)
	}
}

func TestGate(t *testing.T) {
	inner := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	tests := []struct {
		name, host, target string
		dev                bool
		want               int
	}{
		{"the issuer's host", "login.example.kr", "/", false, 204},
		{"in other case", "LOGIN.example.kr", "/", false, 204},
		{"the site's own origin", "seoul.login.example.kr", "/", false, 204},
		{"another site's origin", "busan.login.example.kr", "/", false, 421},
		{"another host", "evil.example", "/", false, 421},
		{"the host with another port", "login.example.kr:8443", "/", false, 421},
		{"no host", "", "/", false, 421},
		{"loopback in production", "127.0.0.1:8417", "/", false, 421},
		{"loopback in dev", "[::1]:8417", "/", true, 204},
		{"another host in dev", "evil.example", "/", true, 421},
		{"a host that begins like loopback", "localhost.evil.example", "/", true, 421},
		{"an address of 8 KiB", "login.example.kr", "/" + strings.Repeat("a", 8191), false, 204},
		{"a longer address", "login.example.kr", "/" + strings.Repeat("a", 8192), false, 414},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := shell(t, io.Discard)
			b.options.Dev = tt.dev
			b.config.Site = "seoul"
			b.config.Sites = []config.Site{
				{Name: "seoul", Origin: &url.URL{Scheme: "https", Host: "seoul.login.example.kr"}},
				{Name: "busan", Origin: &url.URL{Scheme: "https", Host: "busan.login.example.kr"}},
			}
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, tt.target, http.NoBody)
			r.Host = tt.host
			w := httptest.NewRecorder()
			b.gate(inner).ServeHTTP(w, r)
			if w.Code != tt.want {
				t.Errorf("answered %d, want %d", w.Code, tt.want)
			}
		})
	}
}

// Where TLS ends at a proxy only the trusted ones are served, and only what
// came to them over TLS.
func TestGateBehindProxies(t *testing.T) {
	b := shell(t, io.Discard)
	b.needsProxy = true
	b.config.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	h := b.gate(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for _, tt := range []struct {
		from, proto string
		want        int
	}{
		{"10.1.2.3:1", "https", 200},
		{"[::ffff:10.1.2.3]:1", "https", 200},
		{"10.1.2.3:1", "http", 403},
		{"10.1.2.3:1", "", 403},
		{"11.1.2.3:1", "https", 403},
		{"nonsense", "https", 403},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
		r.Host, r.RemoteAddr = "login.example.kr", tt.from
		if tt.proto != "" {
			r.Header.Set("X-Forwarded-Proto", tt.proto)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != tt.want {
			t.Errorf("%s by %q: %d, want %d", tt.from, tt.proto, w.Code, tt.want)
		}
	}
}

// Scripts of registered websites may call machine endpoints; nobody else's.
func TestCrossOriginReads(t *testing.T) {
	b := shell(t, io.Discard)
	h := b.mux([]route{{"POST /token", machine, answering(oauth.InvalidGrant("Old."))}, {"OPTIONS /token", machine, b.preflight}})
	for origin, allowed := range map[string]bool{"https://shop.example": true, "https://evil.example": false, "null": false, "": false} {
		for _, method := range []string{http.MethodOptions, http.MethodPost} {
			w := ask(t, h, method, "/token", "Origin", origin)
			got := w.Header().Get("Access-Control-Allow-Origin")
			if allowed != (got == origin && origin != "") || w.Header().Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("%s from %q: allowed %q", method, origin, got)
			}
			if method == http.MethodOptions && (w.Code != 204 || allowed != (w.Header().Get("Access-Control-Allow-Methods") != "")) {
				t.Errorf("preflight from %q: %d %v", origin, w.Code, w.Header())
			}
			if origin != "" && w.Header().Get("Vary") != "Origin" {
				t.Errorf("Vary %q", w.Header().Get("Vary"))
			}
		}
	}
}

func TestFormsFromElsewhereAreRefused(t *testing.T) {
	ran := 0
	h := shell(t, io.Discard).mux([]route{{"POST /form", form, func(http.ResponseWriter, *http.Request) error { ran++; return nil }}})
	for site, want := range map[string]int{"cross-site": 403, "same-site": 403, "same-origin": 200} {
		if w := ask(t, h, http.MethodPost, "/form", "Sec-Fetch-Site", site); w.Code != want {
			t.Errorf("%s: %d", site, w.Code)
		}
	}
	if w := ask(t, h, http.MethodPost, "/form", "Origin", "https://evil.example"); w.Code != 403 || ran != 1 {
		t.Errorf("%d, ran %d times", w.Code, ran)
	}
}

// Labels come from the table of routes, never from what is asked.
func TestMetricsLabels(t *testing.T) {
	b := shell(t, io.Discard)
	h := b.mux([]route{{"GET /login/{id}", page, answering(nil)}, {"GET /broken", machine, answering(errors.New("x"))}})
	ask(t, h, http.MethodGet, "/login/somebody")
	ask(t, h, http.MethodGet, "/login/else")
	ask(t, h, http.MethodGet, "/broken")
	ask(t, h, http.MethodGet, "/secret-path")
	w := httptest.NewRecorder()
	b.metrics.handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", http.NoBody))
	for _, want := range []string{
		`bongsu_http_requests_total{route="GET /login/{id}",status="2xx"} 2`,
		`bongsu_http_requests_total{route="GET /broken",status="5xx"} 1`,
		`bongsu_http_requests_total{route="/",status="4xx"} 1`,
	} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(w.Body.String(), "somebody") || strings.Contains(w.Body.String(), "secret-path") {
		t.Error("a path that was asked is a label")
	}
}
