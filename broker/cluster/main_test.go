package cluster

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"github.com/bongsu/bongsu/broker/cluster/clustertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(clustertest.Settled(m)) }

// board is the owner of a channel: one number a node, written by it alone, the
// higher one stands.
type board struct {
	size int // of messages, padded

	mu     sync.Mutex
	own    string
	values map[string]uint64
	heard  map[string]time.Time // when the standing value of a name came
	frozen chan struct{}        // not nil: Merge waits until it is closed
	cast   func([]byte)
}

func newBoard(own string, size int) *board {
	return &board{own: own, size: size, values: make(map[string]uint64), heard: make(map[string]time.Time)}
}

var errNonsense = errors.New("nonsense")

func (b *board) Merge(message []byte) (bool, error) {
	name, number, ok := strings.Cut(string(bytes.TrimRight(message, "\x00")), "=")
	value, err := strconv.ParseUint(number, 10, 64)
	if !ok || err != nil {
		return false, errNonsense
	}
	b.mu.Lock()
	frozen := b.frozen
	b.mu.Unlock()
	if frozen != nil {
		<-frozen
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if value <= b.values[name] {
		return false, nil
	}
	b.values[name], b.heard[name] = value, time.Now()
	return true, nil
}

func (b *board) Messages() [][]byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all [][]byte
	for name, value := range b.values {
		all = append(all, b.message(name, value))
	}
	return all
}

func (b *board) message(name string, value uint64) []byte {
	text := fmt.Appendf(nil, "%s=%d", name, value)
	return append(text, make([]byte, max(b.size-len(text), 0))...)
}

// say raises this node's own number.
func (b *board) say() uint64 {
	b.mu.Lock()
	b.values[b.own]++
	value := b.values[b.own]
	b.mu.Unlock()
	b.cast(b.message(b.own, value))
	return value
}

func (b *board) value(name string) uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.values[name]
}

func (b *board) heardAt(name string, value uint64) (time.Time, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.heard[name], b.values[name] >= value
}

func (b *board) freeze() (thaw func()) {
	gate := make(chan struct{})
	b.mu.Lock()
	b.frozen = gate
	b.mu.Unlock()
	return func() {
		b.mu.Lock()
		b.frozen = nil
		b.mu.Unlock()
		close(gate)
	}
}

// node is a Peer with one channel, running.
type node struct {
	*Peer

	board *board
	left  *leaves
	stop  func()
}

// leaves counts the peers that a node saw leave.
type leaves struct {
	slog.Handler

	count atomic.Int64
}

func (l *leaves) Enabled(context.Context, slog.Level) bool { return true }
func (l *leaves) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *leaves) Handle(_ context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "change" && a.Value.String() == peerLeft {
			l.count.Add(1)
		}
		return true
	})
	return nil
}

// testKey is a gossip key, the same for the same name.
func testKey(name string) []byte {
	sum := sha256.Sum256([]byte(name))
	return sum[:]
}

var testSites = []string{"seoul", "busan", "tokyo"}

func nodeName(i int) string { return fmt.Sprintf("%s/n%d", testSites[i%len(testSites)], i) }
func nodeAddr(i int) string { return fmt.Sprintf("10.0.%d.%d:7946", i/200, i%200+1) }

// start opens and runs a node.
func start(t testing.TB, o Options, size int) *node {
	t.Helper()
	n := &node{board: newBoard(o.Name, size), left: new(leaves)}
	o.Logger = slog.New(n.left)
	p, err := Open(o)
	if err != nil {
		t.Fatalf("Open(%s): %v", o.Name, err)
	}
	n.Peer = p
	n.board.cast = p.Add("test", n.board).Broadcast
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.Run(ctx)
	}()
	n.stop = sync.OnceFunc(func() {
		if err := p.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		<-done
		cancel()
	})
	t.Cleanup(n.stop)
	return n
}

// kill ends a node without a goodbye.
func (n *node) kill(t testing.TB) {
	t.Helper()
	if err := n.list.Shutdown(); err != nil {
		t.Error(err)
	}
	n.close.Do(n.end) // what follows is not said any more
	n.stop()
}

// inMemory returns the options of node i of a pool on a network; seeds are the
// first node of each site.
func inMemory(network *clustertest.Network, i int) Options {
	return Options{
		Name: nodeName(i), Sites: testSites, Label: "bongsu", Keys: [][]byte{testKey("one")},
		Seeds:     []string{nodeAddr(0), nodeAddr(1), nodeAddr(2)},
		Transport: network.Listen(nodeAddr(i)),
	}
}

// together starts so many nodes and waits until all know all.
func together(t testing.TB, network *clustertest.Network, count int) []*node {
	t.Helper()
	nodes := make([]*node, count)
	for i := range nodes {
		nodes[i] = start(t, inMemory(network, i), 200)
	}
	if took, ok := within(time.Minute, func() bool { return complete(nodes) }); !ok {
		t.Fatalf("the nodes do not know each other after %v", took)
	}
	return nodes
}

// complete reports whether every node sees exactly these nodes.
func complete(nodes []*node) bool {
	return !slices.ContainsFunc(nodes, func(n *node) bool { return len(n.Members()) != len(nodes) })
}

// agreed reports whether all nodes hold the latest number of all nodes.
func agreed(nodes []*node) bool {
	for _, author := range nodes {
		latest := author.board.value(author.board.own)
		for _, n := range nodes {
			if n.board.value(author.board.own) != latest {
				return false
			}
		}
	}
	return true
}

// within waits until it is so, for at most limit, and returns how long it took.
func within(limit time.Duration, so func() bool) (time.Duration, bool) {
	began := time.Now()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !so() {
		if time.Since(began) > limit {
			return time.Since(began), false
		}
		<-tick.C
	}
	return time.Since(began), true
}

// pass lets time go by.
func pass(d time.Duration) { <-time.After(d) }

// end stops nodes within a bubble, where what they began must end too.
func end(nodes ...*node) {
	for _, n := range nodes {
		n.stop()
	}
	pass(2 * time.Minute)
}

func (n *node) dropped(reason string) int {
	return int(testutil.ToFloat64(n.metrics.dropped[reason]))
}
