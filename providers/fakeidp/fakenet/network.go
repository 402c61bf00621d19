package fakenet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bongsu/bongsu/providers/fakeidp"
)

// What holds where Options say nothing.
const (
	DefaultConnectFor = 2 * time.Second  // how long a dropped connection attempt is waited for
	DefaultHoldFor    = 60 * time.Second // how long a silent connection is held
	DefaultMaxConns   = 4096
)

// Name is how a name resolves.
type Name string

// The ways of a name.
const (
	NameFine     Name = ""
	NameServfail Name = "servfail" // the servers of the zone do not answer
	NameMissing  Name = "nxdomain" // there is no such name
	NameStale    Name = "stale"    // an address where nobody is any more
)

// Connection is how connecting goes.
type Connection string

// The ways of a connection.
const (
	ConnectionFine   Connection = ""
	ConnectionDrop   Connection = "drop"   // no answer to the first packet
	ConnectionReset  Connection = "reset"  // opens and is reset at once
	ConnectionSilent Connection = "silent" // opens and says nothing, not even of TLS
)

// Certificate is what the host shows.
type Certificate string

// The certificates.
const (
	CertificateFine    Certificate = ""
	CertificateName    Certificate = "name"    // another host's
	CertificateExpired Certificate = "expired" // its own, of yesterday
	CertificateForeign Certificate = "foreign" // its own, by an authority that nobody trusts
)

// Weather is how a host is reached by one source now. The zero value is fair.
type Weather struct {
	Name        Name
	Connection  Connection
	Certificate Certificate
}

// Host is one name of the network.
type Host struct {
	Name    string       // "kauth.kakao.example", lower case
	Handler http.Handler // what answers there, on every port

	// Weather is asked whenever source connects; nil is always fair. It must be
	// quick and may be called concurrently.
	Weather func(source string) Weather
}

// Options describe a network.
type Options struct {
	Hosts []Host

	// Outside dials addresses that are none of the network's, given as numbers;
	// nil refuses them. Other names never resolve.
	Outside func(ctx context.Context, network, address string) (net.Conn, error)

	ConnectFor time.Duration // 0 is [DefaultConnectFor]
	HoldFor    time.Duration // 0 is [DefaultHoldFor]
	MaxConns   int           // open at once, further ones are reset; 0 is [DefaultMaxConns]
}

// Network is a running network. It is safe for concurrent use.
type Network struct {
	o         Options
	hosts     map[string]Host
	addresses map[netip.Addr]string // of hosts, by virtual address

	authority *authority
	door      *door

	closed    chan struct{}
	closeOnce sync.Once
	running   sync.WaitGroup
}

// Open starts a network. Whoever gets one must [Network.Close] it.
func Open(o Options) (*Network, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	o.defaults()
	n := &Network{
		o: o, hosts: map[string]Host{}, addresses: map[netip.Addr]string{}, closed: make(chan struct{}),
	}
	for _, h := range o.Hosts {
		n.addresses[virtual(len(n.hosts))] = h.Name
		n.hosts[h.Name] = h
	}
	var err error
	if n.authority, err = newAuthority(); err != nil {
		return nil, err
	}
	if n.door, err = n.open(); err != nil {
		return nil, err
	}
	return n, nil
}

func (o *Options) validate() error {
	known := map[string]bool{}
	for _, h := range o.Hosts {
		switch {
		case h.Name == "" || h.Name != strings.ToLower(h.Name) || strings.ContainsAny(h.Name, ":/ ") || h.Handler == nil:
			return fmt.Errorf("fakenet: host %q needs a lower-case name and a handler", h.Name)
		case known[h.Name]:
			return fmt.Errorf("fakenet: host %q twice", h.Name)
		}
		known[h.Name] = true
	}
	if len(o.Hosts) > maxHosts {
		return fmt.Errorf("fakenet: more than %d hosts", maxHosts)
	}
	return nil
}

func (o *Options) defaults() {
	if o.ConnectFor <= 0 {
		o.ConnectFor = DefaultConnectFor
	}
	if o.HoldFor <= 0 {
		o.HoldFor = DefaultHoldFor
	}
	if o.MaxConns <= 0 {
		o.MaxConns = DefaultMaxConns
	}
}

// maxHosts is how many virtual addresses there are.
const maxHosts = 250

// virtual is the address of the n-th host, stale where it was before.
func virtual(n int) netip.Addr { return netip.AddrFrom4([4]byte{198, 18, 0, byte(n + 1)}) }
func stale(n int) netip.Addr   { return netip.AddrFrom4([4]byte{198, 19, 0, byte(n + 1)}) }

// weather is how source reaches the host called name.
func (n *Network) weather(name, source string) Weather {
	if h := n.hosts[name]; h.Weather != nil {
		return h.Weather(source)
	}
	return Weather{}
}

// Close ends every connection and waits until nothing runs any more. It may be
// called more than once.
func (n *Network) Close() error {
	var err error
	n.closeOnce.Do(func() {
		close(n.closed)
		err = n.door.close()
	})
	n.running.Wait()
	return err
}

// wait reports whether d passed before ctx or the network ended.
func (n *Network) wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-n.closed:
		return net.ErrClosed
	}
}

// Upstreams returns the hosts of all upstreams that have their own, broken as
// their faults say. The server's Options should have Network set.
func Upstreams(s *fakeidp.Server) []Host {
	var hosts []Host
	for _, name := range s.Names() {
		u, _ := s.Upstream(name)
		for host, endpoints := range u.Hosts() {
			hosts = append(hosts, Host{Name: host, Handler: s, Weather: func(source string) Weather {
				return weatherOf(u.Weather(source, endpoints...))
			}})
		}
	}
	slices.SortFunc(hosts, func(a, b Host) int { return strings.Compare(a.Name, b.Name) })
	return hosts
}

func weatherOf(f fakeidp.Fault, variant string) Weather {
	switch f {
	case fakeidp.Dark:
		return Weather{Connection: ConnectionDrop}
	case fakeidp.DNS:
		return Weather{Name: Name(variant)}
	case fakeidp.HalfOpen:
		if variant == "trickle" {
			return Weather{} // by each answer
		}
		return Weather{Connection: Connection(variant)}
	case fakeidp.WrongCertificate:
		return Weather{Certificate: Certificate(variant)}
	}
	return Weather{}
}

// errNoRoute is the answer to addresses that lead nowhere.
var errNoRoute = errors.New("fakenet: no route to host")
