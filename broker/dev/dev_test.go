package dev_test

import (
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/broker/cluster/clustertest"
	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/broker/dev"
	"github.com/bongsu/bongsu/broker/dev/browser"
	"github.com/bongsu/bongsu/broker/dev/switchboard"
	"github.com/bongsu/bongsu/providers/catalog"
	"github.com/bongsu/bongsu/providers/fakeidp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(clustertest.Settled(m)) }

// A person logs in by every kind of provider there is, one of which answers by a
// form from another site, and is the same person the next time. No page calls a
// way by its id.
func TestEveryWayIn(t *testing.T) {
	t.Parallel()
	i := brokertest.Start(t, func(o *dev.Options) { o.Providers = []string{dev.AllProviders} })
	if got := i.Upstreams().Names(); !slices.Equal(got, dev.Providers()) {
		t.Fatalf("simulated are %q", got)
	}
	var kinds []string
	for _, way := range i.Upstreams().Names() {
		t.Run(way, func(t *testing.T) { logsIn(t, i, way) })
		upstream, _ := i.Upstreams().Upstream(way)
		kinds = append(kinds, string(upstream.Dialect()))
	}
	if slices.Sort(kinds); !slices.Equal(kinds, catalog.Kinds()) {
		t.Errorf("of the kinds %q people logged in by %q", catalog.Kinds(), kinds)
	}
	b := brokertest.NewBrowser(t)
	board, status := b.Open(i.Switchboard()), b.Open(i.Issuer()+"/status")
	for _, way := range i.Upstreams().Names() {
		names(t, "the switchboard", board.TextOf("name-"+way), way)
		names(t, "the switchboard's news", board.TextOf("event-list"), way)
		names(t, "the status page", status.Text(), way)
	}
}

// logsIn logs a person in by a way that is new to them, and again by the same.
func logsIn(t *testing.T, i *dev.Instance, way string) {
	b := brokertest.NewBrowser(t)
	menu := b.Open(i.Demo() + "/login?prompt=login")
	names(t, "the menu", menu.TextOf("way-"+way), way)
	names(t, "the provider's page", b.Click("way-"+way).Text(), way)
	page := b.Continue("")
	names(t, "the question who somebody is", page.Text(), way)
	page = b.Click("new-account")
	if got := page.TextOf("claim-bongsu_way"); got != way {
		t.Errorf("the website was told %q", got)
	}
	names(t, "the website", page.TextOf("lead"), way)
	first := page.TextOf("claim-sub")
	if first == "" || page.TextOf("claim-nonce") != "확인됨" {
		t.Errorf("the website shows %s", page.Text())
	}
	if page = b.SignIn(i, way, ""); page.TextOf("claim-sub") != first || !page.Has("same-person") {
		t.Error("the same person got another subject")
	}
}

// names checks that what a page says does not call the way by its id.
func names(t *testing.T, where, says, way string) {
	t.Helper()
	if says == "" || regexp.MustCompile(`(^|[^a-z/.-])`+way+`($|[^a-z/.-])`).MatchString(says) {
		t.Errorf("%s calls %s by its id: %s", where, way, says)
	}
}

// Unless others are wanted, these five are on the menu, in the order of the
// language.
func TestUsualWays(t *testing.T) {
	i := brokertest.Start(t)
	b := brokertest.NewBrowser(t)
	page := b.Open(i.Demo() + "/login")
	if got, want := page.IDs("way-"), []string{"way-kakao", "way-naver", "way-google", "way-apple", "way-line"}; !slices.Equal(got, want) {
		t.Errorf("the menu offers %q, want %q", got, want)
	}
	if !strings.Contains(page.Text(), "LINE 로그인") {
		t.Errorf("the menu reads %s", page.Text())
	}
}

func TestProvidersThatAreNone(t *testing.T) {
	for _, wanted := range [][]string{{"myspace"}, {"kakao", "kakao"}, {""}} {
		if i, err := dev.New(t.Context(), dev.Options{Providers: wanted}); err == nil {
			t.Errorf("%q: %v", wanted, i.Stop())
		}
	}
}

// What dev mode is for: Kakao stops, the same person comes in by Naver.
func TestKakaoStops(t *testing.T) {
	i := brokertest.Start(t)
	b := brokertest.NewBrowser(t)
	b.SignIn(i, "kakao", "minji")

	b.Open(i.Switchboard())
	if page := b.Click("switch-kakao"); page.TextOf("state-kakao") != "꺼짐" {
		t.Fatalf("the switch reads %q", page.TextOf("state-kakao"))
	}
	page := b.SignIn(i, "naver", "minji")
	if !page.Has("same-person") || !strings.Contains(page.TextOf("lead"), "카카오 로그인은 지금 멈춰 있어요.") {
		t.Errorf("the website says %q", page.Text())
	}
	kinds := []switchboard.Kind{}
	for _, e := range i.Events().After(0) {
		kinds = append(kinds, e.Kind)
	}
	for _, want := range []switchboard.Kind{switchboard.Ready, switchboard.FaultSet, switchboard.LoginCompleted, switchboard.PageShown, switchboard.SamePerson} {
		if !slices.Contains(kinds, want) {
			t.Errorf("the switchboard does not tell %s: %v", want, kinds)
		}
	}
	if kinds[len(kinds)-1] != switchboard.Ready {
		t.Errorf("the first event is %s: the check of itself is told", kinds[len(kinds)-1])
	}
}

// Each fault ends at the menu or a page with a way on, never at a dead end.
func TestFaultsLeadBackToTheMenu(t *testing.T) {
	i := brokertest.Start(t)
	for _, fault := range []fakeidp.Fault{fakeidp.Error, fakeidp.Denied, fakeidp.BadSignature} {
		t.Run(string(fault), func(t *testing.T) {
			status, answer := call(t, http.MethodPut, i.Switchboard()+"/faults/kakao", `{"fault":"`+string(fault)+`"}`)
			if status != http.StatusOK {
				t.Fatalf("switchboard answered %d %s", status, answer)
			}
			b := brokertest.NewBrowser(t)
			b.Open(i.Demo() + "/login")
			b.Click("way-kakao")
			page := b.Continue("solo")
			if page.URL.Host != strings.TrimPrefix(i.Issuer(), "http://") || len(page.IDs("way-")) == 0 {
				t.Fatalf("at %s: %s", page.URL, page.Text())
			}
			b.Click("way-naver")
			if page = b.Continue("minji"); !page.Has("greeting") {
				t.Errorf("the other way ended at %s: %s", page.URL, page.Text())
			}
		})
	}
}

// A provider that answers too late costs a few seconds and one click.
func TestSlowProvider(t *testing.T) {
	t.Parallel()
	i := brokertest.Start(t, func(o *dev.Options) {
		o.SlowBy = 2 * time.Second
		o.Configure = func(cfg *config.Config) {
			for n := range cfg.Providers {
				cfg.Providers[n].Timeout = 500 * time.Millisecond
			}
		}
	})
	b := brokertest.NewBrowser(t)
	b.Open(i.Demo() + "/login")
	b.Click("way-kakao")
	call(t, http.MethodPut, i.Switchboard()+"/faults/kakao", `{"fault":"slow"}`)
	page := b.Continue("")
	if !page.Has("way-naver") || !strings.Contains(page.Text(), "카카오에서 응답이 없어요.") {
		t.Fatalf("at %s: %s", page.URL, page.Text())
	}
	b.Click("way-naver")
	if page = b.Continue("minji"); !page.Has("greeting") {
		t.Errorf("the other way ended at %s: %s", page.URL, page.Text())
	}
	told := i.Events().After(0)
	if !slices.ContainsFunc(told, func(e switchboard.Event) bool {
		return e.Kind == switchboard.StepFailed && e.Provider == "kakao" && strings.HasPrefix(e.Detail, "token theirs.slow")
	}) {
		t.Errorf("the switchboard does not tell that the token step was slow: %+v", told)
	}
}

// Below HTTP the broker meets what it would meet outside, while the person's
// browser was served: no name, no answer, another host's certificate.
func TestNetworkFaultsLeadBackToTheMenu(t *testing.T) {
	t.Parallel()
	tests := []struct {
		fault string
		codes []string // the second is that of a connection from before
	}{
		{`{"fault":"dns","endpoints":["token"]}`, []string{"token theirs.down dns", "token theirs.down broken"}},
		{`{"fault":"half-open","variant":"reset","endpoints":["token"]}`, []string{"token theirs.down tls", "token theirs.down broken"}},
		{`{"fault":"wrong-certificate","variant":"expired","endpoints":["token"],"sources":["dev"]}`, []string{"token theirs.trust certificate", "token theirs.down broken"}},
	}
	for _, tt := range tests {
		i := brokertest.Start(t)
		b := brokertest.NewBrowser(t)
		b.Open(i.Demo() + "/login")
		b.Click("way-kakao")
		call(t, http.MethodPut, i.Switchboard()+"/faults/kakao", tt.fault)
		if page := b.Continue(""); !page.Has("way-naver") {
			t.Fatalf("%s: at %s: %s", tt.fault, page.URL, page.Text())
		}
		told := i.Events().After(0)
		if !slices.ContainsFunc(told, func(e switchboard.Event) bool {
			return e.Kind == switchboard.StepFailed && slices.Contains(tt.codes, e.Detail)
		}) {
			t.Errorf("%s: the switchboard tells %+v", tt.fault, told)
		}
	}
}

// A dark provider never answers: the person presses Back and is asked.
func TestDarkProvider(t *testing.T) {
	t.Parallel()
	i := brokertest.Start(t, func(o *dev.Options) { o.HoldFor = 200 * time.Millisecond })
	b := brokertest.NewBrowser(t)
	b.Open(i.Demo() + "/login")
	call(t, http.MethodPut, i.Switchboard()+"/faults/kakao", `{"fault":"dark"}`)
	if page, err := b.Browser.Click(t.Context(), "way-kakao"); err == nil {
		t.Fatalf("a dark provider answered: %s", page.Text())
	}
	page, err := b.Reload(t.Context()) // where Back leads, since the provider never showed a page
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(page.Text(), "카카오 로그인이 끝나지 않았나요?") {
		t.Errorf("the menu says %s", page.Text())
	}
	b.Click("way-naver")
	if page = b.Continue("minji"); !page.Has("greeting") {
		t.Errorf("the other way ended at %s: %s", page.URL, page.Text())
	}
}

func TestPeopleHaveAccounts(t *testing.T) {
	i := brokertest.Start(t)
	subjects := map[string]string{}
	for _, p := range []struct{ person, way string }{{"minji", "kakao"}, {"minji", "naver"}, {"solo", "kakao"}} {
		b := brokertest.NewBrowser(t)
		b.Open(i.Demo() + "/login?idp_hint=" + p.way)
		page := b.Continue(p.person)
		subject := page.TextOf("claim-sub")
		if subject == "" {
			t.Fatalf("%s is asked by %s whether they are new: %s", p.person, p.way, page.Text())
		}
		if before := subjects[p.person]; before != "" && before != subject {
			t.Errorf("%s is another person by %s", p.person, p.way)
		}
		subjects[p.person] = subject
	}
	if subjects["minji"] == subjects["solo"] {
		t.Error("two people are one")
	}
}

func TestLogoutLeadsBack(t *testing.T) {
	i := brokertest.Start(t)
	b := brokertest.NewBrowser(t)
	b.SignIn(i, "kakao", "solo")
	page := b.Click("logout")
	if page.Has("logout") { // the broker asks before it ends its session
		page = b.Click("logout")
	}
	if !page.Has("login") || page.URL.Host != strings.TrimPrefix(i.Demo(), "http://") {
		t.Fatalf("at %s: %s", page.URL, page.Text())
	}
	if page = b.Open(i.Demo() + "/login?prompt=none"); page.TextOf("error") != "login_required" {
		t.Errorf("the broker's session goes on: %s", page.Text())
	}
}

// A public client on a port of its own logs in: the redirect URI is none that
// anybody registered.
func TestAnyLoopbackRedirect(t *testing.T) {
	i := brokertest.Start(t)
	authorize := func(redirect string) *browser.Page {
		b := brokertest.NewBrowser(t)
		return b.Open(i.Issuer() + "/authorize?" + url.Values{
			"client_id": {"demo-spa"}, "response_type": {"code"}, "scope": {"openid"}, "redirect_uri": {redirect},
			"code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"}, "state": {"s"},
		}.Encode())
	}
	for redirect, accepted := range map[string]bool{
		"http://localhost:3000/cb":         true,
		"http://127.0.0.1:5173/auth/x":     true,
		"http://localhost.evil.example/cb": false,
		"http://evil.example:3000/cb":      false,
		"https://evil.example/cb":          false,
		"http://localhost@evil.example/":   false,
	} {
		page := authorize(redirect)
		if got := len(page.IDs("way-")) > 0; got != accepted {
			t.Errorf("%s: accepted %v, want %v (status %d)", redirect, got, accepted, page.Status)
		}
	}
}

// Nothing passes to somebody else's website without the person's consent.
func TestThirdPartyAsksForConsent(t *testing.T) {
	i := brokertest.Start(t)
	b := brokertest.NewBrowser(t)
	b.SignIn(i, "kakao", "minji")
	page := b.Open(authorizeThird(i))
	if !page.Has("agree") || !page.Has("cancel") {
		t.Fatalf("%d %s", page.Status, page.Text())
	}
	page = b.Click("agree")
	if query := page.URL.Query(); query.Get("code") == "" || query.Get("state") != "s" {
		t.Errorf("the yes leads to %s", page.URL)
	}
}

func authorizeThird(i *dev.Instance) string {
	return i.Issuer() + "/authorize?" + url.Values{
		"client_id": {"demo-third"}, "response_type": {"code"}, "scope": {"openid email phone"}, "redirect_uri": {i.Demo() + "/third"},
		"code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"}, "state": {"s"},
	}.Encode()
}

func call(t *testing.T, method, address, body string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response := roundTrip(t, request)
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(answer)
}

func roundTrip(t *testing.T, request *http.Request) *http.Response {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	return response
}
