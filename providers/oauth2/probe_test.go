package oauth2

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/fetch"
)

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name   string
		status int
		after  string
		want   time.Duration
	}{
		{"nothing to wait for", 200, "120", 0},
		{"seconds", 503, "120", 2 * time.Minute},
		{"a date", 429, "Sun, 22 Nov 2026 09:05:00 GMT", 5 * time.Minute},
		{"a date that is over", 429, "Sun, 22 Nov 2026 08:00:00 GMT", time.Minute},
		{"refused without a time", 403, "", time.Minute},
		{"refused with nonsense", 429, "soon", time.Minute},
		{"a failure without a time", 500, "", 0},
		{"a failure with nonsense", 500, "-1", 0},
		{"for ever", 429, "2000000000", 24 * time.Hour},
		{"beyond numbers", 429, "99999999999999999999", time.Minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			header := http.Header{}
			header.Set("Retry-After", tt.after)
			if got := RetryAfter(tt.status, header, now); got != tt.want {
				t.Errorf("RetryAfter = %v, want %v", got, tt.want)
			}
		})
	}
}

// What stands for a leg in probes is what a leg's values must be.
func TestProbeLeg(t *testing.T) {
	leg := ProbeLeg("https://login.example.com/callback/x")
	if n := len(leg.Verifier); n < 43 || n > 128 {
		t.Errorf("a verifier of %d characters (RFC 7636 4.1 wants 43 to 128)", n)
	}
	if len(leg.State) > 96 || leg.RedirectURI != "https://login.example.com/callback/x" {
		t.Errorf("leg %+v", leg)
	}
}

func TestAgent(t *testing.T) {
	for callback, want := range map[string]string{
		"https://login.example.com/callback/x": "Bongsu-probe (+https://login.example.com/)",
		"":                                     "Bongsu-probe",
		"%":                                    "Bongsu-probe",
	} {
		if got := Agent(callback); got != want {
			t.Errorf("Agent(%q) = %q, want %q", callback, got, want)
		}
	}
}

// hosts is a network where each name leads to a server or fails.
type hosts map[string]func() (net.Conn, error)

func (h hosts) dial(_ context.Context, _, addr string) (net.Conn, error) {
	name, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	return h[name]()
}

func roots(s *httptest.Server) *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return pool
}

// A provider stands on several hosts, each with a fate of its own.
func TestReachOfSeveralHosts(t *testing.T) {
	s := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(s.Close)
	lives := func() (net.Conn, error) { return net.Dial("tcp", s.Listener.Addr().String()) }
	dead := func() (net.Conn, error) { return nil, &net.OpError{Op: "dial", Err: errors.New("refused")} }
	lost := func() (net.Conn, error) { return nil, &net.DNSError{Err: "no such host", IsNotFound: true} }
	for _, tt := range []struct {
		name           string
		login, profile func() (net.Conn, error)
		spare          bool
		outcome        providers.Outcome
		step           providers.Step
		code           string
	}{
		{"all live", lives, lives, true, providers.OK, providers.StepReach, ""},
		{"all dead", dead, dead, true, providers.Down, providers.StepReach, "connect"},
		{"F11: the profile's host is gone", lives, lost, true, providers.Partial, providers.StepUserinfo, "dns"},
		{"the profile's host is gone and proves who came", lives, lost, false, providers.Down, providers.StepReach, "dns"},
		{"the login's host is gone", lost, lives, true, providers.Down, providers.StepReach, "dns"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			client := fetch.New(fetch.Options{
				RootCAs: roots(s), Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
				Dial: hosts{"login.example.com": tt.login, "api.example.com": tt.profile}.dial,
			})
			w, err := NewWire(Options{
				Instance:  providers.Instance{ID: "x", ClientID: "c"},
				Endpoints: Endpoints{Authorize: "https://login.example.com/a", Token: "https://login.example.com/t"},
				Fetch:     client,
			})
			if err != nil {
				t.Fatal(err)
			}
			got := w.ProbeReach(t.Context(), []Place{
				{URL: "https://login.example.com/t", Step: providers.StepToken},
				{URL: "https://login.example.com/a", Step: providers.StepAuthorize},
				{URL: ""},
				{URL: "https://api.example.com/me", Step: providers.StepUserinfo, Spare: tt.spare},
			})
			if got.Outcome != tt.outcome || got.Step != tt.step || got.Code != tt.code {
				t.Errorf("ProbeReach = %+v", got)
			}
			if want := []providers.Level{providers.LevelReach}; len(w.Levels()) != len(want) {
				t.Errorf("levels without a callback %q", w.Levels())
			}
		})
	}
}

