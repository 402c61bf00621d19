package fetch

import (
	"errors"
	"net/netip"
	"testing"
)

// AB-76: nothing inside is ever connected to.
func TestCheckAddress(t *testing.T) {
	private := []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}
	tests := []struct {
		name  string
		addr  string
		allow []netip.Prefix
		open  bool
	}{
		{"a public IPv4 address", "93.184.215.14", nil, true},
		{"a public IPv6 address", "2606:2800:21f:cb07::1", nil, true},
		{"a public IPv4 address mapped into IPv6", "::ffff:93.184.215.14", nil, true},
		{"a public IPv4 address behind NAT64", "64:ff9b::5db8:d70e", nil, true},
		{"IPv4 loopback", "127.0.0.1", nil, false},
		{"all of the loopback range", "127.255.0.9", nil, false},
		{"IPv6 loopback", "::1", nil, false},
		{"IPv4 loopback mapped into IPv6", "::ffff:127.0.0.1", nil, false},
		{"IPv4 loopback behind NAT64", "64:ff9b::7f00:1", nil, false},
		{"cloud metadata", "169.254.169.254", nil, false},
		{"cloud metadata mapped into IPv6", "::ffff:169.254.169.254", nil, false},
		{"cloud metadata over IPv6", "fd00:ec2::254", nil, false},
		{"private 10/8", "10.0.0.1", nil, false},
		{"private 172.16/12", "172.31.255.1", nil, false},
		{"private 192.168/16", "192.168.0.1", nil, false},
		{"private behind NAT64", "64:ff9b::a00:1", nil, false},
		{"local NAT64", "64:ff9b:1::5db8:d70e", nil, false},
		{"carrier-grade NAT", "100.64.0.1", nil, false},
		{"the last address of carrier-grade NAT", "100.127.255.255", nil, false},
		{"the first address after carrier-grade NAT", "100.128.0.0", nil, true},
		{"this host", "0.0.0.0", nil, false},
		{"this network", "0.1.2.3", nil, false},
		{"unspecified IPv6", "::", nil, false},
		{"IPv4-compatible IPv6", "::7f00:1", nil, false},
		{"6to4 around a private address", "2002:a00:1::1", nil, false},
		{"Teredo", "2001:0:4136:e378:8000:63bf:3fff:fdd2", nil, false},
		{"link-local IPv6", "fe80::1", nil, false},
		{"link-local IPv6 with a zone", "fe80::1%eth0", nil, false},
		{"site-local IPv6", "fec0::1", nil, false},
		{"unique local IPv6", "fd12:3456::1", nil, false},
		{"multicast IPv4", "224.0.0.251", nil, false},
		{"multicast IPv6", "ff02::1", nil, false},
		{"broadcast", "255.255.255.255", nil, false},
		{"documentation", "203.0.113.7", nil, false},
		{"benchmarking", "198.18.0.1", nil, false},
		{"an opened private address", "10.1.2.3", private, true},
		{"an opened private address mapped into IPv6", "::ffff:10.1.2.3", private, true},
		{"a private address beside the opened range", "10.2.0.1", private, false},
		{"an opened range does not open its NAT64 form", "64:ff9b::a01:203", private, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := checkAddress(netip.MustParseAddr(tt.addr), tt.allow)
			if open := err == nil; open != tt.open {
				t.Errorf("checkAddress(%s) = %v, want open %t", tt.addr, err, tt.open)
			}
			if err != nil && !errors.Is(err, ErrForbiddenAddress) {
				t.Errorf("error %v does not wrap ErrForbiddenAddress", err)
			}
		})
	}
	if err := checkAddress(netip.Addr{}, nil); !errors.Is(err, ErrForbiddenAddress) {
		t.Errorf("no address: %v", err)
	}
}

func TestCheckURL(t *testing.T) {
	strict := New(Options{})
	dev := New(Options{AllowHTTP: true})
	opened := New(Options{Allow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	tests := []struct {
		name string
		c    *Client
		raw  string
		ok   bool
	}{
		{"a public https URL", strict, "https://accounts.google.com/o/oauth2/v2/auth", true},
		{"a port", strict, "https://id.example.com:8443/", true},
		{"a public literal address", strict, "https://93.184.215.14/jwks", true},
		{"plain http", strict, "http://id.example.com/", false},
		{"plain http to loopback", strict, "http://127.0.0.1:8080/jwks", false},
		{"cloud metadata", strict, "https://169.254.169.254/latest/meta-data/", false},
		{"a private address", strict, "https://10.0.0.1", false},
		{"IPv6 loopback", strict, "https://[::1]", false},
		{"mapped loopback", strict, "https://[::ffff:127.0.0.1]", false},
		{"a link-local address with a zone", strict, "https://[fe80::1%25eth0]/", false},
		{"zero over plain http", strict, "http://0/", false},
		{"zero", strict, "https://0/", false},
		{"a decimal address", strict, "https://2130706433/", false},
		{"a hexadecimal address", strict, "https://0x7f.0x1/", false},
		{"a short address", strict, "https://127.1/", false},
		{"an octal address", strict, "https://0177.0.0.1/", false},
		{"a number with a final dot", strict, "https://127.1./", false},
		{"localhost", strict, "https://localhost/", false},
		{"localhost with a final dot", strict, "https://LocalHost./", false},
		{"a name below localhost", strict, "https://a.localhost/", false},
		{"user information", strict, "https://user:pass@id.example.com/", false},
		{"a fragment", strict, "https://id.example.com/#x", false},
		{"an empty fragment", strict, "https://id.example.com/#", false},
		{"no host", strict, "https:///path", false},
		{"no scheme", strict, "//id.example.com/", false},
		{"another scheme", strict, "file:///etc/passwd", false},
		{"an opaque URL", strict, "https:id.example.com", false},
		{"a control character", strict, "https://id.example.com/\n", false},
		{"nothing", strict, "", false},
		{"dev: plain http to loopback", dev, "http://127.0.0.1:8419/kakao", true},
		{"dev: plain http to localhost", dev, "http://localhost:8419/kakao", true},
		{"dev: plain http to elsewhere", dev, "http://id.example.com/", false},
		{"dev: plain http to a private address", dev, "http://10.0.0.1/", false},
		{"dev: a private address over https", dev, "https://10.0.0.1/", false},
		{"an opened range over https", opened, "https://10.9.8.7/", true},
		{"an opened range over plain http", opened, "http://10.9.8.7/", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.c.CheckURL(tt.raw)
			if ok := err == nil; ok != tt.ok {
				t.Errorf("CheckURL(%q) = %v, want ok %t", tt.raw, err, tt.ok)
			}
			if err != nil && !errors.Is(err, ErrForbiddenAddress) {
				t.Errorf("error %v does not wrap ErrForbiddenAddress", err)
			}
		})
	}
}

func FuzzCheckURL(f *testing.F) {
	for _, seed := range []string{
		"https://id.example.com/", "http://127.0.0.1:1/", "https://[::ffff:10.0.0.1]/", "https://0x7f.1/", "https://a@b/#c", "https://[fe80::1%25x]/",
	} {
		f.Add(seed)
	}
	strict := New(Options{})
	f.Fuzz(func(t *testing.T, raw string) {
		if strict.CheckURL(raw) != nil {
			return
		}
		u, err := parse(raw)
		if err != nil || u.Scheme != "https" || u.User != nil || u.Hostname() == "" {
			t.Errorf("accepted %q", raw)
			return
		}
		if addr, err := netip.ParseAddr(u.Hostname()); err == nil && checkAddress(addr, nil) != nil {
			t.Errorf("accepted the inside address %q", raw)
		}
	})
}
