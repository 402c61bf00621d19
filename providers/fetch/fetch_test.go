package fetch

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var localRange = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

func get(t *testing.T, c *Client, url string) (status int, body string, err error) {
	t.Helper()
	t.Cleanup(c.Close)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatalf("new request: %v", err)
	}
	answer, err := c.HTTP().Do(r)
	if err != nil {
		return 0, "", err
	}
	text, err := io.ReadAll(answer.Body)
	if closeErr := answer.Body.Close(); closeErr != nil {
		t.Errorf("close: %v", closeErr)
	}
	return answer.StatusCode, string(text), err
}

func serve(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func serveTLS(t *testing.T, h http.HandlerFunc) (*httptest.Server, *x509.CertPool) {
	t.Helper()
	s := httptest.NewTLSServer(h)
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return s, roots
}

func hello(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }

func TestReach(t *testing.T) {
	plain := serve(t, hello)
	secure, roots := serveTLS(t, hello)
	throughName := func(_ context.Context, network, _ string) (net.Conn, error) {
		return net.Dial(network, secure.Listener.Addr().String()) // a public name that leads inside
	}
	tests := []struct {
		name string
		o    Options
		url  string
		ok   bool
	}{
		{"loopback is closed", Options{RootCAs: roots}, secure.URL, false},
		{"an opened range", Options{RootCAs: roots, Allow: localRange}, secure.URL, true},
		{"plain http is closed", Options{Allow: localRange}, plain.URL, false},
		{"plain http to loopback in dev", Options{AllowHTTP: true}, plain.URL, true},
		{"dev does not open loopback for https", Options{RootCAs: roots, AllowHTTP: true}, secure.URL, false},
		{"a public name that leads inside", Options{RootCAs: roots, Dial: throughName}, "https://example.com", false},
		{"the same where the range is open", Options{RootCAs: roots, Dial: throughName, Allow: localRange}, "https://example.com", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, body, err := get(t, New(tt.o), tt.url)
			if tt.ok && (err != nil || body != "hello") {
				t.Errorf("got %q, %v", body, err)
			}
			if !tt.ok && !errors.Is(err, ErrForbiddenAddress) {
				t.Errorf("got %q, %v, want ErrForbiddenAddress", body, err)
			}
		})
	}
}

// AB-76: a name that resolves to an inside address is refused when connecting.
func TestResolvedAddressIsChecked(t *testing.T) {
	s := serve(t, hello)
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c := New(Options{})
	_, _, err = get(t, c, "https://localhost:"+port)
	if !errors.Is(err, ErrForbiddenAddress) {
		t.Errorf("localhost: %v, want ErrForbiddenAddress", err)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	visited := false
	inside := serve(t, func(http.ResponseWriter, *http.Request) { visited = true })
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, inside.URL, http.StatusFound)
	})
	status, _, err := get(t, New(Options{AllowHTTP: true}), s.URL)
	if err != nil {
		t.Fatalf("get: %v", err)
	}
	if status != http.StatusFound || visited {
		t.Errorf("status %d, visited %t: the redirect was followed", status, visited)
	}
}

func TestBodyIsBounded(t *testing.T) {
	tests := []struct {
		name     string
		size     int
		declared bool
		tooLarge bool
	}{
		{"below the bound", 99, true, false},
		{"at the bound", 100, true, false},
		{"at the bound, of undeclared length", 100, false, false},
		{"one past the bound", 101, true, true},
		{"one past the bound, of undeclared length", 101, false, true},
		{"far past the bound, of undeclared length", 1 << 20, false, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				if tt.declared {
					w.Header().Set("Content-Length", strconv.Itoa(tt.size))
				} else {
					w.(http.Flusher).Flush()
				}
				_, _ = io.WriteString(w, strings.Repeat("x", tt.size))
			})
			_, body, err := get(t, New(Options{AllowHTTP: true, MaxBody: 100}), s.URL)
			if tooLarge := errors.Is(err, ErrTooLarge); tooLarge != tt.tooLarge {
				t.Errorf("error %v, want too large %t", err, tt.tooLarge)
			}
			if len(body) > 100 {
				t.Errorf("read %d bytes", len(body))
			}
			if !tt.tooLarge && len(body) != tt.size {
				t.Errorf("read %d bytes, want %d", len(body), tt.size)
			}
		})
	}
}

// AB-77: a server that trickles, or says nothing at all, holds nobody up.
func TestPatienceEnds(t *testing.T) {
	tests := []struct {
		name string
		h    http.HandlerFunc
	}{
		{"no answer", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }},
		{"a body that does not end", func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "{")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t, tt.h)
			start := time.Now()
			_, _, err := get(t, New(Options{AllowHTTP: true, Timeout: 50 * time.Millisecond}), s.URL)
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error %v, want a passed deadline", err)
			}
			if took := time.Since(start); took > 30*time.Second { // it would be for ever
				t.Errorf("took %v", took)
			}
		})
	}
}

func TestUntrustedCertificate(t *testing.T) {
	s, _ := serveTLS(t, hello)
	s.Config.ErrorLog = nil
	_, _, err := get(t, New(Options{Allow: localRange}), s.URL)
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); !ok {
		t.Errorf("error %v, want an unknown authority", err)
	}
}

func TestUserAgent(t *testing.T) {
	var got string
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) { got = r.UserAgent() })
	if _, _, err := get(t, New(Options{AllowHTTP: true, UserAgent: "Bongsu (+https://login.example.com)"}), s.URL); err != nil {
		t.Fatal(err)
	}
	if got != "Bongsu (+https://login.example.com)" {
		t.Errorf("User-Agent %q", got)
	}
}

func TestConnectionsAreReused(t *testing.T) {
	var remotes []string
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		remotes = append(remotes, r.RemoteAddr)
		hello(w, r)
	})
	c := New(Options{AllowHTTP: true})
	for range 3 {
		if _, _, err := get(t, c, s.URL); err != nil {
			t.Fatal(err)
		}
	}
	if remotes[0] != remotes[1] || remotes[1] != remotes[2] {
		t.Errorf("connections %v, want one", remotes)
	}
}

func TestRefusedRequestClosesItsBody(t *testing.T) {
	body := &closeSpy{Reader: strings.NewReader("x")}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://id.example.com", body)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := New(Options{}).HTTP().Do(r)
	if err == nil {
		_ = answer.Body.Close()
	}
	if !errors.Is(err, ErrForbiddenAddress) || !body.closed {
		t.Errorf("error %v, body closed %t", err, body.closed)
	}
}

type closeSpy struct {
	io.Reader
	closed bool
}

func (c *closeSpy) Close() error { c.closed = true; return nil }
