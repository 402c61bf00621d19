//go:build linux

package chaos

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/bongsu/bongsu/deploy/netns/machines"
)

const (
	looksEvery  = 500 * time.Millisecond
	looksFor    = time.Second
	gaveUpAfter = 2 // checks in a row

	answersWithin = 8 * time.Second // a request, as patient as people are
)

// door is what stands before the sites, as operators have it: it asks every node
// whether it would serve, and sends people to the nearest that would. When none
// would it sends them to any.
type door struct {
	*fleet

	looking sync.WaitGroup
}

// newDoor looks until the test ends.
func newDoor(f *fleet) *door {
	d := &door{fleet: f}
	ctx, stop := context.WithCancel(context.Background())
	for _, n := range f.nodes {
		n.up.Store(true)
		d.looking.Go(func() { d.watch(ctx, n) })
	}
	f.t.Cleanup(func() { stop(); d.looking.Wait() })
	return d
}

func (d *door) watch(ctx context.Context, n *node) {
	failed := 0
	for wait(ctx, looksEvery) {
		within, cancel := context.WithTimeout(ctx, looksFor)
		err := n.ready(within)
		cancel()
		if err == nil {
			failed = 0
		} else {
			failed++
		}
		n.up.Store(failed < gaveUpAfter)
	}
}

// order is the nodes in the order in which somebody near a site is sent to them.
func (d *door) order(near string) []*node {
	at := max(0, slices.Index(siteNames, near))
	var up, rest []*node
	for i := range siteNames {
		nodes := d.of(siteNames[(at+i)%len(siteNames)])
		if rand.N(2) == 1 {
			slices.Reverse(nodes)
		}
		for _, n := range nodes {
			if n.up.Load() {
				up = append(up, n)
			} else {
				rest = append(rest, n)
			}
		}
	}
	if len(up) == 0 {
		return rest
	}
	return up
}

// visitor comes by the door, or to one node, from a network of their own.
type visitor struct {
	*door

	near    string
	only    *node  // nil: whichever the door says
	wanders bool   // from site to site with every request
	stuck   string // a site to which the issuer's name leads them, dead or not; empty: the door
	from    *net.TCPAddr
}

// visit makes a visitor.
func (d *door) visit(near string) *visitor {
	return &visitor{door: d, near: near, from: &net.TCPAddr{IP: net.ParseIP(fmt.Sprintf("%s%d.%d", machines.Homes, rand.N(256), 1+rand.N(254)))}}
}

// reached is who answered a request; a request's context has one.
type reached struct{ node *node }

type reachedKey struct{}

// errUndelivered is a request that reached nobody.
var errUndelivered = errors.New("no node takes the connection")

// transport asks by new connections. Where a node does not take one the next does.
func (v *visitor) transport() *http.Transport {
	return &http.Transport{
		DisableKeepAlives: true, ResponseHeaderTimeout: answersWithin,
		DialTLSContext: func(ctx context.Context, _, name string) (net.Conn, error) {
			host, port, err := net.SplitHostPort(name)
			if err != nil {
				return nil, err
			}
			if !ours(host) {
				at, err := v.Lookup(ctx, machines.People, host)
				if err != nil {
					return nil, err
				}
				return v.connect(ctx, host, net.JoinHostPort(at.String(), port))
			}
			return v.enter(ctx, host)
		},
	}
}

// leads is the nodes to which a host of ours leads the visitor, in their order.
func (v *visitor) leads(host string) []*node {
	for _, site := range siteNames {
		if host == originHost(site) || host == issuerHost && site == v.stuck {
			return v.of(site)
		}
	}
	switch {
	case v.only != nil:
		return []*node{v.only}
	case v.wanders:
		return v.order(siteNames[rand.N(len(siteNames))])
	}
	return v.order(v.near)
}

// enter connects to a node that takes connections.
func (v *visitor) enter(ctx context.Context, host string) (net.Conn, error) {
	failed := errUndelivered
	for _, n := range v.leads(host) {
		conn, err := v.connect(ctx, host, n.address)
		if err == nil {
			if r, ok := ctx.Value(reachedKey{}).(*reached); ok {
				r.node = n
			}
			return conn, nil
		}
		failed = errors.Join(failed, fmt.Errorf("%s: %w", n.name(), err))
		if ctx.Err() != nil {
			break
		}
	}
	return nil, failed
}

// connect connects by TLS, in the time that a browser gives one address.
func (v *visitor) connect(ctx context.Context, host, to string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, machines.ConnectWithin)
	defer cancel()
	raw, err := v.DialAs(ctx, machines.People, v.from, "tcp4", to)
	if err != nil {
		return nil, err
	}
	conn := tls.Client(raw, &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: v.authority, ServerName: host})
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	return conn, nil
}

// road is a visitor's transport that tells which node answered, and which plays
// the websites: pages of theirs are empty.
type road struct {
	*visitor

	via *http.Transport

	mu   sync.Mutex
	last *node // who answered the latest request to us
}

func (v *visitor) road() *road { return &road{visitor: v, via: v.transport()} }

// RoundTrip implements [http.RoundTripper].
func (r *road) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.URL.Hostname() == shopHost {
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody, Request: request, ProtoMajor: 1, ProtoMinor: 1}, nil
	}
	var by reached
	answer, err := r.via.RoundTrip(request.WithContext(context.WithValue(request.Context(), reachedKey{}, &by)))
	if ours(request.URL.Hostname()) && by.node != nil {
		r.mu.Lock()
		r.last = by.node
		r.mu.Unlock()
	}
	return answer, err
}

// node is who answered last.
func (r *road) node() *node {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last
}
