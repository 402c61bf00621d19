package broker_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/broker/dev"
	"github.com/bongsu/bongsu/providers/fakeidp"
)

// scenes walks past every page that people meet, and calls look on each. The
// person is one whom nobody knows yet.
func (b *tab) scenes(i *dev.Instance, person string, look func(name string)) {
	b.t.Helper()
	b.scenesAtTheMenu(i, look)
	b.scenesOfSomebodyNew(i, person, look)
	b.scenesOfLinking(i, person, look)
	b.scenesOfLeaving(i, look)
	b.scenesOfTrouble(i, look)
	b.scenesOfOnesOwn(i, look)
}

// scenesOfOnesOwn are the consent page, the account page with everything on it, what
// it asks before, and the menu inside an app.
func (b *tab) scenesOfOnesOwn(i *dev.Instance, look func(string)) {
	b.t.Helper()
	b.signIn(i, "kakao", "minji")
	b.open(i.Issuer() + "/authorize?" + url.Values{
		"client_id": {"demo-third"}, "response_type": {"code"}, "scope": {"openid profile email phone"}, "prompt": {"consent"}, "redirect_uri": {i.Demo() + "/third"},
		"code_challenge": {brokertest.Challenge(strings.Repeat("v", 43))}, "code_challenge_method": {"S256"}, "state": {"s"},
	}.Encode())
	b.see("agree")
	look("consent")
	b.click("agree")
	b.until("location.search.includes('code=')")
	b.open(i.Issuer() + "/account")
	b.see("take-demo-third")
	look("account-whole")
	for _, task := range []string{"data", "delete", "sign-out-everywhere"} {
		b.open(i.Issuer() + "/account/" + task)
		b.see("go")
		look("account-" + task)
	}
	b.click("go")
	b.see("onward")
	look("account-ended")
	call(b, emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{
		UserAgent: "Mozilla/5.0 (Linux; Android 16; wv) AppleWebKit/537.36 Chrome/156.0 Mobile Safari/537.36 KAKAOTALK 11.9.0",
	})
	b.begin(i)
	b.see("open-outside")
	look("menu-in-app")
}

func (b *tab) scenesAtTheMenu(i *dev.Instance, look func(string)) {
	b.t.Helper()
	kakao, _ := i.Upstreams().Upstream("kakao")
	defer kakao.ClearFault()
	b.open(i.Demo())
	look("demo-signed-out")
	b.begin(i)
	look("menu")
	b.click("way-google")
	look("provider")
	b.back()
	b.until("document.querySelector('.notice .s, .notice svg') && document.querySelector('.chip')")
	look("unfinished")
	b.click("way-kakao")
	b.click("cancel")
	b.see("way-kakao")
	look("notice-denied")
	for _, fault := range []fakeidp.Fault{fakeidp.Error, fakeidp.BadSignature} {
		if err := kakao.SetFault(fault); err != nil {
			b.t.Fatal(err)
		}
		b.prove("kakao", "minji")
		b.see("way-kakao")
		look("notice-" + string(fault))
	}
}

func (b *tab) scenesOfSomebodyNew(i *dev.Instance, person string, look func(string)) {
	b.t.Helper()
	menu := b.address()
	b.prove("google", person)
	b.see("new-account")
	look("match")
	b.click("existing-account")
	b.see("way-google")
	look("notice-existing")
	b.prove("google", person)
	b.stay(i.Demo()+"/callback*", func() { b.press("new-account") })
	b.see("return")
	look("terminal")
	b.click("return")
	b.see("greeting")
	look("demo-signed-in")
	b.open(menu[:strings.LastIndex(menu, "/login/")+len("/login/")] + loginID(menu))
	look("done")
}

// loginID returns the login's id in the address of one of its pages.
func loginID(address string) string {
	_, rest, _ := strings.Cut(address, "/login/")
	id, _, _ := strings.Cut(rest, "/")
	return id
}

func (b *tab) scenesOfLeaving(i *dev.Instance, look func(string)) {
	b.t.Helper()
	b.begin(i)
	look("menu-last-used")
	b.open(i.Issuer() + "/account")
	b.click("logout")
	look("logout")
	b.click("logout")
	look("logged-out")
	b.open(i.Issuer() + "/account")
	look("signed-out")
}

