package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"
)

// notifier tells systemd how the service is (sd_notify); the zero value tells
// nobody.
type notifier struct {
	socket string        // empty: nobody listens
	beat   time.Duration // how often it wants to hear that we live; 0: not at all
}

// newNotifier reads what systemd says in the environment. It is taken out of it, so
// that no command that prints a secret speaks for us.
func newNotifier() notifier {
	n := notifier{socket: os.Getenv("NOTIFY_SOCKET")}
	if us, err := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64); err == nil && us > 0 {
		n.beat = time.Duration(us) * time.Microsecond / 3
	}
	for _, name := range []string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} {
		_ = os.Unsetenv(name) // fails for impossible names alone
	}
	return n
}

// tellWithin is how long one state may take.
const tellWithin = time.Second

// tell sends one state, such as READY=1. Who does not listen misses it, and so does
// who has not read what was told before: the service is no worse for it, and waits
// for nobody when it stops.
func (n notifier) tell(ctx context.Context, state string) {
	if n.socket == "" {
		return
	}
	address := n.socket
	if address[0] == '@' {
		address = "\x00" + address[1:] // Linux's abstract names
	}
	ctx, cancel := context.WithTimeout(ctx, tellWithin)
	defer cancel()
	var dialer net.Dialer
	c, err := dialer.DialContext(ctx, "unixgram", address)
	if err != nil {
		return
	}
	defer func() { _ = c.Close() }()
	defer context.AfterFunc(ctx, func() { _ = c.SetWriteDeadline(time.Unix(1, 0)) })() // a full queue takes nothing
	_, _ = fmt.Fprint(c, state)
}

// watch tells that the process lives, until ctx ends.
func (n notifier) watch(ctx context.Context) {
	if n.socket == "" || n.beat == 0 {
		return
	}
	tick := time.NewTicker(n.beat)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			n.tell(ctx, "WATCHDOG=1")
		}
	}
}
