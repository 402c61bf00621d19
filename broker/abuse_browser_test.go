package broker_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/audit"
	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/broker/dev/browser"
	"github.com/bongsu/bongsu/providers/fakeidp"
)

// seen is one answer of the broker to a browser.
type seen struct {
	method, path string
	status       int
	header       http.Header
}

// recorder stands between a browser and the network and keeps every answer of
// one host.
type recorder struct {
	next http.RoundTripper
	host string

	mu      sync.Mutex
	answers []seen
	planted []string // cookies that the next answer sets, as "name=value"
}

// RoundTrip implements [http.RoundTripper].
func (r *recorder) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := r.next.RoundTrip(request)
	if err == nil && request.URL.Host == r.host {
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, c := range r.planted {
			response.Header.Add("Set-Cookie", c+"; Path=/")
		}
		r.planted = nil
		r.answers = append(r.answers, seen{request.Method, request.URL.Path, response.StatusCode, response.Header})
	}
	return response, err
}

// plant puts cookies into the browser, as somebody would who sat at it before.
func (r *recorder) plant(n *brokertest.Node, b *brokertest.Browser, cookies ...string) {
	r.mu.Lock()
	r.planted = cookies
	r.mu.Unlock()
	b.Open(n.Issuer + "/nowhere")
}

func (r *recorder) all() []seen {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.answers)
}

// recorded is a browser whose answers from the broker are kept.
func recorded(n *brokertest.Node) (*brokertest.Browser, *recorder) {
	r := &recorder{host: strings.TrimPrefix(n.Issuer, "http://")}
	return n.NewBrowser(func(o *browser.Options) {
		r.next, o.Transport = o.Transport, r
	}), r
}

// cookieNamed is the value of the one cookie whose name contains part.
func cookieNamed(t *testing.T, b *brokertest.Browser, part string) (name, value string) {
	t.Helper()
	for _, c := range b.Cookies("localhost") {
		if strings.Contains(c.Name, part) {
			return c.Name, c.Value
		}
	}
	t.Fatalf("the browser has no %s cookie", part)
	return "", ""
}

// sidOf is the session that an ID token names.
func sidOf(t *testing.T, n *brokertest.Node, a brokertest.Answer) (sid, token string) {
	t.Helper()
	token = n.Redeem(a).Text("id_token")
	sid, _ = brokertest.Claims(token)["sid"].(string)
	if sid == "" {
		t.Fatal("the ID token names no session")
	}
	return sid, token
}

// quietly asks with cookies, by prompt=none, who is logged in.
func quietly(t *testing.T, n *brokertest.Node, cookies string, changes ...func(url.Values)) url.Values {
	t.Helper()
	r := brokertest.RP1.Request(append(changes, set("prompt", "none"))...)
	return redirectTarget(t, n, n.Ask(http.MethodGet, "/authorize?"+r.Encode(), "Cookie", cookies), brokertest.RP1)
}

func TestAB69SessionFixation(t *testing.T) {
	n := brokertest.StartNode(t)
	mal := n.NewBrowser()
	malsSid, _ := sidOf(t, n, n.Login(mal, "kakao", "mal", brokertest.RP1.Request()))
	sessionName, malsSession := cookieNamed(t, mal, "_session")

	t.Run("a planted session is replaced, not adopted", func(t *testing.T) {
		vic, seen := recorded(n)
		seen.plant(n, vic, sessionName+"="+malsSession)
		page := vic.Open(n.AuthorizeURL(brokertest.RP1.Request(set("prompt", "login"))))
		if !page.Has("way-kakao") {
			t.Fatalf("the browser is at %s", page.URL)
		}
		r := brokertest.RP1.Request(set("prompt", "login"))
		sid, _ := sidOf(t, n, n.Login(vic, "kakao", "vic-planted", r))
		if _, now := cookieNamed(t, vic, "_session"); now == malsSession || sid == malsSid {
			t.Error("the planted session is Vic's")
		}
		if again, _ := sidOf(t, n, n.Login(mal, "kakao", "mal", brokertest.RP1.Request())); again != malsSid {
			t.Error("Mal's cookie names another session than before")
		}
	})
	t.Run("values that nobody sealed name nothing", func(t *testing.T) {
		for name, cookies := range map[string]string{
			"an invented one": sessionName + "=" + strings.Repeat("A", 200),
			"one of two":      sessionName + "=" + malsSession + "; " + sessionName + "=" + strings.Repeat("A", 200),
			"the same twice":  sessionName + "=" + malsSession + "; " + sessionName + "=" + malsSession,
			"one bit less":    sessionName + "=" + malsSession[:len(malsSession)-3] + "AAA",
			"https name":      "__Host-bongsu_session=" + malsSession,
		} {
			if got := quietly(t, n, cookies); got.Get("error") != "login_required" {
				t.Errorf("%s answers %v", name, got)
			}
		}
	})
	t.Run("a planted login gives its planter nothing", func(t *testing.T) { plantedLogin(t, n) })
	t.Run("each change of state has its own identifier", func(t *testing.T) { ownIdentifiers(t, n, sessionName) })
}

