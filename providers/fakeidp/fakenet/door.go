package fakenet

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/bongsu/bongsu/providers/fakeidp"
)

const (
	maxSource   = 64
	enterFor    = 5 * time.Second // how long the machine may take to connect to itself
	greetFor    = 5 * time.Second // how long a connection may take to say who it is
	readHeader  = 5 * time.Second
	idleFor     = time.Minute
	maxHeader   = 64 << 10
	greetPrefix = 0xB5 // what every greeting begins with
)

// call is what a site says about a connection before anything else is said.
type call struct {
	source      string
	connection  Connection
	certificate Certificate
}

// Wire codes of the greeting.
var (
	connections  = []Connection{ConnectionFine, ConnectionReset, ConnectionSilent}
	certificates = []Certificate{CertificateFine, CertificateName, CertificateExpired, CertificateForeign}
)

func (c call) greeting() []byte {
	b := []byte{greetPrefix, index(connections, c.connection), index(certificates, c.certificate), byte(len(c.source))}
	return append(b, c.source...)
}

func index[T comparable](all []T, one T) byte {
	for i, v := range all {
		if v == one {
			return byte(i)
		}
	}
	return 0
}

var errGreeting = errors.New("fakenet: not one of our connections")

func readGreeting(r io.Reader) (call, error) {
	var b [4]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return call{}, err
	}
	if b[0] != greetPrefix || int(b[1]) >= len(connections) || int(b[2]) >= len(certificates) || b[3] > maxSource {
		return call{}, errGreeting
	}
	source := make([]byte, b[3])
	_, err := io.ReadFull(r, source)
	return call{source: string(source), connection: connections[b[1]], certificate: certificates[b[2]]}, err
}

// door is the one listener behind all names.
type door struct {
	network  *Network
	listener net.Listener
	server   *http.Server
	ready    chan net.Conn // greeted, for the server
	places   chan struct{} // one for each open connection

	mu   sync.Mutex
	open map[*conn]bool
}

// conn is a greeted connection.
type conn struct {
	net.Conn

	call call
	door *door
	once sync.Once
}

// Close implements [net.Conn] and gives the place back.
func (c *conn) Close() error {
	c.once.Do(func() {
		c.door.mu.Lock()
		delete(c.door.open, c)
		c.door.mu.Unlock()
		<-c.door.places
	})
	return c.Conn.Close()
}

func (n *Network) open() (*door, error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0") //nolint:noctx // loopback answers at once
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	d := &door{
		network: n, listener: listener, ready: make(chan net.Conn),
		places: make(chan struct{}, n.o.MaxConns), open: map[*conn]bool{},
	}
	d.server = &http.Server{
		Handler: http.HandlerFunc(n.serve), MaxHeaderBytes: maxHeader,
		ReadHeaderTimeout: readHeader, IdleTimeout: idleFor,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			if secure, ok := c.(*tls.Conn); ok {
				c = secure.NetConn()
			}
			if greeted, ok := c.(*conn); ok {
				return fakeidp.WithSource(ctx, greeted.call.source)
			}
			return ctx
		},
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug), // handshakes fail because they should
	}
	n.running.Go(d.accept)
	n.running.Go(func() { _ = d.server.Serve(d) }) // it ends when the door closes
	return d, nil
}

// serve gives a request to the host it names.
func (n *Network) serve(w http.ResponseWriter, r *http.Request) {
	name, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		name = r.Host
	}
	h, ok := n.hosts[strings.ToLower(name)]
	if !ok {
		http.Error(w, http.StatusText(http.StatusMisdirectedRequest), http.StatusMisdirectedRequest)
		return
	}
	h.Handler.ServeHTTP(w, r)
}

// enter opens a connection through the door.
func (d *door) enter(ctx context.Context, c call) (net.Conn, error) {
	dialer := net.Dialer{Timeout: enterFor}
	opened, err := dialer.DialContext(ctx, "tcp4", d.listener.Addr().String())
	if err != nil {
		return nil, err // the door is closed, or the machine is very busy
	}
	if _, err := opened.Write(c.greeting()); err != nil {
		return nil, errors.Join(err, opened.Close())
	}
	return opened, nil
}

// accept greets whoever comes.
func (d *door) accept() {
	for {
		raw, err := d.listener.Accept()
		if err != nil {
			return // closed, and nothing else can happen to it on loopback
		}
		select {
		case d.places <- struct{}{}:
		default:
			reset(raw)
			continue
		}
		c := &conn{Conn: raw, door: d}
		d.mu.Lock()
		d.open[c] = true
		d.mu.Unlock()
		d.network.running.Go(func() { d.greet(c) })
	}
}

func (d *door) greet(c *conn) {
	err := c.SetReadDeadline(time.Now().Add(greetFor))
	if err == nil {
		c.call, err = readGreeting(c)
	}
	if err == nil {
		err = c.SetReadDeadline(time.Time{})
	}
	if err != nil {
		_ = c.Close() // a stranger
		return
	}
	switch c.call.connection {
	case ConnectionReset:
		linger(c.Conn)
		_ = c.Close() // which resets
	case ConnectionSilent:
		d.keepSilent(c)
	default:
		select {
		case d.ready <- tls.Server(c, d.network.authority.config(c.call.certificate)):
		case <-d.network.closed:
			_ = c.Close() // nobody serves it any more
		}
	}
}

// keepSilent holds a connection until the client leaves, reading what it says.
func (d *door) keepSilent(c *conn) {
	defer func() { _ = c.Close() }() // nobody is there
	if c.SetReadDeadline(time.Now().Add(d.network.o.HoldFor)) == nil {
		_, _ = io.Copy(io.Discard, c) // until one of us gives up
	}
}

// Accept implements [net.Listener] for the server.
func (d *door) Accept() (net.Conn, error) {
	select {
	case c := <-d.ready:
		return c, nil
	case <-d.network.closed:
		return nil, net.ErrClosed
	}
}

// Close implements [net.Listener]. The network closes the door.
func (d *door) Close() error { return nil }

// Addr implements [net.Listener].
func (d *door) Addr() net.Addr { return d.listener.Addr() }

func (d *door) close() error {
	err := errors.Join(d.listener.Close(), d.server.Close())
	d.mu.Lock()
	left := make([]*conn, 0, len(d.open))
	for c := range d.open {
		left = append(left, c)
	}
	d.mu.Unlock()
	for _, c := range left {
		_ = c.Close() // whoever held it is told by that
	}
	return err
}

// linger makes closing a reset.
func linger(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // or it closes politely, which fails the client as well
	}
}

func reset(c net.Conn) {
	linger(c)
	_ = c.Close() // which resets
}
