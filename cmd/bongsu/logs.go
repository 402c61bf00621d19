package main

import (
	"bufio"
	"errors"
	"io"
	"log/slog"
	"sync"
	"time"
)

// flushEvery bounds how long a log line waits, and how many seconds of lines a
// killed process takes with it. A write for every line would cost more than
// most requests.
const flushEvery = 500 * time.Millisecond

// lineBuffer collects log lines and writes them together.
type lineBuffer struct {
	mu   sync.Mutex
	out  *bufio.Writer
	stop chan struct{}
	done chan struct{}
}

// newLogger returns a logger of JSON lines of at least that level, which stands in
// least from then on, and what writes out the last of them.
func newLogger(level string, least *slog.LevelVar, w io.Writer) (*slog.Logger, io.Closer, error) {
	if err := least.UnmarshalText([]byte(level)); err != nil {
		return nil, nil, errors.Join(errors.New("log level"), err)
	}
	b := &lineBuffer{out: bufio.NewWriterSize(w, 64<<10), stop: make(chan struct{}), done: make(chan struct{})}
	go b.flushing()
	return slog.New(slog.NewJSONHandler(b, &slog.HandlerOptions{Level: least})), b, nil
}

// Write implements [io.Writer]: slog hands over one whole line at a time.
func (b *lineBuffer) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.out.Write(line)
}

// Close writes out what waits. No line may come after it.
func (b *lineBuffer) Close() error {
	close(b.stop)
	<-b.done
	return b.flush()
}

func (b *lineBuffer) flush() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.out.Flush()
}

func (b *lineBuffer) flushing() {
	defer close(b.done)
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-b.stop:
			return
		case <-tick.C:
			_ = b.flush() // the log has nowhere to say that it cannot be written
		}
	}
}
