package cluster

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

var update = flag.Bool("update", false, "write goldens anew")

// sheet is an owner that holds every message it was given.
type sheet struct {
	news bool
	err  error

	mu     sync.Mutex
	merged [][]byte
}

func (s *sheet) Merge(message []byte) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.merged = append(s.merged, message)
	return s.news, s.err
}

func (s *sheet) Messages() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.merged)
}

// loose is a wire that leads nowhere.
type loose struct {
	nodes int
	large [][]byte
	full  bool
}

func (l *loose) Nodes() int { return l.nodes }
func (l *loose) Reliably(frame []byte) bool {
	if !l.full {
		l.large = append(l.large, frame)
	}
	return !l.full
}

func TestOnlyNewsGoesOn(t *testing.T) {
	tests := []struct {
		name  string
		owner *sheet
		frame []byte
		on    bool
		drop  string
	}{
		{"news", &sheet{news: true}, newFrame("test", []byte("x")), true, ""},
		{"known", &sheet{}, newFrame("test", []byte("x")), false, ""},
		{"refused", &sheet{news: true, err: errNonsense}, newFrame("test", []byte("x")), false, dropRefused},
		{"of a channel that is not there", &sheet{news: true}, newFrame("later", []byte("x")), false, dropUnknownChannel},
		{"too long for a packet", &sheet{news: true}, newFrame("test", make([]byte, MaxMessage+1)), false, ""},
		{"not a frame", &sheet{news: true}, []byte("plain"), false, dropMalformed},
		{"empty", &sheet{news: true}, nil, false, dropMalformed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			x := NewExchange(&loose{nodes: 3})
			x.Add("test", tt.owner)
			x.Receive(tt.frame)
			if on := x.Pending() > 0; on != tt.on {
				t.Errorf("passed on: %t, want %t", on, tt.on)
			}
			for _, reason := range dropReasons {
				want := 0.0
				if reason == tt.drop {
					want = 1
				}
				if got := testutil.ToFloat64(x.metrics.dropped[reason]); got != want {
					t.Errorf("%v dropped for %s, want %v", got, reason, want)
				}
			}
		})
	}
}

func TestBroadcastTakesTheWayOfItsSize(t *testing.T) {
	w := &loose{nodes: 3}
	x := NewExchange(w)
	c := x.Add("test", new(sheet))
	for _, size := range []int{0, 1, MaxMessage, MaxMessage + 1, MaxLarge, MaxLarge + 1} {
		c.Broadcast(make([]byte, size))
	}
	w.full = true
	c.Broadcast(make([]byte, MaxLarge))
	if x.Pending() != 2 || len(w.large) != 2 {
		t.Errorf("%d gossiped and %d over streams, want 2 and 2", x.Pending(), len(w.large))
	}
	if got := testutil.ToFloat64(x.metrics.dropped[dropOversize]); got != 2 {
		t.Errorf("%v too long or empty, want 2", got)
	}
	if got := testutil.ToFloat64(x.metrics.dropped[dropQueueFull]); got != 1 {
		t.Errorf("%v found the queue full, want 1", got)
	}
}

func TestBroadcastKeepsNothingOfTheSlice(t *testing.T) {
	x := NewExchange(&loose{nodes: 3})
	message := []byte("before")
	x.Add("test", new(sheet)).Broadcast(message)
	copy(message, "after!")
	if sent := x.Packet(2, 1400); len(sent) != 1 || !bytes.HasSuffix(sent[0], []byte("before")) {
		t.Errorf("sent %q", sent)
	}
}

func TestTheQueueIsBounded(t *testing.T) {
	x := NewExchange(&loose{nodes: 3})
	c := x.Add("test", new(sheet))
	for i := range maxQueued + 50 {
		c.Broadcast(fmt.Appendf(nil, "%d", i))
	}
	if x.Pending() != maxQueued {
		t.Errorf("%d wait, want %d", x.Pending(), maxQueued)
	}
	if got := testutil.ToFloat64(x.metrics.dropped[dropQueueFull]); got != 50 {
		t.Errorf("%v counted as dropped, want 50", got)
	}
}

