package dev

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"time"
)

const (
	// siteHeader names the site that has answered.
	siteHeader = "X-Bongsu-Site"

	dialWithin = time.Second // to a site on this machine
)

// frontDoorAddress is where the sites see the front door come from. Who asks a
// site past the front door, on this machine alone, can say the same of itself.
var frontDoorAddress = netip.MustParsePrefix("127.0.0.1/32")

// frontDoor stands at the issuer's address and hands each request to the first
// living site, as the load balancer of a real deployment does. The sites trust it
// ([frontDoorAddress]) to say whom it forwards for; what a client says of where it
// comes from goes no further.
type frontDoor struct {
	sites []*Site
}

// ServeHTTP implements [http.Handler].
func (f *frontDoor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	site, conn := f.pick(r.Context())
	if conn == nil {
		w.Header().Set("Retry-After", "1")
		w.Header().Set("Cache-Control", "no-store")
		http.Error(w, "No site answers.", http.StatusServiceUnavailable)
		return
	}
	defer func() { _ = conn.Close() }() // closed by the transport already, unless it was never used
	proxy := httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(&url.URL{Scheme: "http", Host: site.address})
			p.Out.Host = p.In.Host
			p.SetXForwarded() // those that came were taken off before
		},
		// One connection, of this request alone: whether a site lives is asked
		// each time.
		Transport: &http.Transport{
			DialContext:        func(context.Context, string, string) (net.Conn, error) { return conn, nil },
			DisableKeepAlives:  true,
			DisableCompression: true,
		},
		ModifyResponse: func(answer *http.Response) error {
			answer.Header.Set(siteHeader, site.name)
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) {
			http.Error(w, "The site stopped before it had answered.", http.StatusBadGateway)
		},
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug),
	}
	proxy.ServeHTTP(w, r)
}

// pick returns the first site that takes a connection, and the connection; nil:
// no site does.
func (f *frontDoor) pick(ctx context.Context) (*Site, net.Conn) {
	dialer := net.Dialer{Timeout: dialWithin}
	for _, site := range f.sites {
		if conn, err := dialer.DialContext(ctx, "tcp", site.address); err == nil {
			return site, conn
		}
	}
	return nil, nil
}