func (b *tab) scenesOfTrouble(i *dev.Instance, look func(string)) {
	b.t.Helper()
	for name, address := range map[string]string{
		"expired":      i.Issuer() + "/login/22222222222222222222222222",
		"client":       i.Issuer() + "/authorize?client_id=nobody&redirect_uri=http%3A%2F%2Flocalhost%2Fcallback",
		"callback":     i.Issuer() + "/callback/kakao?state=none&code=none",
		"not-found":    i.Issuer() + "/nowhere",
		"demo-problem": i.Demo() + "/login?prompt=none",
		"switchboard":  i.Switchboard(),
	} {
		b.open(address)
		look(name)
	}
}

// stay keeps a page that leads on by itself: its first request for an address
// like pattern is answered with 204, which browsers do not leave a page for.
func (b *tab) stay(pattern string, act func()) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	paused := chromedp.Events(ctx, fetch.RequestPaused)
	call(b, fetch.Enable, fetch.EnableParams{Patterns: []*fetch.RequestPattern{{URLPattern: pattern}}})
	act()
	for request, err := range paused {
		if err != nil {
			b.t.Fatalf("nothing like %s was asked for: %v", pattern, err)
		}
		call(b, fetch.FulfillRequest, fetch.FulfillRequestParams{RequestID: request.RequestID, ResponseCode: http.StatusNoContent})
		break
	}
	call(b, fetch.Disable, cdp.Empty{})
}

// Every page fits on the narrowest screen, and everything can be pressed.
func testNarrow(t *testing.T, c *chrome, i *dev.Instance) {
	for _, tongue := range tongues {
		t.Run(tongue.lang, func(t *testing.T) {
			b := c.tab(t, tongue.lang)
			b.resize(320, 640)
			b.scenes(i, "narrow-"+tongue.lang, func(name string) {
				if wide := eval[int](b, "document.documentElement.scrollWidth"); wide > 320 {
					t.Errorf("%s is %d px wide", name, wide)
				}
				if !strings.HasPrefix(b.address(), i.Issuer()) {
					return
				}
				for _, small := range eval[[]string](b, tooSmall) {
					t.Errorf("%s: %s", name, small)
				}
			})
		})
	}
}

// tooSmall lists what is too small to be pressed: buttons under 48 px, anything
// else under 36 px, except links within a sentence.
const tooSmall = `[...document.querySelectorAll("a, button, summary")].flatMap(e => {
	const r = e.getBoundingClientRect()
	if (r.height == 0) return []
	const need = e.matches(".way, .button") ? 48 : getComputedStyle(e).display == "inline" ? 0 : 36
	return r.height < need ? [(e.id || e.textContent.trim()) + " is " + r.height + " px high, not " + need] : []
})`

// pictures draws every page for people to look at, where BONGSU_SHOTS says.
func testPictures(t *testing.T, c *chrome, i *dev.Instance, dir string) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, tongue := range tongues {
		t.Run(tongue.lang, func(t *testing.T) {
			b := c.tab(t, tongue.lang)
			b.scenes(i, "picture-"+tongue.lang, func(name string) { b.draw(dir, name+"-"+tongue.lang) })
		})
	}
}

// draw makes pictures of the page at every width, light and dark.
func (b *tab) draw(dir, name string) {
	b.t.Helper()
	for _, scheme := range []string{"light", "dark"} {
		call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		for _, wide := range []int64{320, 360, 1280} {
			b.resize(wide, 800)
			eval[bool](b, "document.getAnimations().every(a => a.finish() === undefined)")
			beyond := true
			shot := call(b, page.CaptureScreenshot, page.CaptureScreenshotParams{CaptureBeyondViewport: &beyond})
			file := filepath.Join(dir, fmt.Sprintf("%s-%d-%s.png", name, wide, scheme))
			if err := os.WriteFile(file, shot.Data, 0o644); err != nil {
				b.t.Fatal(err)
			}
		}
	}
	b.resize(1280, 800)
}
