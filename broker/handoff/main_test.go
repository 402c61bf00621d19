package handoff

import (
	"bytes"
	"context"
	"crypto/rand"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bongsu/bongsu/keys/keystest"
	"github.com/bongsu/bongsu/keys/seal"
	"github.com/bongsu/bongsu/keys/wrap"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock is a hand-turned clock.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// ring is the sealing ring that all sites share.
func ring(t testing.TB, c *clock) *seal.Ring {
	t.Helper()
	key, err := wrap.New(bytes.Repeat([]byte{1}, wrap.SecretSize))
	if err != nil {
		t.Fatal(err)
	}
	r, err := seal.Open(t.Context(), seal.Options{Store: keystest.NewStore(), Wrap: key, Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// judged is a judge that only remembers.
type judged struct {
	mu     sync.Mutex
	claims []Claim
	err    error
}

// Claim implements [Judge].
func (j *judged) Claim(_ context.Context, c Claim) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.claims = append(j.claims, c)
	return j.err
}

func desk(t testing.TB, site string, r *seal.Ring, c *clock, j Judge) *Desk {
	t.Helper()
	d, err := New(Options{Site: site, Seal: r, Judge: j, Rand: rand.Reader, Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func target(t testing.TB, site string) Target {
	t.Helper()
	at, err := url.Parse("https://" + site + ".login.example.kr")
	if err != nil {
		t.Fatal(err)
	}
	return Target{Site: site, Origin: at, Arbiter: site + "/" + site + "-1"}
}

func query(t testing.TB, address string) url.Values {
	t.Helper()
	at, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	if at.Path != Path || !strings.HasSuffix(at.Host, ".login.example.kr") {
		t.Fatalf("packed for %s", at)
	}
	return at.Query()
}