func plantedLogin(t *testing.T, n *brokertest.Node) {
	t.Helper()
	other := n.NewBrowser()
	menu := other.Open(n.AuthorizeURL(brokertest.RP1.Request()))
	loginName, login := cookieNamed(t, other, "_login_")
	vic, seen := recorded(n)
	seen.plant(n, vic, loginName+"="+login)
	vic.Open(menu.URL.String())
	vic.Click("way-kakao")
	if page := vic.Continue("vic-fixed"); page.Has("new-account") {
		vic.Click("new-account")
	}
	hasSession(t, n, vic)
	noSession(t, n, other.Tab())
	page := other.Open(menu.URL.String())
	if page.Has("new-account") || strings.Contains(page.Text(), "vic-fixed") {
		t.Errorf("the planter sees what was proven: %s", page.Text())
	}
	if got := n.Ask(http.MethodGet, menu.URL.Path, "Cookie", loginName+"="+strings.Repeat("A", 300)); got.Status != http.StatusBadRequest && got.Status != http.StatusGone {
		t.Errorf("an invented login answers %d", got.Status)
	}
}

func ownIdentifiers(t *testing.T, n *brokertest.Node, sessionName string) {
	t.Helper()
	b := n.NewBrowser()
	first, _ := sidOf(t, n, n.Login(b, "kakao", "vic-often", brokertest.RP1.Request()))
	_, before := cookieNamed(t, b, "_session")
	n.Clock.Advance(time.Minute)
	second, hint := sidOf(t, n, n.Login(b, "kakao", "vic-often", brokertest.RP1.Request(set("prompt", "login"))))
	_, after := cookieNamed(t, b, "_session")
	if first == second || before == after {
		t.Error("logging in again kept the identifier")
	}
	if got := quietly(t, n, sessionName+"="+before, set("max_age", "30")); got.Get("error") != "login_required" {
		t.Errorf("the cookie of before is as fresh as the new one: %v", got)
	}
	b.Open(n.Issuer + "/logout?" + url.Values{"id_token_hint": {hint}}.Encode())
	noSession(t, n, b)
	if got := quietly(t, n, sessionName+"="+after); got.Get("error") != "login_required" {
		t.Errorf("a copy of the cookie outlives the logout: %v", got)
	}
	third, _ := sidOf(t, n, n.Login(b, "kakao", "vic-often", brokertest.RP1.Request()))
	if third == first || third == second {
		t.Error("an identifier was used again after the logout")
	}
}

// tightCookies checks every cookie that an answer sets over plain http on
// loopback.
func tightCookies(t *testing.T, where, port string, header http.Header) (set int) {
	t.Helper()
	for _, line := range header.Values("Set-Cookie") {
		c, err := http.ParseSetCookie(line)
		if err != nil {
			t.Errorf("%s: %v", where, err)
			continue
		}
		if !strings.HasPrefix(c.Name, "bongsu_"+port+"_") {
			t.Errorf("%s: the cookie %s is not this port's", where, c.Name)
		}
		if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.Secure {
			t.Errorf("%s: the cookie %s is HttpOnly %v, SameSite %v, Path %s, Domain %q, Secure %v",
				where, c.Name, c.HttpOnly, c.SameSite, c.Path, c.Domain, c.Secure)
		}
		set++
	}
	if set > 0 && header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s sets a cookie with Cache-Control %q", where, header.Get("Cache-Control"))
	}
	return set
}

