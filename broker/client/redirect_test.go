package client

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRedirectAllowed(t *testing.T) {
	web := website(func(c *Client) {
		c.RedirectURIs = append(c.RedirectURIs, "https://rp1.example/other?tenant=a")
	})
	native := app(func(c *Client) {
		c.RedirectURIs = []string{
			"http://127.0.0.1/cb", "http://[::1]:9000/cb?x=1", "http://localhost:7000/cb", "com.example.app:/cb", "https://app.example/cb",
		}
	})
	tests := []struct {
		name   string
		client *Client
		uri    string
		want   bool
	}{
		{"the registered one", web, "https://rp1.example/cb", true},
		{"the other registered one", web, "https://rp1.example/other?tenant=a", true},

		// AB-01
		{"AB-01 a foreign one", web, "https://evil.example/cb", false},
		{"AB-01 none", web, "", false},

		// AB-02: nothing is normalised
		{"AB-02 a slash more", web, "https://rp1.example/cb/", false},
		{"AB-02 dot segments", web, "https://rp1.example/cb/../x", false},
		{"AB-02 encoded dot segments", web, "https://rp1.example/cb%2f..%2fx", false},
		{"AB-02 another case in the path", web, "https://rp1.example/CB", false},
		{"AB-02 another case in the host", web, "https://RP1.example/cb", false},
		{"AB-02 another case in the scheme", web, "HTTPS://rp1.example/cb", false},
		{"AB-02 a query", web, "https://rp1.example/cb?x=1", false},
		{"AB-02 an empty query", web, "https://rp1.example/cb?", false},
		{"AB-02 a fragment", web, "https://rp1.example/cb#f", false},
		{"AB-02 a longer host", web, "https://rp1.example.evil.example/cb", false},
		{"AB-02 a user name", web, "https://rp1.example@evil.example/cb", false},
		{"AB-02 inside another", web, "https://evil.example/https://rp1.example/cb", false},
		{"AB-02 another port", web, "https://rp1.example:8443/cb", false},
		{"AB-02 the default port", web, "https://rp1.example:443/cb", false},
		{"AB-02 without TLS", web, "http://rp1.example/cb", false},
		{"AB-02 space around", web, " https://rp1.example/cb", false},
		{"AB-02 an encoded letter", web, "https://rp1.example/%63b", false},
		{"AB-02 another query value", web, "https://rp1.example/other?tenant=b", false},

		// AB-03
		{"AB-03 loopback for a website", web, "http://127.0.0.1:1234/cb", false},
		{"AB-03 the registered loopback address", native, "http://127.0.0.1/cb", true},
		{"AB-03 another port", native, "http://127.0.0.1:51004/cb", true},
		{"AB-03 another port where one is registered", native, "http://[::1]:51004/cb?x=1", true},
		{"AB-03 no port where one is registered", native, "http://[::1]/cb?x=1", true},
		{"AB-03 another path", native, "http://127.0.0.1:51004/cb2", false},
		{"AB-03 a longer path", native, "http://127.0.0.1:51004/cb/", false},
		{"AB-03 a query", native, "http://127.0.0.1:51004/cb?x=1", false},
		{"AB-03 a fragment", native, "http://127.0.0.1:51004/cb#f", false},
		{"AB-03 the other address", native, "http://[::1]:51004/cb", false},
		{"AB-03 another loopback address", native, "http://127.0.0.2/cb", false},
		{"AB-03 another way to write the address", native, "http://127.1:51004/cb", false},
		{"AB-03 a name that begins like the address", native, "http://127.0.0.1.evil.example/cb", false},
		{"AB-03 a user name that looks like the address", native, "http://127.0.0.1@evil.example/cb", false},
		{"AB-03 a user name that looks like address and port", native, "http://127.0.0.1:80@evil.example/cb", false},
		{"AB-03 with TLS", native, "https://127.0.0.1:51004/cb", false},
		{"AB-03 port 0", native, "http://127.0.0.1:0/cb", false},
		{"AB-03 port 65536", native, "http://127.0.0.1:65536/cb", false},
		{"AB-03 an empty port", native, "http://127.0.0.1:/cb", false},
		{"AB-03 a port with a leading zero", native, "http://127.0.0.1:080/cb", false},
		{"AB-03 the name localhost as registered", native, "http://localhost:7000/cb", true},
		{"AB-03 the name localhost with another port", native, "http://localhost:7001/cb", false},
		{"the registered private-use scheme", native, "com.example.app:/cb", true},
		{"another path of the private-use scheme", native, "com.example.app:/cb2", false},
		{"a host in the private-use scheme", native, "com.example.app://evil/cb", false},
		{"an https URI of an app with another port", native, "https://app.example:8443/cb", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.client.RedirectAllowed(tt.uri); got != tt.want {
				t.Errorf("RedirectAllowed(%q) = %t", tt.uri, got)
			}
			if got := tt.client.PostLogoutAllowed(tt.uri); got {
				t.Errorf("PostLogoutAllowed(%q): registered for login alone", tt.uri)
			}
		})
	}
}

