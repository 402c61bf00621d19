package loopback

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
)

// ErrInUse is matched by the error of [Listen] when another program has the port.
var ErrInUse = errors.New("loopback: port in use")

// pickTries bounds how often Listen picks another free port, when the one it
// got on IPv4 is taken on IPv6.
const pickTries = 16

// Listen opens port on 127.0.0.1 and, where the machine has it, on ::1, so that
// "localhost" works whichever of them a program tries first. Port 0 picks a
// free one, the same on both. The error matches [ErrInUse] when the port is taken.
func Listen(ctx context.Context, port int) ([]net.Listener, int, error) {
	if port != 0 {
		listeners, err := listenBoth(ctx, port)
		return listeners, port, err
	}
	var failed error
	for range pickTries {
		first, err := listen(ctx, "tcp4", "127.0.0.1", 0)
		if err != nil {
			return nil, 0, err
		}
		picked := first.Addr().(*net.TCPAddr).Port
		second, err := listenSix(ctx, picked)
		if err == nil {
			return append([]net.Listener{first}, second...), picked, nil
		}
		failed = errors.Join(err, first.Close())
	}
	return nil, 0, fmt.Errorf("pick a free port: %w", failed)
}

func listenBoth(ctx context.Context, port int) ([]net.Listener, error) {
	first, err := listen(ctx, "tcp4", "127.0.0.1", port)
	if err != nil {
		return nil, err
	}
	second, err := listenSix(ctx, port)
	if err != nil {
		return nil, errors.Join(err, first.Close())
	}
	return append([]net.Listener{first}, second...), nil
}

// listenSix listens on ::1. A machine without IPv6 is none the worse for it: no
// program on it will find a name at ::1. A port taken there is an error, since
// half of the browsers would talk to the other program.
func listenSix(ctx context.Context, port int) ([]net.Listener, error) {
	l, err := listen(ctx, "tcp6", "::1", port)
	switch {
	case err == nil:
		return []net.Listener{l}, nil
	case errors.Is(err, ErrInUse):
		return nil, err
	default:
		return nil, nil
	}
}

func listen(ctx context.Context, network, address string, port int) (net.Listener, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, network, net.JoinHostPort(address, strconv.Itoa(port)))
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("listen on port %d: %w", port, ErrInUse)
	}
	if err != nil {
		return nil, fmt.Errorf("listen on port %d: %w", port, err)
	}
	return l, nil
}

// Pick returns a port of 127.0.0.1 that nobody has, neither of TCP nor of UDP.
// Somebody may take it before the caller does.
func Pick(ctx context.Context) (int, error) {
	var failed error
	for range pickTries {
		l, err := listen(ctx, "tcp4", "127.0.0.1", 0)
		if err != nil {
			return 0, err
		}
		port := l.Addr().(*net.TCPAddr).Port
		var config net.ListenConfig
		packets, err := config.ListenPacket(ctx, "udp4", l.Addr().String())
		if err == nil {
			err = packets.Close()
		}
		if failed = errors.Join(err, l.Close()); failed == nil {
			return port, nil
		}
	}
	return 0, fmt.Errorf("pick a free port: %w", failed)
}

// Guard answers 421 to every request whose Host is not localhost, 127.0.0.1 or
// [::1], with any port, and hands the others to next.
func Guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !Is(r.Host) {
			w.Header().Set("Cache-Control", "no-store")
			w.Header().Set("X-Content-Type-Options", "nosniff")
			http.Error(w, "Bongsu dev mode answers to localhost, 127.0.0.1 and [::1] only.", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Is reports whether host, as a Host header or the authority of a URL has it,
// is localhost, 127.0.0.1 or [::1], with or without a port.
func Is(host string) bool {
	name, port, found := cutPort(host)
	if found && !digits(port) {
		return false
	}
	return strings.EqualFold(name, "localhost") || name == "127.0.0.1" || name == "[::1]"
}

// cutPort splits host at the colon before its port; the colons of an IPv6
// address stand inside brackets.
func cutPort(host string) (name, port string, found bool) {
	i := strings.LastIndexByte(host, ':')
	if i < 0 || strings.HasSuffix(host, "]") {
		return host, "", false
	}
	return host[:i], host[i+1:], true
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return len(s) >= 1 && len(s) <= 5
}
