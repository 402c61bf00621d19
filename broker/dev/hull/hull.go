package hull

import (
	"context"
	"errors"
	"net"
	"sync"
)

// State says what passes.
type State uint8

// The states. A new Hull is Open.
const (
	Open State = iota
	Cut
	Frozen
	Gone
)

// Why something did not pass.
var (
	ErrCut  = errors.New("hull: no route to the other sites")
	ErrGone = errors.New("hull: the site is gone")
)

// Hull stands around one site. It is safe for concurrent use; the zero value is
// open.
type Hull struct {
	mu     sync.Mutex
	state  State
	turned chan struct{} // closed when the state is another one; nil: nobody waits
	conns  map[*conn]struct{}
}

// State returns what passes now.
func (h *Hull) State() State {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.state
}

// Turn sets what passes from now on. Whatever waited is decided by it, and of a
// site that is gone every connection is closed.
func (h *Hull) Turn(to State) {
	h.mu.Lock()
	var broken map[*conn]struct{}
	if h.state != to {
		h.state = to
		if h.turned != nil {
			close(h.turned)
			h.turned = nil
		}
	}
	if to == Gone {
		broken, h.conns = h.conns, nil
	}
	h.mu.Unlock()
	for c := range broken {
		_ = c.Conn.Close() // it breaks; nobody is there to be told
	}
}

// Local passes what stays at the site or goes to those outside that a cut does
// not concern. It waits while the site is frozen, whatever deadline anybody has:
// nobody in a stopped process looks at a clock. The error is [ErrGone].
func (h *Hull) Local() error {
	if h.thawed() == Gone {
		return ErrGone
	}
	return nil
}

// Cross passes what goes to or comes from another site. It waits as Local does.
// The error is [ErrCut] or [ErrGone].
func (h *Hull) Cross() error {
	switch h.thawed() {
	case Cut:
		return ErrCut
	case Gone:
		return ErrGone
	default:
		return nil
	}
}

// thawed waits until the state is not Frozen, and returns it.
func (h *Hull) thawed() State {
	for {
		h.mu.Lock()
		if h.state != Frozen {
			defer h.mu.Unlock()
			return h.state
		}
		if h.turned == nil {
			h.turned = make(chan struct{})
		}
		turned := h.turned
		h.mu.Unlock()
		<-turned
	}
}

// Listener returns l with connections that pass h. They are taken even while the
// site is frozen: that is the kernel's doing, not the process's.
func (h *Hull) Listener(l net.Listener) net.Listener { return listener{l, h} }

// Dial returns dial with connections that pass h.
func (h *Hull) Dial(dial Dialer) Dialer {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if err := h.Local(); err != nil {
			return nil, &net.OpError{Op: "dial", Net: network, Err: err}
		}
		c, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return h.track(c, h.Local)
	}
}

// Between returns a connection with another site as one that passes h. Nothing
// passes one of a site that is gone.
func (h *Hull) Between(c net.Conn) net.Conn {
	tracked, err := h.track(c, h.Cross)
	if err != nil {
		return &conn{c, h, h.Cross} // closed, and says why
	}
	return tracked
}

// track returns c as a connection of the site, which breaks with it.
func (h *Hull) track(c net.Conn, pass func() error) (net.Conn, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.state == Gone {
		return nil, errors.Join(ErrGone, c.Close())
	}
	if h.conns == nil {
		h.conns = make(map[*conn]struct{})
	}
	tracked := &conn{c, h, pass}
	h.conns[tracked] = struct{}{}
	return tracked, nil
}

// Dialer connects, as [net.Dialer.DialContext] does.
type Dialer func(ctx context.Context, network, address string) (net.Conn, error)

type listener struct {
	net.Listener

	hull *Hull
}

func (l listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if tracked, err := l.hull.track(c, l.hull.Local); err == nil {
			return tracked, nil
		}
	}
}

// conn is a connection of the site: what arrives is held back, and what is to
// leave waits.
type conn struct {
	net.Conn

	hull *Hull
	pass func() error
}

func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if lost := c.pass(); lost != nil {
		return 0, lost
	}
	return n, err
}

func (c *conn) Write(b []byte) (int, error) {
	if err := c.pass(); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

func (c *conn) Close() error {
	c.hull.mu.Lock()
	delete(c.hull.conns, c)
	c.hull.mu.Unlock()
	return c.Conn.Close()
}
