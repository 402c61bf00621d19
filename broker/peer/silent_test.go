package peer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// pass is a wire between two nodes that can be frozen, as a stopped process is:
// connections are accepted and bytes are taken, and nothing comes back.
type pass struct {
	frozen atomic.Bool
	dials  atomic.Int64
}

func (p *pass) to(t *testing.T, address string) string {
	return listens(t, func(in net.Conn) {
		p.dials.Add(1)
		out, err := net.Dial("tcp", address)
		if err != nil {
			return
		}
		var both sync.WaitGroup
		both.Go(func() { p.copy(out, in); _ = out.Close() })
		both.Go(func() { p.copy(in, out); _ = in.Close() })
		both.Wait()
	})
}

func (p *pass) copy(to io.Writer, from io.Reader) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		if p.frozen.Load() {
			continue
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// A node that is frozen costs those who ask about a second, once; then nobody
// waits for it, one tries it from time to time, and it is asked again when it
// answers.
func TestAFrozenNode(t *testing.T) {
	for _, connected := range []bool{true, false} {
		t.Run(fmt.Sprintf("connected %t", connected), func(t *testing.T) {
			t.Parallel()
			frozen(t, connected)
		})
	}
}

func frozen(t *testing.T, connected bool) {
	asker, answerer, b := pair(t, handles("echo", echo))
	p := new(pass)
	at, _ := b.find(answerer.String())
	b.set(answerer.String(), p.to(t, at))
	want := ErrUndelivered // the handshake never ends
	if connected {
		_, err := asker.Ask(t.Context(), answerer.String(), "echo", nil)
		must(t, err)
		want = ErrUnknown
	}
	p.frozen.Store(true)
	began := time.Now()
	var asking sync.WaitGroup
	for range 2 * MaxUnderWay {
		asking.Go(func() {
			_, err := asker.Ask(t.Context(), answerer.String(), "echo", nil)
			if !errors.Is(err, want) && !errors.Is(err, ErrUndelivered) {
				t.Errorf("%v", err)
			}
		})
	}
	asking.Wait()
	if took := time.Since(began); took > 3*dialWithin {
		t.Errorf("everybody together waited for %s", took)
	}
	began = time.Now()
	for range 50 {
		_, err := asker.Ask(t.Context(), answerer.String(), "echo", nil)
		wants(t, err, ErrUndelivered)
	}
	if took := time.Since(began); took > dialWithin {
		t.Errorf("the next fifty waited for %s", took)
	}
	p.frozen.Store(false)
	eventually(t, "it is asked again", func() bool {
		_, err := asker.Ask(t.Context(), answerer.String(), "echo", nil)
		return err == nil
	})
}

// Somebody who is let in and then trickles, says too much or says nonsense is
// given up, and keeps nobody waiting.
func TestMalformedQuestions(t *testing.T) {
	asker, answerer, b := pair(t, handles("echo", echo))
	at, _ := b.find(answerer.String())
	for what, said := range map[string][]byte{
		"a question without a name":  {0, 0, 0, 1, 0, 0, 0, 9, 0},
		"a name that is too long":    append([]byte{0, 0, 0, 1, 0, 0, 0, 9, 65}, make([]byte, 65)...),
		"a body that is too long":    {0, 0, 0, 1, 0, 0, 0, 9, 1, 'e', 0, 1, 0, 1},
		"a body of four gigabytes":   {0, 0, 0, 1, 0, 0, 0, 9, 1, 'e', 255, 255, 255, 255},
		"half a question and no end": {0, 0, 0, 1, 0},
	} {
		raw, err := net.Dial("tcp", at)
		must(t, err)
		conn := tls.Client(raw, asker.client(answerer.String()))
		hello := make([]byte, 1)
		if _, err := io.ReadFull(conn, hello); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		_, err = conn.Write(said)
		must(t, err)
		must(t, conn.SetReadDeadline(time.Now().Add(3*time.Second)))
		if _, err := io.ReadAll(conn); errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: the connection stands", what)
		}
		must(t, raw.Close())
	}
	if _, err := asker.Ask(t.Context(), answerer.String(), "echo", nil); err != nil {
		t.Errorf("a node that asks meanwhile: %v", err)
	}
}

