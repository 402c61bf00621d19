package fetch

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// The ways in which fetching is refused, besides what net/http reports.
var (
	ErrForbiddenAddress = errors.New("fetch: not a place to connect to")
	ErrTooLarge         = errors.New("fetch: answer too large")
)

// What applies where Options are silent.
const (
	DefaultTimeout         = 4 * time.Second
	DefaultMaxBody         = 1 << 20
	DefaultMaxConnsPerHost = 512

	dialTimeout      = 2 * time.Second
	handshakeTimeout = 3 * time.Second
	idleTimeout      = 60 * time.Second
	idleConnsPerHost = 128
	maxHeader        = 64 << 10

	silentTimeout = 5 * time.Second // of a connection of HTTP/2, before it is asked whether it lives
	pingTimeout   = 3 * time.Second
)

var loopback = prefixes("127.0.0.0/8", "::1/128")

// Options say how far the program may reach. The zero value is strict.
type Options struct {
	Allow     []netip.Prefix // private ranges that are opened, for https
	AllowHTTP bool           // plain http, to loopback only, which it opens; dev and tests

	Timeout         time.Duration // of one request, from dialling to the last byte of the answer; 0 is DefaultTimeout
	MaxBody         int64         // bytes of an answer's body; 0 is DefaultMaxBody
	MaxConnsPerHost int           // 0 is DefaultMaxConnsPerHost
	UserAgent       string        // empty is "Bongsu"

	// Dial replaces the network. The address it connected to is checked
	// afterwards, because it resolves names by itself.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)

	Resolver *net.Resolver  // nil is the system's
	RootCAs  *x509.CertPool // nil is the system's
}

// Client fetches. It is safe for concurrent use and keeps connections open
// between requests.
type Client struct {
	allow     []netip.Prefix
	allowHTTP bool
	http      *http.Client
	patient   *http.Client
	secure    *pool
	plain     *pool       // nil without AllowHTTP
	shake     *tls.Config // for connections that carry no request
}

// New returns a Client. It starts nothing.
func New(o Options) *Client {
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	if o.MaxBody <= 0 {
		o.MaxBody = DefaultMaxBody
	}
	if o.MaxConnsPerHost <= 0 {
		o.MaxConnsPerHost = DefaultMaxConnsPerHost
	}
	if o.UserAgent == "" {
		o.UserAgent = "Bongsu"
	}
	door := &door{maxBody: o.MaxBody, userAgent: o.UserAgent, secure: o.pool(o.Allow)}
	if o.AllowHTTP {
		door.plain = o.pool(loopback)
	}
	bounded := &http.Client{
		Transport:     door,
		Timeout:       o.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	patient := *bounded
	patient.Timeout = 0
	return &Client{
		allow:     o.Allow,
		allowHTTP: o.AllowHTTP,
		http:      bounded,
		patient:   &patient,
		secure:    door.secure,
		plain:     door.plain,
		shake:     o.tls(),
	}
}

// HTTP returns the client for libraries that want one: no redirects followed,
// bodies bounded (reading past the bound fails with [ErrTooLarge]), a deadline
// for each request, addresses checked when connecting (failing with
// [ErrForbiddenAddress]). Callers must not change it.
func (c *Client) HTTP() *http.Client { return c.http }

// Patient returns the client like [Client.HTTP], but without a deadline of its
// own: the request's context must have one. What fails on the way says how far
// it came ([Code]), which a client's own deadline would hide.
func (c *Client) Patient() *http.Client { return c.patient }

// Close closes the connections that are idle.
func (c *Client) Close() {
	c.secure.kept.CloseIdleConnections()
	if c.plain != nil {
		c.plain.kept.CloseIdleConnections()
	}
}

func (o Options) transport(allow []netip.Prefix) *http.Transport {
	return &http.Transport{
		Proxy:                  nil, // a proxy would resolve names for us, out of reach of the address check
		DialContext:            o.dialer(allow),
		TLSClientConfig:        o.tls(),
		TLSHandshakeTimeout:    min(handshakeTimeout, o.Timeout),
		IdleConnTimeout:        idleTimeout,
		MaxIdleConnsPerHost:    min(idleConnsPerHost, o.MaxConnsPerHost),
		MaxConnsPerHost:        o.MaxConnsPerHost,
		MaxResponseHeaderBytes: maxHeader,
		DisableCompression:     true, // answers are small, and a compressed one could expand without bound
		ForceAttemptHTTP2:      true,
		// A connection that died silently would be asked again and again, until
		// TCP gives it up after a quarter of an hour.
		HTTP2: &http.HTTP2Config{SendPingTimeout: silentTimeout, PingTimeout: pingTimeout},
	}
}

func (o Options) tls() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.RootCAs}
}

