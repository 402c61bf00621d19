package sqlstore

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"sync"
	"testing"
	"time"
)

// line is a connection whose other end says what the test wants.
type line struct {
	net.Conn
	mu     sync.Mutex
	says   error // what Read ends with; nil: a byte
	closed bool
}

func (l *line) Write(p []byte) (int, error) { return len(p), nil }

func (l *line) Read(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.says != nil {
		return 0, l.says
	}
	p[0] = 'Z'
	return 1, nil
}

func (l *line) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	return nil
}

// exchange is a breaker with a clock and lines.
type exchange struct {
	t     *testing.T
	clock time.Time
	dial  func(ctx context.Context, network, target string) (net.Conn, error)
	dials error // what dialling ends with
	lines []*line
}

func newExchange(t *testing.T) *exchange {
	t.Helper()
	x := &exchange{t: t, clock: noon}
	b := newBreaker(Options{
		Timeout: 2 * time.Second, Logger: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return x.clock },
	})
	x.dial = b.dialer(func(context.Context, string, string) (net.Conn, error) {
		if x.dials != nil {
			x.clock = x.clock.Add(time.Second)
			return nil, x.dials
		}
		l := &line{}
		x.lines = append(x.lines, l)
		return l, nil
	})
	return x
}

// call opens a connection to target.
func (x *exchange) call(target string) net.Conn {
	x.t.Helper()
	conn, err := x.dial(x.t.Context(), "tcp", target)
	if err != nil {
		x.t.Fatalf("dial: %v", err)
	}
	return conn
}

// ask sends a question on c and waits for the answer or the deadline.
func (x *exchange) ask(c net.Conn, waits time.Duration, answer error) {
	x.t.Helper()
	if _, err := c.Write([]byte("Q")); err != nil {
		x.t.Fatal(err)
	}
	x.clock = x.clock.Add(waits)
	l := c.(*watchedConn).Conn.(*line)
	l.mu.Lock()
	l.says = answer
	l.mu.Unlock()
	_, _ = c.Read(make([]byte, 1))
}

func (x *exchange) refused(target string) bool {
	conn, err := x.dial(x.t.Context(), "tcp", target)
	if err == nil {
		_ = conn.Close()
	}
	return errors.Is(err, errSilent)
}

const (
	here  = "10.0.0.1:5432"
	there = "10.0.0.2:5432"
	ages  = 800 * time.Millisecond
)

func TestBreaker(t *testing.T) {
	silence := os.ErrDeadlineExceeded
	tests := []struct {
		name    string
		happens func(x *exchange)
		refused bool
	}{
		{"nothing happened", func(x *exchange) { x.call(here) }, false},
		{"three questions in a row without an answer", func(x *exchange) {
			for range 3 {
				x.ask(x.call(here), ages, silence)
			}
		}, true},
		{"two are not enough", func(x *exchange) {
			for range 2 {
				x.ask(x.call(here), ages, silence)
			}
		}, false},
		{"an answer in between", func(x *exchange) {
			x.ask(x.call(here), ages, silence)
			x.ask(x.call(here), ages, silence)
			x.ask(x.call(here), ages, nil)
			x.ask(x.call(here), ages, silence)
		}, false},
		{"three callers who gave up early", func(x *exchange) {
			for range 3 {
				x.ask(x.call(here), 100*time.Millisecond, silence)
			}
		}, false},
		{"three after a long idle time, given up early", func(x *exchange) {
			conns := []net.Conn{x.call(here), x.call(here), x.call(here)}
			x.clock = x.clock.Add(time.Hour)
			for _, c := range conns {
				x.ask(c, 10*time.Millisecond, silence)
			}
		}, false},
		{"slow questions while others are answered", func(x *exchange) {
			slow, quick := x.call(here), x.call(here)
			for range 5 {
				_, _ = slow.Write([]byte("Q"))
				x.ask(quick, ages, nil)
				x.ask(slow, 0, silence)
			}
		}, false},
		{"three slow questions, just after another was answered", func(x *exchange) {
			conns := []net.Conn{x.call(here), x.call(here), x.call(here)}
			for _, c := range conns {
				_, _ = c.Write([]byte("Q"))
			}
			x.clock = x.clock.Add(ages)
			x.ask(x.call(here), 0, nil)
			for _, c := range conns {
				x.ask(c, time.Millisecond, silence)
			}
		}, false},
		{"another address is silent", func(x *exchange) {
			for range 3 {
				x.ask(x.call(there), ages, silence)
			}
		}, false},
		{"connections that end are no silence", func(x *exchange) {
			for range 5 {
				x.ask(x.call(here), ages, net.ErrClosed)
			}
		}, false},
		{"dialling that takes too long", func(x *exchange) {
			x.dials = &net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}
			for range 3 {
				_, _ = x.dial(x.t.Context(), "tcp", here)
			}
			x.dials = nil
		}, true},
		{"dialling that is refused at once", func(x *exchange) {
			x.dials = errors.New("connection refused")
			for range 5 {
				_, _ = x.dial(x.t.Context(), "tcp", here)
			}
			x.dials = nil
		}, false},
		{"five seconds later it is tried again", func(x *exchange) {
			for range 3 {
				x.ask(x.call(here), ages, silence)
			}
			x.clock = x.clock.Add(refuseFor)
		}, false},
		{"then one more silence is enough", func(x *exchange) {
			for range 3 {
				x.ask(x.call(here), ages, silence)
			}
			x.clock = x.clock.Add(refuseFor)
			x.ask(x.call(here), ages, silence)
		}, true},
		{"unless it answered", func(x *exchange) {
			for range 3 {
				x.ask(x.call(here), ages, silence)
			}
			x.clock = x.clock.Add(refuseFor)
			x.ask(x.call(here), ages, nil)
			x.ask(x.call(here), ages, silence)
			x.ask(x.call(here), ages, silence)
		}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			x := newExchange(t)
			tt.happens(x)
			if got := x.refused(here); got != tt.refused {
				t.Errorf("refused: %v, want %v", got, tt.refused)
			}
		})
	}
}

func TestBreakerClosesWhatIsSilent(t *testing.T) {
	x := newExchange(t)
	idle, other := x.call(here), x.call(there)
	gone := x.call(here)
	if err := gone.Close(); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		x.ask(x.call(here), ages, os.ErrDeadlineExceeded)
	}
	closed := func(c net.Conn) bool { return c.(*watchedConn).Conn.(*line).closed }
	if !closed(idle) {
		t.Error("an idle connection to the silent address is kept")
	}
	if closed(other) {
		t.Error("a connection to another address was closed")
	}
	if held := idle.(*watchedConn).address.conns; len(held) != 4 {
		t.Errorf("%d connections are remembered, want the 4 that their pool has not closed", len(held))
	}
}
