package peer

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"
)

// guest is a connection on which another node asks this one.
type guest struct {
	wire *Wire
	conn *tls.Conn
	node Node
	ends time.Time // of its certificate

	slots   chan struct{}
	working sync.WaitGroup
	writing sync.Mutex
}

// accept lets others in until the listener is closed.
func (w *Wire) accept(ctx context.Context) {
	for {
		conn, err := w.listener.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			w.options.Logger.LogAttrs(ctx, slog.LevelWarn, "listening for other nodes: fails, retrying", slog.Any("error", err))
			select { // too many open files, perhaps
			case <-time.After(100 * time.Millisecond):
				continue
			case <-ctx.Done():
				return
			}
		}
		if !w.options.allows(conn.RemoteAddr()) {
			w.refuse(ctx, reasonAddress, conn.RemoteAddr().String(), errors.New("no node may be there"))
			_ = conn.Close()
			continue
		}
		select {
		case w.handshakes <- struct{}{}:
			w.serving.Go(func() { w.admit(ctx, w.options.Through(conn)) })
		default:
			w.refuse(ctx, reasonCrowded, conn.RemoteAddr().String(), errors.New("too many handshakes at once"))
			_ = conn.Close()
		}
	}
}

// admit finds out who is there and answers them, if they may ask.
func (w *Wire) admit(ctx context.Context, raw net.Conn) {
	defer func() { _ = raw.Close() }()
	g, err := w.greet(ctx, raw)
	<-w.handshakes
	if err != nil {
		w.refuse(ctx, reasonOf(err), raw.RemoteAddr().String(), err)
		return
	}
	if !w.enter(g) {
		w.refuse(ctx, reasonCrowded, raw.RemoteAddr().String(), errors.New("too many connections"))
		return
	}
	defer w.leave(g)
	if _, err := g.conn.Write([]byte{greeting}); err == nil {
		g.serve(ctx)
	}
	g.working.Wait()
}

func (w *Wire) greet(ctx context.Context, raw net.Conn) (*guest, error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeWithin)
	defer cancel()
	conn := tls.Server(raw, w.server())
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	node, err := w.whois(conn.ConnectionState())
	if err != nil {
		return nil, err
	}
	err = conn.SetDeadline(time.Now().Add(frameWithin)) // of the greeting
	return &guest{
		wire: w, conn: conn, node: node, ends: conn.ConnectionState().PeerCertificates[0].NotAfter,
		slots: make(chan struct{}, 2*MaxUnderWay), // the asker may have given some up
	}, err
}

// enter has the oldest connection of a node make room for its newest.
func (w *Wire) enter(g *guest) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended || len(w.guests) >= maxLines {
		return false
	}
	var same []*guest
	for _, other := range w.guests {
		if other.node == g.node {
			same = append(same, other)
		}
	}
	if len(same) >= maxLinesOf {
		_ = same[0].conn.NetConn().Close()
	}
	w.guests = append(w.guests, g)
	return true
}

func (w *Wire) leave(g *guest) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.guests = slices.DeleteFunc(w.guests, func(other *guest) bool { return other == g })
}

// stop ends the reading of questions; those read are answered.
func (g *guest) stop() { _ = g.conn.SetReadDeadline(time.Unix(1, 0)) }

// serve reads questions until the other end goes, speaks nonsense, or the node
// stops.
func (g *guest) serve(ctx context.Context) {
	in := bufio.NewReader(g.conn)
	for g.await(in) {
		if g.wire.options.Now().After(g.ends) {
			return // they come back with a newer one
		}
		q, err := readQuestion(in)
		if err != nil {
			if errors.Is(err, errFrame) {
				g.wire.refuse(ctx, reasonMalformed, g.conn.RemoteAddr().String(), fmt.Errorf("%w from %s", err, g.node))
			}
			return
		}
		select {
		case g.slots <- struct{}{}:
			g.working.Go(func() {
				defer func() { <-g.slots }()
				g.take(ctx, q)
			})
		default:
			g.wire.count(q.name, outcomeUntaken)
			g.reply(answer{id: q.id, status: statusUntaken})
		}
	}
}

// await returns when a frame has begun; false: none will. What has begun must
// end soon.
func (g *guest) await(in *bufio.Reader) bool {
	if !g.deadline(deafAfter) {
		return false
	}
	if _, err := in.Peek(1); err != nil {
		return false
	}
	return g.deadline(frameWithin)
}

// deadline bounds the next reading, unless the node stops.
func (g *guest) deadline(within time.Duration) bool {
	g.wire.mu.Lock() // so that a node which stops is the last to set it
	defer g.wire.mu.Unlock()
	return !g.wire.ended && g.conn.SetReadDeadline(time.Now().Add(within)) == nil
}

// take has a question answered. Who is slow says that it works on it, so that it
// is not held for dead.
func (g *guest) take(ctx context.Context, q question) {
	handler := g.wire.handlers[q.name]
	if handler == nil {
		g.wire.count(q.name, outcomeUntaken)
		g.reply(answer{id: q.id, status: statusUntaken})
		return
	}
	slow := time.AfterFunc(AnswerWithin/2, func() { g.reply(answer{id: q.id, status: statusWorking}) })
	defer slow.Stop()
	ctx, cancel := context.WithTimeout(ctx, min(q.wait, AnswerWithin))
	defer cancel()
	body, err := g.wire.handle(ctx, handler, g.node, q.body)
	if err == nil && len(body) > MaxBody {
		err = fmt.Errorf("peer: an answer of %d bytes", len(body))
	}
	if err != nil {
		g.wire.count(q.name, outcomeRefused)
		g.wire.options.Logger.LogAttrs(ctx, slog.LevelWarn, "question of another node refused", slog.String("event", "peer.question_refused"),
			slog.String("what", q.name), slog.String("peer", g.node.String()), slog.Any("error", err))
		g.reply(answer{id: q.id, status: statusRefused})
		return
	}
	g.wire.count(q.name, outcomeAnswered)
	g.reply(answer{id: q.id, status: statusAnswered, body: body})
}

// handle calls a handler, whose panic is an error.
func (w *Wire) handle(ctx context.Context, h Handler, from Node, body []byte) (answer []byte, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("peer: handler panicked: %v", fault)
		}
	}()
	return h(ctx, from, body)
}

// reply sends an answer; who does not take it in time is not answered any more.
func (g *guest) reply(a answer) {
	g.writing.Lock()
	defer g.writing.Unlock()
	err := g.conn.SetWriteDeadline(time.Now().Add(frameWithin))
	if err == nil {
		_, err = g.conn.Write(a.append(nil))
	}
	if err != nil {
		_ = g.conn.NetConn().Close()
	}
}

func (w *Wire) count(name, outcome string) {
	if w.handlers[name] == nil {
		name = otherName
	}
	w.metrics.served.WithLabelValues(name, outcome).Inc()
}
