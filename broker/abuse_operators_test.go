package broker_test

import (
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/admin"
	"github.com/bongsu/bongsu/broker/audit"
	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/broker/health"
)

// operated starts a node with an operator, who is returned with it.
func operated(t *testing.T, changes ...func(*config.Config)) (*brokertest.Node, *admin.Client) {
	t.Helper()
	n, credential := operatedOn(t, func(*brokertest.Setup) {}, changes...)
	at, err := url.Parse(n.Admin)
	must(t, err)
	operator, err := admin.NewClient(at, credential)
	must(t, err)
	return n, operator
}

// operatedOn is [operated] on a database of the test's; it returns the operator's
// credential.
func operatedOn(t *testing.T, database func(*brokertest.Setup), changes ...func(*config.Config)) (*brokertest.Node, string) {
	t.Helper()
	credential, hash, err := client.NewSecret(rand.Reader)
	must(t, err)
	n := brokertest.StartNode(t, database, func(s *brokertest.Setup) {
		s.Clients = append(s.Clients, machine())
		s.Configure = func(cfg *config.Config) {
			cfg.Operators = []config.Operator{{Name: "ops", SecretHashes: [][32]byte{hash}}}
			for _, change := range changes {
				change(cfg)
			}
		}
	})
	n.Secret("operator's credential", credential)
	return n, credential
}

// machine is a website that takes tokens for itself.
func machine() *client.Client {
	return &client.Client{
		ID: "RP-machine", Name: "RP-machine", GrantTypes: []string{client.GrantClientCredentials},
		SecretHashes: [][32]byte{client.HashSecret("machine-secret-of-more-than-thirty-two")},
	}
}

// order gives an order that must succeed.
func order(t *testing.T, operator *admin.Client, provider, what string, o admin.Order) {
	t.Helper()
	if _, err := operator.Order(t.Context(), provider, what, o); err != nil {
		t.Fatal(err)
	}
}

// adminPaths are all that the admin listener takes, about things that exist.
var adminPaths = []string{
	"GET /admin/health", "GET /admin/health/kakao", "GET /admin/providers", "POST /admin/providers/kakao/disable",
	"POST /admin/providers/kakao/enable", "POST /admin/providers/kakao/retire", "POST /admin/providers/kakao/distrust",
	"POST /admin/providers/kakao/adopt", "PUT /admin/outages/kakao", "DELETE /admin/outages/kakao", "GET /admin/coverage",
	"GET /admin/drills", "POST /admin/drills", "GET /admin/drills/latest", "POST /admin/drills/running/stop",
	"GET /admin/lever", "PUT /admin/lever",
	"GET /admin/clients", "POST /admin/clients", "GET /admin/clients/RP-1", "PUT /admin/clients/RP-1", "POST /admin/clients/RP-1/remove",
	"POST /admin/clients/RP-1/secrets", "POST /admin/clients/RP-1/secrets/0123456789ab/drop",
	"POST /admin/accounts/find", "POST /admin/accounts/a1/disable", "POST /admin/accounts/a1/enable", "POST /admin/accounts/a1/delete",
	"GET /admin/accounts/a1/sessions", "POST /admin/accounts/a1/sessions/end", "POST /admin/sessions/s1/revoke",
}

