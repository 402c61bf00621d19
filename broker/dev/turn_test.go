package dev_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/broker/dev"
	"github.com/bongsu/bongsu/broker/dev/switchboard"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/providers/fakeidp"
)

// put has a site fare so, as the tour in the README does it.
func put(t *testing.T, i *dev.Instance, site string, state switchboard.State) {
	t.Helper()
	status, body := call(t, http.MethodPut, i.Switchboard()+"/sites/"+site, `{"state":"`+string(state)+`"}`)
	if status != http.StatusOK || !strings.Contains(body, `"state":"`+string(state)+`"`) {
		t.Fatalf("PUT /sites/%s %s: %d %s", site, state, status, body)
	}
	if states := siteStates(t, i); states[site] != string(state) {
		t.Fatalf("%s is listed as %q", site, states[site])
	}
}

// writer is the site that the switchboard says writes; empty: none does.
func writer(t *testing.T, i *dev.Instance) string {
	t.Helper()
	var listed struct{ Writer *string }
	status, body := call(t, http.MethodGet, i.Switchboard()+"/sites", "")
	if err := json.Unmarshal([]byte(body), &listed); err != nil || status != http.StatusOK {
		t.Fatalf("GET /sites: %d %s", status, body)
	}
	if listed.Writer == nil {
		return ""
	}
	return *listed.Writer
}

// eventually waits until it is so, and returns how long that took.
func eventually(t *testing.T, what string, so func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	for !so() {
		if time.Since(began) > time.Minute {
			t.Fatalf("it never came that %s", what)
		}
		select {
		case <-t.Context().Done():
			t.Fatal("the test was ended")
		case <-time.After(10 * time.Millisecond):
		}
	}
	return time.Since(began)
}

// moves waits until the writer stands in a site.
func moves(t *testing.T, i *dev.Instance, to string) time.Duration {
	t.Helper()
	return eventually(t, "the writer stands in "+to, func() bool { return writer(t, i) == to })
}

// pings asks the store of a site whether it reaches the writer.
func pings(t *testing.T, at *dev.Site) error {
	t.Helper()
	_, err := at.Broker().Accounts().EndSessions(t.Context(), "nobody", time.Now())
	if errors.Is(err, store.ErrNotFound) {
		return nil // that is the writer's word
	}
	return err
}

// subjectAt is who person is to a provider.
func subjectAt(i *dev.Instance, way, person string) string {
	upstream, _ := i.Upstreams().Upstream(way)
	return upstream.Subject(person)
}

// within asks address, for at most so long.
func within(t *testing.T, address string, most time.Duration) (status int, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), most)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := transport.RoundTrip(r)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, errors.Join(err, response.Body.Close())
}

