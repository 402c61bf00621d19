package fetch

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

// cable is a connection that can be cut: what is sent is lost, nothing comes.
type cable struct {
	net.Conn

	cut atomic.Bool
}

func (c *cable) Write(p []byte) (int, error) {
	if c.cut.Load() {
		return len(p), nil
	}
	return c.Conn.Write(p)
}

func (c *cable) Read(p []byte) (int, error) {
	for {
		n, err := c.Conn.Read(p)
		if err != nil || !c.cut.Load() {
			return n, err
		}
	}
}

// A connection of HTTP/2 that died silently is left for a new one.
func TestSilentConnectionIsLeft(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(hello))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	var first *cable
	c := New(Options{Allow: localRange, RootCAs: roots, Timeout: 300 * time.Millisecond, Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		var d net.Dialer
		conn, err := d.DialContext(ctx, network, addr)
		if err != nil || first != nil {
			return conn, err
		}
		first = &cable{Conn: conn}
		return first, nil
	}})
	t.Cleanup(c.Close)
	if c.secure.kept.HTTP2.SendPingTimeout == 0 {
		t.Fatal("nobody asks whether a connection lives")
	}
	c.secure.kept.HTTP2.SendPingTimeout, c.secure.kept.HTTP2.PingTimeout = 50*time.Millisecond, 50*time.Millisecond
	if _, _, err := get(t, c, server.URL); err != nil {
		t.Fatal(err)
	}
	first.cut.Store(true)
	if _, _, err := get(t, c, server.URL); err == nil {
		t.Fatal("a cut cable answers")
	}
	if _, body, err := get(t, c, server.URL); err != nil || body != "hello" {
		t.Errorf("after the cable was cut: %q, %v", body, err)
	}
}