// AB-79. Nothing that people, websites or their browsers have is an operator's
// credential.
func TestAB79ManagementAPI(t *testing.T) {
	n, operator := operated(t)
	vic := n.NewBrowser()
	tokens := n.Redeem(n.Login(vic, "kakao", "vic", brokertest.RP1.Request()))
	own := n.Post("/token", url.Values{"grant_type": {"client_credentials"}}, "Authorization",
		brokertest.Website{ID: "RP-machine", Secret: "machine-secret-of-more-than-thirty-two"}.Basic())
	for name, token := range map[string]string{
		"access token": tokens.Text("access_token"), "ID token": tokens.Text("id_token"), "client's token": own.Text("access_token"),
	} {
		if token == "" {
			t.Fatalf("there is no %s: %s %s", name, tokens.Body, own.Body)
		}
	}
	name, value := cookieNamed(t, vic, "_session")
	cookie := name + "=" + value
	attempts := map[string][]string{
		"nothing":                         nil,
		"a user's access token":           {"Authorization", "Bearer " + tokens.Text("access_token")},
		"a user's ID token":               {"Authorization", "Bearer " + tokens.Text("id_token")},
		"a website's token":               {"Authorization", "Bearer " + own.Text("access_token")},
		"a website's secret":              {"Authorization", brokertest.RP1.Basic()},
		"a website's secret, as a bearer": {"Authorization", "Bearer " + brokertest.RP1.Secret},
		"a session cookie":                {"Cookie", cookie},
		"a session cookie, from a page":   {"Cookie", cookie, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"},
	}
	before := n.Rows()
	for name, headers := range attempts {
		for _, target := range adminPaths {
			method, path, _ := strings.Cut(target, " ")
			refused := len(n.Events(audit.OperatorRefused))
			answer := n.Do(adminRequest(t, n, method, path, headers))
			if answer.Status != http.StatusUnauthorized && answer.Status != http.StatusForbidden {
				t.Errorf("%s with %s: %d %s", target, name, answer.Status, answer.Body)
			}
			if got := n.Events(audit.OperatorRefused); len(got) != refused+1 || got[refused].Action == "" || got[refused].Reason == "" {
				t.Errorf("%s with %s is not audited", target, name)
			}
		}
	}
	if after := n.Rows(); !after.Same(before) || n.Broker.Negative().Len() != 0 {
		t.Errorf("something changed: %v became %v", before, after)
	}
	// Secrets are write-only: nothing that an operator may read holds one.
	for _, path := range []string{"/admin/health", "/admin/providers", "/admin/health/kakao"} {
		answer := n.Do(adminRequest(t, n, http.MethodGet, path, nil))
		if strings.Contains(string(answer.Body), n.Upstream("kakao").Client().Secret) {
			t.Errorf("%s tells a provider's secret", path)
		}
	}
	if _, err := operator.Providers(t.Context()); err != nil {
		t.Errorf("an operator is refused: %v", err)
	}
	if n.Ask(http.MethodGet, "/admin/providers").Status != http.StatusNotFound {
		t.Error("the public listener takes orders")
	}
}

func adminRequest(t *testing.T, n *brokertest.Node, method, path string, headers []string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, n.Admin+path, strings.NewReader("{}"))
	must(t, err)
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

// AB-60. A provider is switched off while a login is under way.
func TestAB60ProviderSwitchedOff(t *testing.T) {
	n, operator := operated(t)
	vic := n.NewBrowser()
	n.Login(vic, "kakao", "vic", brokertest.RP1.Request())
	mal := n.NewBrowser()
	r := brokertest.RP1.Request()
	mal.Open(n.AuthorizeURL(r))
	atKakao := mal.Click("way-kakao")
	order(t, operator, "kakao", admin.OrderDisable, admin.Order{Reason: "test"})
	before, asked := n.Rows(), n.Upstream("kakao").Counts()["token"]
	page := mal.Continue("mal")
	if page.Has("new-account") || !page.Has("way-naver") {
		t.Fatalf("the browser is at %s: %s", page.URL, page.Text())
	}
	mal.Open(atKakao.URL.String()) // the earlier authorization URL, again
	if page := mal.Continue("mal"); page.Has("new-account") {
		t.Errorf("a replayed address leads to %s: %s", page.URL, page.Text())
	}
	if after := n.Rows(); after["accounts"] != before["accounts"] || after["links"] != before["links"] || after["grants"] != before["grants"] {
		t.Errorf("%v became %v", before, after)
	}
	if got := n.Upstream("kakao").Counts()["token"]; got != asked {
		t.Errorf("kakao was asked %d times", got-asked)
	}
	// The same login goes on by another way.
	mal.Open(n.AuthorizeURL(r))
	if page := mal.Open(n.AuthorizeURL(r)); page.Has("continue") {
		t.Errorf("kakao is offered: %s", page.Text())
	}
	n.Login(mal, "naver", "mal", r)
	// A session that kakao gave before goes on, as documented.
	quiet := brokertest.RP1.Request(set("prompt", "none"))
	if answer := n.Answered(vic.Open(n.AuthorizeURL(quiet)), quiet); answer.Code == "" {
		t.Errorf("vic's session got %s", answer.Error)
	}
	n.Clock.Advance(time.Second)
	order(t, operator, "kakao", admin.OrderEnable, admin.Order{})
	n.Login(n.NewBrowser(), "kakao", "vic", brokertest.RP1.Request())
}

// F08: an operator takes trust away from a key. What it signed so far is worth
// nothing, what it signs is not believed, and the login goes on by another way.
func TestDistrustedKey(t *testing.T) {
	n, operator := operated(t)
	vic := n.NewBrowser()
	tokens := n.Redeem(n.Login(vic, "p", "vic", brokertest.RP1.Request()))
	waiting := n.Login(vic, "p", "vic", brokertest.RP2.Request())
	key := n.Upstream("p").PublishedKeys()[0]
	order(t, operator, "p", admin.OrderDistrust, admin.Order{KeyID: key, Reason: "stolen"})
	quiet := brokertest.RP1.Request(set("prompt", "none"))
	if answer := n.Answered(vic.Open(n.AuthorizeURL(quiet)), quiet); answer.Error != "login_required" {
		t.Errorf("the session got %q", answer.Error)
	}
	if answer := n.Userinfo(tokens.Text("access_token")); answer.Status != http.StatusUnauthorized {
		t.Errorf("the access token got %d", answer.Status)
	}
	refused(t, n.Redeem(waiting), "invalid_grant")
	n.Clock.Advance(6 * time.Second)
	vic.Open(n.AuthorizeURL(brokertest.RP1.Request()))
	vic.Click("way-p")
	if page := vic.Continue("vic"); !page.Has("way-naver") || strings.Contains(page.URL.Host, "rp1") {
		t.Fatalf("the distrusted key leads to %s: %s", page.URL, page.Text())
	}
	n.Login(vic, "naver", "vic", brokertest.RP1.Request())
	n.Upstream("p").RotateKeys() // p has another key now, which nobody distrusts
	n.Clock.Advance(2 * time.Minute)
	n.Login(n.NewBrowser(), "p", "vic", brokertest.RP1.Request())
}

// While its provider's outage is declared, a session lives on with the age of
// its proof, and no longer.
func TestSessionsInADeclaredOutage(t *testing.T) {
	n, operator := operated(t, func(cfg *config.Config) {
		cfg.Sessions = config.Sessions{Idle: time.Hour, Lifetime: 24 * time.Hour, OutageCeiling: 6 * time.Hour}
	})
	vic := n.NewBrowser()
	first := brokertest.Claims(n.Redeem(n.Login(vic, "kakao", "vic", brokertest.RP1.Request())).Text("id_token"))
	quiet := func() brokertest.Answer {
		r := brokertest.RP1.Request(set("prompt", "none"))
		return n.Answered(vic.Open(n.AuthorizeURL(r)), r)
	}
	n.Clock.Advance(2 * time.Hour)
	if got := quiet(); got.Error != "login_required" {
		t.Fatalf("after two idle hours the session got %q", got.Error)
	}
	if _, err := operator.DeclareOutage(t.Context(), "kakao", admin.Declaration{Seconds: 3600}); err != nil {
		t.Fatal(err)
	}
	got := quiet()
	if got.Code == "" {
		t.Fatalf("in the outage the session got %q", got.Error)
	}
	if again := brokertest.Claims(n.Redeem(got).Text("id_token")); again["auth_time"] != first["auth_time"] || again["sub"] != first["sub"] {
		t.Errorf("auth_time %v became %v", first["auth_time"], again["auth_time"])
	}
	if _, err := operator.EndOutage(t.Context(), "kakao"); err != nil {
		t.Fatal(err)
	}
	n.Clock.Advance(2 * time.Hour)
	if got := quiet(); got.Error != "login_required" {
		t.Errorf("after the outage the session got %q", got.Error)
	}
}

// A drill: who takes part meets the menu of an outage and ends as the same
// person; the provider's health is not touched; the report's numbers are those
// that were counted at the door.
func TestDrillFromStartToReport(t *testing.T) {
	n, operator := operated(t, func(cfg *config.Config) { cfg.Health.Probes = true })
	n.Login(n.NewBrowser(), "kakao", "vic", brokertest.RP1.Request())
	n.Login(n.NewBrowser(), "naver", "vic", brokertest.RP1.Request())
	if _, err := operator.StartDrill(t.Context(), admin.DrillRequest{Provider: "daum", Kind: "down", Share: 500, Seconds: 600}); err == nil {
		t.Error("a drill of nobody has started")
	}
	eventually(t, "two others are known to be healthy", func() bool {
		got, err := operator.Health(t.Context())
		must(t, err)
		up := 0
		for _, row := range got.Rows {
			if row.Verdict.State == health.Up && row.Provider != "kakao" {
				up++
			}
		}
		return up >= 2
	})
	started, err := operator.StartDrill(t.Context(), admin.DrillRequest{Provider: "kakao", Kind: "down", Share: 500, Seconds: 600, Reason: "practice"})
	must(t, err)
	var other, refusedHere int64
	for range 30 {
		b := n.NewBrowser()
		r := brokertest.RP1.Request()
		page := b.Open(n.AuthorizeURL(r))
		if !strings.Contains(page.Text(), "Kakao Login anyway") {
			b.Click("way-kakao")
			n.Answered(b.Continue("vic"), r)
			continue
		}
		if b.Click("way-kakao"); !b.Page().Has("way-naver") { // anyway: it does not begin
			t.Fatalf("in the drill kakao leads to %s: %s", b.Page().URL, b.Page().Text())
		}
		if refusedHere < 2 {
			refusedHere++
			b.Submit("cancel", nil)
			continue
		}
		other++
		b.Click("way-naver")
		n.Answered(b.Continue("vic"), r)
	}
	if other == 0 {
		t.Fatal("no login took part")
	}
	report, err := operator.StopDrill(t.Context(), started.ID)
	must(t, err)
	if report.Assigned != other+refusedHere || report.FellBack["naver"] != other || report.Refused != refusedHere || report.Completed != 0 || report.Unfinished != 0 {
		t.Errorf("%d fell back and %d went back; the report says %+v", other, refusedHere, report)
	}
	explained, err := operator.Explain(t.Context(), "kakao")
	must(t, err)
	if explained.Verdict.State == health.Down {
		t.Errorf("the drill has tripped the verdict: %+v", explained.Verdict)
	}
	page := n.NewBrowser().Open(n.AuthorizeURL(brokertest.RP1.Request()))
	if strings.Contains(page.Text(), "anyway") {
		t.Errorf("after the drill the menu says %s", page.Text())
	}
	if _, err := operator.StopDrill(t.Context(), ""); err == nil {
		t.Error("there was something left to stop")
	} else if p, ok := errors.AsType[*admin.Problem](err); !ok || p.Code != admin.CodeNotFound {
		t.Error(err)
	}
}
