package clustertest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"
)

// ErrRefused says that nobody listens there, or no more can be accepted.
var ErrRefused = errors.New("clustertest: connection refused")

// Waiting packets and streams of one node; what is beyond is lost.
const (
	maxPackets = 4096
	maxStreams = 512
)

// Options is what a Network is like.
type Options struct {
	Latency time.Duration // one way
	Jitter  time.Duration // at most this is added to a packet's latency
	Loss    float64       // share of packets that are lost; streams lose nothing
	Seed    uint64        // of what is drawn

	// CutRefuses has dials across a partition fail at once, as with a route
	// that is gone. Otherwise they wait and succeed if it heals in time.
	CutRefuses bool
}

// Network connects transports. It is safe for concurrent use.
type Network struct {
	options Options

	mu    sync.Mutex
	draw  *rand.Rand
	nodes map[netip.AddrPort]*Transport
	group map[netip.AddrPort]int // of a partition; absent is group 0
}

// New returns a Network without nodes.
func New(o Options) *Network {
	return &Network{
		options: o, draw: rand.New(rand.NewPCG(o.Seed, o.Seed+1)),
		nodes: make(map[netip.AddrPort]*Transport), group: make(map[netip.AddrPort]int),
	}
}

// Listen returns the transport of a node at "IP:port". It panics if the address
// is none or is taken.
func (n *Network) Listen(addr string) *Transport {
	at := netip.MustParseAddrPort(addr)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.nodes[at] != nil {
		panic("clustertest: address taken: " + addr)
	}
	t := &Transport{
		network: n, at: at,
		packets: make(chan *memberlist.Packet, maxPackets), streams: make(chan net.Conn, maxStreams),
	}
	n.nodes[at] = t
	return t
}

// Partition puts the addresses of each group apart from all others. Who is in
// none remains with the rest. Streams across the cut stall and never recover.
func (n *Network) Partition(groups ...[]string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.group)
	for i, group := range groups {
		for _, addr := range group {
			n.group[netip.MustParseAddrPort(addr)] = i + 1
		}
	}
}

// Heal ends every partition.
func (n *Network) Heal() { n.Partition() }

// reaches reports whether packets pass between two addresses.
func (n *Network) reaches(a, b netip.AddrPort) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.group[a] == n.group[b]
}

// packetLatency draws how long a packet takes; false: it is lost.
func (n *Network) packetLatency() (time.Duration, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.draw.Float64() < n.options.Loss {
		return 0, false
	}
	if n.options.Jitter <= 0 {
		return n.options.Latency, true
	}
	return n.options.Latency + time.Duration(n.draw.Int64N(int64(n.options.Jitter))), true
}

// Longest returns the length of the longest packet that any living node sent.
func (n *Network) Longest() int64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	longest := int64(0)
	for _, t := range n.nodes {
		longest = max(longest, t.longest.Load())
	}
	return longest
}

func (n *Network) find(at netip.AddrPort) *Transport {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.nodes[at]
}

// Transport is one node's end of the network: a [memberlist.Transport].
type Transport struct {
	network *Network
	at      netip.AddrPort
	packets chan *memberlist.Packet
	streams chan net.Conn
	closed  atomic.Bool

	sentPackets, sentBytes, longest, streamBytes atomic.Int64
}

// Sent is what a node put on the network.
type Sent struct {
	Packets int64
	Bytes   int64 // of packets
	Longest int64 // packet
	Stream  int64 // bytes of streams, both directions of those it opened or accepted counted where written
}

// Sent returns what was sent so far.
func (t *Transport) Sent() Sent {
	return Sent{t.sentPackets.Load(), t.sentBytes.Load(), t.longest.Load(), t.streamBytes.Load()}
}

// Addr is where the node listens.
func (t *Transport) Addr() string { return t.at.String() }

// FinalAdvertiseAddr and the other methods are those of a memberlist.Transport.
func (t *Transport) FinalAdvertiseAddr(string, int) (net.IP, int, error) {
	return t.at.Addr().AsSlice(), int(t.at.Port()), nil
}

// PacketCh yields packets as they arrive.
func (t *Transport) PacketCh() <-chan *memberlist.Packet { return t.packets }

// StreamCh yields streams that others opened.
func (t *Transport) StreamCh() <-chan net.Conn { return t.streams }

// WriteTo sends a packet. That it does not arrive is no error.
func (t *Transport) WriteTo(b []byte, addr string) (time.Time, error) {
	to, err := netip.ParseAddrPort(addr)
	if err != nil {
		return time.Time{}, err
	}
	now := time.Now()
	if t.closed.Load() {
		return now, net.ErrClosed
	}
	t.sentPackets.Add(1)
	t.sentBytes.Add(int64(len(b)))
	for longest := t.longest.Load(); int64(len(b)) > longest; longest = t.longest.Load() {
		if t.longest.CompareAndSwap(longest, int64(len(b))) {
			break
		}
	}
	latency, arrives := t.network.packetLatency()
	if !arrives || !t.network.reaches(t.at, to) {
		return now, nil
	}
	packet := &memberlist.Packet{Buf: append([]byte(nil), b...), From: net.UDPAddrFromAddrPort(t.at)}
	time.AfterFunc(latency, func() {
		if there := t.network.find(to); there != nil {
			there.deliver(packet)
		}
	})
	return now, nil
}

// Inject delivers a packet as if it came from an address, now.
func (t *Transport) Inject(b []byte, from string) {
	t.deliver(&memberlist.Packet{Buf: append([]byte(nil), b...), From: net.UDPAddrFromAddrPort(netip.MustParseAddrPort(from))})
}

func (t *Transport) deliver(p *memberlist.Packet) {
	if t.closed.Load() {
		return
	}
	p.Timestamp = time.Now()
	select {
	case t.packets <- p:
	default:
	}
}

// DialTimeout opens a stream. Like TCP it tries again every second while the
// way is cut, and is told at once that nobody listens.
func (t *Transport) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	to, err := netip.ParseAddrPort(addr)
	if err != nil {
		return nil, err
	}
	latency := t.network.options.Latency
	deadline := time.Now().Add(timeout)
	for !t.network.reaches(t.at, to) {
		if left := time.Until(deadline); left <= 0 || t.network.options.CutRefuses {
			return nil, fmt.Errorf("dial %s: %w", addr, errTimeout{})
		}
		<-time.After(min(time.Second, time.Until(deadline)))
	}
	<-time.After(2 * latency)
	there := t.network.find(to)
	if there == nil || there.closed.Load() || t.closed.Load() {
		return nil, fmt.Errorf("dial %s: %w", addr, ErrRefused)
	}
	here, far := t.network.pipe(t, there)
	select {
	case there.streams <- far:
		return here, nil
	default:
		return nil, fmt.Errorf("dial %s: %w", addr, ErrRefused)
	}
}

// Shutdown frees the address.
func (t *Transport) Shutdown() error {
	t.closed.Store(true)
	t.network.mu.Lock()
	defer t.network.mu.Unlock()
	if t.network.nodes[t.at] == t {
		delete(t.network.nodes, t.at)
	}
	return nil
}

type errTimeout struct{}

func (errTimeout) Error() string   { return "i/o timeout" }
func (errTimeout) Timeout() bool   { return true }
func (errTimeout) Temporary() bool { return true }