func TestASnapshotCarriesEveryChannelWithinItsBound(t *testing.T) {
	from := NewExchange(&loose{nodes: 2})
	big, small := new(sheet), &sheet{merged: [][]byte{[]byte("a"), []byte("b")}}
	for range 30 {
		big.merged = append(big.merged, make([]byte, MaxLarge))
	}
	big.merged = append(big.merged, make([]byte, MaxLarge+1), nil)
	from.Add("big", big)
	from.Add("small", small)
	snapshot := from.Snapshot()
	if len(snapshot) > maxState || len(snapshot) < maxState-2*MaxLarge {
		t.Errorf("%d bytes, at most %d", len(snapshot), maxState)
	}

	to := NewExchange(&loose{nodes: 2})
	gotBig, gotSmall := &sheet{news: true}, &sheet{news: true}
	to.Add("big", gotBig)
	to.Add("small", gotSmall)
	to.Absorb(snapshot)
	if len(gotSmall.merged) != 2 || len(gotBig.merged) != 15 {
		t.Errorf("%d small and %d big messages arrived, want 2 and 15", len(gotSmall.merged), len(gotBig.merged))
	}
	if to.Pending() != 2 {
		t.Errorf("%d are passed on, want the small ones", to.Pending())
	}
}

func TestChannelNamesAreChecked(t *testing.T) {
	for _, name := range []string{"", "taken", strings.Repeat("n", MaxChannel+1)} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("a channel is called %q", name)
				}
			}()
			x := NewExchange(&loose{nodes: 1})
			x.Add("taken", new(sheet))
			x.Add(name, new(sheet))
		}()
	}
}

// The layout of frames and snapshots is what nodes of different versions share.
func TestFramesStayAsTheyAre(t *testing.T) {
	frame := newFrame("health", []byte("message"))
	state := appendEntry([]byte{frameVersion}, frame)
	got := fmt.Sprintf("frame    %s\nsnapshot %s\nlongest gossiped frame %d bytes\n", hex.EncodeToString(frame), hex.EncodeToString(state),
		len(newFrame(strings.Repeat("n", MaxChannel), make([]byte, MaxMessage))))
	golden := filepath.Join("testdata", "frame.golden")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// The longest message, on the channel of the longest name, under the longest
// label and encrypted, fits a packet; what does not would wait for ever.
func TestTheLongestMessageFitsAPacket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := far(51)
		var nodes []*node
		var channels []*Channel
		var got []*sheet
		for i := range 2 {
			o := inMemory(network, i)
			o.Label = strings.Repeat("l", maxLabel)
			n := start(t, o, 200)
			nodes, got = append(nodes, n), append(got, new(sheet))
			channels = append(channels, n.Add(strings.Repeat("n", MaxChannel), got[i]))
		}
		if _, ok := within(time.Minute, func() bool { return complete(nodes) }); !ok {
			t.Fatal("no pool")
		}
		pass(10 * time.Second)
		channels[0].Broadcast(make([]byte, MaxMessage))
		pass(2 * time.Second)
		if len(got[1].Messages()) == 0 {
			t.Error("the longest message has not arrived")
		}
		if n := nodes[0].exchange.Pending(); n != 0 {
			t.Errorf("%d frames still wait", n)
		}
		if longest := network.Longest(); longest > 1400 || longest < MaxMessage {
			t.Errorf("the longest packet has %d bytes", longest)
		}
		nodes[0].exchange.enqueue(newFrame("test", make([]byte, 1360)))
		pass(time.Minute)
		if n := nodes[0].exchange.Pending(); n != 1 {
			t.Errorf("%d frames wait: the bound that the cap is for is not where it was", n)
		}
		end(nodes...)
	})
}

// medium is a simulated wire: what a simulation of an outage does with the
// relay, without memberlist, goroutines or a clock.
type medium struct {
	draw  *rand.Rand
	nodes []*Exchange
	loss  float64
	sent  int
}

// port is one node's end of it.
type port struct{ medium *medium }

func (e port) Nodes() int { return len(e.medium.nodes) }
func (e port) Reliably(frame []byte) bool {
	for _, x := range e.medium.nodes {
		x.Receive(bytes.Clone(frame))
	}
	return true
}