// A dead site refuses every connection, and its writer is in the next site three
// seconds later: until then nobody writes, and nobody is told anything untrue.
// Back to life it is itself again, from what it kept.
func TestDeadSite(t *testing.T) {
	t.Parallel()
	i := brokertest.Start(t, brokertest.ThreeSites)
	await(t, i, report.hearsAll)
	b := brokertest.NewBrowser(t)
	before := b.SignIn(i, "kakao", "minji").TextOf("claim-sub")
	seoul, busan := i.Site("seoul"), i.Site("busan")
	first := seoul.Broker()
	if at := writer(t, i); at != "seoul" {
		t.Fatalf("the writer stands in %q", at)
	}
	ended := store.Fact{Kind: store.SessionEnded, ID: "a-session-that-ended-at-seoul", At: time.Now().UTC()}
	if err := first.Negative().Apply(t.Context(), ended); err != nil {
		t.Fatal(err)
	}

	put(t, i, "seoul", switchboard.SiteDead)
	for _, address := range []string{seoul.URL() + "/jwks", seoul.Admin() + "/livez"} {
		if _, err := within(t, address, 10*time.Second); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("%s of the dead: %v", address, err)
		}
	}
	if at := writer(t, i); at != "" {
		t.Errorf("the writer stands in %q at once", at)
	}
	if err := pings(t, busan); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("without a writer busan is told %v", err)
	}
	if asked, status := answeredBy(t, i.Issuer()+"/jwks"); asked != "busan" || status != http.StatusOK {
		t.Errorf("%q answers %d", asked, status)
	}
	if took := moves(t, i, "busan"); took < 2*time.Second || took > 30*time.Second {
		t.Errorf("the writer moved after %s", took)
	}
	if err := pings(t, busan); err != nil {
		t.Errorf("busan does not write: %v", err)
	}
	if page := b.SignIn(i, "naver", "minji"); page.TextOf("claim-sub") != before {
		t.Errorf("at busan minji is %s: %s", page.TextOf("claim-sub"), page.Text())
	}
	newcomer := brokertest.NewBrowser(t).SignIn(i, "google", "").TextOf("claim-sub")

	put(t, i, "seoul", switchboard.SiteOK)
	if seoul.Broker() == first {
		t.Error("it is the same broker")
	}
	if !seoul.Broker().Negative().Has(store.SessionEnded, ended.ID) {
		t.Error("it has forgotten what was taken away")
	}
	if asked, _ := answeredBy(t, i.Issuer()+"/jwks"); asked != "seoul" {
		t.Errorf("%q is asked first", asked)
	}
	if at := writer(t, i); at != "busan" {
		t.Errorf("the writer went back to %q", at)
	}
	if page := brokertest.NewBrowser(t).SignIn(i, "google", ""); page.TextOf("claim-sub") != newcomer {
		t.Errorf("seoul does not know who came while it was dead: %s", page.Text())
	}
	await(t, i, report.hearsAll)
}

// A frozen site takes connections and answers nothing; whoever asks the front door
// waits once for a second, and what had waited at the site is answered when it
// thaws.
func TestFrozenSite(t *testing.T) {
	i := brokertest.Start(t, brokertest.ThreeSites)
	seoul, busan := i.Site("seoul"), i.Site("busan")
	before := brokertest.NewBrowser(t).SignIn(i, "kakao", "minji").TextOf("claim-sub")
	first := seoul.Broker()

	put(t, i, "seoul", switchboard.SiteFrozen)
	if _, err := within(t, seoul.URL()+"/jwks", 300*time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the frozen: %v", err)
	}
	waiting := make(chan int, 1)
	go func() {
		status, _ := within(t, seoul.URL()+"/jwks", time.Minute)
		waiting <- status
	}()
	for n, most := range []time.Duration{10 * time.Second, 900 * time.Millisecond, 900 * time.Millisecond} {
		began := time.Now()
		asked, status := answeredBy(t, i.Issuer()+"/jwks")
		if took := time.Since(began); asked != "busan" || status != http.StatusOK || took > most {
			t.Errorf("request %d: %q answers %d after %s", n, asked, status, took)
		}
	}
	moves(t, i, "busan")
	if err := pings(t, busan); err != nil {
		t.Errorf("busan does not write: %v", err)
	}
	if page := brokertest.NewBrowser(t).SignIn(i, "kakao", "minji"); page.TextOf("claim-sub") != before {
		t.Errorf("at busan minji is somebody else: %s", page.Text())
	}
	if len(waiting) > 0 {
		t.Error("the frozen has answered")
	}
	put(t, i, "seoul", switchboard.SiteOK)
	if status := <-waiting; status != http.StatusOK {
		t.Errorf("what waited is answered %d", status)
	}
	if seoul.Broker() != first {
		t.Error("it is another broker")
	}
	eventually(t, "the front door asks seoul again", func() bool {
		asked, _ := answeredBy(t, i.Issuer()+"/jwks")
		return asked == "seoul"
	})
	if err := pings(t, seoul); err != nil {
		t.Errorf("seoul does not write: %v", err)
	}
}