func TestPostLogoutAllowed(t *testing.T) {
	c := website(func(c *Client) { c.PostLogoutRedirectURIs = []string{"https://rp1.example/bye"} })
	for uri, want := range map[string]bool{
		"https://rp1.example/bye": true, "https://rp1.example/bye/": false, "https://rp1.example/cb": false,
	} {
		if got := c.PostLogoutAllowed(uri); got != want {
			t.Errorf("PostLogoutAllowed(%q) = %t", uri, got)
		}
	}
}

func TestOrigins(t *testing.T) {
	got := originsOf([]string{
		"https://rp1.example/cb", "https://rp1.example:443/other", "https://RP1.example:8443/cb",
		"http://127.0.0.1:80/cb", "http://[::1]:9000/cb", "com.example.app:/cb",
	})
	want := []string{"https://rp1.example", "https://rp1.example:8443", "http://127.0.0.1", "http://[::1]:9000"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("origins (-want +got):\n%s", diff)
	}
}

func TestLoopbackHTTP(t *testing.T) {
	tests := map[string]bool{
		"http://localhost:8418/callback": true, "http://127.0.0.1:1/": true, "http://[::1]/cb": true, "http://localhost": true,
		"https://localhost/cb": false, "http://localhost.evil.example/cb": false, "http://localhost:80@evil.example/": false,
		"http://localhost@evil.example/": false, "http://evil.example/?http://localhost": false, "http://localhost/#f": false,
		"http://localhost:99999/": false, "http://localhost/a\nb": false, "//localhost/": false, "localhost": false, "": false,
		"http://localhost\\@evil.example/": false, "http:localhost/": false, "http://localhost/*": false,
	}
	for uri, want := range tests {
		if got := LoopbackHTTP(uri); got != want {
			t.Errorf("LoopbackHTTP(%q) = %t", uri, got)
		}
	}
}

// A loopback URI that is allowed differs from a registered one in its port alone.
func FuzzRedirectAllowed(f *testing.F) {
	f.Add("http://127.0.0.1:1234/cb")
	f.Add("http://127.0.0.1:80@evil.example/cb")
	f.Add("http://[::1]:00/cb")
	c := app(func(c *Client) { c.RedirectURIs = []string{"http://127.0.0.1/cb", "http://[::1]:9000/cb"} })
	f.Fuzz(func(t *testing.T, uri string) {
		if !c.RedirectAllowed(uri) || slices.Contains(c.RedirectURIs, uri) {
			return
		}
		u, reason := parseURI(uri)
		if reason != "" {
			t.Fatalf("allowed %q, which %s", uri, reason)
		}
		if u.Scheme != "http" || u.User != nil || u.Path != "/cb" || u.RawQuery != "" || u.Fragment != "" ||
			u.Hostname() != "127.0.0.1" && u.Hostname() != "::1" {
			t.Fatalf("allowed %q", uri)
		}
	})
}
