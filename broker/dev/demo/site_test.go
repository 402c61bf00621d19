package demo_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bongsu/bongsu/broker/dev/browser"
	"github.com/bongsu/bongsu/broker/dev/demo"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shop is a demo website in front of an issuer, and a browser at its door.
type shop struct {
	*browser.Browser
	t      *testing.T
	url    string
	issuer *issuer
	logins []demo.Login
	down   []string
	now    time.Time
}

func newShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{t: t, issuer: newIssuer(t), now: time.Now()}
	var site *demo.Site
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { site.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	s.url = server.URL
	var err error
	site, err = demo.New(demo.Options{
		URL: server.URL, Issuer: s.issuer.URL, ClientID: "demo", ClientSecret: "demo-secret",
		Switchboard: "http://localhost:8419",
		Now:         func() time.Time { return s.now },
		Down:        func() []string { return s.down },
		OnLogin:     func(l demo.Login) { s.logins = append(s.logins, l) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(site.Close)
	s.Browser = browser.New(browser.Options{})
	t.Cleanup(s.Close)
	return s
}

func (s *shop) open(path string) *browser.Page {
	s.t.Helper()
	p, err := s.Open(s.t.Context(), s.url+path)
	if err != nil {
		s.t.Fatal(err)
	}
	return p
}

func (s *shop) click(id string) *browser.Page {
	s.t.Helper()
	p, err := s.Click(s.t.Context(), id)
	if err != nil {
		s.t.Fatal(err)
	}
	return p
}

func TestSignedOutPage(t *testing.T) {
	s := newShop(t)
	p := s.open("/")
	if p.Status != http.StatusOK || p.Title() != "한빛상점" || p.Language() != "ko" {
		t.Errorf("status %d, title %q, language %q", p.Status, p.Title(), p.Language())
	}
	for _, want := range []string{"이렇게 해 보세요", "카카오 로그인으로 들어와요", "localhost:8419", "새벽 가방", "배전반"} {
		if !strings.Contains(p.Text(), want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if policy := p.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy %q", policy)
	}
	if p.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("cache control %q", p.Header.Get("Cache-Control"))
	}
}

func TestLanguages(t *testing.T) {
	tests := []struct {
		name   string
		accept string
		path   string
		want   string
	}{
		{"Korean where nothing is said", "", "/", "ko"},
		{"Korean where nothing fits", "fr", "/", "ko"},
		{"Japanese by the browser", "ja-JP,ja;q=0.9,en;q=0.8", "/", "ja"},
		{"English by the browser", "en-GB", "/", "en"},
		{"the link wins over the browser", "ja", "/?lang=en", "en"},
		{"an unknown language changes nothing", "ja", "/?lang=xx", "ja"},
		{"an endless header is not read", strings.Repeat("en,", 400), "/", "ko"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newShop(t)
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+tt.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Accept-Language", tt.accept)
			response, err := http.DefaultTransport.RoundTrip(request)
			if err != nil {
				t.Fatal(err)
			}
			defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()
			defer func() { _ = response.Body.Close() }()
			body := make([]byte, 64)
			if _, err := response.Body.Read(body); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(body), `lang="`+tt.want+`"`) {
				t.Errorf("page begins %q, want language %s", body, tt.want)
			}
		})
	}
}

// A person logs in; what goes over the wire is what an ordinary website sends.
func TestLogin(t *testing.T) {
	s := newShop(t)
	s.open("/")
	p := s.click("login")

	if p.URL.Path != "/" || p.TextOf("greeting") != "안녕하세요, 김하늘 님" || p.TextOf("lead") != "이번에는 카카오 로그인으로 들어오셨어요." {
		t.Fatalf("at %s: %q, %q", p.URL, p.TextOf("greeting"), p.TextOf("lead"))
	}
	asked := s.issuer.asked
	for name, want := range map[string]string{
		"client_id": "demo", "response_type": "code", "scope": "openid profile email",
		"redirect_uri": s.url + "/callback", "code_challenge_method": "S256",
	} {
		if got := asked.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if len(asked.Get("state")) < 22 || len(asked.Get("nonce")) < 22 || asked.Get("state") == asked.Get("nonce") {
		t.Errorf("state %q and nonce %q are guessable", asked.Get("state"), asked.Get("nonce"))
	}
	if asked.Has("ui_locales") {
		t.Error("a language nobody chose was asked for")
	}
	claims := map[string]string{
		"sub": "u_7h3kq92dx4m1", "aud": "demo", "nonce": "확인됨", "iss": s.issuer.URL,
		"kid": "k-2026q4", "acr": "urn:bongsu:acr:provider", "bongsu_way": "kakao",
	}
	for name, want := range claims {
		if got := p.TextOf("claim-" + name); got != want {
			t.Errorf("claim %s shown as %q, want %q", name, got, want)
		}
	}
	var raw map[string]any
	if err := json.Unmarshal([]byte(p.TextOf("id-token")), &raw); err != nil || raw["sub"] != "u_7h3kq92dx4m1" || raw["nonce"] != asked.Get("nonce") {
		t.Errorf("token shown as %v, %v", raw, err)
	}
	if p.Has("same-person") || p.Has("other-person") {
		t.Error("one login was compared")
	}
	if !slices.Equal(s.logins, []demo.Login{{Way: "kakao"}}) {
		t.Errorf("told of %+v", s.logins)
	}
}

func TestSamePersonByAnotherWay(t *testing.T) {
	s := newShop(t)
	s.open("/login")
	s.down = []string{"kakao"}
	s.issuer.set(func() { s.issuer.claims["bongsu_way"] = "naver" })
	p := s.click("login-again")

	if got := s.issuer.asked.Get("prompt"); got != "login" {
		t.Errorf("signing in again asked with prompt %q", got)
	}
	if got, want := p.TextOf("lead"), "이번에는 네이버 로그인으로 들어오셨어요. 카카오 로그인은 지금 멈춰 있어요."; got != want {
		t.Errorf("lead %q, want %q", got, want)
	}
	if p.TextOf("same-person") != "두 번 모두 같은 사람이에요" {
		t.Errorf("compared as %q", p.TextOf("same-person"))
	}
	if text := p.Text(); !strings.Contains(text, "카카오 장애 중") || strings.Index(text, "네이버 오늘") > strings.Index(text, "카카오 오늘") {
		t.Errorf("the ways are not told newest first: %q", text)
	}
	if want := (demo.Login{Way: "naver", Same: true, Past: true}); s.logins[1] != want {
		t.Errorf("told of %+v, want %+v", s.logins[1], want)
	}
}

func TestAnotherPerson(t *testing.T) {
	s := newShop(t)
	s.open("/login")
	s.issuer.set(func() { s.issuer.claims = map[string]any{"sub": "u_other"} })
	p := s.open("/login")
	if p.Has("same-person") || p.TextOf("other-person") != "지난번과 다른 사람이에요" {
		t.Errorf("compared as %q", p.Text())
	}
	if got := p.TextOf("greeting"); got != "안녕하세요, 고객 님" {
		t.Errorf("somebody without a name is greeted %q", got)
	}
	if got := p.TextOf("lead"); got != "Bongsu 로그인으로 들어오셨어요." {
		t.Errorf("a way that is not told is %q", got)
	}
	if !strings.Contains(p.Text(), "알 수 없는 길") {
		t.Error("the row of the way that is not told has no name")
	}
}

func TestParametersArePassedOn(t *testing.T) {
	s := newShop(t)
	s.open("/?lang=ja")
	s.open("/login?idp_hint=kakao&prompt=none&max_age=60&acr_values=phr&login_hint=m&state=mine&redirect_uri=https://evil.example/&scope=all")
	asked := s.issuer.asked
	for name, want := range map[string]string{
		"idp_hint": "kakao", "prompt": "none", "max_age": "60", "acr_values": "phr", "login_hint": "m",
		"ui_locales": "ja", "redirect_uri": s.url + "/callback", "scope": "openid profile email",
	} {
		if got := asked.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if asked.Get("state") == "mine" {
		t.Error("the state came from the address")
	}
	s.open("/login?ui_locales=en&login_hint=" + strings.Repeat("x", 513))
	if s.issuer.asked.Get("ui_locales") != "en" || s.issuer.asked.Has("login_hint") {
		t.Errorf("asked %v", s.issuer.asked)
	}
}

func TestLogout(t *testing.T) {
	s := newShop(t)
	s.open("/login")
	p := s.click("logout")

	if p.URL.Path != "/" || !p.Has("login") || p.TextOf("signed-out") != "로그아웃했어요" {
		t.Fatalf("at %s: %q", p.URL, p.Text())
	}
	ended := s.issuer.ended
	if ended.Get("post_logout_redirect_uri") != s.url+"/" || strings.Count(ended.Get("id_token_hint"), ".") != 2 || ended.Get("client_id") != "demo" {
		t.Errorf("the issuer was asked %v", ended)
	}
	if p = s.open("/"); p.Has("signed-out") {
		t.Error("the logout is told twice")
	}
	// The ways used so far outlive it.
	if p = s.open("/login"); p.TextOf("same-person") == "" {
		t.Error("the login before the logout is forgotten")
	}
}

// Another site cannot log a person out by sending the browser to /logout.
func TestLogoutFromAnotherSite(t *testing.T) {
	s := newShop(t)
	s.open("/login")
	if _, err := s.Show("http://evil.example/", `<a id="x" href="`+s.url+`/logout">win</a>`); err != nil {
		t.Fatal(err)
	}
	if p := s.click("x"); p.TextOf("greeting") == "" || s.issuer.ended != nil {
		t.Errorf("at %s: %q", p.URL, p.Text())
	}
}

func TestLogoutWithoutTheIssuer(t *testing.T) {
	s := newShop(t)
	s.issuer.set(func() { s.issuer.noLogout = true })
	s.open("/login")
	if p := s.click("logout"); !p.Has("login") {
		t.Errorf("at %s: %q", p.URL, p.Text())
	}
	if p := s.open("/logout"); !p.Has("login") {
		t.Errorf("logging out twice: at %s: %q", p.URL, p.Text())
	}
}

// The cookie's value changes with the login, so that one planted before is
// worth nothing, and its name cannot meet the broker's.
func TestCookie(t *testing.T) {
	s := newShop(t)
	values := map[string]bool{}
	s.issuer.set(func() {
		s.issuer.answer = func(url.Values) {
			for _, c := range s.Cookies("127.0.0.1") {
				values[c.Value] = true
			}
		}
	})
	s.open("/login")
	cookies := s.Cookies("127.0.0.1")
	if len(cookies) != 1 {
		t.Fatalf("%d cookies, want 1", len(cookies))
	}
	c := cookies[0]
	if !strings.HasPrefix(c.Name, "bongsu_demo_") || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode {
		t.Errorf("cookie %s", c.String())
	}
	if values[c.Value] {
		t.Error("the cookie from before the login still counts")
	}
}

func TestUnknownPage(t *testing.T) {
	s := newShop(t)
	if p := s.open("/missing"); p.Status != http.StatusNotFound || p.Has("retry") || !p.Has("home") {
		t.Errorf("status %d: %q", p.Status, p.Text())
	}
}

func TestOptionsAreChecked(t *testing.T) {
	good := demo.Options{URL: "http://localhost:1", Issuer: "http://localhost:2", ClientID: "demo", Switchboard: "http://localhost:3"}
	tests := []struct {
		name   string
		change func(*demo.Options)
	}{
		{"no address", func(o *demo.Options) { o.URL = "" }},
		{"an issuer with a slash behind it", func(o *demo.Options) { o.Issuer += "/" }},
		{"no client", func(o *demo.Options) { o.ClientID = "" }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := good
			tt.change(&o)
			if _, err := demo.New(o); err == nil {
				t.Error("accepted")
			}
		})
	}
}