// An answerer that says nonsense, or answers what nobody asked, is not believed.
func TestMalformedAnswers(t *testing.T) {
	all, b := sites(t, "seoul", "busan"), new(book)
	asker := opens(t, all["seoul"].ring(t), Node{"seoul", "s-1"}, b)
	busan := &passport{keys: all["busan"].ring(t), node: "b-1", now: time.Now}
	plays := func(hello byte, said ...byte) {
		b.set("busan/b-1", listens(t, func(raw net.Conn) {
			conn := tls.Server(raw, &tls.Config{
				MinVersion: tls.VersionTLS13, NextProtos: []string{protocol}, ClientAuth: tls.RequireAnyClientCert,
				GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return busan.show() },
			})
			if _, err := conn.Write([]byte{hello}); err != nil {
				return
			}
			if _, err := conn.Read(make([]byte, 1024)); err != nil {
				return
			}
			if _, err := conn.Write(said); err != nil {
				return
			}
			_, _ = io.ReadAll(conn)
		}))
	}
	for what, tt := range map[string]struct {
		hello byte
		said  []byte
		want  error
	}{
		"a greeting of another version": {2, nil, ErrUndelivered},
		"an answer that is too long":    {greeting, []byte{0, 0, 0, 1, 0, 0, 1, 0, 1}, ErrUnknown},
		"a status that nobody knows":    {greeting, []byte{0, 0, 0, 1, 9, 0, 0, 0, 0}, ErrUnknown},
		"two answers":                   {greeting, []byte{0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0}, ErrRefused},
		"the answer to another": {
			greeting, []byte{0, 0, 0, 7, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0}, ErrRefused,
		},
	} {
		plays(tt.hello, tt.said...)
		_, err := asker.Ask(t.Context(), "busan/b-1", "echo", nil)
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", what, err, tt.want)
		}
	}
}

// One node has so many connections and no more: its newest are served.
func TestConnectionsOfOneNode(t *testing.T) {
	asker, answerer, b := pair(t, handles("echo", echo))
	for range 3 * maxLinesOf {
		l, err := asker.dial(t.Context(), answerer.String(), func() string { at, _ := b.find(answerer.String()); return at }())
		must(t, err)
		t.Cleanup(l.close)
	}
	if _, err := asker.Ask(t.Context(), answerer.String(), "echo", nil); err != nil {
		t.Error(err)
	}
}

// Lines that nobody asks on are given up, and nodes that are gone forgotten.
func TestTidy(t *testing.T) {
	asker, answerer, b := pair(t, handles("echo", echo))
	_, err := asker.Ask(t.Context(), answerer.String(), "echo", nil)
	must(t, err)
	n, err := asker.neighbour(answerer.String())
	must(t, err)
	asker.tidy()
	if n.line == nil {
		t.Error("a line of a moment ago is given up")
	}
	n.line.used = time.Now().Add(-2 * idleAfter)
	asker.tidy()
	if n.line != nil {
		t.Error("an idle line is kept")
	}
	b.mu.Lock()
	delete(b.at, answerer.String())
	b.mu.Unlock()
	asker.tidy()
	if len(asker.neighbours) != 0 {
		t.Error("a node that is gone is remembered")
	}
}

// Every connection, taken or made, goes through what the options say.
func TestConnectionsGoThrough(t *testing.T) {
	var taken, made atomic.Int64
	counting := func(count *atomic.Int64) func(*Wire, *Options) {
		return func(_ *Wire, o *Options) {
			if o != nil {
				o.Through = func(c net.Conn) net.Conn {
					count.Add(1)
					return c
				}
			}
		}
	}
	all, b, answerer := sites(t, "seoul", "busan"), new(book), Node{"busan", "b-1"}
	opens(t, all["busan"].ring(t), answerer, b, handles("echo", echo), counting(&taken))
	asker := opens(t, all["seoul"].ring(t), Node{"seoul", "s-1"}, b, counting(&made))
	if _, err := asker.Ask(t.Context(), answerer.String(), "echo", nil); err != nil {
		t.Fatal(err)
	}
	if taken.Load() != 1 || made.Load() != 1 {
		t.Errorf("%d were taken and %d made", taken.Load(), made.Load())
	}
}
