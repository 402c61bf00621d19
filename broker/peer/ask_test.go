package peer

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// A question reaches the handler of its name, who knows who asks, and every end
// that it can take has an error of its own.
func TestAsk(t *testing.T) {
	asker, answerer, b := pair(t, handles("echo", echo),
		handles("no", func(context.Context, Node, []byte) ([]byte, error) { return nil, errors.New("not you") }),
		handles("panic", func(context.Context, Node, []byte) ([]byte, error) { panic("oh") }),
		handles("much", func(context.Context, Node, []byte) ([]byte, error) { return make([]byte, MaxBody+1), nil }),
		handles("enough", func(_ context.Context, _ Node, body []byte) ([]byte, error) { return body, nil }),
	)
	got, err := asker.Ask(t.Context(), answerer.String(), "echo", []byte("hello"))
	if must(t, err); string(got) != "seoul/s-1 says hello" {
		t.Errorf("answered %q", got)
	}
	long := bytes.Repeat([]byte("x"), MaxBody)
	if got, err = asker.Ask(t.Context(), answerer.String(), "enough", long); err != nil || !bytes.Equal(got, long) {
		t.Errorf("the longest question: %d bytes, %v", len(got), err)
	}
	b.set("busan/gone", "127.0.0.1:1")
	past, cancel := context.WithCancel(t.Context())
	cancel()
	tests := []struct {
		what, node, name string
		ctx              context.Context
		body             []byte
		want             error
	}{
		{"one byte too many", "busan/b-1", "enough", nil, append(long, 'x'), ErrUndelivered},
		{"a handler that says no", "busan/b-1", "no", nil, nil, ErrRefused},
		{"a handler that fails", "busan/b-1", "panic", nil, nil, ErrRefused},
		{"a handler that says too much", "busan/b-1", "much", nil, nil, ErrRefused},
		{"no such handler", "busan/b-1", "else", nil, nil, ErrUndelivered},
		{"no name", "busan/b-1", "", nil, nil, ErrUndelivered},
		{"a name that is none", "busan/b-1", "Echo", nil, nil, ErrUndelivered},
		{"a node that nobody knows", "busan/b-9", "echo", nil, nil, ErrUndelivered},
		{"a node that is not there", "busan/gone", "echo", nil, nil, ErrUndelivered},
		{"itself", "seoul/s-1", "echo", nil, nil, ErrUndelivered},
		{"somebody who has gone meanwhile", "busan/b-1", "echo", past, nil, ErrUndelivered},
	}
	for _, tt := range tests {
		if tt.ctx == nil {
			tt.ctx = t.Context()
		}
		_, err := asker.Ask(tt.ctx, tt.node, tt.name, tt.body)
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.what, err, tt.want)
		}
	}
	if n := testutil.ToFloat64(asker.metrics.asked.WithLabelValues("other", outcomeAnswered)); n != 2 {
		t.Errorf("%v questions are counted as answered", n)
	}
}

// A node that speaks with no other delivers nothing and takes what it is given.
func TestNoWire(t *testing.T) {
	var w *Wire
	w.Handle("echo", echo)
	_, err := w.Ask(t.Context(), "busan/b-1", "echo", nil)
	wants(t, err, ErrUndelivered)
}

// Many questions share one line; no more than the bound are under way to one
// node, and the others wait for their turn.
func TestManyQuestions(t *testing.T) {
	var now, most atomic.Int64
	asker, answerer, _ := pair(t, handles("slow", func(ctx context.Context, _ Node, body []byte) ([]byte, error) {
		if n := now.Add(1); n > most.Load() {
			most.Store(n)
		}
		defer now.Add(-1)
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
		}
		return body, nil
	}))
	var asking sync.WaitGroup
	for i := range 200 {
		asking.Go(func() {
			body := []byte(strings.Repeat("x", i))
			got, err := asker.Ask(t.Context(), answerer.String(), "slow", body)
			if err != nil || !bytes.Equal(got, body) {
				t.Errorf("question %d: %d bytes, %v", i, len(got), err)
			}
		})
	}
	asking.Wait()
	if most.Load() > MaxUnderWay || most.Load() < 2 {
		t.Errorf("%d were under way at a time", most.Load())
	}
	if lines := len(asker.neighbours); lines != 1 {
		t.Errorf("%d neighbours", lines)
	}
}

