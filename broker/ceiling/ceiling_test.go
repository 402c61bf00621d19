package ceiling

import (
	"math"
	"testing"
	"time"
)

// What comes beyond the ceiling waits, and only at that provider.
func TestGate(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	g, err := New(map[string]float64{"naver": 5, "line": 0.5}, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	in := 0
	for range 1000 { // ten seconds at 100 a second
		if g.Enter("naver") {
			in++
		}
		now = now.Add(10 * time.Millisecond)
	}
	if in < 50 || in > 56 {
		t.Errorf("%d legs began in 10 s, want about 50 and the first second's worth", in)
	}
	if !g.Enter("line") || g.Enter("line") || !g.Full("line") {
		t.Error("a ceiling below one a second lets one in, then none")
	}
	now = now.Add(2 * time.Second)
	if g.Full("line") || !g.Enter("line") {
		t.Error("two seconds later the next may enter")
	}
	for range 10_000 {
		if g.Full("kakao") || !g.Enter("kakao") {
			t.Fatal("a provider without a ceiling was closed")
		}
	}
}

func TestTheZeroGateIsOpen(t *testing.T) {
	var g Gate
	if g.Full("kakao") || !g.Enter("kakao") {
		t.Error("the zero gate is closed")
	}
}

func TestNewRefuses(t *testing.T) {
	for _, perSecond := range []float64{0, -1, MaxRate + 1, math.NaN(), math.Inf(1)} {
		if _, err := New(map[string]float64{"kakao": perSecond}, time.Now); err == nil {
			t.Errorf("a ceiling of %v was accepted", perSecond)
		}
	}
}
