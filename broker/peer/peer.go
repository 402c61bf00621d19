package peer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const tidyEvery = 15 * time.Second

// Handler answers questions of one name. It must answer within [AnswerWithin],
// which its context says too; whoever asked is gone afterwards. Its error tells
// the asker no more than that there was one.
type Handler func(ctx context.Context, from Node, body []byte) ([]byte, error)

// Wire is this node's end of all lines. It is safe for concurrent use. A nil Wire
// is that of a node that speaks with no other: it takes handlers and delivers
// nothing.
type Wire struct {
	options  Options
	metrics  *metrics
	passport *passport
	listener net.Listener

	handlers map[string]Handler // not changed once Run has begun
	ran      atomic.Bool

	handshakes chan struct{}
	serving    sync.WaitGroup // guests
	reading    sync.WaitGroup // lines

	mu         sync.Mutex
	ended      bool
	neighbours map[string]*neighbour
	guests     []*guest // as they came
	said       map[string]time.Time
}

// dialer connects to "host:port".
type dialer func(ctx context.Context, network, address string) (net.Conn, error)

// Open listens; nobody is answered before [Wire.Run]. Errors: those of Options
// and of the network.
func Open(ctx context.Context, o Options) (*Wire, error) {
	o, err := o.completed()
	if err != nil {
		return nil, err
	}
	w := &Wire{
		options: o, metrics: newMetrics(o.Registerer), listener: o.listener,
		passport: &passport{keys: o.Keys, node: o.Self.Node, now: o.Now},
		handlers: make(map[string]Handler), handshakes: make(chan struct{}, maxHandshakes),
		neighbours: make(map[string]*neighbour), said: make(map[string]time.Time),
	}
	if _, err := w.passport.show(); err != nil {
		return nil, err
	}
	if w.listener == nil {
		var lc net.ListenConfig
		if w.listener, err = lc.Listen(ctx, "tcp", o.Listen); err != nil {
			return nil, fmt.Errorf("listen for other nodes: %w", err)
		}
	}
	return w, nil
}

// Address returns where this node listens, "host:port".
func (w *Wire) Address() string { return w.listener.Addr().String() }

// Handle has h answer the questions of a name, 1 to 64 letters, digits, dots and
// underscores, before [Wire.Run]. It panics on other names, on one that is taken,
// and afterwards.
func (w *Wire) Handle(name string, h Handler) {
	if w == nil {
		return
	}
	if w.ran.Load() || !isName(name) || w.handlers[name] != nil {
		panic("peer: Handle " + name + ": once, before Run, and with a name")
	}
	w.handlers[name] = h
	w.metrics.named(name)
}

func isName(s string) bool {
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '.' && r != '_' {
			return false
		}
	}
	return s != "" && len(s) <= maxName
}

// Run answers questions until ctx ends, and returns when those under way are
// answered. It may be called once.
func (w *Wire) Run(ctx context.Context) {
	if !w.ran.CompareAndSwap(false, true) {
		panic("peer: Run is called once")
	}
	var accepting sync.WaitGroup
	accepting.Go(func() { w.accept(context.WithoutCancel(ctx)) })
	tick := time.NewTicker(tidyEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			_ = w.listener.Close() // nothing is lost: who was not accepted asks elsewhere
			accepting.Wait()
			w.end()
			return
		case <-tick.C:
			w.tidy()
		}
	}
}

// Close stops listening and gives up every line. It may be called twice.
func (w *Wire) Close() error {
	err := w.listener.Close()
	w.end()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// end lets handlers finish and gives up every line.
func (w *Wire) end() {
	w.mu.Lock()
	w.ended = true
	for _, g := range w.guests {
		g.stop()
	}
	w.mu.Unlock()
	w.serving.Wait()
	w.mu.Lock()
	for _, n := range w.neighbours {
		n.drop()
	}
	w.mu.Unlock()
	w.reading.Wait()
}

// tidy gives up lines that nobody asks on, and forgets nodes that are gone.
func (w *Wire) tidy() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for name, n := range w.neighbours {
		if _, known := w.options.Address(name); !known && len(n.slots) == 0 {
			n.drop()
			delete(w.neighbours, name)
			continue
		}
		n.dropIdle()
	}
}

// network dials those addresses alone where nodes may be.
func (o Options) network() *net.Dialer {
	return &net.Dialer{
		Control: func(_, address string, _ syscall.RawConn) error {
			if at, err := net.ResolveTCPAddr("tcp", address); err != nil || !o.allows(at) {
				return errors.New("no node may be there")
			}
			return nil
		},
	}
}
