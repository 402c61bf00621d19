package fakenet

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/bongsu/bongsu/providers/fetch"
)

// Site is one place from which the network is used.
type Site struct {
	network *Network
	name    string
}

// From returns the place called name: a site, or the address of a browser
// ("203.0.113.7"). It is what [fakeidp.Scope] calls a source, at most 64 bytes.
func (n *Network) From(name string) *Site {
	if len(name) > maxSource {
		name = name[:maxSource]
	}
	return &Site{network: n, name: name}
}

// RootCAs is the authority that signed the certificates of all hosts.
func (n *Network) RootCAs() *x509.CertPool { return n.authority.pool() }

// Fetch makes o reach the network from this site, and nothing else. It fits
// where a broker takes a change of its outgoing requests.
func (s *Site) Fetch(o *fetch.Options) {
	o.Dial, o.Resolver, o.RootCAs = s.Dial, s.Resolver(), s.network.RootCAs()
	o.Allow = append(o.Allow, netip.MustParsePrefix("127.0.0.0/8"))
}

// Transport returns a transport for a browser at this site. The caller closes
// its idle connections.
func (s *Site) Transport() *http.Transport {
	return &http.Transport{
		DialContext: s.Dial, MaxIdleConnsPerHost: 4, IdleConnTimeout: time.Minute,
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: s.network.RootCAs()},
	}
}

// Dial connects to a host by its name, as a [net.Dialer] of this site would:
// the name is resolved, and errors are a [net.OpError] of "dial".
func (s *Site) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	n := s.network
	fail := func(err error) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: network, Addr: named(address), Err: err}
	}
	name, _, err := net.SplitHostPort(address)
	if err != nil {
		return fail(err)
	}
	host, weather, err := s.reach(ctx, strings.ToLower(strings.TrimSuffix(name, ".")))
	switch {
	case errors.Is(err, errNoRoute) && n.o.Outside != nil:
		return n.o.Outside(ctx, network, address)
	case err != nil:
		return fail(err)
	case host == "" || weather.Connection == ConnectionDrop:
		return fail(n.drop(ctx, network, address))
	}
	conn, err := n.door.enter(ctx, call{source: s.name, connection: weather.Connection, certificate: weather.Certificate})
	if err != nil {
		return fail(err)
	}
	return conn, nil
}

// drop is an attempt to connect that nobody answers. It is told to whoever
// traces ctx, as a [net.Dialer] tells it.
func (n *Network) drop(ctx context.Context, network, address string) error {
	trace := httptrace.ContextClientTrace(ctx)
	if trace != nil && trace.ConnectStart != nil {
		trace.ConnectStart(network, address)
	}
	err := n.wait(ctx, n.o.ConnectFor)
	if err == nil {
		err = os.ErrDeadlineExceeded
	}
	if trace != nil && trace.ConnectDone != nil {
		trace.ConnectDone(network, address, err)
	}
	return err
}

// reach finds the host behind a name or an address and how it fares; no host is
// an address where nobody is any more. Weather is asked once for each attempt,
// however often the resolver asks.
func (s *Site) reach(ctx context.Context, name string) (host string, w Weather, err error) {
	n := s.network
	if address, err := netip.ParseAddr(name); err == nil {
		host, known := n.addresses[address]
		if !known {
			return "", Weather{}, errNoRoute
		}
		return host, n.weather(host, s.name), nil
	}
	w = n.weather(name, s.name)
	found, err := s.resolver(func(string) Weather { return w }).LookupNetIP(ctx, "ip4", name+".")
	if err != nil {
		return "", w, err
	}
	return n.addresses[found[0].Unmap()], w, nil
}

// named is an address as it was asked for.
type named string

// Network implements [net.Addr].
func (named) Network() string { return "tcp" }

// String implements [net.Addr].
func (a named) String() string { return string(a) }
