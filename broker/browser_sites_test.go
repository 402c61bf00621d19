package broker_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
)

// testSites is what depends on who shares a site with whom, over https.
func testSites(t *testing.T, c *chrome, w *world) {
	w.open(t)
	for _, tt := range []struct {
		name string
		test func(*testing.T, *chrome)
	}{
		{"a form posted by another site brings the login home", testPostedHome},
		{"a website asks by form", testPostedRequest},
		{"cookies", testCookies},
		{"framing", testFraming},
		{"a foreign form opens no account", testForeignForm},
		{"a foreign image ends no session", testForeignImage},
	} {
		t.Run(tt.name, func(t *testing.T) { tt.test(t, c) })
	}
	t.Run("a login left open for too long", func(t *testing.T) { testExpired(t, c, w) })
}

// beginAtShop opens the menu from the website.
func (b *tab) beginAtShop() {
	b.t.Helper()
	b.open(shopURL)
	b.click("login")
	b.see("way-apple")
}

func testPostedHome(t *testing.T, c *chrome) {
	b := c.tab(t, "ko")
	b.beginAtShop()
	b.enter("apple", "home")
	if b.text("claim-sub") == "" || !strings.HasPrefix(b.address(), shopURL) {
		t.Errorf("at %s", b.where())
	}
	b.press("logout")
	b.see("signed-out")
	b.open(shopURL + "/login?prompt=none")
	b.see("error")
	if got := b.text("error"); got != "login_required" {
		t.Errorf("after logging out the broker answers %q", got)
	}
}

func testPostedRequest(t *testing.T, c *chrome) {
	b := c.tab(t, "ko")
	b.open(shopURL + "/test/post")
	b.click("send")
	b.see("way-naver")
	b.enter("naver", "posted")
	first := b.text("claim-sub")
	b.open(shopURL + "/test/post") // the session is there to be read, though the POST brings no cookie
	b.click("send")
	b.see("greeting")
	if got := b.text("claim-sub"); got != first || got == "" {
		t.Errorf("sub is %q, was %q", got, first)
	}
}

// AB-70: what cookies may do, at the menu and after the login.
func testCookies(t *testing.T, c *chrome) {
	b := c.tab(t, "ko")
	b.beginAtShop()
	kinds := map[string]bool{}
	check := func() {
		t.Helper()
		found := call(b, network.GetCookies, network.GetCookiesParams{URLs: []string{issuerURL + "/", issuerURL + "/login/x", issuerURL + "/callback/apple"}})
		if len(found.Cookies) == 0 {
			t.Error("there is no cookie")
		}
		for _, cookie := range found.Cookies {
			name, ours := strings.CutPrefix(cookie.Name, "__Host-bongsu_")
			kind, _, _ := strings.Cut(name, "_")
			kinds[kind] = true
			if !ours || !cookie.Secure || !cookie.HTTPOnly || cookie.SameSite != network.CookieSameSiteLax ||
				cookie.Path != "/" || cookie.Domain != issuerHost {
				t.Errorf("%s: secure %v, httpOnly %v, SameSite %q, path %q, domain %q", cookie.Name,
					cookie.Secure, cookie.HTTPOnly, cookie.SameSite, cookie.Path, cookie.Domain)
			}
		}
	}
	check()
	before := len(kinds)
	b.enter("apple", "cookies")
	check()
	if len(kinds) <= before {
		t.Errorf("the login left no cookie of its own: %v", kinds)
	}
	planted := eval[string](b, "document.cookie")
	if strings.Contains(planted, "bongsu_session") {
		t.Errorf("the website reads %q", planted)
	}
}

// AB-70: the menu shows itself in nobody's frame.
func testFraming(t *testing.T, c *chrome) {
	b := c.tab(t, "ko")
	b.beginAtShop()
	menu := b.address()
	b.open(shopURL + "/test/frame?to=" + url.QueryEscape(menu))
	b.see("frame")
	said := b.complained()
	if !slices.ContainsFunc(said, func(s string) bool { return strings.Contains(s, "frame-ancestors") }) {
		t.Errorf("the console does not say why: %v", said)
	}
	b.open(menu)
	b.see("way-apple")
}

// AB-71: a form of another site is refused, and the login goes on as it was.
func testForeignForm(t *testing.T, c *chrome) {
	b := c.tab(t, "ko")
	b.beginAtShop()
	b.prove("apple", "foreign")
	b.see("new-account")
	match := b.address()
	for _, end := range []string{"/new-account", "/cancel"} {
		b.open(shopURL + "/test/send?to=" + url.QueryEscape(issuerURL+"/login/"+loginID(match)+end))
		b.click("send")
		b.read("요청을 처리하지 않았어요")
		if !strings.HasPrefix(b.address(), issuerURL) {
			t.Errorf("%s ended at %s", end, b.address())
		}
	}
	b.open(match)
	b.press("new-account") // would find nothing to do, had the foreign form worked
	b.see("greeting")
}

// AB-71: nothing that a page loads ends a session.
func testForeignImage(t *testing.T, c *chrome) {
	b := c.tab(t, "ko")
	b.beginAtShop()
	b.enter("naver", "image")
	first := b.text("claim-sub")
	b.open(shopURL + "/test/image?to=" + url.QueryEscape(issuerURL+"/logout"))
	b.open(shopURL + "/test/image?to=" + url.QueryEscape(issuerURL+"/logout?client_id=shop&post_logout_redirect_uri="+url.QueryEscape(shopURL+"/")))
	b.complained() // an answer that is no image is blocked
	b.open(shopURL + "/login?prompt=none")
	b.see("greeting")
	if got := b.text("claim-sub"); got != first || got == "" {
		t.Errorf("sub is %q, was %q", got, first)
	}
	b.open(issuerURL + "/logout")
	b.see("logout") // a person is asked first
}

func testExpired(t *testing.T, c *chrome, w *world) {
	b := c.tab(t, "ko")
	b.beginAtShop()
	w.ahead.Store(int64(11 * time.Minute))
	b.click("way-naver")
	b.read("로그인 시간이 지났어요")
	b.read("안전을 위해 처음부터 다시 시작해 주세요.")
	b.click("onward") // the website begins a login anew
	b.see("way-naver")
	b.enter("naver", "expired")
}
