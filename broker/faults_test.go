package broker_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/broker/dev"
	"github.com/bongsu/bongsu/providers/fakeidp"
)

// fault is one way for Kakao to fail, as the catalogue of real outages numbers
// them, and what the sites must find out about it.
type fault struct {
	number string
	kind   fakeidp.Fault
	scope  fakeidp.Scope
	// found is set when every site must say so publicly, after which nobody is
	// sent there first any more.
	found bool
	agent string // of the walkers' browsers; empty is a desktop's
}

// phone is a browser on a phone.
const phone = "Mozilla/5.0 (Linux; Android 16; SM-S948N) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0 Mobile Safari/537.36"

var faults = []fault{
	{number: "F01 the site is dark", kind: fakeidp.Dark, found: true},
	{number: "F02 its names are gone", kind: fakeidp.DNS, found: true},
	{number: "F03 connections stay silent", kind: fakeidp.HalfOpen, found: true},
	{number: "F04 the wrong certificate", kind: fakeidp.WrongCertificate, found: true},
	{number: "F05 the edge is fine, the core is down", kind: fakeidp.CoreDown, found: true},
	{number: "F06 an error page with status 200", kind: fakeidp.ErrorPage, found: true},
	{number: "F07 the key set drops a live key", kind: fakeidp.KeyDropped},
	{number: "F08 a stolen key signs", kind: fakeidp.StolenKey},
	{number: "F09 the token endpoint is dead", kind: fakeidp.TokenDown, found: true},
	{number: "F10 our credentials are refused", kind: fakeidp.CredentialsRejected},
	{number: "F11 the profile's host is dead", kind: fakeidp.UserinfoDown},
	{number: "F12 the way through the app is dead", kind: fakeidp.AppRouteDown, agent: phone},
	{number: "F13 browsers are throttled", kind: fakeidp.Throttled},
	{number: "F14 a brownout", kind: fakeidp.Brownout, found: true},
	{number: "F15 errors dressed as answers", kind: fakeidp.Disguised, found: true},
	{number: "F16 recovery and relapse", kind: fakeidp.Relapse},
	{number: "F17 new logins fail", kind: fakeidp.NewLoginsDown},
	{number: "F18 a region fails", kind: fakeidp.Regional},
	{number: "F19 the status feed lies", kind: fakeidp.StatusFeedLies, found: true},
	{number: "F20 one step is dead", kind: fakeidp.ConsentStepDown},
	{number: "F21 clocks and claims break", kind: fakeidp.Clock},
	{number: "F22 the metadata move", kind: fakeidp.MovedMetadata},
	{number: "F25 gone for good", kind: fakeidp.Gone},
}

// Whatever Kakao does, under load, at three sites: everybody with another way
// linked is the same person to the website after one click more at most, and no
// page leaves anybody without a way on. Once the sites have found out nobody is
// sent there first.
func TestFaults(t *testing.T) {
	t.Parallel()
	gate := make(chan struct{}, 4)
	for _, f := range faults {
		t.Run(f.number, func(t *testing.T) {
			t.Parallel()
			gate <- struct{}{}
			defer func() { <-gate }()
			meet(t, f)
		})
	}
}

// F24: everybody moves to Naver at once, and Naver bears only so many. Nobody is
// sent there beyond that, and everybody gets in.
func TestFaultHerd(t *testing.T) {
	t.Parallel()
	i := brokertest.Start(t, brokertest.ThreeSites, impatient, func(o *dev.Options) {
		o.Configure = func(c *config.Config) {
			for k := range c.Providers {
				if c.Providers[k].ID == "naver" {
					c.Providers[k].Ceiling = 0.5
				}
			}
		}
	})
	walkers := settle(t, i, 9)
	kakao, _ := i.Upstreams().Upstream("kakao")
	if err := kakao.SetFault(fakeidp.TokenDown); err != nil {
		t.Fatal(err)
	}
	began, again := time.Now(), 0
	everybody(t, walkers, func(w *walker, way walked) {
		if way.subject == "" {
			t.Errorf("%s is nobody", w.name)
		}
		if way.extra() > 1 {
			again++
		}
	})
	// Three at each site, of whom a site lets one in at once and the next after
	// two seconds each.
	if took := time.Since(began); took < 3*time.Second || again == 0 {
		t.Errorf("all were let in within %v, %d of them had to wait", took, again)
	}
}

func meet(t *testing.T, f fault) {
	i := brokertest.Start(t, brokertest.ThreeSites, impatient)
	walkers := settle(t, i, 6)
	for _, w := range walkers {
		if f.agent != "" {
			w.sitDown(t, f.agent)
		}
	}
	everybody(t, walkers, func(w *walker, way walked) {
		w.subject = way.subject
		if way.extra() != 0 || way.subject == "" {
			t.Errorf("on a good day %s: %+v", w.name, way)
		}
	})
	kakao, _ := i.Upstreams().Upstream("kakao")
	if err := kakao.SetFaultWith(f.kind, f.scope); err != nil {
		t.Fatal(err)
	}
	same := func(w *walker, way walked) {
		if way.subject != w.subject {
			t.Errorf("%s is %q, was %q: %+v", w.name, way.subject, w.subject, way)
		}
		if way.extra() > 1 {
			t.Errorf("%s had to choose %v", w.name, way.choices)
		}
	}
	everybody(t, walkers, same)
	if !f.found {
		everybody(t, walkers, same)
		return
	}
	awaitStatus(t, i, "kakao", "down")
	everybody(t, walkers, func(w *walker, way walked) {
		same(w, way)
		if way.extra() != 0 || way.choices[0] != "naver" {
			t.Errorf("%s was led to %v although the sites knew", w.name, way.choices)
		}
	})
}

// impatient has simulated providers hold and delay for less than people would
// wait, but longer than a step may take.
func impatient(o *dev.Options) { o.SlowBy, o.HoldFor = 5*time.Second, 6*time.Second }

// everybody logs in at the same time.
func everybody(t *testing.T, walkers []*walker, then func(*walker, walked)) {
	t.Helper()
	var running sync.WaitGroup
	var mu sync.Mutex
	for _, w := range walkers {
		running.Go(func() {
			way, err := w.login(t.Context())
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Errorf("%s at %s: %v", w.name, hostOf(w.at), err)
				return
			}
			then(w, way)
		})
	}
	running.Wait()
	if t.Failed() {
		t.FailNow()
	}
}

// foundOutWithin is how long a quiet site may take: three probes, and the time
// each of them waits for an answer, on a busy machine.
const foundOutWithin = 60 * time.Second

// awaitStatus waits until every site says that a provider is in a state there.
func awaitStatus(t *testing.T, i *dev.Instance, provider, want string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), foundOutWithin)
	defer cancel()
	for _, site := range i.Sites() {
		for got := ""; got != want; {
			var err error
			if got, err = statusOf(ctx, site.URL(), site.Name(), provider); err != nil && ctx.Err() == nil {
				t.Fatal(err)
			}
			select {
			case <-ctx.Done():
				why, _ := site.Broker().Explain(provider)
				t.Fatalf("%s says %q of %s after %v: %s", site.Name(), got, provider, foundOutWithin, why)
			case <-time.After(200 * time.Millisecond):
			}
		}
	}
}

func readJSON(ctx context.Context, address string, into any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %d", address, response.StatusCode)
	}
	return json.NewDecoder(response.Body).Decode(into)
}
