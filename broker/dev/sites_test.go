package dev_test

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/broker/dev"
	"github.com/bongsu/bongsu/broker/dev/switchboard"
)

// answeredBy asks address and returns which site the front door asked.
func answeredBy(t *testing.T, address string) (site string, status int) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	response := roundTrip(t, request)
	_ = response.Body.Close()
	return response.Header.Get("X-Bongsu-Site"), response.StatusCode
}

// siteStates are the sites as the switchboard lists them.
func siteStates(t *testing.T, i *dev.Instance) map[string]string {
	t.Helper()
	status, body := call(t, http.MethodGet, i.Switchboard()+"/sites", "")
	var listed struct {
		Sites []struct{ Site, URL, State string }
	}
	if err := json.Unmarshal([]byte(body), &listed); err != nil || status != http.StatusOK {
		t.Fatalf("GET /sites: %d %s", status, body)
	}
	states := map[string]string{}
	for n, s := range listed.Sites {
		if at := i.Sites()[n]; at.Name() != s.Site || at.URL() != s.URL {
			t.Errorf("site %d is listed as %+v", n, s)
		}
		states[s.Site] = s.State
	}
	return states
}

// A person is the same at every site, whichever of them begins the login, and
// every site shows the same keys.
func TestEverySiteLogsIn(t *testing.T) {
	t.Parallel()
	i := brokertest.Start(t, brokertest.ThreeSites)
	var subject, keys string
	for _, site := range i.Sites() {
		b := brokertest.NewBrowser(t)
		page := b.Open(i.Demo() + "/login?prompt=login")
		// The same request, at the site's own address.
		page = b.Open(site.URL() + page.URL.RequestURI())
		if page.URL.Host != strings.TrimPrefix(site.URL(), "http://") || !page.Has("way-kakao") {
			t.Fatalf("%s shows no menu, at %s: %s", site.Name(), page.URL, page.Text())
		}
		b.Click("way-kakao")
		page = b.Continue("minji")
		got := page.TextOf("claim-sub")
		if got == "" || (subject != "" && got != subject) {
			t.Errorf("by %s the person is %q, by another site %q: %s", site.Name(), got, subject, page.Text())
		}
		subject = got
		if _, body := call(t, http.MethodGet, site.URL()+"/jwks", ""); keys != "" && body != keys {
			t.Errorf("%s shows other keys", site.Name())
		} else {
			keys = body
		}
	}
	if states := siteStates(t, i); len(states) != 3 || states["seoul"] != "ok" || states["busan"] != "ok" || states["tokyo"] != "ok" {
		t.Errorf("the switchboard lists %v", states)
	}
	b := brokertest.NewBrowser(t)
	if page := b.Open(i.Switchboard()); !page.Has("site-seoul") || !strings.Contains(page.Text(), "부산") {
		t.Errorf("the switchboard shows %s", page.Text())
	}
}

// When a site dies in the middle of a login, the next one goes on with it; when
// all are gone that is said.
func TestFrontDoor(t *testing.T) {
	t.Parallel()
	i := brokertest.Start(t, brokertest.ThreeSites)
	b := brokertest.NewBrowser(t)
	before := b.SignIn(i, "kakao", "minji").TextOf("claim-sub")

	b.Open(i.Demo() + "/login?prompt=login")
	b.Click("way-naver")
	for n, site := range i.Sites() {
		asked, status := answeredBy(t, i.Issuer()+"/.well-known/openid-configuration")
		if asked != site.Name() || status != http.StatusOK {
			t.Errorf("with %d sites gone %q answers %d", n, asked, status)
		}
		if n == 2 {
			break
		}
		if err := site.Turn(t.Context(), switchboard.SiteDead); err != nil {
			t.Errorf("kill %s: %v", site.Name(), err)
		}
		if states := siteStates(t, i); states[site.Name()] != "dead" || states["tokyo"] != "ok" {
			t.Errorf("with %s gone the switchboard lists %v", site.Name(), states)
		}
	}
	moves(t, i, "tokyo")
	if page := b.Continue("minji"); page.TextOf("claim-sub") != before {
		t.Errorf("the login that seoul began ended at %s: %s", page.URL, page.Text())
	}
	if page := b.SignIn(i, "kakao", "minji"); page.TextOf("claim-sub") != before {
		t.Errorf("at tokyo minji is somebody else: %s", page.Text())
	}

	if err := i.Site("tokyo").Turn(t.Context(), switchboard.SiteDead); err != nil {
		t.Errorf("kill tokyo: %v", err)
	}
	if asked, status := answeredBy(t, i.Issuer()+"/"); asked != "" || status != http.StatusServiceUnavailable {
		t.Errorf("with all sites gone %q answers %d", asked, status)
	}
}

