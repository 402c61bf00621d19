package main

import "testing"

// A heap of a few MiB may grow to the floor, one that is past half of it doubles.
func TestGarbageIsCollectedWhenItIsWorthIt(t *testing.T) {
	tests := []struct{ live, want uint64 }{
		{0, 400}, {1 << 20, 400}, {4 << 20, 300}, {5 << 20, 200}, {7 << 20, 100}, {heapFloor / 2, 100}, {100 << 20, 100},
	}
	for _, tt := range tests {
		if got := gcPercent(tt.live); got != tt.want {
			t.Errorf("GOGC %d for %d living bytes, want %d", got, tt.live, tt.want)
		}
	}
}
