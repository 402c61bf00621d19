package loopback_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/bongsu/bongsu/broker/dev/loopback"
)

func TestGuard(t *testing.T) {
	tests := []struct {
		name string
		host string
		want int
	}{
		{"localhost with a port", "localhost:8417", http.StatusOK},
		{"localhost without a port", "localhost", http.StatusOK},
		{"localhost in capitals", "LOCALHOST:1", http.StatusOK},
		{"the IPv4 address", "127.0.0.1:8419", http.StatusOK},
		{"the IPv6 address", "[::1]:8419", http.StatusOK},
		{"the IPv6 address without a port", "[::1]", http.StatusOK},
		{"a name that somebody resolves to loopback", "evil.example:8417", http.StatusMisdirectedRequest},
		{"localhost as a label of another name", "localhost.evil.example", http.StatusMisdirectedRequest},
		{"localhost behind user information", "localhost:1@evil.example", http.StatusMisdirectedRequest},
		{"a name ending in localhost", "evil.localhost:8417", http.StatusMisdirectedRequest},
		{"another loopback address", "127.0.0.2:8417", http.StatusMisdirectedRequest},
		{"an IPv6 address without brackets", "::1", http.StatusMisdirectedRequest},
		{"a port that is none", "localhost:8417x", http.StatusMisdirectedRequest},
		{"an empty port", "localhost:", http.StatusMisdirectedRequest},
		{"no host at all", "", http.StatusMisdirectedRequest},
	}
	handler := loopback.Guard(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusOK)
	}))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.Host = tt.host
			w := httptest.NewRecorder()

			handler.ServeHTTP(w, r)

			if w.Code != tt.want {
				t.Errorf("status %d, want %d", w.Code, tt.want)
			}
		})
	}
}

// A free port is the same one on every loopback address, and nowhere else.
func TestListenOnLoopbackOnly(t *testing.T) {
	listeners, port, err := loopback.Listen(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll(t, listeners)

	for _, l := range listeners {
		addr := l.Addr().(*net.TCPAddr)
		if !addr.IP.IsLoopback() || addr.Port != port {
			t.Errorf("listens on %v, want port %d of a loopback address", addr, port)
		}
	}
}

func TestListenOnTakenPort(t *testing.T) {
	taken, port, err := loopback.Listen(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll(t, taken)

	second, _, err := loopback.Listen(t.Context(), port)
	if !errors.Is(err, loopback.ErrInUse) {
		t.Errorf("error %v, want ErrInUse", err)
		closeAll(t, second)
	}
}

func closeAll[C io.Closer](t *testing.T, closers []C) {
	t.Helper()
	for _, c := range closers {
		if err := c.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
}
