package fetch

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
)

// Whoever asks anew meets what newcomers meet, a name that is gone, though a
// connection stands that answers.
func TestAnew(t *testing.T) {
	for _, old := range []bool{false, true} {
		server := httptest.NewUnstartedServer(http.HandlerFunc(hello))
		server.EnableHTTP2 = !old
		server.StartTLS()
		t.Cleanup(server.Close)
		var gone atomic.Bool
		var dialled atomic.Int32
		c := New(Options{
			Allow: localRange, RootCAs: server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs,
			Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
				dialled.Add(1)
				if gone.Load() {
					return nil, &net.DNSError{Err: "no such host", Name: addr, IsNotFound: true}
				}
				var d net.Dialer
				return d.DialContext(ctx, network, addr)
			},
		})
		t.Cleanup(c.Close)
		ask := func(ctx context.Context) error {
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			answer, err := c.HTTP().Do(r)
			if err != nil {
				return err
			}
			_, err = io.Copy(io.Discard, answer.Body)
			return errors.Join(err, answer.Body.Close())
		}
		anew := Anew(t.Context())
		for _, ctx := range []context.Context{t.Context(), anew, anew, t.Context()} {
			if err := ask(ctx); err != nil {
				t.Fatal(err)
			}
		}
		if n := dialled.Load(); n != 3 {
			t.Errorf("HTTP/2 %v: %d connections, want the kept one and one for each that asked anew", !old, n)
		}
		gone.Store(true)
		if err := ask(t.Context()); err != nil {
			t.Errorf("HTTP/2 %v: the connection that stands: %v", !old, err)
		}
		if err := ask(anew); Code(err) != CodeDNS {
			t.Errorf("HTTP/2 %v: anew: %v, code %q", !old, err, Code(err))
		}
	}
}
