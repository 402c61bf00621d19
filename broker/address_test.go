package broker

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/bongsu/bongsu/broker/config"
)

func TestClientAddress(t *testing.T) {
	b := &Broker{config: &config.Config{TrustedProxies: []netip.Prefix{
		netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128"),
	}}}
	tests := []struct {
		name, peer string
		forwarded  []string
		want       string
	}{
		{"no proxy", "203.0.113.9:4000", nil, "203.0.113.0/24"},
		{"a stranger's header is not believed", "203.0.113.9:4000", []string{"198.51.100.1"}, "203.0.113.0/24"},
		{"a trusted proxy names the client", "10.0.0.1:4000", []string{"198.51.100.7"}, "198.51.100.0/24"},
		{"what the client wrote itself stands before that", "10.0.0.1:4000", []string{"192.0.2.1, 198.51.100.7"}, "198.51.100.0/24"},
		{"two proxies of ours", "10.0.0.1:4000", []string{"198.51.100.7, 10.2.0.1"}, "198.51.100.0/24"},
		{"two header lines", "10.0.0.1:4000", []string{"198.51.100.7", "10.2.0.1"}, "198.51.100.0/24"},
		{"IPv6", "[::1]:4000", []string{"2001:db8:1:2:3::4"}, "2001:db8:1::/48"},
		{"IPv4 in IPv6", "[::ffff:10.0.0.1]:4000", []string{"::ffff:198.51.100.7"}, "198.51.100.0/24"},
		{"a proxy that names nobody", "10.0.0.1:4000", nil, "10.0.0.0/24"},
		{"nonsense", "10.0.0.1:4000", []string{"unknown"}, "10.0.0.0/24"},
		{"a pipe", "@", nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := &http.Request{RemoteAddr: tt.peer, Header: http.Header{"X-Forwarded-For": tt.forwarded}}
			if got := neighbourhood(b.clientAddress(r)); got != tt.want {
				t.Errorf("neighbourhood %s, want %s", got, tt.want)
			}
		})
	}
	long := &http.Request{RemoteAddr: "10.0.0.1:1", Header: http.Header{"X-Forwarded-For": {strings.Repeat("10.0.0.2, ", 500) + "10.0.0.2"}}}
	if got := b.clientAddress(long); got != netip.MustParseAddr("10.0.0.2") {
		t.Errorf("behind hundreds of proxies: %s", got)
	}
}
