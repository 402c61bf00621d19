package peer

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"github.com/bongsu/bongsu/keys"
	"github.com/bongsu/bongsu/keys/keystest"
	"github.com/bongsu/bongsu/keys/wrap"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// site is one whose nodes are played, with a store of keys of its own.
type site struct {
	name  string
	store *keystest.Store
	wrap  *wrap.Key
	known map[string][]ed25519.PublicKey // of all sites
}

// sites makes sites that know each other.
func sites(t testing.TB, names ...string) map[string]*site {
	t.Helper()
	all, known := make(map[string]*site), make(map[string][]ed25519.PublicKey)
	for _, name := range names {
		text, err := wrap.Generate(rand.Reader)
		must(t, err)
		key, err := wrap.Parse(text)
		must(t, err)
		s := &site{name: name, store: keystest.NewStore(), wrap: key}
		s.ring(t)
		records, err := s.store.SiteIdentities(t.Context(), name)
		must(t, err)
		known[name] = []ed25519.PublicKey{records[0].Public}
		s.known, all[name] = known, s
	}
	return all
}

func (s *site) ring(t testing.TB, change ...func(*keys.Options)) *keys.Ring {
	t.Helper()
	o := keys.Options{
		Issuer: "http://localhost", Site: s.name, Store: s.store, Wrap: s.wrap,
		Algorithms: []keys.Algorithm{keys.EdDSA}, SiteIdentities: s.known,
	}
	for _, c := range change {
		c(&o)
	}
	ring, err := keys.Open(t.Context(), o)
	must(t, err)
	return ring
}

// book is where nodes can be asked, as a membership says it.
type book struct {
	mu sync.Mutex
	at map[string]string
}

func (b *book) set(node, address string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.at == nil {
		b.at = make(map[string]string)
	}
	b.at[node] = address
}

func (b *book) find(node string) (string, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	at, ok := b.at[node]
	return at, ok
}

// opens opens the wire of a node that stands in the book, and runs it until the
// test ends.
func opens(t testing.TB, ring *keys.Ring, self Node, b *book, change ...func(*Wire, *Options)) *Wire {
	t.Helper()
	o := Options{Self: self, Listen: "127.0.0.1:0", Keys: ring, Address: b.find, Registerer: prometheus.NewRegistry()}
	for _, c := range change {
		c(nil, &o)
	}
	w, err := Open(t.Context(), o)
	must(t, err)
	for _, c := range change {
		c(w, nil)
	}
	b.set(self.String(), w.Address())
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.Run(ctx)
	}()
	t.Cleanup(func() {
		stop()
		<-done
		must(t, w.Close())
	})
	return w
}

// handles has a node answer a question.
func handles(name string, h Handler) func(*Wire, *Options) {
	return func(w *Wire, _ *Options) {
		if w != nil {
			w.Handle(name, h)
		}
	}
}

func echo(_ context.Context, from Node, body []byte) ([]byte, error) {
	return append([]byte(from.String()+" says "), body...), nil
}

// pair is two nodes of two sites, of which the second answers.
func pair(t testing.TB, change ...func(*Wire, *Options)) (asker *Wire, answerer Node, b *book) {
	t.Helper()
	all, b := sites(t, "seoul", "busan"), new(book)
	answerer = Node{"busan", "b-1"}
	opens(t, all["busan"].ring(t), answerer, b, change...)
	return opens(t, all["seoul"].ring(t), Node{"seoul", "s-1"}, b), answerer, b
}

func wants(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error %v, want %v", err, want)
	}
}

func refusals(w *Wire, reason string) int { return int(testutil.ToFloat64(w.metrics.refused[reason])) }

func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	over := time.After(5 * time.Second)
	for !is() {
		select {
		case <-over:
			t.Fatalf("%s: not within five seconds", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// listens plays something else than a node at an address.
func listens(t testing.TB, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	var serving sync.WaitGroup
	over, end := context.WithCancel(context.WithoutCancel(t.Context()))
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer context.AfterFunc(over, func() { _ = conn.Close() })()
				defer func() { _ = conn.Close() }()
				serve(conn)
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); end(); serving.Wait() })
	return l.Addr().String()
}