func TestAB70CookieAttributesAndFraming(t *testing.T) {
	n := brokertest.StartNode(t)
	b, recorder := recorded(n)
	menu := b.Open(n.AuthorizeURL(brokertest.RP1.Request()))
	b.Open(menu.URL.String() + "?lang=ja")
	b.Click("way-p")
	b.Back() // not finished?
	n.Upstream("p").AnswerWith(fakeidp.Token, fakeidp.Reply(http.StatusInternalServerError, "text/plain", "no"))
	b.Click("way-p")
	b.Continue("vic") // the menu, with a reason
	n.Upstream("p").Reset()
	n.Login(b, "p", "vic", brokertest.RP1.Request())
	n.Login(b, "apple", "vic", brokertest.RP1.Request(set("prompt", "login"))) // answers by form
	b.Open(n.AuthorizeURL(brokertest.RP1.Request(set("prompt", "login"))))
	b.Click("cancel")
	b.Open(n.Issuer + "/account")
	b.Open(n.Issuer + "/logout") // asks
	b.Click("logout")
	for _, wrong := range []string{"/authorize", "/callback/p?state=x", "/login/unknown", "/nowhere", "/authorize?posted=x", "/account", "/logout"} {
		b.Open(n.Issuer + wrong)
	}
	port := n.Issuer[strings.LastIndexByte(n.Issuer, ':')+1:]
	pages, cookies := 0, 0
	for _, answer := range recorder.all() {
		where := answer.method + " " + answer.path
		cookies += tightCookies(t, where, port, answer.header)
		if strings.HasPrefix(answer.header.Get("Content-Type"), "text/html") && answer.header.Get("Location") == "" {
			pages++
			guardedPage(t, where, answer.header)
		}
	}
	if pages < 15 || cookies < 10 {
		t.Errorf("the walk met %d pages and %d cookies only", pages, cookies)
	}
	t.Run("a form that another site sent", func(t *testing.T) {
		answer := n.Post("/logout/confirm", url.Values{}, "Sec-Fetch-Site", "cross-site")
		if answer.Status != http.StatusForbidden {
			t.Errorf("answered %d", answer.Status)
		}
		guardedPage(t, "refused form", answer.Header)
	})
}

// crossSite are the headers by which a browser tells that a form stands on
// somebody else's page, of every age.
func crossSite(issuer string) map[string][]string {
	return map[string][]string{
		"another site":              {"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"},
		"another site, no origin":   {"Sec-Fetch-Site", "cross-site"},
		"a sibling":                 {"Sec-Fetch-Site", "same-site", "Origin", "http://localhost:1"},
		"an older browser":          {"Origin", "https://evil.example"},
		"a sandboxed frame":         {"Origin", "null"},
		"our name as a subdomain's": {"Origin", issuer + ".evil.example"},
		"our host on https":         {"Sec-Fetch-Site", "same-site", "Origin", strings.Replace(issuer, "http:", "https:", 1)},
	}
}

func TestAB71LoginAndLogoutByAForeignPage(t *testing.T) {
	n := brokertest.StartNode(t)
	vic := n.NewBrowser()
	login := n.Login(vic, "kakao", "vic", brokertest.RP1.Request())
	_, hint := sidOf(t, n, login)

	t.Run("login forms", func(t *testing.T) { foreignForms(t, n) })

	t.Run("logout by an image", func(t *testing.T) { foreignLogout(t, n, vic, hint) })

	t.Run("nothing else changes state by GET", func(t *testing.T) { nothingByGET(t, n, vic) })

	t.Run("its own hint ends it at once", func(t *testing.T) {
		vic.Open(n.Issuer + "/logout?" + url.Values{"id_token_hint": {hint}}.Encode())
		noSession(t, n, vic)
		if got := len(n.Events(audit.SessionEnded)); got != 1 {
			t.Errorf("%d sessions ended", got)
		}
	})
}