// F04: a certificate that does not hold outweighs everything, and one that ends
// soon is worth a word.
func TestReachJudgesCertificates(t *testing.T) {
	s := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(s.Close)
	lives := func() (net.Conn, error) { return net.Dial("tcp", s.Listener.Addr().String()) }
	dead := func() (net.Conn, error) { return nil, &net.OpError{Op: "dial", Err: errors.New("refused")} }
	client := fetch.New(fetch.Options{
		RootCAs: roots(s), Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		Dial: hosts{"a.example.com": lives, "b.example.com": dead, "c.invalid": lives}.dial,
	})
	now := s.Certificate().NotAfter.Add(-time.Hour)
	w, err := NewWire(Options{
		Instance:  providers.Instance{ID: "x", ClientID: "c"},
		Endpoints: Endpoints{Authorize: "https://a.example.com/", Token: "https://a.example.com/"},
		Fetch:     client, Now: func() time.Time { return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := w.ProbeReach(t.Context(), []Place{{URL: "https://a.example.com/"}}); got.Outcome != providers.OK || got.Code != "certificate_ends" {
		t.Errorf("an hour before the end: %+v", got)
	}
	got := w.ProbeReach(t.Context(), []Place{{URL: "https://b.example.com/"}, {URL: "https://c.invalid/", Spare: true}})
	if got.Outcome != providers.Trust || got.Code != "certificate" {
		t.Errorf("a certificate of another name: %+v", got)
	}
}

func TestLoginPages(t *testing.T) {
	client := fetch.New(fetch.Options{})
	w, err := NewWire(Options{
		Instance:  providers.Instance{ID: "x", ClientID: "c"},
		Endpoints: Endpoints{Authorize: "https://id.example.com/authorize", Token: "https://id.example.com/token"},
		Callback:  "https://login.example.com/callback/x",
		Fetch:     client,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name    string
		page    Page
		outcome providers.Outcome
		code    string
	}{
		{"a login page", Page{Status: 200, Body: "<title>Sign in</title><script>var e = 'service unavailable'</script>"}, providers.OK, ""},
		{"a Korean login page", Page{Status: 200, Body: "<title>네이버 : 로그인</title>"}, providers.OK, ""},
		{"maintenance in Korean", Page{Status: 200, Body: "<title>서비스 점검 안내</title>"}, providers.Down, "error_page"},
		{"a front that calls itself 502", Page{Status: 200, Body: "<TITLE>502 Bad Gateway</TITLE>"}, providers.Down, "error_page"},
		{"no such client at Microsoft", Page{Status: 400, Body: "AADSTS700016: not found"}, providers.Ours, "AADSTS700016"},
		{"a relative redirect", Page{Status: 302, Location: "/login"}, providers.OK, ""},
		{"a redirect to plain http", Page{Status: 302, Location: "http://id.example.com/login"}, providers.Unknown, "redirect"},
		{"a redirect to a script", Page{Status: 302, Location: "javascript:alert(1)"}, providers.Unknown, "redirect"},
		{"back to us with a code", Page{Status: 302, Location: "https://login.example.com/callback/x?code=c&state=s"}, providers.OK, ""},
		{"it wants a person", Page{Status: 302, Location: "https://login.example.com/callback/x?error=login_required"}, providers.OK, ""},
		{"declined by nobody", Page{Status: 302, Location: "https://login.example.com/callback/x?error=access_denied"}, providers.Unknown, "http_302"},
		{"JSON that is an error", Page{Status: 200, Body: `{"ok":false,"error":"server_error"}`}, providers.Down, "server_error"},
		{"JSON with an errcode", Page{Status: 200, Body: `{"errcode":-1,"errmsg":"system error"}`}, providers.Unknown, "-1"},
		{"JSON that is none", Page{Status: 200, Body: `{"hello":"world"}`}, providers.Unknown, "document"},
		{"gone", Page{Status: 410, Body: "gone"}, providers.Unknown, "http_410"},
		{"401 while the inside is gone", Page{Status: 401, Body: "<html>"}, providers.Unknown, "http_401"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if outcome, code := w.judgePage(tt.page); outcome != tt.outcome || code != tt.code {
				t.Errorf("judgePage = %s, %q, want %s, %q", outcome, code, tt.outcome, tt.code)
			}
		})
	}
}

// A page whose length is declared beyond what is read is a page all the same.
func TestLongLoginPage(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "3000000")
		_, _ = w.Write([]byte(strings.Repeat("x", 3_000_000))) // the reader leaves early
	}))
	t.Cleanup(s.Close)
	client := fetch.New(fetch.Options{AllowHTTP: true})
	t.Cleanup(client.Close)
	w, err := NewWire(Options{
		Instance:  providers.Instance{ID: "x", ClientID: "c"},
		Endpoints: Endpoints{Authorize: s.URL, Token: s.URL}, Callback: "https://login.example.com/callback/x", Fetch: client,
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := w.ProbeAuthorize(t.Context(), url.Values{}); got.Outcome != providers.Unknown || got.Code != fetch.CodeTooLarge {
		t.Errorf("ProbeAuthorize = %+v", got)
	}
}