func (o Options) dialer(allow []netip.Prefix) func(ctx context.Context, network, addr string) (net.Conn, error) {
	if o.Dial != nil {
		return func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := o.Dial(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			if err := checkRemote(conn.RemoteAddr(), allow); err != nil {
				return nil, errors.Join(err, conn.Close())
			}
			return conn, nil
		}
	}
	d := &net.Dialer{
		Timeout:   min(dialTimeout, o.Timeout),
		KeepAlive: 30 * time.Second,
		Resolver:  o.Resolver,
		// Control runs after resolution, for each address that is tried: a name
		// that answers with an inside address is refused however often it changes.
		Control: func(_, address string, _ syscall.RawConn) error {
			at, err := netip.ParseAddrPort(address)
			if err != nil {
				return fmt.Errorf("%w: no address", ErrForbiddenAddress)
			}
			return checkAddress(at.Addr(), allow)
		},
	}
	return d.DialContext
}

func checkRemote(remote net.Addr, allow []netip.Prefix) error {
	tcp, ok := remote.(*net.TCPAddr)
	if !ok {
		return nil // an in-process pipe
	}
	return checkAddress(tcp.AddrPort().Addr(), allow)
}

// door is the transport all requests leave by.
type door struct {
	secure    *pool
	plain     *pool // nil: plain http is refused
	maxBody   int64
	userAgent string
}

// RoundTrip implements [http.RoundTripper].
func (d *door) RoundTrip(r *http.Request) (*http.Response, error) {
	pool := d.secure
	if r.URL.Scheme != "https" {
		if r.URL.Scheme != "http" || d.plain == nil {
			closeBody(r)
			return nil, fmt.Errorf("%w: https is required", ErrForbiddenAddress)
		}
		pool = d.plain
	}
	var p progress
	r = r.WithContext(p.follow(r.Context())) // a transport leaves the request as it is
	if r.Header.Get("User-Agent") == "" {
		r.Header = r.Header.Clone()
		r.Header.Set("User-Agent", d.userAgent)
	}
	answer, err := pool.of(r.Context()).RoundTrip(r)
	if err != nil {
		return nil, p.failed(err)
	}
	if answer.ContentLength > d.maxBody {
		_ = answer.Body.Close() // the answer is given up; there is nothing to learn from closing it
		return nil, ErrTooLarge
	}
	answer.Body = &bounded{body: answer.Body, left: d.maxBody}
	return answer, nil
}

// A transport must close the request's body even when it sends nothing.
func closeBody(r *http.Request) {
	if r.Body != nil {
		_ = r.Body.Close() // nothing was sent
	}
}

// bounded is a body that fails instead of going on for ever.
type bounded struct {
	body io.ReadCloser
	left int64
}

// Read implements [io.Reader].
func (b *bounded) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1] // one more than may come, to tell the end from an excess
	}
	n, err := b.body.Read(p)
	if int64(n) > b.left {
		n, err = int(b.left), ErrTooLarge
	}
	b.left -= int64(n)
	return n, err
}

// Close implements [io.Closer].
func (b *bounded) Close() error { return b.body.Close() }
