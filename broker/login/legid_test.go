package login

import (
	"crypto/rand"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/id"
)

// A leg tells when it began, also over the edge where its bits come round, and
// to a node whose clock is a little behind.
func TestLegID(t *testing.T) {
	for _, began := range []time.Time{
		time.Unix(1_800_000_000, 0), time.Unix(1717*legWindow-1, 0), time.Unix(1717*legWindow, 0),
	} {
		leg, err := newLegID(began, rand.Reader)
		if err != nil || !id.Valid(leg, legIDLength) {
			t.Fatalf("leg id %q: %v", leg, err)
		}
		for _, later := range []time.Duration{0, 20 * time.Second, 30 * time.Minute, -time.Minute} {
			if got := legBegan(leg, began.Add(later)); !got.Equal(began) {
				t.Errorf("began at %v, told %v after %v", began, got, later)
			}
		}
	}
	for _, bad := range []string{"", "abc", "ABCDEFGH", "abcdefghi"} {
		if got := legBegan(bad, time.Unix(1_800_000_000, 0)); !got.IsZero() {
			t.Errorf("%q began at %v", bad, got)
		}
	}
}

func TestLegsOfOneSecondDiffer(t *testing.T) {
	seen := map[string]bool{}
	for range 50 {
		leg, err := newLegID(time.Unix(1_800_000_000, 0), rand.Reader)
		if err != nil || seen[leg] {
			t.Fatalf("leg id %q twice: %v", leg, err)
		}
		seen[leg] = true
	}
}
