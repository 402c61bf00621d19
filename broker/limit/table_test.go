package limit

import (
	"fmt"
	"math"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// clock is a time that a test moves.
type clock struct{ now time.Time }

func newClock() *clock { return &clock{time.Unix(1_800_000_000, 0)} }

func (c *clock) Now() time.Time          { return c.now }
func (c *clock) advance(d time.Duration) { c.now = c.now.Add(d) }

func table[K comparable](t testing.TB, r Rate, entries int, now func() time.Time) *Table[K] {
	t.Helper()
	made, err := New[K](Options{Rate: r, Entries: entries, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// A burst passes at once, then one a second, and each key has a bucket of its own.
func TestTake(t *testing.T) {
	c := newClock()
	limits := table[string](t, Rate{PerSecond: 1, Burst: 3}, 10, c.Now)
	for range 3 {
		if wait := limits.Take("mal"); wait != 0 {
			t.Fatalf("the burst waits for %s", wait)
		}
	}
	if wait := limits.Take("mal"); wait <= 900*time.Millisecond || wait > time.Second {
		t.Errorf("the fourth waits for %s, want a second", wait)
	}
	if wait := limits.Take("vic"); wait != 0 {
		t.Errorf("somebody else waits for %s", wait)
	}
	c.advance(400 * time.Millisecond)
	if wait := limits.Wait("mal"); wait < 590*time.Millisecond || wait > 610*time.Millisecond {
		t.Errorf("after 400 ms the wait is %s, want 600 ms", wait)
	}
	c.advance(600 * time.Millisecond)
	if wait := limits.Take("mal"); wait != 0 {
		t.Errorf("a second later the wait is %s", wait)
	}
	c.advance(time.Hour)
	for range 3 {
		if limits.Take("mal") != 0 {
			t.Fatal("an hour later the bucket is not full")
		}
	}
}

// To ask costs nothing, however often.
func TestWaitCountsNothing(t *testing.T) {
	c := newClock()
	limits := table[string](t, Rate{PerSecond: 1, Burst: 1}, 10, c.Now)
	for range 100 {
		if limits.Wait("vic") != 0 {
			t.Fatal("who did nothing waits")
		}
	}
	if limits.Len() != 0 {
		t.Errorf("asking left %d keys", limits.Len())
	}
	if limits.Take("vic") != 0 || limits.Wait("vic") == 0 {
		t.Error("one thing done is not counted")
	}
}

func TestWithoutARateThereIsNoLimit(t *testing.T) {
	limits := table[string](t, Rate{}, 1, nil)
	for range 1000 {
		if limits.Take("anybody") != 0 || limits.Wait("anybody") != 0 {
			t.Fatal("somebody waits")
		}
	}
	if limits.Len() != 0 {
		t.Error("a table without a limit remembers somebody")
	}
}

// Whatever strangers send, the table does not outgrow its bound, and whoever is
// seen again and again is not the one that is forgotten.
func TestTheTableIsBounded(t *testing.T) {
	const entries = 100
	c := newClock()
	limits := table[int](t, Rate{PerSecond: 0.001, Burst: 1}, entries, c.Now)
	if limits.Take(-1) != 0 {
		t.Fatal("the first waits")
	}
	for i := range 10_000 {
		limits.Take(i)
		if limits.Take(-1) == 0 {
			t.Fatalf("after %d strangers the busy one was forgotten", i)
		}
		if n := limits.Len(); n > entries {
			t.Fatalf("%d keys of at most %d", n, entries)
		}
	}
	if limits.Take(0) != 0 {
		t.Error("the one that was not seen for longest was not forgotten")
	}
}

// What has a full bucket is worth nothing to remember.
func TestFullBucketsAreForgotten(t *testing.T) {
	c := newClock()
	limits := table[int](t, Rate{PerSecond: 10, Burst: 20}, 1000, c.Now)
	for i := range 500 {
		limits.Take(i)
	}
	c.advance(3 * time.Second)
	for i := range 500 {
		limits.Take(1000 + i)
	}
	if n := limits.Len(); n > 500 {
		t.Errorf("%d keys are held, want the 500 of the last 2 s", n)
	}
}

// In any second at most the burst and a second's worth pass.
func TestNobodyPassesMoreThanTheRate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newClock()
		r := Rate{PerSecond: rapid.Float64Range(0.1, 100).Draw(t, "rate"), Burst: rapid.IntRange(1, 50).Draw(t, "burst")}
		limits, err := New[int](Options{Rate: r, Entries: 10, Now: c.Now})
		if err != nil {
			t.Fatal(err)
		}
		began, passed := c.now, 0
		for range rapid.IntRange(1, 300).Draw(t, "tries") {
			if limits.Take(1) == 0 {
				passed++
			}
			c.advance(time.Duration(rapid.IntRange(0, 200).Draw(t, "pause")) * time.Millisecond)
		}
		most := float64(r.Burst) + r.PerSecond*c.now.Sub(began).Seconds() + 1e-6
		if float64(passed) > most {
			t.Fatalf("%d passed, at most %.2f may", passed, most)
		}
	})
}

// Who waits as long as was asked may go on.
func TestWhoWaitsMayGoOn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newClock()
		r := Rate{PerSecond: rapid.Float64Range(0.01, 1000).Draw(t, "rate"), Burst: rapid.IntRange(1, 5).Draw(t, "burst")}
		limits, err := New[int](Options{Rate: r, Entries: 10, Now: c.Now})
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			if wait := limits.Take(1); wait != 0 {
				c.advance(wait + time.Millisecond)
				if again := limits.Take(1); again != 0 {
					t.Fatalf("after %s the wait is %s", wait, again)
				}
			}
		}
	})
}