// Who does not get a turn in time has asked nobody.
func TestNoTurn(t *testing.T) {
	release := make(chan struct{})
	asker, answerer, _ := pair(t, handles("wait", func(ctx context.Context, _ Node, _ []byte) ([]byte, error) {
		select {
		case <-release:
		case <-ctx.Done():
		}
		return nil, nil
	}))
	var asking sync.WaitGroup
	for range MaxUnderWay {
		asking.Go(func() {
			_, err := asker.Ask(t.Context(), answerer.String(), "wait", nil)
			if err != nil {
				t.Error(err)
			}
		})
	}
	eventually(t, "all turns are taken", func() bool {
		n, err := asker.neighbour(answerer.String())
		return err == nil && len(n.slots) == MaxUnderWay
	})
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := asker.Ask(short, answerer.String(), "wait", nil)
	wants(t, err, ErrUndelivered)
	close(release)
	asking.Wait()
}

// A handler that takes longer than one waits has perhaps done what it was asked,
// and its node is not held for dead.
func TestASlowHandler(t *testing.T) {
	asker, answerer, _ := pair(t, handles("echo", echo),
		handles("never", func(ctx context.Context, _ Node, _ []byte) ([]byte, error) {
			<-ctx.Done()
			<-time.After(300 * time.Millisecond)
			return nil, nil
		}))
	began := time.Now()
	_, err := asker.Ask(t.Context(), answerer.String(), "never", nil)
	wants(t, err, ErrUnknown)
	if took := time.Since(began); took > 2*AnswerWithin {
		t.Errorf("waited for %s", took)
	}
	if _, err := asker.Ask(t.Context(), answerer.String(), "echo", nil); err != nil {
		t.Errorf("the next question: %v", err)
	}
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = asker.Ask(short, answerer.String(), "never", nil)
	wants(t, err, ErrUnknown)
}

// A node that comes back at another address, or is started anew, is asked there.
func TestANodeThatMoves(t *testing.T) {
	all, b := sites(t, "seoul", "busan"), new(book)
	asker := opens(t, all["seoul"].ring(t), Node{"seoul", "s-1"}, b)
	for range 3 {
		ctx, stop := context.WithCancel(t.Context())
		w, err := Open(t.Context(), Options{Self: Node{"busan", "b-1"}, Listen: "127.0.0.1:0", Keys: all["busan"].ring(t), Address: b.find})
		must(t, err)
		w.Handle("echo", echo)
		b.set("busan/b-1", w.Address())
		var running sync.WaitGroup
		running.Go(func() { w.Run(ctx) })
		if _, err := asker.Ask(t.Context(), "busan/b-1", "echo", nil); err != nil {
			t.Error(err)
		}
		stop()
		running.Wait()
		must(t, w.Close())
		eventually(t, "it is known to be gone", func() bool {
			_, err := asker.Ask(t.Context(), "busan/b-1", "echo", nil)
			return errors.Is(err, ErrUndelivered)
		})
	}
}

// Questions that are under way when their node stops are answered.
func TestStopping(t *testing.T) {
	all, b := sites(t, "seoul", "busan"), new(book)
	asker := opens(t, all["seoul"].ring(t), Node{"seoul", "s-1"}, b)
	ctx, stop := context.WithCancel(t.Context())
	w, err := Open(t.Context(), Options{Self: Node{"busan", "b-1"}, Listen: "127.0.0.1:0", Keys: all["busan"].ring(t), Address: b.find})
	must(t, err)
	w.Handle("last", func(context.Context, Node, []byte) ([]byte, error) {
		stop()
		<-time.After(50 * time.Millisecond)
		return []byte("done"), nil
	})
	b.set("busan/b-1", w.Address())
	var running sync.WaitGroup
	running.Go(func() { w.Run(ctx) })
	got, err := asker.Ask(t.Context(), "busan/b-1", "last", nil)
	if err != nil || string(got) != "done" {
		t.Errorf("%q, %v", got, err)
	}
	running.Wait()
	must(t, w.Close())
	_, err = w.Ask(t.Context(), "seoul/s-1", "last", nil)
	wants(t, err, ErrUndelivered)
}
