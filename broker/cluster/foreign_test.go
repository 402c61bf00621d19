package cluster

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/memberlist"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/bongsu/bongsu/broker/cluster/clustertest"
)

// onLoopback returns the options of node i of a pool on real sockets.
func onLoopback(i int, seeds ...string) Options {
	return Options{
		Name: nodeName(i), Sites: testSites, Label: "bongsu", Keys: [][]byte{testKey("one")},
		Listen: "127.0.0.1:0", Seeds: seeds,
	}
}

func (n *node) addr() string {
	for _, m := range n.Members() {
		if m.Self {
			return m.Addr.String()
		}
	}
	return ""
}

// Three nodes on real ports under what a stranger can send (plain, foreign
// label, foreign key, cut off, random, over UDP and TCP).
func TestForeignGossipIsDroppedAndCounted(t *testing.T) {
	first := start(t, onLoopback(0), 200)
	nodes := []*node{first, start(t, onLoopback(1, first.addr()), 200), start(t, onLoopback(2, first.addr()), 200)}
	if took, ok := within(20*time.Second, func() bool { return complete(nodes) }); !ok {
		t.Fatalf("no pool after %v", took)
	}
	for _, n := range nodes {
		n.left.count.Store(0)
	}
	for name, o := range map[string]Options{
		"another key":   {Keys: [][]byte{testKey("other")}, Label: "bongsu"},
		"another label": {Keys: [][]byte{testKey("one")}, Label: "other"},
		"plain":         {InsecurePlain: true, Label: "bongsu"},
	} {
		o.Name, o.Sites, o.Listen, o.Seeds = "seoul/foreign", testSites, "127.0.0.1:0", []string{first.addr()}
		stranger := start(t, o, 200)
		stranger.board.say()
		sendAsMember(t, stranger, first.addr())
		if _, ok := within(5*time.Second, func() bool { return joins(stranger, rejoinFailed) > 0 }); !ok {
			t.Errorf("%s: a stranger's join has not failed", name)
		}
		stranger.stop()
	}
	throwRubbish(t, first.addr())

	for _, reason := range []string{dropKey, dropLabel, dropMalformed} {
		if _, ok := within(10*time.Second, func() bool { return first.dropped(reason) > 0 }); !ok {
			t.Errorf("nothing was counted as dropped for its %s", reason)
		}
	}
	nodes[1].board.say()
	if took, ok := within(10*time.Second, func() bool { return agreed(nodes) }); !ok {
		t.Errorf("the pool's own news is not everywhere after %v", took)
	}
	for _, n := range nodes {
		if len(n.Members()) != 3 || n.left.count.Load() != 0 || n.board.value("seoul/foreign") != 0 {
			t.Errorf("%s: members %v, %d left, a stranger's value %d", n.board.own, n.Members(), n.left.count.Load(), n.board.value("seoul/foreign"))
		}
	}
}

func joins(n *node, outcome string) int { return int(testutil.ToFloat64(n.metrics.rejoins[outcome])) }

// sendAsMember sends a packet and a stream as a pool of the stranger's kind does.
func sendAsMember(t *testing.T, stranger *node, to string) {
	t.Helper()
	at := netip.MustParseAddrPort(to)
	target := &memberlist.Node{Name: nodeName(0), Addr: at.Addr().AsSlice(), Port: at.Port()}
	frame := newFrame("test", stranger.board.message("seoul/foreign", 7))
	if err := stranger.list.SendBestEffort(target, frame); err != nil {
		t.Error(err)
	}
	if err := stranger.list.SendReliable(target, frame); err != nil {
		t.Error(err)
	}
}

// throwRubbish sends what is no message at all to both ports.
func throwRubbish(t *testing.T, to string) {
	t.Helper()
	const label, encrypted = 244, 10 // memberlist's types
	rubbish := [][]byte{
		{0},
		{label},
		{label, 0},
		{label, 200, 'b'},
		append([]byte{label, 6}, "bongsu"...),
		append([]byte{label, 6}, "bongsu\x01\x02"...), append([]byte{label, 6}, "bongsv\x01\x02"...),
		append(append([]byte{label, 6}, "bongsu"...), encrypted, 0xff, 0xff, 0xff, 0xff),
		append(append([]byte{label, 6}, "bongsu"...), encrypted, 0, 0, 0, 1, 1),
		append(append([]byte{label, 6}, "bongsu"...), encrypted, 0, 0, 0, 0),
		bytes.Repeat([]byte{7}, 1400), bytes.Repeat([]byte{255}, 60_000),
	}
	for range 20 {
		b := make([]byte, 300)
		_, _ = rand.Read(b)
		rubbish = append(rubbish, b, append(append([]byte{label, 6}, "bongsu"...), b...))
	}
	for _, network := range []string{"udp", "tcp"} {
		for i, b := range rubbish {
			conn, err := net.Dial(network, to)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := conn.Write(b); err != nil {
				t.Errorf("%s %d: %v", network, i, err)
			}
			if half, ok := conn.(*net.TCPConn); ok {
				_ = half.CloseWrite()
				_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
				_, _ = io.Copy(io.Discard, conn)
			}
			_ = conn.Close()
		}
	}
}

