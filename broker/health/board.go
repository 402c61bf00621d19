package health

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bongsu/bongsu/providers"
)

// Board is what a node knows of all providers. It is safe for concurrent use:
// observing touches atomics only, reading a snapshot follows one pointer.
type Board struct {
	o       Options
	sites   []string // this one first, the others as configured
	began   time.Time
	watches []*watch
	byID    map[string]*watch
	once    *once
	metrics *metrics

	snapshot atomic.Pointer[Snapshot]
	poke     chan struct{} // something changed that cannot wait for the next second

	mu        sync.Mutex
	ticked    int64 // seconds since began that have been taken in
	peers     peers
	canaries  Canaries
	isolated  bool
	sequence  uint64
	published time.Time
	said      []entry // as last published, by provider
	saidNet   bool    // that canaries fail, as last published
	message   []byte  // our own record, signed
	send      func([]byte)
	rand      *rand.Rand
}

// New returns a board that knows nothing yet: every provider is Unknown and has
// all its weight. Errors wrap [ErrOptions].
func New(o Options) (*Board, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	now := o.Now()
	b := &Board{
		o: o, sites: []string{o.Site},
		// Seconds of the board begin with those of the clock, so that a start told
		// in whole seconds falls into the right one. Add keeps the monotonic reading.
		began: now.Add(-time.Duration(now.Nanosecond())),
		byID:  make(map[string]*watch, len(o.Providers)),
		once:  newOnce(), metrics: newMetrics(o.Registerer),
		poke:  make(chan struct{}, 1),
		peers: peers{held: make(map[nodeName]*held), index: make(map[uint32]int), own: o.Site, far: make(map[string]bool)},
		said:  make([]entry, len(o.Providers)),
		send:  func([]byte) {},
		rand:  rand.New(rand.NewPCG(uint64(now.UnixNano()), uint64(nameOf(o.Site+"/"+o.Node)))),
	}
	for _, site := range o.Sites {
		if site != o.Site {
			b.sites = append(b.sites, site)
		}
	}
	for i, info := range o.Providers {
		w := newWatch(info, i, now)
		b.watches = append(b.watches, w)
		b.byID[info.ID] = w
		b.peers.index[w.name] = i
		b.metrics.provider(o.Registerer, w)
	}
	b.snapshot.Store(b.picture(now))
	return b, nil
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Suspect == nil {
		o.Suspect = func(string) {}
	}
	if o.Changed == nil {
		o.Changed = func(Transition) {}
	}
	if o.Incarnation == 0 {
		o.Incarnation = uint64(o.Now().UnixMilli())
	}
	return o
}

// newsGap is how far apart evaluations are that news asks for: a node that
// changes its mind all the time costs the others no more than this.
const newsGap = 100 * time.Millisecond

// Run evaluates once a second, and at once when news cannot wait, until ctx ends.
func (b *Board) Run(ctx context.Context) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	poke, rested := (<-chan struct{})(b.poke), (<-chan time.Time)(nil)
	for {
		select {
		case <-ctx.Done():
			return
		case <-rested:
			poke, rested = b.poke, nil
			continue
		case <-ticker.C:
		case <-poke:
			poke, rested = nil, time.After(newsGap)
		}
		b.Tick()
	}
}

func (b *Board) hasten() {
	select {
	case b.poke <- struct{}{}:
	default:
	}
}

// Snapshot returns what the board held at its last evaluation.
func (b *Board) Snapshot() *Snapshot { return b.snapshot.Load() }

// Probed takes note of what a probe of ours found.
func (b *Board) Probed(p providers.Probed) {
	w := b.byID[p.Provider]
	if w == nil {
		return
	}
	now := b.o.Now()
	b.mu.Lock()
	w.probes.note(p, now)
	turning := w.probes.failing(now, probesDown) >= 0
	b.mu.Unlock()
	if p.Outcome == providers.Ours {
		w.ours.Add(1)
		w.oursAt.Store(now.Sub(b.began).Nanoseconds())
	}
	if turning {
		b.hasten()
	}
}

// Canaries takes note of how many hosts, that have nothing to do with any
// provider, answered. Fewer than a third of those asked means that the network
// is our trouble. It is believed for 90 seconds.
func (b *Board) Canaries(reached, asked int) {
	now := b.o.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.canaries = Canaries{Reached: max(reached, 0), Asked: max(asked, 0), At: now}
	b.canaries.Failing = b.canaries.Asked > 0 && b.canaries.Reached*3 < b.canaries.Asked
}

// SetBroadcast says who carries our record to other nodes. It is called at the
// end of Tick and must not block.
func (b *Board) SetBroadcast(send func(message []byte)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.send = send
}

// second is the second of the board that a moment lies in.
func (b *Board) second(t time.Time) int64 {
	d := t.Sub(b.began)
	if d < 0 {
		d -= time.Second - 1
	}
	return int64(d / time.Second)
}

// nameOf is how a record names a provider: the first four bytes of a hash.
func nameOf(id string) uint32 {
	sum := sha256.Sum256([]byte(id))
	return binary.BigEndian.Uint32(sum[:4])
}
