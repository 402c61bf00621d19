//go:build linux

package machines

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// ConnectWithin bounds a connection attempt, as an impatient browser does.
const ConnectWithin = 2 * time.Second

// In does something on another machine: a socket belongs for ever to where it was
// made.
func (n *Network) In(machine string, do func() error) error {
	runtime.LockOSThread()
	home, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("find the way back: %w", err)
	}
	defer func() { _ = unix.Close(home) }()
	there, err := unix.Open("/run/netns/"+n.Name(machine), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("find %s: %w", machine, err)
	}
	defer func() { _ = unix.Close(there) }()
	if err := unix.Setns(there, unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("go to %s: %w", machine, err)
	}
	err = do()
	if back := unix.Setns(home, unix.CLONE_NEWNET); back != nil {
		return errors.Join(err, back) // the thread stays locked, and ends with its goroutine
	}
	runtime.UnlockOSThread()
	return err
}

// Listen listens for TCP on a machine's first address.
func (n *Network) Listen(machine, port string) (l net.Listener, err error) {
	err = n.In(machine, func() (err error) {
		l, err = listenConfig.Listen(context.Background(), "tcp4", net.JoinHostPort(n.Address(machine), port))
		return err
	})
	return l, err
}

// Dial connects from a machine to an address.
func (n *Network) Dial(ctx context.Context, from, to string) (net.Conn, error) {
	return n.DialAs(ctx, from, nil, "tcp4", to)
}

// DialAs connects from a machine to an address, as one of the addresses that the
// machine has; nil is any.
func (n *Network) DialAs(ctx context.Context, from string, as net.Addr, protocol, to string) (conn net.Conn, err error) {
	dialer := net.Dialer{Timeout: ConnectWithin, LocalAddr: as}
	err = n.In(from, func() (err error) {
		conn, err = dialer.DialContext(ctx, protocol, to)
		return err
	})
	return conn, err
}
