package seal_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/bongsu/bongsu/keys/keystest"
	"github.com/bongsu/bongsu/keys/seal"
)

const day = 24 * time.Hour

// once has Run look at the ring exactly once: its context ends with the last
// call that a look makes.
func once(t testing.TB, r *seal.Ring) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r.Run(ctx)
}

// rotate lets days pass, with a look at the ring on each.
func rotate(t testing.TB, r *seal.Ring, c *clock, days int) {
	t.Helper()
	for range days {
		c.pass(day)
		seal.Tick(t.Context(), r)
	}
}

func TestRunRotatesDaily(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := keystest.NewStore()
		r := open(t, store, nil)
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { r.Run(ctx) })
		defer running.Wait()
		defer stop()

		stored := func() int {
			records, err := store.SealingKeys(t.Context())
			if err != nil {
				t.Fatalf("SealingKeys: %v", err)
			}
			return len(records)
		}
		pass := func(d time.Duration) {
			time.Sleep(d) // of the bubble: no time passes outside
			synctest.Wait()
		}

		first := mustSeal(t, r, "login", "first")
		pass(day - time.Minute)
		if stored() != 1 {
			t.Errorf("%d keys before a day has passed, want 1", stored())
		}
		pass(2 * time.Minute)
		if stored() != 2 {
			t.Errorf("%d keys after a day, want 2", stored())
		}
		pass(50 * time.Minute)
		if keyOf(t, mustSeal(t, r, "login", "x")) != keyOf(t, first) {
			t.Error("the new key seals before every node has had an hour to read it")
		}
		pass(10 * time.Minute)
		if keyOf(t, mustSeal(t, r, "login", "x")) == keyOf(t, first) {
			t.Error("the new key does not seal an hour after it was stored")
		}
		if _, err := r.Open(t.Context(), "login", first); err != nil {
			t.Errorf("what the first key sealed does not open: %v", err)
		}

		// The first key sealed until day 1; 15 days later nothing of it lives.
		pass(15 * day)
		if _, err := r.Open(t.Context(), "login", first); err != nil {
			t.Errorf("what was sealed 16 days ago, by a key that sealed 15 days ago, does not open: %v", err)
		}
		pass(8 * day)
		if _, err := r.Open(t.Context(), "login", first); !errors.Is(err, seal.ErrInvalid) {
			t.Errorf("an expired key opens: error %v, want %v", err, seal.ErrInvalid)
		}
		if n := store.Calls("DeleteSealingKeys"); n != 0 {
			t.Errorf("a key was deleted as soon as it had expired")
		}
		pass(16 * day)
		if _, err := r.Open(t.Context(), "login", first); !errors.Is(err, seal.ErrInvalid) {
			t.Errorf("a deleted key opens: error %v, want %v", err, seal.ErrInvalid)
		}
		if n := stored(); n < 38 || n > 41 {
			t.Errorf("%d keys stored, want those of about 38 days", n)
		}
	})
}

func TestRunGoesOnWithoutTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := keystest.NewStore()
		var log bytes.Buffer
		r, err := seal.Open(t.Context(), seal.Options{
			Store: store, Wrap: clusterKey(t, 1), Logger: slog.New(slog.NewTextHandler(&log, nil)),
		})
		if err != nil {
			t.Fatalf("Open: %v", err)
		}
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { r.Run(ctx) })
		defer running.Wait()
		defer stop()

		// A store that hangs, as one behind a frozen machine does.
		store.Intercept(func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() })
		time.Sleep(6 * day)
		synctest.Wait()
		sealed := mustSeal(t, r, "login", "hello")
		store.Intercept(nil)
		time.Sleep(2 * time.Minute)
		synctest.Wait()

		time.Sleep(15*day - 10*time.Minute)
		synctest.Wait()
		if got, err := r.Open(t.Context(), "login", sealed); err != nil || string(got) != "hello" {
			t.Errorf("what was sealed while the store was away opens to %q, error %v", got, err)
		}
		if n := strings.Count(log.String(), "level=WARN"); n != 1 {
			t.Errorf("one outage is logged %d times", n)
		}
		if !strings.Contains(log.String(), "read again") {
			t.Error("the end of the outage is not logged")
		}
	})
}

func TestRunEndsWithItsContext(t *testing.T) {
	r := open(t, keystest.NewStore(), nil)
	once(t, r) // goleak and the test's end say the rest
}

func TestAWipedStoreIsNotBelieved(t *testing.T) {
	store, c := keystest.NewStore(), newClock()
	r := open(t, store, c.Now)
	sealed := mustSeal(t, r, "login", "hello")
	store.Forget()
	seal.Tick(t.Context(), r)
	if _, err := r.Open(t.Context(), "login", sealed); err != nil {
		t.Errorf("the ring was dropped with the store's: %v", err)
	}
}

func TestAClockFarAheadDoesNotStopTheRing(t *testing.T) {
	store, c, ahead := keystest.NewStore(), newClock(), newClock()
	r := open(t, store, c.Now)
	ahead.pass(12 * day)
	seal.Tick(t.Context(), open(t, store, ahead.Now)) // stores a key of the future
	first := keyOf(t, mustSeal(t, r, "login", "x"))
	rotate(t, r, c, 2)
	if keyOf(t, mustSeal(t, r, "login", "x")) == first {
		t.Error("the first key still seals after two days")
	}
}

