package config

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bongsu/bongsu/broker/limit"
)

// What a file says of one limit leaves the others as they are, and a rate of 0 is no
// limit.
func TestLimits(t *testing.T) {
	example := readExample(t) + `
limits:
  starts_per_address: {rate: 0.5, burst: 7}
  tokens_per_client: {rate: 0}
  exempt: [10.1.2.0/24, 192.0.2.1]
`
	c, err := loadExample(t, example)
	if err != nil {
		t.Fatal(err)
	}
	want := DefaultLimits()
	want.Starts = limit.Rate{PerSecond: 0.5, Burst: 7}
	want.TokensOfClient = limit.Rate{}
	want.Exempt = []netip.Prefix{netip.MustParsePrefix("10.1.2.0/24"), netip.MustParsePrefix("192.0.2.1/32")}
	if diff := cmp.Diff(want, c.Limits, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
