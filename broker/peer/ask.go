package peer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// neighbour is another node as this one asks it.
type neighbour struct {
	name    string
	slots   chan struct{} // questions under way
	dialing chan struct{} // one at a time

	mu     sync.Mutex
	line   *line
	silent bool      // it stopped answering, and has not been heard since
	trying bool      // and somebody tries it
	rest   time.Time // nobody does before
}

// Ask asks a node "site/node" a question of a name and returns its answer, of at
// most [MaxBody] bytes as the question. It waits no longer than ctx, [AnswerWithin]
// once the question is sent, and about a second before. Errors: [ErrUndelivered],
// [ErrUnknown], [ErrRefused].
func (w *Wire) Ask(ctx context.Context, node, name string, body []byte) ([]byte, error) {
	if w == nil {
		return nil, fmt.Errorf("%w: this node speaks with no other", ErrUndelivered)
	}
	answer, err := w.ask(ctx, node, name, body)
	outcome := outcomeAnswered
	switch {
	case errors.Is(err, ErrRefused):
		outcome = outcomeRefused
	case errors.Is(err, ErrUnknown):
		outcome = outcomeUnknown
	case err != nil:
		outcome = outcomeUndelivered
	}
	if w.handlers[name] == nil {
		name = otherName
	}
	w.metrics.asked.WithLabelValues(name, outcome).Inc()
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", node, err)
	}
	return answer, nil
}

func (w *Wire) ask(ctx context.Context, node, name string, body []byte) ([]byte, error) {
	if len(body) > MaxBody || !isName(name) {
		return nil, fmt.Errorf("%w: %d bytes for %q", ErrUndelivered, len(body), name)
	}
	address, known := w.options.Address(node)
	if !known || node == w.options.Self.String() {
		return nil, fmt.Errorf("%w: nobody knows where it is", ErrUndelivered)
	}
	n, err := w.neighbour(node)
	if err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("%w: %w", ErrUndelivered, ctx.Err())
	}
	select {
	case n.slots <- struct{}{}:
		defer func() { <-n.slots }()
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: too many questions under way: %w", ErrUndelivered, ctx.Err())
	}
	if !n.try() {
		return nil, fmt.Errorf("%w: it has stopped answering", ErrUndelivered)
	}
	heard, silent := false, false
	defer func() { n.tried(heard, silent) }()
	l, err := w.lineTo(ctx, n, address)
	if err != nil {
		silent = errors.Is(err, errSilent)
		return nil, fmt.Errorf("%w: %w", ErrUndelivered, err)
	}
	answer, err := l.ask(ctx, name, body)
	silent = errors.Is(err, errSilent)
	heard = err == nil || errors.Is(err, ErrRefused) || errors.Is(err, errUntaken)
	return answer, err
}

// neighbour returns what is kept of a node.
func (w *Wire) neighbour(name string) (*neighbour, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return nil, fmt.Errorf("%w: closed", ErrUndelivered)
	}
	n := w.neighbours[name]
	if n == nil {
		n = &neighbour{name: name, slots: make(chan struct{}, MaxUnderWay), dialing: make(chan struct{}, 1)}
		w.neighbours[name] = n
	}
	return n, nil
}

// try reports whether the node may be asked now. Of those who would ask one that
// has stopped answering, one does, from time to time; each that may says so with
// tried afterwards.
func (n *neighbour) try() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.silent {
		return true
	}
	if n.trying || time.Now().Before(n.rest) {
		return false
	}
	n.trying = true
	return true
}

// tried says what became of it: the node was heard, or was silent for as long as
// one waits, or neither.
func (n *neighbour) tried(heard, silent bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.trying = false
	switch {
	case heard:
		n.silent = false
	case silent:
		n.silent, n.rest = true, time.Now().Add(restFor)
	}
}

// resting reports whether the node turned out to be silent while one waited.
func (n *neighbour) resting() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.silent && time.Now().Before(n.rest)
}

// lineTo returns a line to n that stands, making one where there is none.
func (w *Wire) lineTo(ctx context.Context, n *neighbour, address string) (*line, error) {
	if l := n.standing(address, w.options.Now()); l != nil {
		return l, nil
	}
	select {
	case n.dialing <- struct{}{}:
		defer func() { <-n.dialing }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if l := n.standing(address, w.options.Now()); l != nil {
		return l, nil
	}
	if n.resting() {
		return nil, errors.New("it has stopped answering")
	}
	l, err := w.dial(ctx, n.name, address)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		l.close()
		return nil, errors.New("closed")
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.line != nil {
		n.line.close()
	}
	n.line = l
	w.reading.Go(l.read)
	return l, nil
}

// standing returns the line to that address, if it is one that can be asked on.
func (n *neighbour) standing(address string, now time.Time) *line {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.line == nil || n.line.isClosed() || n.line.address != address || now.After(n.line.until) {
		return nil
	}
	return n.line
}

// drop gives up the line, dropIdle does if nobody asks on it.
func (n *neighbour) drop() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.line != nil {
		n.line.close()
		n.line = nil
	}
}

func (n *neighbour) dropIdle() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.line != nil && (n.line.isClosed() || n.line.idle()) {
		n.line.close()
		n.line = nil
	}
}
