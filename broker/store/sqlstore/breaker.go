package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

const (
	maxSilences = 3               // in a row, then an address is left
	refuseFor   = 5 * time.Second // after that
)

var errSilent = errors.New("sqlstore: the address fell silent and is left alone for a while")

// breaker leaves an address that accepts connections and answers nothing, as a
// frozen server does. The driver alone would keep every connection busy there
// for 15 seconds. When three questions in a row went unanswered for a time in
// which the address said nothing else either, all its connections are closed
// and it is not called again for 5 seconds: whoever has another host in the
// connection string goes there.
type breaker struct {
	silence time.Duration // without an answer until a question counts
	now     func() time.Time
	began   time.Time // times below count from here: the wall clock may be set
	logger  *slog.Logger

	mu        sync.Mutex
	addresses map[string]*address
}

func newBreaker(o Options) *breaker {
	// An attempt ends after half of the verb's time, a little later than a
	// question that was asked in it has to count.
	return &breaker{
		silence: o.Timeout * 3 / 8, now: o.Now, began: o.Now(), logger: o.Logger, addresses: map[string]*address{},
	}
}

// clock is the time since the breaker was made, in nanoseconds; never 0.
func (b *breaker) clock() int64 { return int64(max(b.now().Sub(b.began), 1)) }

// address is one host and port.
type address struct {
	name    string
	heard   atomic.Int64 // when it last said anything
	silent  atomic.Int32 // questions in a row without an answer
	mu      sync.Mutex
	conns   map[*watchedConn]struct{}
	refused int64 // until when
}

// dialer returns dial, watched.
func (b *breaker) dialer(dial pgconn.DialFunc) pgconn.DialFunc {
	return func(ctx context.Context, network, target string) (net.Conn, error) {
		a := b.address(network + " " + target)
		began := b.clock()
		if a.isRefused(began) {
			return nil, fmt.Errorf("%w: %s", errSilent, target)
		}
		conn, err := dial(ctx, network, target)
		if err != nil {
			if timedOut(err) {
				b.unanswered(a, began)
			}
			return nil, err
		}
		return a.watch(&watchedConn{Conn: conn, breaker: b, address: a}), nil
	}
}

func (b *breaker) address(name string) *address {
	b.mu.Lock()
	defer b.mu.Unlock()
	a, ok := b.addresses[name]
	if !ok {
		a = &address{name: name, conns: map[*watchedConn]struct{}{}}
		b.addresses[name] = a
	}
	return a
}

func (a *address) isRefused(now int64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return now < a.refused
}

func (a *address) watch(c *watchedConn) *watchedConn {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.conns[c] = struct{}{}
	return c
}

func (a *address) forget(c *watchedConn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.conns, c)
}

// unanswered counts a question that was asked at asked and given up now.
func (b *breaker) unanswered(a *address, asked int64) {
	now := b.clock()
	if now-max(asked, a.heard.Load()) < int64(b.silence) || a.silent.Add(1) < maxSilences {
		return
	}
	a.silent.Store(maxSilences - 1) // after the refusal one more question is enough
	a.mu.Lock()
	already := now < a.refused
	a.refused = now + int64(refuseFor)
	a.mu.Unlock()
	a.hangUp()
	if !already {
		b.logger.LogAttrs(context.Background(), slog.LevelWarn, "database address fell silent; leaving it",
			slog.String("address", a.name))
	}
}

// hangUp closes all connections to the address. Whoever waits on one is told;
// its pool forgets it when it finds out.
func (a *address) hangUp() {
	a.mu.Lock()
	leaving := slices.Collect(maps.Keys(a.conns))
	a.mu.Unlock()
	for _, c := range leaving {
		_ = c.Conn.Close()
	}
}

// close ends what the driver leaves behind: it says goodbye to a silent server
// for up to 15 seconds.
func (b *breaker) close() {
	b.mu.Lock()
	all := slices.Collect(maps.Values(b.addresses))
	b.mu.Unlock()
	for _, a := range all {
		a.hangUp()
	}
}

// watchedConn tells its address what it hears.
type watchedConn struct {
	net.Conn
	breaker *breaker
	address *address
	asked   atomic.Int64 // when a question was sent that nothing has answered yet; 0: none
}

func (c *watchedConn) Write(p []byte) (int, error) {
	c.asked.CompareAndSwap(0, c.breaker.clock())
	n, err := c.Conn.Write(p)
	c.failed(err)
	return n, err
}

func (c *watchedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.asked.Store(0)
		c.address.heard.Store(c.breaker.clock())
		c.address.silent.Store(0)
	}
	c.failed(err)
	return n, err
}

// failed counts an unanswered question, once.
func (c *watchedConn) failed(err error) {
	if err == nil || !timedOut(err) {
		return
	}
	if asked := c.asked.Swap(0); asked != 0 {
		c.breaker.unanswered(c.address, asked)
	}
}

func (c *watchedConn) Close() error {
	c.address.forget(c)
	return c.Conn.Close()
}

func timedOut(err error) bool {
	var failed net.Error
	return errors.As(err, &failed) && failed.Timeout()
}
