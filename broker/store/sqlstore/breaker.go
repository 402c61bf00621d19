package sqlstore

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// When an address is left behind: so many deadlines in a row, so long without
// a byte from it, and how long it is then not dialled.
const (
	breakAfter  = 3
	breakSilent = time.Second
	breakFor    = 5 * time.Second
)

// errBroken means that an address did not answer lately and is left alone.
var errBroken = errors.New("sqlstore: the address did not answer and is left alone for a moment")

// breaker leaves a frozen server behind. A server that is dead refuses
// connections; a frozen one accepts them, answers nothing and would keep every
// connection of the pool busy until its deadline, again and again.
type breaker struct {
	now    func() time.Time
	dialer net.Dialer

	mu        sync.Mutex
	deadlines int
	open      map[*trackedConn]struct{}
	broken    map[string]time.Time // address → until when
}

func newBreaker(now func() time.Time) *breaker {
	return &breaker{now: now, open: make(map[*trackedConn]struct{}), broken: make(map[string]time.Time)}
}

// dial implements pgconn's DialFunc.
func (b *breaker) dial(ctx context.Context, network, address string) (net.Conn, error) {
	b.mu.Lock()
	until, isBroken := b.broken[address]
	b.mu.Unlock()
	if isBroken && b.now().Before(until) {
		return nil, errBroken
	}
	conn, err := b.dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	tracked := &trackedConn{Conn: conn, breaker: b, address: address, heard: b.now()}
	b.mu.Lock()
	b.open[tracked] = struct{}{}
	b.mu.Unlock()
	return tracked, nil
}

// answered says that the database answered something.
func (b *breaker) answered() {
	b.mu.Lock()
	b.deadlines = 0
	b.mu.Unlock()
}

// silence says that a deadline passed. The third in a row closes all
// connections to addresses that have been silent, and leaves those alone.
func (b *breaker) silence() {
	now := b.now()
	var hung []*trackedConn
	b.mu.Lock()
	b.deadlines++
	if b.deadlines >= breakAfter {
		for conn := range b.open {
			if now.Sub(conn.lastHeard()) > breakSilent {
				hung = append(hung, conn)
				b.broken[conn.address] = now.Add(breakFor)
			}
		}
		b.deadlines = 0
	}
	b.mu.Unlock()
	for _, conn := range hung {
		_ = conn.Close()
	}
}

// trackedConn remembers when it last heard from the other side.
type trackedConn struct {
	net.Conn

	breaker *breaker
	address string

	mu    sync.Mutex
	heard time.Time
}

// Read implements [net.Conn].
func (c *trackedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		at := c.breaker.now()
		c.mu.Lock()
		c.heard = at
		c.mu.Unlock()
	}
	return n, err
}

// Close implements [net.Conn].
func (c *trackedConn) Close() error {
	c.breaker.mu.Lock()
	delete(c.breaker.open, c)
	c.breaker.mu.Unlock()
	return c.Conn.Close()
}

func (c *trackedConn) lastHeard() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.heard
}