// Of one site there is one, at the issuer's address.
func TestOneSite(t *testing.T) {
	i := brokertest.Start(t)
	if states := siteStates(t, i); len(states) != 1 || states["dev"] != "ok" || i.Sites()[0].URL() != i.Issuer() {
		t.Errorf("the switchboard lists %v", states)
	}
	b := brokertest.NewBrowser(t)
	if page := b.Open(i.Switchboard()); page.Has("sites") {
		t.Error("the switchboard shows a list of one")
	}
	if asked, _ := answeredBy(t, i.Issuer()+"/jwks"); asked != "" {
		t.Errorf("a front door asked %s", asked)
	}
}

// report is what everybody can read at a site about all of them.
type report struct {
	Providers []struct {
		ID    string
		Sites map[string]string
	}
	Sites []struct {
		Name  string
		Heard bool
	}
}

func reportOf(t *testing.T, at *dev.Site) (r report) {
	t.Helper()
	status, body := call(t, http.MethodGet, at.URL()+"/status.json", "")
	if err := json.Unmarshal([]byte(body), &r); err != nil || status != http.StatusOK {
		t.Fatalf("%s/status.json: %d %s", at.Name(), status, body)
	}
	return r
}

// kakaoAt is how Kakao is at site.
func (r report) kakaoAt(site string) string {
	for _, p := range r.Providers {
		if p.ID == "kakao" {
			return p.Sites[site]
		}
	}
	return ""
}

// hearsAll reports whether news from every site has come.
func (r report) hearsAll() bool {
	for _, s := range r.Sites {
		if !s.Heard {
			return false
		}
	}
	return len(r.Sites) == 3
}

// await waits until every site reports as wanted, and returns when the first and
// the last of them did.
func await(t *testing.T, i *dev.Instance, wanted func(report) bool) (first, last time.Time) {
	t.Helper()
	missing := i.Sites()
	for began := time.Now(); ; {
		missing = slices.DeleteFunc(missing, func(site *dev.Site) bool {
			if !wanted(reportOf(t, site)) {
				return false
			}
			if last = time.Now(); first.IsZero() {
				first = last
			}
			return true
		})
		if len(missing) == 0 {
			return first, last
		}
		if time.Since(began) > time.Minute {
			t.Fatalf("%s reports %+v", missing[0].Name(), reportOf(t, missing[0]))
		}
		select {
		case <-t.Context().Done():
			t.Fatal("the test was ended")
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// What one site meets, the others know within a second of it; that it is not so
// for them, they see themselves.
func TestNewsReachesTheOtherSites(t *testing.T) {
	t.Parallel()
	i := brokertest.Start(t, brokertest.ThreeSites)
	await(t, i, report.hearsAll)

	status, body := call(t, http.MethodPut, i.Switchboard()+"/faults/kakao", `{"fault":"core-down","sources":["seoul"]}`)
	if status != http.StatusOK {
		t.Fatalf("switchboard answered %d %s", status, body)
	}
	b := brokertest.NewBrowser(t)
	b.Open(i.Demo() + "/login?prompt=login")
	b.Click("way-kakao")
	if page := b.Continue("minji"); !page.Has("way-naver") {
		t.Errorf("seoul reaches kakao, at %s: %s", page.URL, page.Text())
	}
	first, last := await(t, i, func(r report) bool { return r.kakaoAt("seoul") == "down" })
	if took := last.Sub(first); took > 15*time.Second { // half of what passes until sites compare all they know
		t.Errorf("the last site knew %v after the first", took)
	}
	for _, site := range i.Sites() {
		r := reportOf(t, site)
		for _, other := range []string{"busan", "tokyo"} {
			if state := r.kakaoAt(other); state == "down" {
				t.Errorf("%s believes that kakao is down for %s", site.Name(), other)
			}
		}
	}
}

// Behind the front door everybody counts for themselves, whatever they say of
// where they come from.
func TestFrontDoorSaysWhomItForwardsFor(t *testing.T) {
	t.Parallel()
	i := brokertest.Start(t, brokertest.ThreeSites)
	ask := func(from, secret, forwarded string) int {
		form := url.Values{"grant_type": {"client_credentials"}, "client_id": {"demo"}, "client_secret": {secret}}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, i.Issuer()+"/token", strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("X-Forwarded-For", forwarded)
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, to string) (net.Conn, error) {
			return dialer.DialContext(ctx, "tcp4", to)
		}}
		response, err := transport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		return response.StatusCode
	}
	last := 0
	for n := range 200 {
		last = ask("127.0.0.2", "a-guess-of-more-than-thirty-two-letters", "198.51.100."+strconv.Itoa(n))
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("the 200th guess of one address: %d", last)
	}
	if status := ask("127.0.0.3", "demo-secret", "127.0.0.2"); status != http.StatusOK {
		t.Errorf("somebody else: %d", status)
	}
	if status := ask("127.0.0.1", "demo-secret", "127.0.0.2"); status != http.StatusOK {
		t.Errorf("who comes from where the front door does: %d", status)
	}
}
