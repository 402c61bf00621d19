package cluster

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"
)

// maxStreams bounds the streams that are open to this node at a time. Each
// lives for a few seconds at most.
const maxStreams = 256

// guard stands between a transport and memberlist: what comes from an address
// that is not allowed, and more streams than can be served, go no further.
type guard struct {
	inner   memberlist.NodeAwareTransport
	pass    func() error
	allows  func(netip.Addr) bool
	metrics *metrics

	packets chan *memberlist.Packet
	streams chan net.Conn
	open    atomic.Int64
	done    chan struct{}
	once    sync.Once
	passing sync.WaitGroup
}

func newGuard(inner memberlist.Transport, o Options, m *metrics) *guard {
	aware, ok := inner.(memberlist.NodeAwareTransport)
	if !ok {
		aware = byAddress{inner}
	}
	g := &guard{
		inner: aware, pass: o.Pass, allows: o.allows, metrics: m,
		packets: make(chan *memberlist.Packet), streams: make(chan net.Conn), done: make(chan struct{}),
	}
	g.passing.Go(g.passPackets)
	g.passing.Go(g.passStreams)
	return g
}

func (g *guard) passPackets() {
	for {
		select {
		case packet := <-g.inner.PacketCh():
			if !g.allowed(packet.From) {
				g.metrics.drop(dropAddress)
				continue
			}
			if g.pass() != nil {
				continue
			}
			select {
			case g.packets <- packet:
			case <-g.done:
				return
			}
		case <-g.done:
			return
		}
	}
}

func (g *guard) passStreams() {
	for {
		select {
		case conn := <-g.inner.StreamCh():
			if conn = g.admit(conn); conn == nil {
				continue
			}
			select {
			case g.streams <- conn:
			case <-g.done:
				_ = conn.Close()
				return
			}
		case <-g.done:
			return
		}
	}
}

// admit returns the stream, counted, or closes it and returns nil.
func (g *guard) admit(conn net.Conn) net.Conn {
	var reason string
	switch {
	case !g.allowed(conn.RemoteAddr()):
		reason = dropAddress
	case g.open.Load() >= maxStreams:
		reason = dropQueueFull
	default:
		g.open.Add(1)
		return &counted{Conn: passing{conn, g.pass}, open: &g.open}
	}
	_ = conn.Close()
	g.metrics.drop(reason)
	return nil
}

func (g *guard) allowed(from net.Addr) bool {
	if from == nil {
		return false
	}
	at, err := netip.ParseAddrPort(from.String())
	return err == nil && g.allows(at.Addr())
}

// The methods of a transport.

func (g *guard) FinalAdvertiseAddr(ip string, port int) (net.IP, int, error) {
	return g.inner.FinalAdvertiseAddr(ip, port)
}
func (g *guard) PacketCh() <-chan *memberlist.Packet { return g.packets }
func (g *guard) StreamCh() <-chan net.Conn           { return g.streams }

func (g *guard) WriteTo(b []byte, addr string) (time.Time, error) {
	return g.WriteToAddress(b, memberlist.Address{Addr: addr})
}

func (g *guard) WriteToAddress(b []byte, addr memberlist.Address) (time.Time, error) {
	if g.pass() != nil {
		return time.Now(), nil // lost: nobody tells who sends a packet
	}
	return g.inner.WriteToAddress(b, addr)
}

func (g *guard) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	return g.DialAddressTimeout(memberlist.Address{Addr: addr}, timeout)
}

func (g *guard) DialAddressTimeout(addr memberlist.Address, timeout time.Duration) (net.Conn, error) {
	if err := g.pass(); err != nil {
		return nil, err
	}
	conn, err := g.inner.DialAddressTimeout(addr, timeout)
	if err != nil {
		return nil, err
	}
	return passing{conn, g.pass}, nil
}

// Shutdown ends the transport, which may have something to hand over until it
// has ended, and then the passing on.
func (g *guard) Shutdown() error {
	err := g.inner.Shutdown()
	g.once.Do(func() { close(g.done) })
	g.passing.Wait()
	return err
}

// counted is a stream that is one less when it is closed.
type counted struct {
	net.Conn

	open *atomic.Int64
	once sync.Once
}

func (c *counted) Close() error {
	c.once.Do(func() { c.open.Add(-1) })
	return c.Conn.Close()
}

// passing is a stream whose every piece is asked for.
type passing struct {
	net.Conn

	pass func() error
}

func (c passing) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if lost := c.pass(); lost != nil {
		return 0, lost
	}
	return n, err
}

func (c passing) Write(b []byte) (int, error) {
	if err := c.pass(); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

// byAddress is a transport that does not care for names.
type byAddress struct{ memberlist.Transport }

func (t byAddress) WriteToAddress(b []byte, addr memberlist.Address) (time.Time, error) {
	return t.WriteTo(b, addr.Addr)
}

func (t byAddress) DialAddressTimeout(addr memberlist.Address, timeout time.Duration) (net.Conn, error) {
	return t.DialTimeout(addr.Addr, timeout)
}
