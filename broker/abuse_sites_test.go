package broker_test

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/broker/dev"
	"github.com/bongsu/bongsu/broker/dev/switchboard"
	"github.com/bongsu/bongsu/broker/store"
)

// obeyedWithin is R on a machine that does other things beside.
const obeyedWithin = 15 * time.Second

// realm is three sites in one process, asked each at its own address.
type realm struct {
	t *testing.T
	i *dev.Instance
}

func newRealm(t *testing.T, changes ...func(*dev.Options)) *realm {
	t.Helper()
	r := &realm{t, brokertest.Start(t, append(changes, brokertest.ThreeSites)...)}
	r.pass("the sites hear each other", func() bool {
		for _, s := range r.i.Sites() {
			for _, other := range r.i.Sites() {
				if other != s && !s.Broker().Board().Hears(other.Name(), other.Name()+"-1") {
					return false
				}
			}
		}
		return true
	})
	return r
}

func (r *realm) pass(what string, so func() bool) { r.t.Helper(); eventually(r.t, what, so) }

func (r *realm) turn(site string, to switchboard.State) {
	r.t.Helper()
	if err := r.i.Site(site).Turn(r.t.Context(), to); err != nil {
		r.t.Fatal(err)
	}
}

// verdict is what a site answers to a machine.
type verdict struct {
	status int
	body   map[string]any
}

func (s verdict) text(name string) string { text, _ := s.body[name].(string); return text }

// yes reports whether it gave tokens; later, that it could not check.
func (s verdict) yes() bool   { return s.status == http.StatusOK && s.text("access_token") != "" }
func (s verdict) later() bool { return s.status == http.StatusServiceUnavailable }

// ask posts a form of the website demo to a site; with a token it asks in the
// person's name instead.
func (r *realm) ask(site, path string, form url.Values, token string) verdict {
	r.t.Helper()
	q, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, r.i.Site(site).URL()+path, strings.NewReader(form.Encode()))
	if err != nil {
		r.t.Fatal(err)
	}
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if token == "" {
		q.SetBasicAuth("demo", "demo-secret")
	} else {
		q.Header.Set("Authorization", "Bearer "+token)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	answer, err := transport.RoundTrip(q)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	got := verdict{status: answer.StatusCode}
	_ = json.Unmarshal(text, &got.body) // whatever is no JSON has no members
	return got
}

func (r *realm) callback() string { return r.i.Demo() + "/callback" }

// authorize is the address of a request of demo at a site.
func (r *realm) authorize(site string, more url.Values) string {
	query := url.Values{
		"client_id": {"demo"}, "redirect_uri": {r.callback()}, "response_type": {"code"}, "scope": {"openid offline_access"}, "state": {"s"},
	}
	maps.Copy(query, more)
	return r.i.Site(site).URL() + "/authorize?" + query.Encode()
}

// code logs minji in at a site, whose callback is its own, and returns the code;
// empty: the login did not end at the website.
func (r *realm) code(b *brokertest.Browser, site string) string {
	r.t.Helper()
	if page := b.Open(r.authorize(site, url.Values{"idp_hint": {"kakao"}})); !page.Has("continue") {
		return ""
	}
	page := b.Continue("minji")
	if !strings.HasPrefix(page.URL.String(), r.callback()) {
		return ""
	}
	return page.URL.Query().Get("code")
}

func (r *realm) redeem(site, code string) verdict {
	r.t.Helper()
	return r.ask(site, "/token", url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {r.callback()}}, "")
}

