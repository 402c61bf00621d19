package broker

import (
	"net"
	"net/http"
	"net/netip"
	"path"
	"strings"
)

// Bounds of every listener: what a stranger may make us hold, and for how long.
const (
	maxHeaderBytes = 16 << 10
	maxURLBytes    = 8 << 10
)

// gate stands before all routes: it turns away requests for another host
// (421), over-long ones (414), ones that did not come over TLS where TLS ends at
// a proxy (403), and ones for a path that is not written as ours are (404): the
// mux would redirect them with 307, which sends a form a second time. Nothing of
// ours is ever built from a request's host.
func (b *Broker) gate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !b.hostAllowed(r.Host):
			http.Error(w, "This is another host's address.", http.StatusMisdirectedRequest)
		case len(r.RequestURI) > maxURLBytes:
			http.Error(w, "The address is too long.", http.StatusRequestURITooLong)
		case b.needsProxy && !b.throughProxy(r):
			http.Error(w, "Plain HTTP is served to the trusted proxies alone.", http.StatusForbidden)
		case !canonical(r.URL.Path):
			http.Error(w, "There is nothing at this address.", http.StatusNotFound)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// canonical reports whether a path has no empty, "." or ".." element.
func canonical(p string) bool {
	return p == "/" || strings.HasPrefix(p, "/") && path.Clean(p) == strings.TrimSuffix(p, "/")
}

// hostAllowed reports whether host is the issuer's or that of this site's own
// origin; dev accepts any loopback host, whatever it is called.
func (b *Broker) hostAllowed(host string) bool {
	if strings.EqualFold(host, b.config.Issuer.Host) {
		return true
	}
	if own := b.config.Origin(b.config.Site); own != nil && strings.EqualFold(host, own.Host) {
		return true
	}
	return b.options.Dev && loopbackHost(host)
}

func loopbackHost(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	name = strings.Trim(name, "[]")
	if strings.EqualFold(name, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(name)
	return err == nil && addr.IsLoopback()
}

// throughProxy reports whether a trusted proxy says that it took the request
// over TLS.
func (b *Broker) throughProxy(r *http.Request) bool {
	return b.fromProxy(r) && r.Header.Get("X-Forwarded-Proto") == "https"
}

// fromProxy reports whether a trusted proxy sent a request.
func (b *Broker) fromProxy(r *http.Request) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && b.trusted(peer.Addr().Unmap())
}
