package broker_test

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/broker/dev/browser"
	"github.com/bongsu/bongsu/providers/fakeidp"
)

const (
	silentRate     = 50   // people a second
	silentCrowd    = 1600 // a browser and an address prefix each count once a minute
	silentFound    = 40 * time.Second
	silentTogether = 8
)

// throughProxy sends a browser's requests as a trusted proxy does, from an
// address prefix of its own.
type throughProxy struct {
	next   http.RoundTripper
	issuer string
	from   string
}

// RoundTrip implements [http.RoundTripper].
func (p throughProxy) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasPrefix(r.URL.String(), p.issuer) {
		own := r.Clone(r.Context())
		own.Header.Set("X-Forwarded-For", p.from)
		own.Header.Set("X-Forwarded-Proto", "https")
		r = own
	}
	return p.next.RoundTrip(r)
}

// A login page that is shown and leads nowhere is seen by nobody but the people
// in front of it: those whose browsers came in by that provider before, 50 a
// second, each from an address of its own. Without any probe the site finds out.
func TestFaultSilentPage(t *testing.T) {
	t.Parallel()
	n := brokertest.StartNode(t, func(s *brokertest.Setup) {
		s.Upstreams = func(o *fakeidp.Options) { o.AutoContinue = true }
		s.Configure = func(c *config.Config) {
			c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
			c.Health.Probes = false
		}
	})
	crowd := gather(t, n)
	if err := n.Upstream("kakao").SetFault(fakeidp.ErrorPage); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), silentFound)
	defer cancel()
	began := time.Now()
	found := make(chan time.Duration, 1)
	go func() {
		for ctx.Err() == nil {
			if why, _ := n.Broker.Explain("kakao"); strings.Contains(why, `"verdict":{"provider":"kakao","state":"down"`) {
				found <- time.Since(began)
				return
			}
			pause(ctx, 100*time.Millisecond)
		}
	}()
	var leaving sync.WaitGroup
	defer leaving.Wait()
	tick := time.NewTicker(time.Second / silentRate)
	defer tick.Stop()
	for k := 0; ; k++ {
		select {
		case after := <-found:
			t.Logf("found out after %v, by %d people", after.Round(time.Millisecond), k)
			cancel()
			return
		case <-ctx.Done():
			why, _ := n.Broker.Explain("kakao")
			t.Fatalf("not found out within %v, by %d people: %s", silentFound, k, why)
		case <-tick.C:
			b := crowd[k%len(crowd)]
			leaving.Go(func() { _, _ = b.Open(ctx, n.AuthorizeURL(again())) }) // where it leads is the point
		}
	}
}

// again is a login that no session answers.
func again() brokertest.Request {
	r := brokertest.RP1.Request()
	r.Set("prompt", "login")
	r.Set("idp_hint", "kakao")
	return r
}

// gather logs a crowd in by Kakao, so that each of their browsers is a witness.
func gather(t *testing.T, n *brokertest.Node) []*browser.Browser {
	t.Helper()
	n.Login(n.NewBrowser(through(n, 0)), "kakao", "", again())
	crowd := make([]*browser.Browser, silentCrowd)
	next := make(chan int)
	var logging sync.WaitGroup
	for range silentTogether {
		logging.Go(func() {
			for k := range next {
				b := n.NewBrowser(through(n, k+1)).Browser
				page, err := b.Open(t.Context(), n.AuthorizeURL(again()))
				if err != nil || !strings.HasPrefix(page.URL.String(), brokertest.RP1.RedirectURI) {
					t.Errorf("browser %d did not log in: %v", k, err)
				}
				crowd[k] = b
			}
		})
	}
	for k := range crowd {
		next <- k
	}
	close(next)
	logging.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return crowd
}

// through puts a browser behind the trusted proxy, at an address prefix that no
// other browser has.
func through(n *brokertest.Node, k int) func(*browser.Options) {
	return func(o *browser.Options) {
		o.Transport = throughProxy{next: o.Transport, issuer: n.Issuer, from: fmt.Sprintf("10.%d.%d.1", k/256, k%256)}
	}
}