func TestEveryKeyExpired(t *testing.T) {
	store, c := keystest.NewStore(), newClock()
	r := open(t, store, c.Now)
	c.pass(60 * day)
	if _, err := r.Seal("login", []byte("x")); !errors.Is(err, seal.ErrUnavailable) {
		t.Errorf("Seal: error %v, want %v", err, seal.ErrUnavailable)
	}
	keyID, mac := r.Tag("login", []byte("x"))
	if err := r.CheckTag(t.Context(), "login", keyID, []byte("x"), mac); !errors.Is(err, seal.ErrInvalid) {
		t.Errorf("CheckTag: error %v, want %v", err, seal.ErrInvalid)
	}
	again := open(t, store, c.Now) // as after a long rest
	if _, err := again.Open(t.Context(), "login", mustSeal(t, again, "login", "x")); err != nil {
		t.Errorf("a ring of expired keys does not get a new one: %v", err)
	}
}

// Whatever happens to nodes, clocks and store, what was sealed opens as long as
// it may live, at every node that can ask the store.
func TestWhatWasSealedOpens(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		type value struct {
			text string
			at   time.Time
		}
		store, c := keystest.NewStore(), newClock()
		skewed := func(d time.Duration) func() time.Time { return func() time.Time { return c.Now().Add(d) } }
		clocks := []func() time.Time{c.Now, skewed(-2 * time.Minute), skewed(5 * time.Minute)}
		rings := make([]*seal.Ring, len(clocks))
		for i := range rings {
			rings[i] = open(t, store, clocks[i])
		}
		var values []value
		var away bool
		var outage time.Duration
		node := rapid.IntRange(0, len(rings)-1)

		rt.Repeat(map[string]func(*rapid.T){
			"time passes": func(rt *rapid.T) {
				d := time.Duration(rapid.Int64Range(int64(time.Minute), int64(12*time.Hour)).Draw(rt, "d"))
				if away {
					if outage += d; outage > 6*day { // longer ones are not promised
						away = false
						store.Intercept(nil)
					}
				}
				c.pass(d)
				for i := range rings {
					seal.Tick(t.Context(), rings[i])
				}
			},
			"seal": func(rt *rapid.T) {
				values = append(values, value{mustSeal(t, rings[node.Draw(rt, "node")], "login", "hello"), c.Now()})
			},
			"a node starts anew": func(rt *rapid.T) {
				if !away {
					i := node.Draw(rt, "node")
					rings[i] = open(t, store, clocks[i])
				}
			},
			"the store goes or comes": func(*rapid.T) {
				away = !away
				outage = 0
				store.Intercept(nil)
				if away {
					store.Intercept(func(context.Context, string) error { return errStore })
				}
			},
			"": func(rt *rapid.T) {
				for _, v := range values {
					if c.Now().Sub(v.at) > 15*day-10*time.Minute {
						continue
					}
					for i, r := range rings {
						_, err := r.Open(t.Context(), "login", v.text)
						if err != nil && (!away || !errors.Is(err, seal.ErrUnavailable)) {
							rt.Fatalf("sealed %v ago, node %d: %v", c.Now().Sub(v.at), i, err)
						}
					}
				}
			},
		})
	})
}

func FuzzOpen(f *testing.F) {
	c := newClock()
	r := open(f, keystest.NewStore(), c.Now)
	sealed := mustSeal(f, r, "login", "hello")
	f.Add("login", sealed)
	f.Add("code", sealed)
	f.Add("login", sealed+"=")
	f.Add("login", "")
	f.Add("login", "AWFhYWFhYWFhAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, purpose, text string) {
		plaintext, err := r.Open(t.Context(), seal.Purpose(purpose), text)
		switch {
		case err == nil && (purpose != "login" || text != sealed || string(plaintext) != "hello"):
			t.Errorf("%q opened for %q", text, purpose)
		case err != nil && !errors.Is(err, seal.ErrInvalid):
			t.Errorf("error %v, want %v", err, seal.ErrInvalid)
		}
	})
}

// slow is a store of which one read, once it is armed, takes until release is
// closed: it has seen the records, and says so late.
type slow struct {
	*keystest.Store

	armed   atomic.Bool
	seen    chan struct{}
	release chan struct{}
}

func (s *slow) SealingKeys(ctx context.Context) ([]seal.Record, error) {
	records, err := s.Store.SealingKeys(ctx)
	if s.armed.CompareAndSwap(true, false) {
		close(s.seen)
		<-s.release
	}
	return records, err
}

func TestALateReadUndoesNothing(t *testing.T) {
	store, c := keystest.NewStore(), newClock()
	other := open(t, store, c.Now)
	late := &slow{Store: store, seen: make(chan struct{}), release: make(chan struct{})}
	r := open(t, late, c.Now)
	late.armed.Store(true)

	stuck := make(chan struct{})
	unknown := base64.RawURLEncoding.EncodeToString(append([]byte("\x01aaaaaaaa"), make([]byte, 40)...))
	go func() {
		defer close(stuck)
		if _, err := r.Open(context.WithoutCancel(t.Context()), "login", unknown); !errors.Is(err, seal.ErrInvalid) { // has the ring read
			t.Errorf("error %v, want %v", err, seal.ErrInvalid)
		}
	}()
	<-late.seen
	rotate(t, other, c, 1)
	seal.Tick(t.Context(), r)
	close(late.release)
	<-stuck

	c.pass(2 * time.Hour)
	sealed := mustSeal(t, r, "login", "x")
	if keyOf(t, sealed) != keyOf(t, mustSeal(t, other, "login", "x")) {
		t.Error("the new key is forgotten after a late read")
	}
}
