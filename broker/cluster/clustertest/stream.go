package clustertest

import (
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

// stream is one end of a connection.
type stream struct {
	network    *Network
	from, to   netip.AddrPort
	owner      *Transport
	in, out    *half
	mu         sync.Mutex
	readBy     time.Time // zero: never
	closed     chan struct{}
	closedOnce sync.Once
}

// half is one direction of a connection.
type half struct {
	mu     sync.Mutex
	chunks []chunk
	stuck  bool          // a partition cut it
	wake   chan struct{} // something may be different
}

// chunk is what was written at once; nil data is the end.
type chunk struct {
	data []byte
	at   time.Time // when it arrives
}

func (n *Network) pipe(a, b *Transport) (net.Conn, net.Conn) {
	there, back := &half{wake: make(chan struct{}, 1)}, &half{wake: make(chan struct{}, 1)}
	return &stream{network: n, from: a.at, to: b.at, owner: a, in: back, out: there, closed: make(chan struct{})},
		&stream{network: n, from: b.at, to: a.at, owner: b, in: there, out: back, closed: make(chan struct{})}
}

func (h *half) signal() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// Read waits for data, the end, the deadline or Close.
func (s *stream) Read(b []byte) (int, error) {
	for {
		n, next, err := s.in.take(b)
		if n > 0 || err != nil {
			return n, err
		}
		if err := s.wait(next); err != nil {
			return 0, err
		}
	}
}

// take copies what has arrived, or says when something will.
func (h *half) take(b []byte) (n int, next time.Time, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.chunks) == 0 {
		return 0, time.Time{}, nil
	}
	first := &h.chunks[0]
	if time.Now().Before(first.at) {
		return 0, first.at, nil
	}
	if first.data == nil {
		return 0, time.Time{}, io.EOF
	}
	n = copy(b, first.data)
	if first.data = first.data[n:]; len(first.data) == 0 {
		h.chunks = h.chunks[1:]
	}
	return n, time.Time{}, nil
}

func (s *stream) wait(next time.Time) error {
	s.mu.Lock()
	readBy := s.readBy
	s.mu.Unlock()
	if !readBy.IsZero() && (next.IsZero() || readBy.Before(next)) {
		if next = readBy; !time.Now().Before(readBy) {
			return errTimeout{}
		}
	}
	var due <-chan time.Time
	if !next.IsZero() {
		timer := time.NewTimer(time.Until(next))
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-s.closed:
		return net.ErrClosed
	case <-due:
	case <-s.in.wake:
	}
	return nil
}

// Write never waits: what is written is under way.
func (s *stream) Write(b []byte) (int, error) {
	select {
	case <-s.closed:
		return 0, net.ErrClosed
	default:
	}
	s.owner.streamBytes.Add(int64(len(b)))
	s.send(append([]byte{}, b...))
	return len(b), nil
}

func (s *stream) send(data []byte) {
	reaches := s.network.reaches(s.from, s.to)
	s.out.mu.Lock()
	defer s.out.mu.Unlock()
	if s.out.stuck = s.out.stuck || !reaches; s.out.stuck || data != nil && len(data) == 0 {
		return
	}
	s.out.chunks = append(s.out.chunks, chunk{data, time.Now().Add(s.network.options.Latency)})
	s.out.signal()
}

// Close tells the other end.
func (s *stream) Close() error {
	s.closedOnce.Do(func() {
		s.send(nil)
		close(s.closed)
	})
	return nil
}

// SetDeadline and its kin; writing never waits.
func (s *stream) SetDeadline(t time.Time) error { return s.SetReadDeadline(t) }

func (s *stream) SetReadDeadline(t time.Time) error {
	s.mu.Lock()
	s.readBy = t
	s.mu.Unlock()
	s.in.signal()
	return nil
}

func (s *stream) SetWriteDeadline(time.Time) error { return nil }

func (s *stream) LocalAddr() net.Addr  { return net.TCPAddrFromAddrPort(s.from) }
func (s *stream) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(s.to) }
