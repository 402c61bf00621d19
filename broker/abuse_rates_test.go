package broker_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/broker/dev/browser"
)

// limited gives a node the limits that a file without any has.
func limited(s *brokertest.Setup) {
	s.Configure = func(c *config.Config) { c.Limits = config.DefaultLimits() }
}

// at is a transport of somebody with that address on loopback.
func at(t *testing.T, address string) *http.Transport {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, to string) (net.Conn, error) {
			_, port, err := net.SplitHostPort(to)
			if err != nil {
				return nil, err
			}
			return dialer.DialContext(ctx, "tcp", "127.0.0.1:"+port)
		},
		MaxIdleConnsPerHost: 16,
	}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

// secret asks for a client's own token with a secret and returns the answer's
// status and how long to wait.
func secret(t *testing.T, n *brokertest.Node, transport http.RoundTripper, id, secret string, headers ...string) (status, wait int) {
	t.Helper()
	form := strings.NewReader(url.Values{"grant_type": {"client_credentials"}}.Encode())
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, n.Issuer+"/token", form)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret))
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	answer, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := answer.Body.Close(); err != nil {
		t.Fatal(err)
	}
	wait, _ = strconv.Atoi(answer.Header.Get("Retry-After"))
	if answer.StatusCode == http.StatusTooManyRequests && wait < 1 {
		t.Error("429 does not say when to come back")
	}
	return answer.StatusCode, wait
}

func TestAB19GuessingSecrets(t *testing.T) {
	n := brokertest.StartNode(t, limited)
	mal, vic := at(t, "127.0.0.2"), at(t, "127.0.0.3")
	counts := map[int]int{}
	for i := range 200 {
		status, _ := secret(t, n, mal, "RP-1", fmt.Sprintf("guess-%d-of-more-than-thirty-two-letters", i))
		if status != http.StatusUnauthorized && status != http.StatusTooManyRequests {
			t.Fatalf("guess %d: %d", i, status)
		}
		if status == http.StatusUnauthorized && i >= 100 {
			t.Errorf("guess %d was still looked at", i)
		}
		counts[status]++
	}
	if counts[401] < 20 || counts[429] < 100 {
		t.Errorf("answers %v, want 401, then 429", counts)
	}
	t.Run("forged addresses are not believed", func(t *testing.T) {
		for i := range 200 {
			from := fmt.Sprintf("203.0.113.%d", i)
			status, _ := secret(t, n, mal, "RP-1", "guess-of-more-than-thirty-two-letters", "X-Forwarded-For", from, "Forwarded", "for="+from)
			if status != http.StatusTooManyRequests && i < 100 { // some bucket may have filled by then
				t.Fatalf("guess %d as %s: %d", i, from, status)
			}
		}
	})
	t.Run("the right secret from there waits, too", func(t *testing.T) {
		if status, _ := secret(t, n, mal, "RP-1", brokertest.RP1.Secret); status != http.StatusTooManyRequests {
			t.Errorf("%d: a guess would be confirmed", status)
		}
	})
	t.Run("the true client from another address goes on", func(t *testing.T) {
		for range 50 {
			if status, _ := secret(t, n, vic, "RP-1", brokertest.RP1.Secret); status != http.StatusOK {
				t.Fatalf("status %d", status)
			}
		}
	})
	t.Run("nobody is locked out", func(t *testing.T) {
		n.Clock.Advance(2 * time.Minute)
		if status, _ := secret(t, n, mal, "RP-1", brokertest.RP1.Secret); status != http.StatusOK {
			t.Errorf("two minutes later: %d", status)
		}
	})
}

// Clients that do not exist are one, and names do not fill the table.
func TestAB19GuessingNames(t *testing.T) {
	n := brokertest.StartNode(t, limited)
	mal := at(t, "127.0.0.2")
	waited := 0
	for i := range 200 {
		status, _ := secret(t, n, mal, fmt.Sprintf("client-%d", i), "guess-of-more-than-thirty-two-letters")
		if status == http.StatusTooManyRequests {
			waited++
		}
	}
	if waited < 100 {
		t.Errorf("%d of 200 names had to wait", waited)
	}
	if status, _ := secret(t, n, at(t, "127.0.0.3"), "RP-1", brokertest.RP1.Secret); status != http.StatusOK {
		t.Errorf("somebody else: %d", status)
	}
}

// Behind a proxy the address is the one it names; what stood before it is not.
func TestAB19BehindAProxy(t *testing.T) {
	n := brokertest.StartNode(t, func(s *brokertest.Setup) {
		s.Configure = func(c *config.Config) {
			c.Limits = config.DefaultLimits()
			c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
		}
	})
	proxy := at(t, "127.0.0.1")
	ask := func(from, key string) int {
		status, _ := secret(t, n, proxy, "RP-1", key, "X-Forwarded-For", from, "X-Forwarded-Proto", "https")
		return status
	}
	last := 0
	for i := range 200 {
		last = ask(fmt.Sprintf("198.51.100.%d, 203.0.113.66", i), "guess-of-more-than-thirty-two-letters")
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("the 200th guess behind forged addresses: %d", last)
	}
	if status := ask("203.0.113.7", brokertest.RP1.Secret); status != http.StatusOK {
		t.Errorf("the true client behind the same proxy: %d", status)
	}
	for i := range 200 { // one household of IPv6 has more addresses than stars
		last = ask(fmt.Sprintf("2001:db8:1:2::%x", i), "guess-of-more-than-thirty-two-letters")
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("the 200th guess of a /64: %d", last)
	}
	if status := ask("2001:db8:1:3::1", brokertest.RP1.Secret); status != http.StatusOK {
		t.Errorf("the next /64: %d", status)
	}
}