// A site that is cut off serves its own people from what it knew at the cut: it
// writes nothing, hears nothing, and takes what it does not know for unknown.
func TestSiteThatIsCutOff(t *testing.T) {
	t.Parallel()
	i := brokertest.Start(t, brokertest.ThreeSites)
	await(t, i, report.hearsAll)
	seoul := i.Site("seoul")
	b := brokertest.NewBrowser(t)
	b.SignIn(i, "kakao", "minji")

	put(t, i, "seoul", switchboard.SiteCut)
	if err := pings(t, seoul); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("cut off it is told %v", err)
	}
	if asked, _ := answeredBy(t, i.Issuer()+"/jwks"); asked != "busan" {
		t.Errorf("%q is asked", asked)
	}
	moves(t, i, "busan")
	brokertest.NewBrowser(t).SignIn(i, "google", "haneul")
	known := store.IdentityKey{Provider: "kakao", Subject: subjectAt(i, "kakao", "minji")}
	later := store.IdentityKey{Provider: "google", Subject: subjectAt(i, "google", "haneul")}
	if _, err := seoul.Broker().Accounts().AccountByIdentity(t.Context(), known, 0); err != nil {
		t.Errorf("who was known is not: %v", err)
	}
	if _, err := seoul.Broker().Accounts().AccountByIdentity(t.Context(), later, 0); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("who came since is %v", err)
	}
	if status, err := within(t, seoul.URL()+"/status", 10*time.Second); status != http.StatusOK {
		t.Errorf("its own people get %d, %v", status, err)
	}
	eventually(t, "busan misses seoul", func() bool {
		_, metrics := call(t, http.MethodGet, i.Site("busan").Admin()+"/metrics", "")
		return strings.Contains(metrics, "\nbongsu_gossip_members 2\n")
	})

	for _, other := range []string{"busan", "tokyo"} {
		put(t, i, other, switchboard.SiteDead)
	}
	if asked, status := answeredBy(t, i.Issuer()+"/jwks"); asked != "seoul" || status != http.StatusOK {
		t.Errorf("when no other lives %q answers %d", asked, status)
	}
	// A newcomer is told that it could not be checked, and gets no account.
	b.Open(i.Demo() + "/login?prompt=login")
	b.Click("way-google")
	if page := b.Continue("haneul"); page.Has("new-account") || page.Has("greeting") {
		t.Errorf("who is not known came to %s: %s", page.URL, page.Text())
	}
	put(t, i, "seoul", switchboard.SiteOK)
	moves(t, i, "seoul")
	if _, err := seoul.Broker().Accounts().AccountByIdentity(t.Context(), later, 0); err != nil {
		t.Errorf("back again it does not know who came: %v", err)
	}
	put(t, i, "tokyo", switchboard.SiteFrozen) // starts first
	put(t, i, "tokyo", switchboard.SiteCut)
	put(t, i, "tokyo", switchboard.SiteFrozen)
	put(t, i, "tokyo", switchboard.SiteCut)
	put(t, i, "tokyo", switchboard.SiteOK)
	if err := pings(t, i.Site("tokyo")); err != nil {
		t.Errorf("tokyo does not write: %v", err)
	}
}

