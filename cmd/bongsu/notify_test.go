package main

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// deaf is the socket of somebody who does not read, and whose queue is full.
func deaf(t *testing.T) string {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "notify")
	listener, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	for range 100_000 {
		if err := c.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		_, err := c.Write([]byte("WATCHDOG=1"))
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return socket
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("the queue takes everything")
	return ""
}

// A supervisor that does not read holds up neither the service nor its end.
func TestNobodyWaitsForADeafSupervisor(t *testing.T) {
	n := notifier{socket: deaf(t), beat: 10 * time.Millisecond}
	for name, talk := range map[string]func(ctx context.Context){
		"a state":                               func(context.Context) { n.tell(t.Context(), "STOPPING=1") },
		"the watchdog, until the service stops": n.watch,
	} {
		t.Run(name, func(t *testing.T) {
			ctx, stop := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer stop()
			done := make(chan struct{})
			go func() { talk(ctx); close(done) }()
			select {
			case <-done:
			case <-time.After(10 * time.Second):
				t.Fatal("it waits")
			}
		})
	}
}