// Twelve nodes as they run in production, on one machine.
func TestTwelveNodesOnLoopback(t *testing.T) {
	first := start(t, onLoopback(0), 460)
	nodes := []*node{first}
	for i := 1; i < 12; i++ {
		nodes = append(nodes, start(t, onLoopback(i, first.addr()), 460))
	}
	if took, ok := within(30*time.Second, func() bool { return complete(nodes) }); !ok {
		t.Fatalf("the nodes do not know each other after %v", took)
	}
	var took []time.Duration
	for i := range 5 {
		took = append(took, spread(nodes, 2*i))
	}
	slices.Sort(took)
	t.Logf("news is everywhere after %v (half the time), %v (at most)", took[2], took[4])
	if took[2] > 5*time.Second { // a busy machine's second; sites compare all they know after 30
		t.Errorf("half of the news takes more than %v", took[2])
	}
}

func TestAddressesThatAreNotAllowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := far(21)
		o := inMemory(network, 0)
		o.Allow = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24")}
		inside := start(t, o, 200)
		outside := inMemory(network, 1)
		outside.Transport = network.Listen("10.1.0.1:7946")
		stranger := start(t, outside, 200) // it holds the key
		pass(20 * time.Second)
		if inside.dropped(dropAddress) == 0 {
			t.Error("nothing was dropped for its address")
		}
		if n := len(inside.Members()); n != 1 {
			t.Errorf("%d members, want 1", n)
		}
		end(inside, stranger)
	})
	o := onLoopback(0)
	o.Allow = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24")}
	if p, err := Open(o); err == nil {
		t.Error("a node that its own list does not allow opens")
		_ = p.Close()
	}
}

func TestNamesOfUnknownSitesAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := far(22)
		ours := start(t, inMemory(network, 0), 200)
		o := inMemory(network, 1)
		o.Name, o.Sites = "osaka/n1", append([]string{"osaka"}, testSites...)
		stranger := start(t, o, 200)
		pass(20 * time.Second)
		if ours.dropped(dropName) == 0 {
			t.Error("nothing was dropped for its name")
		}
		if n := len(ours.Members()); n != 1 {
			t.Errorf("members %v, want one", ours.Members())
		}
		end(ours, stranger)
	})
}

func TestANameThatIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := far(23)
		nodes := together(t, network, 3)
		o := inMemory(network, 1000)
		o.Name = nodeName(1)
		twin := start(t, o, 200)
		pass(time.Minute)
		conflicts := 0
		for _, n := range nodes {
			conflicts += n.dropped(dropConflict)
			if !slices.ContainsFunc(n.Members(), func(m Member) bool { return m.Name == nodeName(1) && m.Addr.String() == nodeAddr(1) }) {
				t.Errorf("%s has lost the node that had the name", n.board.own)
			}
		}
		if conflicts == 0 {
			t.Error("no conflict was counted")
		}
		end(append(nodes, twin)...)
	})
}

func TestMoreStreamsThanAreServed(t *testing.T) {
	network := clustertest.New(clustertest.Options{})
	inner := network.Listen("10.0.0.1:1")
	m := newMetrics(nil)
	g := newGuard(inner, Options{Allow: private, Pass: func() error { return nil }}, m)
	other := network.Listen("10.0.0.2:1")
	var open []net.Conn
	for range maxStreams {
		if _, err := other.DialTimeout("10.0.0.1:1", time.Second); err != nil {
			t.Fatal(err)
		}
		open = append(open, <-g.StreamCh())
	}
	beyond, err := other.DialTimeout("10.0.0.1:1", time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := beyond.Read(make([]byte, 1)); err == nil {
		t.Error("a stream beyond the bound is served")
	}
	for range 2 {
		_ = open[0].Close()
	}
	if _, err := other.DialTimeout("10.0.0.1:1", time.Second); err != nil {
		t.Fatal(err)
	}
	<-g.StreamCh()
	if got := testutil.ToFloat64(m.dropped[dropQueueFull]); got != 1 {
		t.Errorf("%v streams counted as dropped, want 1", got)
	}
	if err := g.Shutdown(); err != nil {
		t.Error(err)
	}
}

func TestMetricsHaveClosedLabels(t *testing.T) {
	registry := prometheus.NewRegistry()
	o := onLoopback(0)
	o.Registerer = registry
	n := start(t, o, 200)
	n.exchange.Receive(newFrame("foreign", []byte("x")))
	n.exchange.Receive(newFrame("test", []byte("x")))
	n.exchange.Receive([]byte("rubbish"))
	n.board.say()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, family := range families {
		for _, m := range family.GetMetric() {
			value := m.GetCounter().GetValue() + m.GetGauge().GetValue()
			if value > 0 {
				fmt.Fprintf(&text, "%s %v %v\n", family.GetName(), m.GetLabel(), value)
			}
			if strings.Contains(text.String(), "foreign") {
				t.Error("a name from the network became a label")
			}
		}
	}
	for _, want := range []string{"gossip_members", `value:"unknown_channel"`, `value:"refused"`, `value:"malformed"`, `value:"out"`, `value:"in"`} {
		if !strings.Contains(strings.ReplaceAll(text.String(), "  ", " "), want) {
			t.Errorf("metrics lack %s:\n%s", want, text.String())
		}
	}
}
