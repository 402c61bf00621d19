package dev

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/bongsu/bongsu/broker/dev/switchboard"
)

const (
	// siteHeader names the site that has answered.
	siteHeader = "X-Bongsu-Site"

	answerWithin = time.Second            // of a site on this machine, to connect and to say that it lives
	askEvery     = 500 * time.Millisecond // a silent site whether it speaks again
)

// frontDoorAddress is where the sites see the front door come from. Who asks a
// site past the front door, on this machine alone, can say the same of itself.
var frontDoorAddress = netip.MustParsePrefix("127.0.0.1/32")

var (
	errNoSite = errors.New("dev: no site answers")
	errSilent = errors.New("dev: the site has fallen silent")
)

// frontDoor stands at the issuer's address and hands each request to the first
// living site, as the load balancer of a real deployment does. Whether a site
// lives it finds out by asking; that one is cut off it is told, as a load balancer
// is told by health checks. The sites trust it ([frontDoorAddress]) to say whom it
// forwards for; what a client says of where it comes from goes no further.
type frontDoor struct {
	doors []*door
	proxy httputil.ReverseProxy

	life context.Context // of questions that no request waits for
	end  context.CancelFunc
}

// door leads to one site.
type door struct {
	site   *Site
	silent atomic.Bool  // it took a connection and did not answer
	asked  atomic.Int64 // when it was asked last while silent, in Unix nanoseconds
}

func newFrontDoor(sites []*Site) *frontDoor {
	f := &frontDoor{}
	f.life, f.end = context.WithCancel(context.Background())
	for _, site := range sites {
		f.doors = append(f.doors, &door{site: site})
	}
	f.proxy = httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(&url.URL{Scheme: "http", Host: "site"}) // which one is decided in RoundTrip
			p.Out.Host = p.In.Host
			p.SetXForwarded() // those that came were taken off before
		},
		Transport:    f,
		ErrorHandler: unanswered,
		ErrorLog:     slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug),
	}
	return f
}

// close ends what goes on beside requests.
func (f *frontDoor) close() { f.end() }

// ServeHTTP implements [http.Handler].
func (f *frontDoor) ServeHTTP(w http.ResponseWriter, r *http.Request) { f.proxy.ServeHTTP(w, r) }

// unanswered says that a request was not answered.
func unanswered(w http.ResponseWriter, _ *http.Request, err error) {
	w.Header().Set("Retry-After", "1")
	w.Header().Set("Cache-Control", "no-store")
	if errors.Is(err, errNoSite) {
		http.Error(w, "No site answers.", http.StatusServiceUnavailable)
		return
	}
	http.Error(w, "The site stopped before it had answered. Try again: the next site goes on.", http.StatusBadGateway)
}

// RoundTrip implements [http.RoundTripper]: the first living site answers. When it
// stops before it has, the next one is asked if the request only reads; whoever
// sent another one has to decide for themselves.
func (f *frontDoor) RoundTrip(r *http.Request) (*http.Response, error) {
	tried := make(map[*door]bool, len(f.doors))
	failed := errNoSite
	for {
		d, conn := f.pick(r.Context(), tried)
		if d == nil {
			return nil, failed
		}
		response, err := f.ask(r, d, conn)
		if err == nil {
			response.Header.Set(siteHeader, d.site.name)
			return response, nil
		}
		tried[d], failed = true, err
		if r.Context().Err() != nil || (r.Method != http.MethodGet && r.Method != http.MethodHead) {
			return nil, err
		}
	}
}

// pick returns the first site that lives and was not tried, and a connection to
// it; nil: there is none. One that is cut off comes after all others.
func (f *frontDoor) pick(ctx context.Context, tried map[*door]bool) (*door, net.Conn) {
	for _, cut := range []bool{false, true} {
		for _, d := range f.doors {
			if tried[d] || cut != (d.site.State() == switchboard.SiteCut) {
				continue
			}
			if d.silent.Load() {
				f.askLater(d)
				continue
			}
			if conn := d.knock(ctx); conn != nil {
				return d, conn
			}
		}
	}
	return nil, nil
}

// askLater asks a silent site whether it speaks again, while nobody waits for it.
func (f *frontDoor) askLater(d *door) {
	now, last := time.Now().UnixNano(), d.asked.Load()
	if now-last < int64(askEvery) || !d.asked.CompareAndSwap(last, now) {
		return
	}
	go func() {
		if conn := d.knock(f.life); conn != nil {
			_ = conn.Close()
		}
	}()
}

// knock returns a connection on which the site has said that it lives; nil: it did
// not. One that is connected and silent is remembered.
func (d *door) knock(ctx context.Context) net.Conn {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", d.site.address)
	if err != nil {
		return nil
	}
	inTime := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	if err := alive(conn); err != nil || !inTime() {
		if errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
			d.silent.Store(true)
			d.asked.Store(time.Now().UnixNano())
		}
		_ = conn.Close()
		return nil
	}
	d.silent.Store(false)
	return conn
}

// alive asks for what every HTTP server answers by itself, whatever it serves
// (RFC 9110, 9.3.7).
func alive(conn net.Conn) error {
	if _, err := io.WriteString(conn, "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		return err
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return err
	}
	return response.Body.Close()
}

// ask hands the request to a site. It is given up when the site falls silent.
func (f *frontDoor) ask(r *http.Request, d *door, conn net.Conn) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(r.Context())
	// One connection, of this request alone: whether a site lives is asked each
	// time.
	transport := &http.Transport{
		DialContext:        func(context.Context, string, string) (net.Conn, error) { return conn, nil },
		DisableKeepAlives:  true,
		DisableCompression: true,
	}
	answered := make(chan struct{})
	go d.watch(ctx, cancel, answered)
	response, err := transport.RoundTrip(r.WithContext(ctx))
	close(answered)
	if err != nil {
		_ = conn.Close() // closed by the transport already, unless it was never used
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		cancel(nil)
		return nil, err
	}
	response.Body = body{response.Body, cancel}
	return response, nil
}

// watch gives a request up when the site that has it does not live any more.
func (d *door) watch(ctx context.Context, giveUp context.CancelCauseFunc, answered <-chan struct{}) {
	again := time.NewTicker(answerWithin)
	defer again.Stop()
	for {
		select {
		case <-answered:
			return
		case <-ctx.Done():
			return
		case <-again.C:
		}
		conn := d.knock(ctx)
		if conn == nil {
			giveUp(errSilent)
			return
		}
		_ = conn.Close()
	}
}

// body ends what watches over a request when the answer has been read.
type body struct {
	io.ReadCloser

	done context.CancelCauseFunc
}

func (b body) Close() error {
	defer b.done(nil)
	return b.ReadCloser.Close()
}
