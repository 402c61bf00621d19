//go:build linux

package netns

import (
	"crypto/tls"
	"net"
	"sync"
	"sync/atomic"
)

// front is a machine's listener: it can fall silent, on connections that are
// open too, and show another certificate.
type front struct {
	net.Listener

	own   *tls.Certificate
	other atomic.Pointer[tls.Certificate] // shown instead, unless nil
	quiet atomic.Pointer[chan struct{}]   // closed when it speaks again; nil while it does
}

// Accept implements [net.Listener].
func (f *front) Accept() (net.Conn, error) {
	c, err := f.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &quietConn{Conn: c, front: f, closed: make(chan struct{})}, nil
}

func (f *front) certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if other := f.other.Load(); other != nil {
		return other, nil
	}
	return f.own, nil
}

// quietConn is a connection to a front. What arrives is heard late and what is
// said is held back while the front is silent.
type quietConn struct {
	net.Conn

	front  *front
	once   sync.Once
	closed chan struct{}
}

func (c *quietConn) wait() {
	if again := c.front.quiet.Load(); again != nil {
		select {
		case <-*again:
		case <-c.closed:
		}
	}
}

// Read implements [net.Conn].
func (c *quietConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.wait()
	return n, err
}

// Write implements [net.Conn].
func (c *quietConn) Write(b []byte) (int, error) {
	c.wait()
	return c.Conn.Write(b)
}

// Close implements [net.Conn].
func (c *quietConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}
