package peer

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

var (
	errSilent  = errors.New("it does not answer")
	errUntaken = fmt.Errorf("%w: it takes no such question now", ErrUndelivered)
)

// line is a connection that this node asks another on. Questions share it;
// answers come as they are ready.
type line struct {
	address string
	conn    *tls.Conn
	until   time.Time // when the other's certificate ends

	turn   chan struct{} // who writes
	once   sync.Once
	closed chan struct{}

	mu      sync.Mutex
	last    uint32
	waiting map[uint32]chan answer
	used    time.Time // when it was asked on last
	heard   time.Time // when anything came last
}

// dial makes a line to a node: it stands when the other has greeted, and until
// then nothing was asked.
func (w *Wire) dial(ctx context.Context, name, address string) (*line, error) {
	short, cancel := context.WithTimeout(ctx, dialWithin)
	defer cancel()
	began := time.Now()
	l, err := w.handshake(short, name, address)
	if err != nil && time.Since(began) >= dialWithin {
		return nil, fmt.Errorf("%w: %w", errSilent, err)
	}
	return l, err
}

func (w *Wire) handshake(ctx context.Context, name, address string) (*line, error) {
	raw, err := w.options.dial(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	raw = w.options.Through(raw)
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() }) // whatever waits on it, ends
	conn := tls.Client(raw, w.client(name))
	err = conn.HandshakeContext(ctx)
	if err == nil {
		var hello [1]byte
		if _, err = io.ReadFull(conn, hello[:]); err == nil && hello[0] != greeting {
			err = errFrame
		}
	}
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = raw.Close()
		if ctx.Err() == nil {
			w.refuse(ctx, reasonOf(err), address, err)
		}
		return nil, err
	}
	return &line{
		address: address, conn: conn, until: conn.ConnectionState().PeerCertificates[0].NotAfter,
		turn: make(chan struct{}, 1), closed: make(chan struct{}), waiting: make(map[uint32]chan answer), used: time.Now(),
	}, nil
}

// ask sends a question and waits for its answer.
func (l *line) ask(ctx context.Context, name string, body []byte) ([]byte, error) {
	id, came := l.enlist()
	defer l.forget(id)
	wait := AnswerWithin
	if ends, ok := ctx.Deadline(); ok {
		wait = min(wait, time.Until(ends))
	}
	if err := l.write(ctx, question{id: id, wait: wait, name: name, body: body}.append(nil)); err != nil {
		return nil, err
	}
	sent := time.Now()
	over := time.NewTimer(AnswerWithin)
	defer over.Stop()
	select {
	case a := <-came:
		return a.read()
	case <-l.closed:
		select {
		case a := <-came: // it came before
			return a.read()
		default:
			return nil, fmt.Errorf("%w: the connection was lost", ErrUnknown)
		}
	case <-ctx.Done():
	case <-over.C:
	}
	if time.Since(sent) >= AnswerWithin*9/10 && !l.heardSince(sent) {
		l.close()
		return nil, fmt.Errorf("%w: %w", ErrUnknown, errSilent)
	}
	return nil, fmt.Errorf("%w: no answer in time", ErrUnknown)
}

// write sends a frame. An error says that the other end cannot have all of it:
// the kernel was not given its end.
func (l *line) write(ctx context.Context, frame []byte) error {
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-l.closed:
		return fmt.Errorf("%w: the connection was lost", ErrUndelivered)
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrUndelivered, ctx.Err())
	}
	err := l.conn.SetWriteDeadline(time.Now().Add(frameWithin))
	if err == nil {
		_, err = l.conn.Write(frame)
	}
	if err == nil {
		return nil
	}
	l.close()
	if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
		return fmt.Errorf("%w: %w", ErrUndelivered, errSilent)
	}
	return fmt.Errorf("%w: %w", ErrUndelivered, err)
}

// read hands answers to those who wait, until the line is closed by either end.
func (l *line) read() {
	defer l.close()
	in := bufio.NewReader(l.conn)
	for {
		a, err := readAnswer(in)
		if err != nil {
			return
		}
		l.mu.Lock()
		l.heard = time.Now()
		came := l.waiting[a.id]
		l.mu.Unlock()
		if came != nil && a.status != statusWorking {
			select {
			case came <- a:
			default: // answered twice: the first counts
			}
		}
	}
}

func (a answer) read() ([]byte, error) {
	switch a.status {
	case statusAnswered:
		return a.body, nil
	case statusRefused:
		return nil, ErrRefused
	case statusUntaken:
		return nil, errUntaken
	}
	return nil, fmt.Errorf("%w: it answers what this version does not know", ErrUnknown)
}

func (l *line) enlist() (uint32, <-chan answer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	came := make(chan answer, 1)
	l.waiting[l.last], l.used = came, time.Now()
	return l.last, came
}

func (l *line) forget(id uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.waiting, id)
}

func (l *line) heardSince(t time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.heard.After(t)
}

func (l *line) idle() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.waiting) == 0 && time.Since(l.used) > idleAfter
}

func (l *line) isClosed() bool {
	select {
	case <-l.closed:
		return true
	default:
		return false
	}
}

// close ends the line at once: TLS would wait to say goodbye to somebody who may
// not listen.
func (l *line) close() {
	l.once.Do(func() {
		close(l.closed)
		_ = l.conn.NetConn().Close()
	})
}
