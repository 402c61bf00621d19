package hull_test

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/bongsu/bongsu/broker/dev/hull"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestWhatPasses(t *testing.T) {
	for state, want := range map[hull.State]struct{ local, cross error }{
		hull.Open: {nil, nil},
		hull.Cut:  {nil, hull.ErrCut},
		hull.Gone: {hull.ErrGone, hull.ErrGone},
	} {
		var h hull.Hull
		h.Turn(state)
		if local, cross := h.Local(), h.Cross(); !errors.Is(local, want.local) || !errors.Is(cross, want.cross) {
			t.Errorf("in state %d: %v and %v", state, local, cross)
		}
		if h.State() != state {
			t.Errorf("it is in state %d, not %d", h.State(), state)
		}
	}
}

// A frozen site waits, however long; what comes then decides.
func TestFrozenWaits(t *testing.T) {
	for then, want := range map[hull.State]struct{ local, cross error }{
		hull.Open: {nil, nil},
		hull.Cut:  {nil, hull.ErrCut},
		hull.Gone: {hull.ErrGone, hull.ErrGone},
	} {
		synctest.Test(t, func(t *testing.T) {
			var h hull.Hull
			h.Turn(hull.Frozen)
			local, cross := make(chan error, 1), make(chan error, 1)
			go func() { local <- h.Local() }()
			go func() { cross <- h.Cross() }()
			time.Sleep(time.Hour)
			synctest.Wait()
			if len(local)+len(cross) > 0 {
				t.Error("something passed")
			}
			h.Turn(hull.Frozen) // again: nothing changes
			h.Turn(then)
			if a, b := <-local, <-cross; !errors.Is(a, want.local) || !errors.Is(b, want.cross) {
				t.Errorf("then in state %d: %v and %v", then, a, b)
			}
		})
	}
}

// pair is a connection of a site and its other end.
func pair(t *testing.T, h *hull.Hull) (site, outside net.Conn) {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // a test's own, on loopback
	if err != nil {
		t.Fatal(err)
	}
	l := h.Listener(inner)
	var dialer net.Dialer
	outside, err = dialer.DialContext(t.Context(), "tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	site, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = errors.Join(l.Close(), site.Close(), outside.Close()) })
	return site, outside
}

// Whoever speaks to a frozen site is connected and hears nothing, until it thaws.
func TestConnectionsOfAFrozenSite(t *testing.T) {
	var h hull.Hull
	site, outside := pair(t, &h)
	echoed := make(chan error, 1)
	go func() {
		b := make([]byte, 1)
		_, err := site.Read(b)
		if err == nil {
			_, err = site.Write(b)
		}
		echoed <- err
	}()
	h.Turn(hull.Frozen)
	if _, err := outside.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 1)
	_ = outside.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if _, err := outside.Read(b); err == nil {
		t.Error("it answered")
	}
	h.Turn(hull.Open)
	_ = outside.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := outside.Read(b); err != nil || b[0] != 'x' {
		t.Errorf("thawed it says %q, %v", b, err)
	}
	if err := <-echoed; err != nil {
		t.Error(err)
	}
	h.Turn(hull.Gone)
	if _, err := outside.Read(b); !errors.Is(err, io.EOF) {
		t.Errorf("the connection did not break: %v", err)
	}
	if _, err := site.Write(b); !errors.Is(err, hull.ErrGone) {
		t.Errorf("a site that is gone writes: %v", err)
	}
	if _, err := site.Read(b); !errors.Is(err, hull.ErrGone) {
		t.Errorf("a site that is gone reads: %v", err)
	}
}

func TestDialling(t *testing.T) {
	var h hull.Hull
	refused := errors.New("refused")
	dial := h.Dial(func(_ context.Context, _, address string) (net.Conn, error) {
		if address == "nobody" {
			return nil, refused
		}
		ours, theirs := net.Pipe()
		return ours, theirs.Close()
	})
	if _, err := dial(t.Context(), "tcp", "nobody"); !errors.Is(err, refused) {
		t.Errorf("got %v", err)
	}
	h.Turn(hull.Cut) // concerns other sites alone
	c, err := dial(t.Context(), "tcp", "somebody")
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	h.Turn(hull.Gone)
	if _, err := dial(t.Context(), "tcp", "somebody"); !errors.Is(err, hull.ErrGone) {
		t.Errorf("got %v", err)
	}
}

// What lies between two sites breaks with a cut, and works again after it.
func TestConnectionsBetweenSites(t *testing.T) {
	var h hull.Hull
	ours, theirs := net.Pipe()
	c := h.Between(ours)
	go func() { _, _ = io.Copy(theirs, theirs) }()
	b := make([]byte, 1)
	h.Turn(hull.Cut)
	if _, err := c.Write(b); !errors.Is(err, hull.ErrCut) {
		t.Errorf("cut off it writes: %v", err)
	}
	h.Turn(hull.Open)
	if _, err := c.Write(b); err != nil {
		t.Error(err)
	}
	h.Turn(hull.Cut)
	if _, err := c.Read(b); !errors.Is(err, hull.ErrCut) {
		t.Errorf("cut off it reads: %v", err)
	}
	h.Turn(hull.Gone)
	_ = theirs.Close()
	late, _ := net.Pipe()
	if _, err := h.Between(late).Read(b); !errors.Is(err, hull.ErrGone) {
		t.Errorf("gone it reads: %v", err)
	}
	if _, err := late.Write(b); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("a connection of a site that is gone is open: %v", err)
	}
}