func foreignForms(t *testing.T, n *brokertest.Node) {
	t.Helper()
	b, other := n.NewBrowser(), n.NewBrowser()
	matchPage(t, n, b, "q", "newcomer")
	matchPage(t, n, other, "q", "another")
	token, ok := stepToken(b.Page())
	foreign, _ := stepToken(other.Page())
	if !ok || token == foreign {
		t.Fatal("the page has no anti-forgery value of its own")
	}
	path, cookies := b.Page().URL.Path, cookieHeader(b)
	unchanged(t, n)
	for name, headers := range crossSite(n.Issuer) {
		for _, action := range []string{"/new-account", "/cancel"} {
			answer := n.Post(path+action, url.Values{"step_token": {token}}, append(headers, "Cookie", cookies)...)
			if answer.Status != http.StatusForbidden || len(answer.Header.Values("Set-Cookie")) != 0 {
				t.Errorf("%s from %s answers %d", action, name, answer.Status)
			}
		}
	}
	for name, value := range map[string]string{"none": "", "another login's": foreign, "half": token[:20]} {
		answer := n.Post(path+"/new-account", url.Values{"step_token": {value}}, "Cookie", cookies, "Sec-Fetch-Site", "same-origin")
		if answer.Status != http.StatusForbidden {
			t.Errorf("with the anti-forgery value %s it answers %d", name, answer.Status)
		}
	}
	if answer := n.Send(http.MethodPost, path+"/new-account", "text/plain", "step_token="+token, "Cookie", cookies); answer.Status != http.StatusUnsupportedMediaType {
		t.Errorf("a form that is none answers %d", answer.Status)
	}
	showPage(t, b, "https://evil.example/", `<form id=f method=post action="`+n.Issuer+path+`/new-account"><input name=step_token value="`+token+`"></form>`)
	if page := b.Submit("f", nil); page.Status < 400 {
		t.Errorf("a form of another site answers %d", page.Status)
	}
	noSession(t, n, b.Tab())
}

func foreignLogout(t *testing.T, n *brokertest.Node, vic *brokertest.Browser, hint string) {
	t.Helper()
	mal := n.NewBrowser()
	_, malsHint := sidOf(t, n, n.Login(mal, "kakao", "mal", brokertest.RP1.Request()))
	cookies := cookieHeader(vic)
	for name, query := range map[string]url.Values{
		"no hint":                    {},
		"somebody else's hint":       {"id_token_hint": {malsHint}},
		"a hint of nobody":           {"id_token_hint": {hint[:len(hint)-6] + "AAAAAA"}},
		"hint and another client id": {"id_token_hint": {hint}, "client_id": {brokertest.RP2.ID}},
		"a return address":           {"client_id": {brokertest.RP1.ID}, "post_logout_redirect_uri": {"https://rp1.example/out"}},
	} {
		answer := n.Ask(http.MethodGet, "/logout?"+query.Encode(), "Cookie", cookies, "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Dest", "image")
		if answer.Status != http.StatusOK || !strings.Contains(string(answer.Body), `id="logout"`) || len(answer.Header.Values("Set-Cookie")) != 0 {
			t.Errorf("%s: answered %d, not the question", name, answer.Status)
		}
	}
	for name, headers := range crossSite(n.Issuer) {
		question := vic.Open(n.Issuer + "/logout")
		token, _ := stepToken(question)
		answer := n.Post("/logout/confirm", url.Values{"step_token": {token}}, append(headers, "Cookie", cookies)...)
		if answer.Status != http.StatusForbidden {
			t.Errorf("the yes from %s answers %d", name, answer.Status)
		}
	}
	malsToken, _ := stepToken(mal.Open(n.Issuer + "/logout"))
	for name, token := range map[string]string{"no": "", "somebody else's": malsToken} {
		if answer := n.Post("/logout/confirm", url.Values{"step_token": {token}}, "Cookie", cookies); answer.Status != http.StatusForbidden {
			t.Errorf("%s anti-forgery value answers %d", name, answer.Status)
		}
	}
	hasSession(t, n, vic)
}

func nothingByGET(t *testing.T, n *brokertest.Node, vic *brokertest.Browser) {
	t.Helper()
	b := n.NewBrowser()
	matchPage(t, n, b, "q", "newcomer")
	token, _ := stepToken(b.Page())
	path, cookies := b.Page().URL.Path, cookieHeader(b)+"; "+cookieHeader(vic)
	unchanged(t, n)
	for _, target := range []string{path + "/new-account", path + "/cancel", "/logout/confirm", "/token"} {
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete} {
			answer := n.Ask(method, target+"?step_token="+token, "Cookie", cookies)
			if answer.Status != http.StatusMethodNotAllowed {
				t.Errorf("%s %s answers %d", method, target, answer.Status)
			}
		}
	}
	hasSession(t, n, vic)
	noSession(t, n, b.Tab())
}

// stepToken is the anti-forgery value of a page's first form that has one.
func stepToken(page *browser.Page) (string, bool) {
	_, rest, ok := strings.Cut(string(page.Body), `name="step_token" value="`)
	value, _, closed := strings.Cut(rest, `"`)
	return value, ok && closed && value != ""
}

// showPage displays a page of another website.
func showPage(t *testing.T, b *brokertest.Browser, address, document string) {
	t.Helper()
	if _, err := b.Show(address, document); err != nil {
		t.Fatal(err)
	}
}