// round is 200 ms of every node's life.
func (m *medium) round() {
	type packet struct {
		to     *Exchange
		frames [][]byte
	}
	var packets []packet
	for i, x := range m.nodes {
		for range 4 {
			to := m.draw.IntN(len(m.nodes) - 1)
			if to >= i {
				to++
			}
			if frames := x.Packet(3, 1350); len(frames) > 0 && m.draw.Float64() >= m.loss {
				packets = append(packets, packet{m.nodes[to], frames})
				m.sent++
			}
		}
	}
	for _, p := range packets {
		for _, frame := range p.frames {
			p.to.Receive(bytes.Clone(frame))
		}
	}
}

func TestTheSameRelayRunsOverASimulatedWire(t *testing.T) {
	m := &medium{draw: rand.New(rand.NewPCG(3, 9)), loss: 0.01}
	const count = 64
	m.nodes = make([]*Exchange, count)
	boards := make([]*board, count)
	for i := range m.nodes {
		m.nodes[i] = NewExchange(port{m})
		boards[i] = newBoard(nodeName(i), 300)
		boards[i].cast = m.nodes[i].Add("test", boards[i]).Broadcast
	}
	var rounds []int
	for i := range 100 {
		author := boards[i%count]
		value := author.say()
		n := 0
		for ; n < 50 && slices.ContainsFunc(boards, func(b *board) bool { return b.value(author.own) < value }); n++ {
			m.round()
		}
		rounds = append(rounds, n)
		for range 10 { // until it is quiet
			m.round()
		}
	}
	slices.Sort(rounds)
	t.Logf("64 nodes, rounds of 200 ms until all know: %d (half the time), %d (p95), %d (at most)", rounds[50], rounds[95], rounds[99])
	if rounds[95] > 6 {
		t.Errorf("p95 is %d rounds, want at most 6", rounds[95])
	}
	sent := m.sent
	m.round()
	if m.sent != sent {
		t.Error("something circles for ever")
	}
	port{m}.Reliably(newFrame("test", boards[0].message(nodeName(0), 99)))
	if boards[5].value(nodeName(0)) != 99 {
		t.Error("a large message has not arrived")
	}
}

func TestLargeMessagesReachEveryPeerAndAreNotPassedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := far(52)
		var nodes []*node
		for i := range 5 {
			nodes = append(nodes, start(t, inMemory(network, i), 20_000))
		}
		if _, ok := within(time.Minute, func() bool { return complete(nodes) }); !ok {
			t.Fatal("no pool")
		}
		pass(10 * time.Second)
		nodes[2].board.say()
		if took, ok := within(time.Second, func() bool { return agreed(nodes) }); !ok {
			t.Errorf("not everywhere after %v", took)
		}
		for _, n := range nodes {
			if relayed := testutil.ToFloat64(n.metrics.messages.WithLabelValues("test", "relayed")); relayed != 0 {
				t.Errorf("%s passed on %v", n.board.own, relayed)
			}
		}
		network.Partition([]string{nodeAddr(4)})
		nodes[2].board.say()
		pass(time.Minute)
		if nodes[2].dropped(dropUnsent) == 0 {
			t.Error("what a peer could not be given was not counted")
		}
		end(nodes...)
	})
}

func FuzzFrame(f *testing.F) {
	f.Add(newFrame("health", []byte("message")))
	f.Add(appendEntry([]byte{frameVersion}, newFrame("test", []byte("message"))))
	f.Add([]byte{frameVersion, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Add([]byte{frameVersion, 200, 'x'})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		channel, message, err := parseFrame(b)
		switch {
		case err == nil && !bytes.Equal(newFrame(channel, message), b):
			t.Errorf("%x was read as a message of %q and is another frame", b, channel)
		case err != nil && !errors.Is(err, errFrame):
			t.Errorf("error %v", err)
		case err == nil && (len(message) == 0 || len(message) > MaxLarge || channel == ""):
			t.Errorf("a message of %d bytes on %q", len(message), channel)
		}
		total := 0
		for frame := range entries(b) {
			total += len(frame)
		}
		if total > len(b) {
			t.Errorf("%d bytes of frames in %d", total, len(b))
		}
		x := NewExchange(&loose{nodes: 2})
		owner := &sheet{news: true}
		x.Add("test", owner)
		x.Receive(bytes.Clone(b))
		x.Absorb(b)
		for _, m := range owner.merged {
			if len(m) == 0 || len(m) > MaxLarge {
				t.Errorf("an owner got %d bytes", len(m))
			}
		}
	})
}