// A site that freezes while it has somebody's request costs them two seconds: what
// only reads is asked of the next site, and the login goes on there.
func TestSiteThatFreezesUnderAPersonsHands(t *testing.T) {
	t.Parallel()
	i := brokertest.Start(t, brokertest.ThreeSites)
	b := brokertest.NewBrowser(t)
	before := b.SignIn(i, "kakao", "minji").TextOf("claim-sub")
	kakao, _ := i.Upstreams().Upstream("kakao")

	b.Open(i.Demo() + "/login?prompt=login")
	b.Click("way-kakao")
	if err := kakao.SetFaultWith(fakeidp.Slow, fakeidp.Scope{Endpoints: []fakeidp.Endpoint{fakeidp.Token}}); err != nil {
		t.Fatal(err)
	}
	asked, began := kakao.Counts()[fakeidp.Token], time.Now()
	frozen := make(chan error, 1)
	go func() {
		eventually(t, "seoul redeems the code", func() bool { return kakao.Counts()[fakeidp.Token] > asked })
		err := i.Site("seoul").Turn(t.Context(), switchboard.SiteFrozen)
		kakao.ClearFault()
		frozen <- err
	}()
	page := b.Continue("minji")
	if err := <-frozen; err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("the person waited %s", took)
	}
	if !page.Has("way-naver") && !page.Has("greeting") {
		t.Fatalf("the person is at %s: %s", page.URL, page.Text())
	}
	moves(t, i, "busan")
	if page.Has("way-naver") {
		b.Click("way-naver")
		page = b.Continue("minji")
	}
	if got := page.TextOf("claim-sub"); got != before {
		t.Errorf("at busan minji is %q: %s", got, page.Text())
	}
}

// However often sites turn, nothing of their earlier lives runs on.
func TestSitesLeaveNothingBehind(t *testing.T) {
	i := brokertest.Start(t, brokertest.ThreeSites)
	turn := func() {
		for _, state := range []switchboard.State{
			switchboard.SiteDead, switchboard.SiteFrozen, switchboard.SiteDead, switchboard.SiteCut, switchboard.SiteDead, switchboard.SiteOK,
		} {
			put(t, i, "tokyo", state)
		}
	}
	turn()
	before := runtime.NumGoroutine()
	for range 3 {
		turn()
	}
	eventually(t, "as much runs as before", func() bool { return runtime.NumGoroutine() <= before+5 })
}

// What cannot be is refused with words.
func TestTurnsThatAreRefused(t *testing.T) {
	t.Parallel()
	one, three := brokertest.Start(t), brokertest.Start(t, brokertest.ThreeSites)
	tests := []struct {
		name   string
		at     *dev.Instance
		site   string
		body   string
		status int
		says   string
	}{
		{"no such site", three, "jeju", `{"state":"dead"}`, http.StatusNotFound, "unknown_site"},
		{"no such state", three, "seoul", `{"state":"tired"}`, http.StatusBadRequest, "unknown_state"},
		{"no state", three, "seoul", `{}`, http.StatusBadRequest, "unknown_state"},
		{"something else", three, "seoul", `{"state":"dead","for":"1m"}`, http.StatusBadRequest, "bad_json"},
		{"no JSON", three, "seoul", `state=dead`, http.StatusBadRequest, "bad_json"},
		{"the only site", one, "dev", `{"state":"dead"}`, http.StatusConflict, "dev --sites 3"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, body := call(t, http.MethodPut, tt.at.Switchboard()+"/sites/"+tt.site, tt.body)
			if status != tt.status || !strings.Contains(body, tt.says) {
				t.Errorf("answered %d %s", status, body)
			}
		})
	}
	// A port that somebody took meanwhile keeps a site dead, and is named.
	put(t, three, "tokyo", switchboard.SiteDead)
	var config net.ListenConfig
	taken, err := config.Listen(t.Context(), "tcp", strings.TrimPrefix(three.Site("tokyo").URL(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	status, body := call(t, http.MethodPut, three.Switchboard()+"/sites/tokyo", `{"state":"ok"}`)
	if status != http.StatusServiceUnavailable || !strings.Contains(body, "not_started") || !strings.Contains(body, "port") {
		t.Errorf("answered %d %s", status, body)
	}
	if states := siteStates(t, three); states["tokyo"] != "dead" {
		t.Errorf("it is %s", states["tokyo"])
	}
	if err := taken.Close(); err != nil {
		t.Fatal(err)
	}
	put(t, three, "tokyo", switchboard.SiteOK)
}