func (r *realm) refresh(site, token string) verdict {
	r.t.Helper()
	return r.ask(site, "/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}, "")
}

func (r *realm) knows(site, access string) bool {
	r.t.Helper()
	got := r.ask(site, "/introspect", url.Values{"token": {access}}, "")
	return got.status != http.StatusOK || got.body["active"] == true
}

// minji is the account.
func (r *realm) minji() string {
	r.t.Helper()
	upstream, _ := r.i.Upstreams().Upstream("kakao")
	a, err := r.i.Site("tokyo").Broker().Accounts().AccountByIdentity(r.t.Context(), store.IdentityKey{Provider: "kakao", Subject: upstream.Subject("minji")}, 0)
	if err != nil {
		r.t.Fatal(err)
	}
	return a.ID
}

func (r *realm) disable(site string) {
	r.t.Helper()
	fact := store.Fact{Kind: store.AccountDisabled, ID: r.minji(), At: time.Now().UTC()}
	if err := r.i.Site(site).Broker().Negative().Apply(r.t.Context(), fact); err != nil {
		r.t.Fatal(err)
	}
}

// AB-17 over sites: redeemed at seoul and then at busan, a code gives nothing more
// and takes back at every site what it gave.
func TestAB17CodeReplayAtTheSecondSite(t *testing.T) {
	r := newRealm(t)
	code := r.code(brokertest.NewBrowser(t), "seoul")
	first := r.redeem("seoul", code)
	if !first.yes() {
		t.Fatalf("the code gave %+v", first)
	}
	if got := r.redeem("busan", code); got.status != http.StatusBadRequest || got.text("error") != "invalid_grant" {
		t.Errorf("busan answers %+v", got)
	}
	began := time.Now()
	for _, s := range r.i.Sites() {
		r.pass(s.Name()+" takes the grant back", func() bool { return !r.knows(s.Name(), first.text("access_token")) })
	}
	if took := time.Since(began); took > obeyedWithin {
		t.Errorf("it took %s", took)
	}
	if got := r.refresh("tokyo", first.text("refresh_token")); got.text("error") != "invalid_grant" {
		t.Errorf("tokyo refreshes: %+v", got)
	}
}

// AB-18, a code that the writer decides about: while the site that made it is cut
// off, at most one redemption succeeds; who cannot reach the arbiter says so, and
// afterwards nothing changes its mind.
func TestAB18CodeReplayInAPartition(t *testing.T) {
	r := newRealm(t)
	code := r.code(brokertest.NewBrowser(t), "seoul")
	if code == "" {
		t.Fatal("no code")
	}
	r.turn("seoul", switchboard.SiteCut)
	won := r.races(code, "seoul", "busan")
	if won["seoul"] > 0 {
		t.Error("cut off from the writer, seoul decided")
	}
	if won["busan"] == 0 {
		t.Error("nobody decided, though busan has the writer now")
	}
	r.turn("seoul", switchboard.SiteOK)
	r.pass("seoul says no for certain", func() bool { return r.redeem("seoul", code).text("error") == "invalid_grant" })
}

// races redeems a code at sites at once, until one has decided or eight seconds
// have passed, and counts who gave tokens: at most one did, and nobody said no
// before.
func (r *realm) races(code string, sites ...string) map[string]int {
	r.t.Helper()
	won := map[string]int{}
	var mu sync.Mutex
	var running sync.WaitGroup
	until := time.Now().Add(8 * time.Second)
	for _, site := range sites {
		running.Go(func() {
			for time.Now().Before(until) {
				got := r.redeem(site, code)
				mu.Lock()
				total := len(won)
				switch {
				case got.yes():
					won[site]++
				case got.later():
				case total == 0:
					r.t.Errorf("%s says %+v before anybody was first", site, got)
				}
				over := len(won) > 0
				mu.Unlock()
				if over {
					return
				}
			}
		})
	}
	running.Wait()
	if len(won) > 1 {
		r.t.Errorf("the code was used more than once: %v", won)
	}
	return won
}

// AB-18, a code that the node decides about which issued it while it knew no
// writer: nobody else does, neither before nor after healing.
func TestAB18CodeOfANodeInAPartition(t *testing.T) {
	r := newRealm(t)
	r.turn("seoul", switchboard.SiteCut)
	r.pass("seoul knows no writer", func() bool { return !r.i.Site("seoul").Broker().Contact().Writer() })
	code := r.code(brokertest.NewBrowser(t), "seoul")
	if code == "" {
		t.Fatal("cut off, seoul lets nobody in before S is over")
	}
	r.pass("busan has the writer", func() bool { return r.i.Site("busan").Writes() })
	if got := r.redeem("busan", code); !got.later() {
		t.Errorf("busan cannot reach the arbiter and says %+v", got)
	}
	first := r.redeem("seoul", code)
	if life, _ := first.body["expires_in"].(float64); !first.yes() || life > 300 {
		t.Errorf("seoul gave %+v", first)
	}
	if got := r.redeem("busan", code); got.yes() {
		t.Errorf("busan gave tokens too: %+v", got)
	}
	r.turn("seoul", switchboard.SiteOK)
	r.pass("busan says no for certain", func() bool {
		got := r.redeem("busan", code)
		if got.yes() {
			t.Fatalf("healed, busan gives tokens: %+v", got)
		}
		return got.text("error") == "invalid_grant"
	})
}

// AB-64: who was disabled at seoul is nobody at busan, by whatever they hold.
func TestAB64DisabledAtOneSite(t *testing.T) {
	r := newRealm(t)
	b := brokertest.NewBrowser(t)
	tokens := r.redeem("busan", r.code(b, "busan"))
	if !tokens.yes() {
		t.Fatalf("%+v", tokens)
	}
	began := time.Now()
	r.disable("seoul")
	access := tokens.text("access_token")
	for _, s := range r.i.Sites() {
		r.pass(s.Name()+" does not know the token", func() bool { return !r.knows(s.Name(), access) })
	}
	if took := time.Since(began); took > obeyedWithin {
		t.Errorf("it took %s", took)
	}
	if got := r.ask("busan", "/userinfo", nil, access); got.status != http.StatusUnauthorized {
		t.Errorf("userinfo answers %+v", got)
	}
	if got := r.refresh("busan", tokens.text("refresh_token")); got.text("error") != "invalid_grant" {
		t.Errorf("refreshed: %+v", got)
	}
	if got := b.Open(r.authorize("busan", url.Values{"prompt": {"none"}})); got.URL.Query().Get("code") != "" {
		t.Errorf("the session gave a code, at %s", got.URL)
	}
	if got := r.code(brokertest.NewBrowser(t), "tokyo"); got != "" {
		t.Error("tokyo let them log in")
	}
}

// AB-65: a site that is cut off when somebody is disabled serves them for S at
// most and rotates no refresh token; together again the disabling stands, over
// whatever was done there since.
func TestAB65DisabledDuringAPartition(t *testing.T) {
	r := newRealm(t, func(o *dev.Options) {
		o.Configure = func(c *config.Config) { c.Contact.StaleAfter = 8 * time.Second }
	})
	b := brokertest.NewBrowser(t)
	before := r.redeem("busan", r.code(b, "busan"))
	r.turn("busan", switchboard.SiteCut)
	r.disable("seoul")
	r.pass("busan knows no writer", func() bool { return !r.i.Site("busan").Broker().Contact().Writer() })
	if got := r.refresh("busan", before.text("refresh_token")); got.yes() && got.text("refresh_token") != "" {
		t.Errorf("cut off, busan rotates: %+v", got)
	}
	// What the others signed last counts as contact for half a minute.
	for cut := time.Now(); r.code(brokertest.NewBrowser(t), "busan") != ""; {
		if time.Since(cut) > 2*time.Minute {
			t.Fatal("S is never over at busan")
		}
		<-time.After(time.Second)
	}
	if got := b.Open(r.authorize("busan", url.Values{"prompt": {"none"}})); got.URL.Query().Get("code") != "" {
		t.Errorf("after S the session gave a code, at %s", got.URL)
	}
	r.turn("busan", switchboard.SiteOK)
	for _, s := range r.i.Sites() {
		r.pass(s.Name()+" obeys", func() bool { return !r.knows(s.Name(), before.text("access_token")) })
		if got := r.refresh(s.Name(), before.text("refresh_token")); got.text("error") != "invalid_grant" {
			t.Errorf("%s refreshes: %+v", s.Name(), got)
		}
		if r.code(brokertest.NewBrowser(t), s.Name()) != "" {
			t.Errorf("%s lets them log in", s.Name())
		}
	}
}

// AB-68: who logged out at seoul has no session at busan, with the same jar and
// with a copy of it from before.
func TestAB68LoggedOutAtAnotherSite(t *testing.T) {
	r := newRealm(t)
	b := brokertest.NewBrowser(t)
	tokens := r.redeem("seoul", r.code(b, "seoul"))
	silent := url.Values{"prompt": {"none"}}
	if got := b.Open(r.authorize("busan", silent)); got.URL.Query().Get("code") == "" {
		t.Fatalf("busan does not know the session: %s", got.URL)
	}
	var copied []string
	for _, c := range b.Cookies("localhost") {
		copied = append(copied, c.Name+"="+c.Value)
	}
	b.Open(r.i.Site("seoul").URL() + "/logout?id_token_hint=" + tokens.text("id_token"))
	if got := b.Open(r.authorize("busan", silent)); got.URL.Query().Get("error") != "login_required" {
		t.Errorf("the same jar, at busan: %s", got.URL)
	}
	began := time.Now()
	for _, s := range r.i.Sites() {
		r.pass(s.Name()+" does not take the copied cookie", func() bool {
			return r.answeredWith(s.Name(), copied).Get("error") == "login_required"
		})
	}
	if took := time.Since(began); took > obeyedWithin {
		t.Errorf("it took %s", took)
	}
}

// answeredWith asks a site silently with cookies, and returns what the website
// would be told.
func (r *realm) answeredWith(site string, cookies []string) url.Values {
	r.t.Helper()
	q, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, r.authorize(site, url.Values{"prompt": {"none"}}), nil)
	if err != nil {
		r.t.Fatal(err)
	}
	q.Header.Set("Cookie", strings.Join(cookies, "; "))
	transport := &http.Transport{DisableKeepAlives: true}
	answer, err := transport.RoundTrip(q)
	if err != nil {
		r.t.Fatal(err)
	}
	_ = answer.Body.Close()
	to, err := url.Parse(answer.Header.Get("Location"))
	if err != nil {
		r.t.Fatal(err)
	}
	return to.Query()
}
