package fetch

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// network is one that fails in a way of its own, for a name or an address.
type network struct {
	name string
	code string
	url  string
	set  func(t *testing.T, o *Options)
}

// refusing returns an address that nobody listens at.
func refusing(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // it only had to be free
	return l.Addr().String()
}

// mute returns the address of a listener that takes calls and says nothing.
func mute(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() }) // ends the loop
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = conn.Close() }) // nothing was said
		}
	}()
	return l.Addr().String()
}

// dialling sends every connection to addr, whatever its name.
func dialling(addr string) func(*Options) {
	return func(o *Options) {
		o.Allow = localRange
		o.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, addr)
		}
	}
}

func networks() []network {
	return []network{
		{"F02: no name server answers for the name", CodeDNS, "https://id.example.com/", func(_ *testing.T, o *Options) {
			o.Resolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
				return nil, errors.New("SERVFAIL")
			}}
		}},
		{"F02: the name server is silent", CodeDNS, "https://id.example.com/", func(_ *testing.T, o *Options) {
			o.Resolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			}}
		}},
		{"F02: a simulated network knows no such name", CodeDNS, "https://id.example.com/", func(_ *testing.T, o *Options) {
			o.Dial = func(context.Context, string, string) (net.Conn, error) {
				return nil, &net.DNSError{Err: "no such host", Name: "id.example.com", IsNotFound: true}
			}
		}},
		{"F01: nobody listens", CodeConnect, "https://id.example.com/", func(t *testing.T, o *Options) { dialling(refusing(t))(o) }},
		{"F01: packets vanish", CodeConnect, "https://id.example.com/", func(_ *testing.T, o *Options) {
			o.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			}
		}},
		{"F01: no route", CodeConnect, "https://id.example.com/", func(_ *testing.T, o *Options) {
			o.Dial = func(context.Context, string, string) (net.Conn, error) {
				return nil, &net.OpError{Op: "dial", Err: syscall.EHOSTUNREACH}
			}
		}},
		{"F03: a connection and not a byte", CodeTLS, "https://id.example.com/", func(t *testing.T, o *Options) { dialling(mute(t))(o) }},
		{"F04: another name", CodeCertificate, "https://elsewhere.invalid/", func(t *testing.T, o *Options) {
			s, roots := serveTLS(t, hello)
			o.RootCAs = roots
			dialling(s.Listener.Addr().String())(o)
		}},
		{"F04: an unknown authority", CodeCertificate, "https://example.com/", func(t *testing.T, o *Options) {
			s, _ := serveTLS(t, hello)
			o.RootCAs = x509.NewCertPool()
			dialling(s.Listener.Addr().String())(o)
		}},
		{"no secure connection", CodeTLS, "https://id.example.com/", func(t *testing.T, o *Options) {
			dialling(serve(t, hello).Listener.Addr().String())(o)
		}},
		{"an address inside", CodeForbidden, "https://id.example.com/", func(t *testing.T, o *Options) {
			dialling(refusing(t))(o)
			o.Allow = nil
			s, _ := serveTLS(t, hello)
			addr := s.Listener.Addr().String()
			o.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, network, addr)
			}
		}},
	}
}

// F01 to F04 are told apart, by requests and by connections alone.
func TestCode(t *testing.T) {
	for _, tt := range networks() {
		t.Run(tt.name, func(t *testing.T) {
			o := Options{Timeout: 150 * time.Millisecond}
			tt.set(t, &o)
			c := New(o)
			t.Cleanup(c.Close)
			if _, err := c.Reach(t.Context(), tt.url); err == nil || Code(err) != tt.code {
				t.Errorf("Reach: %v, code %q, want %q", err, Code(err), tt.code)
			}
			ctx, cancel := context.WithTimeout(t.Context(), o.Timeout)
			defer cancel()
			if err := patiently(ctx, t, c, tt.url); err == nil || Code(err) != tt.code {
				t.Errorf("request: %v, code %q, want %q", err, Code(err), tt.code)
			}
		})
	}
}

func patiently(ctx context.Context, t *testing.T, c *Client, url string) error {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := c.Patient().Do(r)
	if err == nil {
		_ = answer.Body.Close() // not of interest
	}
	return err
}

// What happens after a connection stands is not its fault.
func TestCodeOfAnswers(t *testing.T) {
	for _, tt := range []struct {
		name, code string
		h          http.HandlerFunc
	}{
		{"no answer", CodeTimeout, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }},
		{"a connection that breaks", CodeBroken, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
		{"an answer that would not end", CodeTooLarge, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "5000000")
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t, tt.h)
			c := New(Options{AllowHTTP: true})
			t.Cleanup(c.Close)
			ctx, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
			defer cancel()
			err := patiently(ctx, t, c, s.URL)
			if Code(err) != tt.code {
				t.Errorf("%v, code %q, want %q", err, Code(err), tt.code)
			}
			if timeout, ok := errors.AsType[net.Error](err); !ok || timeout.Timeout() != (tt.code == CodeTimeout) {
				t.Errorf("%v says of itself that it is a timeout: %t", err, ok && timeout.Timeout())
			}
		})
	}
	t.Run("given up", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := serve(t, func(_ http.ResponseWriter, r *http.Request) { cancel(); <-r.Context().Done() })
		c := New(Options{AllowHTTP: true})
		t.Cleanup(c.Close)
		if err := patiently(ctx, t, c, s.URL); err == nil || Code(err) != "" {
			t.Errorf("%v, code %q, want none", err, Code(err))
		}
	})
	if Code(nil) != "" {
		t.Error("nothing has a code")
	}
}

func TestReachTellsWhenTheCertificateEnds(t *testing.T) {
	s, roots := serveTLS(t, hello)
	asked := atomic.Int32{}
	s.Config.Handler = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) })
	o := Options{RootCAs: roots}
	dialling(s.Listener.Addr().String())(&o)
	reached, err := New(o).Reach(t.Context(), "https://example.com/")
	if err != nil || !reached.Expires.Equal(s.Certificate().NotAfter) {
		t.Errorf("Reach = %+v, %v, want %v", reached, err, s.Certificate().NotAfter)
	}
	if asked.Load() != 0 {
		t.Error("a request was sent")
	}
}

func TestReachPlain(t *testing.T) {
	s := serve(t, hello)
	if _, err := New(Options{AllowHTTP: true}).Reach(t.Context(), s.URL); err != nil {
		t.Errorf("Reach: %v", err)
	}
	if _, err := New(Options{}).Reach(t.Context(), s.URL); !errors.Is(err, ErrForbiddenAddress) {
		t.Errorf("Reach: %v, want ErrForbiddenAddress", err)
	}
}

func TestExpiredCertificate(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(hello))
	s.TLS = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{selfSigned(t, time.Now().Add(-time.Hour))}}
	s.StartTLS()
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.TLS.Certificates[0].Leaf)
	o := Options{RootCAs: roots, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	dialling(s.Listener.Addr().String())(&o)
	if _, err := New(o).Reach(t.Context(), "https://example.com/"); Code(err) != CodeCertificate {
		t.Errorf("%v, code %q", err, Code(err))
	}
}
