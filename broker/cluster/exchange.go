package cluster

import (
	"bytes"
	"fmt"
	"slices"
	"sync"

	"github.com/hashicorp/memberlist"
)

// State is what the owner of a channel does with messages. Both methods may be
// called at any time and must return soon: everybody's news waits for them.
type State interface {
	// Merge takes note of a message, which it may keep and must not change. It
	// reports whether that was news: only then it is passed on to others. The
	// same message twice is never news the second time, or it circles for
	// ever. An error says that nobody should have sent this; it is counted and
	// not passed on.
	Merge(message []byte) (news bool, err error)
	// Messages returns all that a node which has heard nothing should be told,
	// each at most [MaxLarge] bytes, the most important first. The owner leaves
	// what it returned as it is.
	Messages() [][]byte
}

// Wire is what an [Exchange] needs of whatever carries its frames: memberlist,
// or a simulation of it.
type Wire interface {
	// Nodes returns how many nodes there are, this one included. News is
	// repeated in proportion to its logarithm.
	Nodes() int
	// Reliably sends a frame to every other node, once, and keeps it. It must
	// not block; it reports whether it took the frame.
	Reliably(frame []byte) bool
}

// The relay's measures.
const (
	retransmitMult = 6    // a frame is sent this many times ceil(log10(nodes+1)) by each who found it news
	maxQueued      = 1024 // frames waiting for packets; the most often sent goes first
)

// Exchange is the relay between channels and a wire: it frames what owners
// broadcast, hands what arrives to its owner, and passes on what was news. It
// starts nothing, reads no clock and draws no lots, so a simulation can run it
// in a time of its own: whenever a packet is due, it asks for [Exchange.Packet]
// and gives each frame to the receiving node's [Exchange.Receive].
//
// It is safe for concurrent use.
type Exchange struct {
	wire    Wire
	metrics *metrics
	queue   memberlist.TransmitLimitedQueue

	mu       sync.RWMutex
	channels map[string]*Channel
	order    []*Channel // as they were added
}

// NewExchange returns an Exchange over a wire that counts nowhere.
func NewExchange(wire Wire) *Exchange { return newExchange(wire, newMetrics(nil)) }

func newExchange(wire Wire, m *metrics) *Exchange {
	return &Exchange{
		wire: wire, metrics: m, channels: make(map[string]*Channel),
		queue: memberlist.TransmitLimitedQueue{NumNodes: wire.Nodes, RetransmitMult: retransmitMult},
	}
}

// Channel is one kind of message among all that are carried.
type Channel struct {
	name     string
	exchange *Exchange
	state    State
	counts   channelCounts
}

// Add makes a channel of which s is the owner. It panics on a name that is
// taken, empty or longer than [MaxChannel]: names are written in the program.
func (x *Exchange) Add(name string, s State) *Channel {
	x.mu.Lock()
	defer x.mu.Unlock()
	if name == "" || len(name) > MaxChannel || x.channels[name] != nil {
		panic(fmt.Sprintf("cluster: a channel cannot be called %q", name))
	}
	c := &Channel{name: name, exchange: x, state: s, counts: x.metrics.channel(name)}
	x.channels[name] = c
	x.order = append(x.order, c)
	return c
}

// Broadcast sends a message to all nodes. It never blocks and keeps nothing of
// the slice: up to [MaxMessage] bytes travel with gossip, up to [MaxLarge] over
// a stream to every peer. What is longer, or finds the queue for streams full,
// is dropped and counted; push/pull brings later what [State.Messages] holds.
func (c *Channel) Broadcast(message []byte) {
	switch {
	case len(message) == 0 || len(message) > MaxLarge:
		c.exchange.metrics.drop(dropOversize)
		return
	case len(message) <= MaxMessage:
		c.exchange.enqueue(newFrame(c.name, message))
	case !c.exchange.wire.Reliably(newFrame(c.name, message)):
		c.exchange.metrics.drop(dropQueueFull)
		return
	}
	c.counts.out.Inc()
}

// Receive takes a frame that arrived. The caller does not use it afterwards.
func (x *Exchange) Receive(frame []byte) {
	name, message, err := parseFrame(frame)
	if err != nil {
		x.metrics.drop(dropMalformed)
		return
	}
	x.mu.RLock()
	c := x.channels[name]
	x.mu.RUnlock()
	if c == nil {
		x.metrics.drop(dropUnknownChannel)
		return
	}
	c.counts.in.Inc()
	news, err := c.state.Merge(message)
	if err != nil {
		x.metrics.drop(dropRefused)
		return
	}
	// Who sent a large message sent it to everybody.
	if news && len(message) <= MaxMessage {
		c.counts.relayed.Inc()
		x.enqueue(frame)
	}
}

// Packet returns frames for one packet: limit is how many bytes fit, of which
// each frame costs overhead more than its length.
func (x *Exchange) Packet(overhead, limit int) [][]byte {
	return x.queue.GetBroadcasts(overhead, limit)
}

// Pending returns how many frames wait to be sent, or sent again.
func (x *Exchange) Pending() int { return x.queue.NumQueued() }

// Snapshot returns the messages of all channels for a node that may have missed
// some, at most 1 MiB: channels take turns until nothing more fits.
func (x *Exchange) Snapshot() []byte {
	x.mu.RLock()
	order := slices.Clone(x.order)
	x.mu.RUnlock()
	left := make([][][]byte, len(order))
	for i, c := range order {
		left[i] = c.state.Messages()
	}
	state := []byte{frameVersion}
	for more := true; more; {
		more = false
		for i, c := range order {
			if len(left[i]) == 0 {
				continue
			}
			message := left[i][0]
			left[i], more = left[i][1:], true
			state = x.appendMessage(state, c, message)
		}
	}
	return state
}

func (x *Exchange) appendMessage(state []byte, c *Channel, message []byte) []byte {
	const lengths = 3 + 2 // of the frame, and what is in front of its name
	if len(message) == 0 || len(message) > MaxLarge || len(state)+lengths+len(c.name)+len(message) > maxState {
		x.metrics.drop(dropOversize)
		return state
	}
	return appendEntry(state, newFrame(c.name, message))
}

// Absorb takes the messages of another node's [Exchange.Snapshot]. The caller
// does not use it afterwards.
func (x *Exchange) Absorb(snapshot []byte) {
	for frame := range entries(snapshot) {
		x.Receive(bytes.Clone(frame)) // what is kept of it must not keep the whole
	}
}

func (x *Exchange) enqueue(frame []byte) {
	x.queue.QueueBroadcast(news(frame))
	if over := x.queue.NumQueued() - maxQueued; over > 0 {
		x.queue.Prune(maxQueued)
		x.metrics.dropped[dropQueueFull].Add(float64(over))
	}
}

// news is a frame in memberlist's queue. Nothing there makes another obsolete:
// whoever receives two of the same author keeps the later one.
type news []byte

// Invalidates, Message, Finished and UniqueBroadcast are memberlist's.
func (n news) Invalidates(memberlist.Broadcast) bool { return false }
func (n news) Message() []byte                       { return n }
func (n news) Finished()                             {}
func (n news) UniqueBroadcast()                      {}