// A twentieth of the flood, the bursts and the rate. Nightly, TestAB78WholeFlood
// sends all of it.
func TestAB78FloodOfStarts(t *testing.T) {
	floodOfStarts(t, 20)
}

// floodOfStarts begins 100,000 logins from four addresses, or that part of them, at a
// node whose limits are that part of the usual ones.
func floodOfStarts(t *testing.T, part int) {
	t.Helper()
	n := brokertest.StartNode(t, func(s *brokertest.Setup) {
		s.Configure = func(c *config.Config) {
			c.Limits = config.DefaultLimits()
			c.Limits.Starts.Burst /= part
			c.Limits.Starts.PerSecond /= float64(part)
		}
	})
	vic := n.NewBrowser()
	begun := vic.Open(n.AuthorizeURL(brokertest.RP1.Request())) // a login under way
	n.Login(vic, "p", "vic", brokertest.RP1.Request())
	before := inUse()

	const addresses = 4
	each := 100_000 / addresses / part
	var waited, passed, other atomic.Int64
	var running sync.WaitGroup
	for i := range addresses {
		transport := at(t, fmt.Sprintf("127.0.0.%d", 10+i))
		running.Go(func() {
			for range each {
				switch start(t, n, transport) {
				case http.StatusTooManyRequests:
					waited.Add(1)
				case http.StatusSeeOther:
					passed.Add(1)
				default:
					other.Add(1)
				}
			}
		})
	}
	for range 20 { // others go on meanwhile
		n.Login(n.NewBrowser(), "q", "somebody", brokertest.RP1.Request())
	}
	running.Wait()
	t.Logf("%d passed, %d waited", passed.Load(), waited.Load())
	if waited.Load() < int64(2*each) || other.Load() > 0 {
		t.Errorf("of %d starts %d passed, %d had to wait, %d met something else", addresses*each, passed.Load(), waited.Load(), other.Load())
	}
	// The log that the test keeps is most of it.
	if grown := inUse() - before; grown > 64*mib*int64(20/part) {
		t.Errorf("the process holds %d MiB more than before", grown/mib)
	}
	t.Run("the login under way goes on", func(t *testing.T) {
		page := vic.Open(begun.URL.String())
		if !page.Has("way-p") {
			t.Errorf("the menu is gone: %d %s", page.Status, page.Text())
		}
	})
}

// start begins a login and forgets it.
func start(t *testing.T, n *brokertest.Node, transport http.RoundTripper) int {
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, n.AuthorizeURL(brokertest.RP1.Request()), nil)
	if err != nil {
		t.Error(err)
		return 0
	}
	answer, err := transport.RoundTrip(r)
	if err != nil {
		t.Error(err)
		return 0
	}
	if err := answer.Body.Close(); err != nil {
		t.Error(err)
	}
	return answer.StatusCode
}

// People who have to wait see how long, and a way on; nothing tells whom the limit
// is about.
func TestTooManyStartsIsAPage(t *testing.T) {
	n := brokertest.StartNode(t, func(s *brokertest.Setup) {
		s.Configure = func(c *config.Config) {
			c.Limits = config.DefaultLimits()
			c.Limits.Starts.PerSecond, c.Limits.Starts.Burst = 0.1, 1
		}
	})
	b := n.NewBrowser(func(o *browser.Options) { o.Language = "ko" })
	where := n.AuthorizeURL(brokertest.RP1.Request())
	if page := b.Open(where); !page.Has("way-p") {
		t.Fatalf("the first: %d", page.Status)
	}
	page := b.Open(where)
	if page.Status != http.StatusTooManyRequests || page.Header.Get("Retry-After") == "" {
		t.Errorf("the second: %d, Retry-After %q", page.Status, page.Header.Get("Retry-After"))
	}
	if text := page.Text(); !strings.Contains(text, "약 10초 뒤에 다시 시도해 주세요") {
		t.Errorf("the page says %q", text)
	}
	n.Clock.Advance(11 * time.Second)
	if page := b.Open(where); !page.Has("way-p") {
		t.Errorf("10 s later: %d", page.Status)
	}
	posted := n.Post("/authorize", brokertest.RP1.Request().Values)
	if posted.Status != http.StatusTooManyRequests {
		t.Errorf("by POST: %d", posted.Status)
	}
}

// One website's flood is its own.
func TestTooManyStartsOfOneClient(t *testing.T) {
	n := brokertest.StartNode(t, func(s *brokertest.Setup) {
		s.Configure = func(c *config.Config) {
			c.Limits = config.DefaultLimits()
			c.Limits.StartsOfClient.PerSecond, c.Limits.StartsOfClient.Burst = 1, 5
			c.Limits.TokensOfClient.PerSecond, c.Limits.TokensOfClient.Burst = 1, 5
			c.Limits.Exempt = []netip.Prefix{netip.MustParsePrefix("127.0.0.9/32")}
		}
	})
	b := n.NewBrowser()
	var last int
	for range 6 {
		last = b.Open(n.AuthorizeURL(brokertest.RP1.Request())).Status
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("the sixth login of one website: %d", last)
	}
	if page := b.Open(n.AuthorizeURL(brokertest.RP2.Request())); !page.Has("way-p") {
		t.Errorf("another website: %d", page.Status)
	}
	if status := start(t, n, at(t, "127.0.0.9")); status != http.StatusSeeOther {
		t.Errorf("who is exempt: %d", status)
	}
	vic := at(t, "127.0.0.3")
	for range 6 {
		last, _ = secret(t, n, vic, "RP-1", brokertest.RP1.Secret)
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("the sixth token of one website: %d", last)
	}
	if status, _ := secret(t, n, at(t, "127.0.0.9"), "RP-1", brokertest.RP1.Secret); status != http.StatusOK {
		t.Errorf("who is exempt: %d", status)
	}
}