// Many at once pass as one would.
func TestTakeIsAtomic(t *testing.T) {
	c := newClock()
	limits := table[string](t, Rate{PerSecond: 1, Burst: 100}, 10, c.Now)
	var passed atomic.Int64
	var running sync.WaitGroup
	for i := range 8 {
		running.Go(func() {
			for j := range 100 {
				if limits.Take("mal") == 0 {
					passed.Add(1)
				}
				limits.Take(fmt.Sprint(i, j)) // others, who push each other out
			}
		})
	}
	running.Wait()
	// Eight pushed "mal" out at most as often as it was oldest of ten.
	if n := passed.Load(); n < 100 || n > 800 {
		t.Errorf("%d passed, want the burst", n)
	}
	if limits.Len() > 10 {
		t.Errorf("%d keys", limits.Len())
	}
}

// A full table of addresses takes what the documentation says.
func TestMemoryOfAFullTable(t *testing.T) {
	const entries = 50_000
	before := held()
	limits := table[netip.Prefix](t, Rate{PerSecond: 0.001, Burst: 10}, entries, nil)
	for i := range 4 * entries {
		limits.Take(Neighbours(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})))
	}
	after := held()
	if n := limits.Len(); n != entries {
		t.Fatalf("%d keys, want %d", n, entries)
	}
	each := float64(after-before) / entries
	t.Logf("%.0f bytes each", each)
	if each > EntryBytes {
		t.Errorf("a key takes %.0f bytes, %d are promised", each, EntryBytes)
	}
	runtime.KeepAlive(limits)
}

func held() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestOptionsRefuse(t *testing.T) {
	for _, o := range []Options{
		{},
		{Entries: MaxEntries + 1},
		{Entries: 1, Rate: Rate{PerSecond: 1}},
		{Entries: 1, Rate: Rate{Burst: 1}},
		{Entries: 1, Rate: Rate{PerSecond: -1, Burst: 1}},
		{Entries: 1, Rate: Rate{PerSecond: math.NaN(), Burst: 1}},
		{Entries: 1, Rate: Rate{PerSecond: math.Inf(1), Burst: 1}},
		{Entries: 1, Rate: Rate{PerSecond: 1, Burst: MaxBurst + 1}},
	} {
		if _, err := New[string](o); err == nil {
			t.Errorf("%+v was accepted", o)
		}
	}
}

func TestNeighbours(t *testing.T) {
	for at, want := range map[string]string{
		"203.0.113.7":          "203.0.113.7/32",
		"::ffff:203.0.113.7":   "203.0.113.7/32",
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64",
		"fe80::1%eth0":         "fe80::/64",
	} {
		if got := Neighbours(netip.MustParseAddr(at)); got.String() != want {
			t.Errorf("%s is of %s, want %s", at, got, want)
		}
	}
	if got := Neighbours(netip.Addr{}); got.IsValid() {
		t.Errorf("nowhere is %s", got)
	}
}

func BenchmarkTake(b *testing.B) {
	limits := table[netip.Prefix](b, Rate{PerSecond: 1e6, Burst: 1e6}, 1000, nil)
	key := Neighbours(netip.MustParseAddr("203.0.113.7"))
	b.ReportAllocs()
	for b.Loop() {
		limits.Take(key)
	}
}
