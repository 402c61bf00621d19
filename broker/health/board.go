package health

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/bongsu/bongsu/providers"
)

// Board is what a node knows of all providers. It is safe for concurrent use.
type Board struct {
	o        Options
	snapshot atomic.Pointer[Snapshot]
}

// New returns a board that knows nothing yet: every provider is Unknown and has
// all its weight. Errors wrap [ErrOptions].
func New(o Options) (*Board, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
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
	b := &Board{o: o}
	b.snapshot.Store(&Snapshot{At: o.Now(), Site: o.Site})
	return b, nil
}

// Observe takes note of one step of a real login. It never blocks.
func (b *Board) Observe(o Observation) { b.ObserveMany(o, 1) }

// ObserveMany takes note of n steps like o, each by a browser and from an
// address prefix of its own. It is for replays, in which people are rates.
func (b *Board) ObserveMany(o Observation, n int) {}

// Probed takes note of what a probe of ours found.
func (b *Board) Probed(p providers.Probed) {}

// Canaries takes note of how many hosts, that have nothing to do with any
// provider, answered. None reached of several asked means that the network is
// our trouble.
func (b *Board) Canaries(reached, asked int) {}

// Run evaluates once a second until ctx ends.
func (b *Board) Run(ctx context.Context) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			b.Tick()
		}
	}
}

// Tick evaluates everything at Now.
func (b *Board) Tick() {}

// Snapshot returns what the board held at its last evaluation.
func (b *Board) Snapshot() *Snapshot { return b.snapshot.Load() }

// Merge takes in another node's signed record. It reports whether it was news,
// which whoever carries records passes on. Errors wrap [ErrRecord].
func (b *Board) Merge(message []byte) (news bool, err error) { return false, nil }

// Messages returns all signed records that have not expired, our own included.
func (b *Board) Messages() [][]byte { return nil }

// SetBroadcast says who carries our record to other nodes. It is called from
// within Tick and must not block.
func (b *Board) SetBroadcast(send func(message []byte)) {}

// Explain returns every number behind the verdict on a provider; false when the
// board does not know it.
func (b *Board) Explain(provider string) (Explanation, bool) { return Explanation{}, false }

// nameOf is how a record names a provider: the first four bytes of a hash.
func nameOf(id string) uint32 {
	sum := sha256.Sum256([]byte(id))
	return binary.BigEndian.Uint32(sum[:4])
}
