//go:build nightly

package broker_test

import "testing"

// All 100,000 starts of the flood, against the limits that everybody has.
func TestAB78WholeFlood(t *testing.T) {
	floodOfStarts(t, 1)
}
