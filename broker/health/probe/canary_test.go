package probe

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/fetch"
)

// street is a network within one process: names lead to servers or nowhere.
type street struct {
	cut  atomic.Bool // nobody is reached
	live *pipeListener
}

func (n *street) dial(ctx context.Context, _, addr string) (net.Conn, error) {
	switch {
	case n.cut.Load() || strings.HasPrefix(addr, "127.0.0.2:"):
		<-ctx.Done()
		return nil, ctx.Err()
	case strings.HasPrefix(addr, "127.0.0.3:"):
		return nil, &net.DNSError{Err: "no such host", IsNotFound: true}
	}
	here, there := net.Pipe()
	select {
	case n.live.calls <- there:
		return here, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// pipeListener is a listener whose calls come from within.
type pipeListener struct {
	calls chan net.Conn
	done  chan struct{}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.calls:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	select {
	case <-l.done:
	default:
		close(l.done)
	}
	return nil
}

func (*pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "within"} }

// Any answer proves that we reach the world; a silent network, a missing name
// and a broken connection do not.
func TestCanaries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &street{live: &pipeListener{calls: make(chan net.Conn), done: make(chan struct{})}}
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodGet {
				t.Errorf("asked by %s", r.Method)
			}
			http.Redirect(w, r, "/somewhere", http.StatusFound)
		})}
		go func() {
			if err := server.Serve(n.live); !errors.Is(err, http.ErrServerClosed) {
				t.Errorf("serve: %v", err)
			}
		}()
		client := fetch.New(fetch.Options{AllowHTTP: true, Dial: n.dial})
		b := &board{}
		s, err := New(Options{
			Providers: []providers.Provider{newUpstream("kakao")}, Board: b, Fetch: client,
			Canaries: []string{"http://127.0.0.1:8001/", "http://127.0.0.1:8002/", "http://127.0.0.2/", "http://127.0.0.3/"},
		})
		if err != nil {
			t.Fatalf("New: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { s.Run(ctx); close(done) }()

		time.Sleep(10 * time.Second)
		if _, got := b.told(); len(got) == 0 || got[0] != [2]int{2, 4} {
			t.Errorf("told %v, want 2 of 4", got)
		}
		n.cut.Store(true)
		client.Close()
		time.Sleep(15 * time.Second)
		if _, got := b.told(); got[len(got)-1] != [2]int{0, 4} {
			t.Errorf("cut off, told %v", got)
		}
		cancel()
		<-done
		client.Close()
		if err := server.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
}

// While a provider is suspected the canaries are asked as often as it is.
func TestCanariesHurryWithASuspicion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &street{live: &pipeListener{calls: make(chan net.Conn), done: make(chan struct{})}}
		server := &http.Server{Handler: http.NotFoundHandler()}
		go func() { _ = server.Serve(n.live) }() // it ends with the test
		client := fetch.New(fetch.Options{AllowHTTP: true, Dial: n.dial})
		b, u := &board{}, newUpstream("kakao")
		s, err := New(Options{Providers: []providers.Provider{u}, Board: b, Fetch: client, Canaries: []string{"http://127.0.0.1/"}})
		if err != nil {
			t.Fatalf("New: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { s.Run(ctx); close(done) }()
		time.Sleep(10 * time.Minute)
		_, told := b.told()
		healthy := len(told)
		if healthy < 17 || healthy > 25 {
			t.Errorf("asked %d times in ten healthy minutes", healthy)
		}
		u.says(providers.Down)
		s.Hurry("kakao")
		time.Sleep(time.Minute)
		if _, told = b.told(); len(told)-healthy < 10 {
			t.Errorf("asked %d times in a minute of suspicion", len(told)-healthy)
		}
		cancel()
		<-done
		client.Close()
		if err := server.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
}

func TestOptionsThatCannotBe(t *testing.T) {
	client := fetch.New(fetch.Options{})
	for name, o := range map[string]Options{
		"nobody to tell":           {},
		"a canary by plain http":   {Board: &board{}, Fetch: client, Canaries: []string{"http://example.com/"}},
		"a canary inside":          {Board: &board{}, Fetch: client, Canaries: []string{"https://10.0.0.1/"}},
		"canaries without a fetch": {Board: &board{}, Canaries: []string{"https://example.com/"}},
		"too many canaries":        {Board: &board{}, Fetch: client, Canaries: strings.Fields(strings.Repeat("https://example.com/ ", 17))},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%s: New succeeded", name)
		}
	}
}
