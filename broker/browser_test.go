package broker_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"

	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/broker/dev"
	"github.com/bongsu/bongsu/providers/fakeidp"
)

// TestBrowser is everything that only a real browser can tell. All of it shares
// one Chromium, each test has a profile of its own.
func TestBrowser(t *testing.T) {
	w := newWorld(t, slices.Concat(threeHosts, nationHosts)...)
	c := startChrome(t, w.flags()...)
	i := brokertest.Start(t)
	for _, tt := range []struct {
		name string
		test func(*testing.T, *chrome, *dev.Instance)
	}{
		{"every way in, in every language", testWaysIn},
		{"the same person by two ways", testSamePerson},
		{"without scripts", testWithoutScripts},
		{"logging out", testLoggingOut},
		{"an answer by form", testFormPost},
		{"a provider that never answers", testDark},
		{"a provider that fails", testFaults},
		{"a double click", testDoubleClick},
		{"two tabs", testTwoTabs},
		{"another language", testLanguage},
		{"linking another way", testLinking},
		{"an account from before", testExistingAccount},
		{"the account page alone", testAccountAlone},
		{"narrow screens", testNarrow},
		{"an outage", testOutage},
	} {
		t.Run(tt.name, func(t *testing.T) { tt.test(t, c, i) })
	}
	t.Run("three sites", func(t *testing.T) { testTour(t, c) })
	t.Run("over https", func(t *testing.T) { testSites(t, c, w) })
	t.Run("several sites", func(t *testing.T) { testElsewhere(t, c, w) })
	if dir := os.Getenv("BONGSU_SHOTS"); dir != "" {
		t.Run("pictures", func(t *testing.T) { testPictures(t, c, i, dir) })
	}
}

var ways = []string{"kakao", "naver", "line", "google", "apple"}

var tongues = []struct{ lang, menu, greeting string }{
	{"ko", "한빛상점에 로그인해요", "안녕하세요, "},
	{"en", "Hanbit Store", "Hello, "},
	{"ja", "ハンビットストア", "こんにちは、"},
}

// signIn logs in at the demo website by clicking: minji where the broker knows
// her, else whoever the name says.
func (b *tab) signIn(i *dev.Instance, way, person string) {
	b.t.Helper()
	b.begin(i)
	b.enter(way, person)
}

// begin opens the demo website and presses its login button.
func (b *tab) begin(i *dev.Instance) {
	b.t.Helper()
	b.open(i.Demo())
	if b.has("login-again") {
		b.click("login-again")
	} else {
		b.click("login")
	}
	b.see("cancel")
}

// enter goes from the menu through a provider to the website.
func (b *tab) enter(way, person string) {
	b.t.Helper()
	b.prove(way, person)
	b.until("document.readyState == 'complete' && document.querySelector('#new-account, #return, #greeting')")
	if b.has("new-account") {
		b.press("new-account") // leads over the terminal page
	}
	b.see("greeting")
}

// prove goes from the menu to a provider, and signs in there.
func (b *tab) prove(way, person string) {
	b.t.Helper()
	b.click("way-" + way)
	b.choose(person)
	b.click("continue")
}

// choose has a provider's page be about person.
func (b *tab) choose(person string) {
	b.t.Helper()
	b.see("continue")
	if b.has("person-" + person) {
		b.click("person-" + person)
	} else {
		b.fill("person", person)
		b.click("choose")
	}
	b.see("continue")
}

func testWaysIn(t *testing.T, c *chrome, i *dev.Instance) {
	for _, tongue := range tongues {
		for _, way := range ways {
			t.Run(tongue.lang+" "+way, func(t *testing.T) {
				b := c.tab(t, tongue.lang)
				b.begin(i)
				if got := eval[string](b, "document.documentElement.lang"); got != tongue.lang {
					t.Errorf("the menu speaks %q", got)
				}
				b.read(tongue.menu)
				person := "minji"
				if way != "kakao" && way != "naver" {
					person = "new-" + tongue.lang
				}
				b.enter(way, person)
				greeting, name := b.text("greeting"), b.text("claim-name")
				if name == "" || !strings.HasPrefix(greeting, tongue.greeting+name) {
					t.Errorf("the website greets %q, who is called %q", greeting, name)
				}
				if b.text("claim-sub") == "" || b.text("claim-bongsu_way") != way {
					t.Errorf("the website shows sub %q by way %q", b.text("claim-sub"), b.text("claim-bongsu_way"))
				}
			})
		}
	}
}

func testSamePerson(t *testing.T, c *chrome, i *dev.Instance) {
	b := c.tab(t, "ko")
	b.signIn(i, "kakao", "minji")
	first := b.text("claim-sub")
	b.signIn(i, "naver", "minji")
	if got := b.text("claim-sub"); got != first || first == "" {
		t.Errorf("sub is %q by Kakao and %q by Naver", first, got)
	}
	b.see("same-person")
	b.begin(i)
	if chip := eval[string](b, "document.querySelector('.ways a')?.textContent"); !strings.Contains(chip, "네이버") || !strings.Contains(chip, "지난번에 사용") {
		t.Errorf("the first way is %q", chip)
	}
}

func testWithoutScripts(t *testing.T, c *chrome, i *dev.Instance) {
	for _, way := range []string{"naver", "apple"} {
		t.Run(way, func(t *testing.T) {
			b := c.tab(t, "ko")
			call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
			b.signIn(i, way, "minji")
			if b.text("claim-sub") == "" {
				t.Errorf("at %s", b.where())
			}
		})
	}
}

func testLoggingOut(t *testing.T, c *chrome, i *dev.Instance) {
	b := c.tab(t, "ko")
	b.signIn(i, "kakao", "solo")
	b.open(i.Issuer() + "/account")
	b.click("logout")
	b.read("로그아웃할까요?")
	b.click("logout")
	b.read("로그아웃했어요")
	b.open(i.Demo() + "/login?prompt=none")
	b.see("error")
	if got := b.text("error"); got != "login_required" {
		t.Errorf("the broker answers %q", got)
	}

	b.signIn(i, "kakao", "solo")
	b.press("logout")
	b.see("signed-out")
	if !strings.HasPrefix(b.address(), i.Demo()) {
		t.Errorf("logged out at %s", b.address())
	}
}

// A provider hangs, the person goes back: the same login asks, and ends by
// another way with the same person.
func testDark(t *testing.T, c *chrome, _ *dev.Instance) {
	for _, tt := range []struct {
		name    string
		holdFor time.Duration
		back    func(b *tab, u *fakeidp.Upstream, asked int)
	}{
		{"until the browser gives up", 500 * time.Millisecond, func(b *tab, _ *fakeidp.Upstream, _ int) {
			b.until("location.protocol == 'chrome-error:'")
			b.back()
		}},
		{"until the person stops it", patience, func(b *tab, u *fakeidp.Upstream, asked int) {
			b.asks(u.URL(fakeidp.Authorize))
			b.reaches(u, asked+1) // then the browser has kept what came with the redirect
			call(b, page.StopLoading, cdp.Empty{})
			call(b, page.Reload, page.ReloadParams{})
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			i := brokertest.Start(t, func(o *dev.Options) { o.HoldFor = tt.holdFor })
			kakao, _ := i.Upstreams().Upstream("kakao")
			b := c.tab(t, "ko")
			b.signIn(i, "kakao", "minji")
			before := b.text("claim-sub")
			b.begin(i)
			at := b.address()
			if err := kakao.SetFault(fakeidp.Dark); err != nil {
				t.Fatal(err)
			}
			asked := kakao.Count(fakeidp.Authorize)
			b.press("way-kakao")
			tt.back(b, kakao, asked)
			b.read("카카오 로그인이 끝나지 않았나요?")
			if got := b.address(); got != at {
				t.Errorf("Back leads to %s, not to %s", got, at)
			}
			b.enter("naver", "minji")
			if got := b.text("claim-sub"); got != before || got == "" {
				t.Errorf("sub is %q, was %q", got, before)
			}
		})
	}
}

// A provider that fails costs one click: the menu says why, another way works.
func testFaults(t *testing.T, c *chrome, i *dev.Instance) {
	kakao, _ := i.Upstreams().Upstream("kakao")
	for fault, notice := range map[fakeidp.Fault]string{
		fakeidp.Error:        "카카오에서 응답이 없어요.",
		fakeidp.Denied:       "카카오 로그인을 취소했어요.",
		fakeidp.BadSignature: "카카오에서 온 응답을 확인하지 못했어요.",
	} {
		t.Run(string(fault), func(t *testing.T) {
			b := c.tab(t, "ko")
			b.begin(i)
			if err := kakao.SetFault(fault); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(kakao.ClearFault)
			b.prove("kakao", "minji")
			b.read(notice)
			b.enter("naver", "minji")
			if b.text("claim-bongsu_way") != "naver" {
				t.Errorf("at %s", b.where())
			}
		})
	}
}

// Pressing twice is pressing once.
func testDoubleClick(t *testing.T, c *chrome, i *dev.Instance) {
	b := c.tab(t, "ko")
	b.begin(i)
	b.prove("google", "double")
	at := b.spot("new-account")
	b.mouse(at, 1)
	b.mouse(at, 2)
	b.see("greeting")
}

// A login that ended in one tab says so in the other, with a way on.
func testTwoTabs(t *testing.T, c *chrome, i *dev.Instance) {
	b := c.tab(t, "ko")
	b.begin(i)
	other := b.beside()
	other.open(b.address())
	b.enter("kakao", "minji")
	other.click("way-naver")
	other.read("이미 로그인했어요")
	other.click("onward")
	other.see("greeting")
}

// The language chosen at the menu stays for the login and the next one.
func testLanguage(t *testing.T, c *chrome, i *dev.Instance) {
	b := c.tab(t, "ko")
	b.begin(i)
	b.speak("ja")
	b.read("ハンビットストアにログインします")
	b.prove("google", "tongue")
	b.read("以前は別の方法で")
	b.open(i.Issuer() + "/login/22222222222222222222222222")
	b.read("ログインの有効時間が過ぎました")
	b.speak("en")
}

// speak follows the page's link to itself in another language.
func (b *tab) speak(lang string) {
	b.t.Helper()
	eval[bool](b, fmt.Sprintf(`document.querySelector("footer a[lang=%s]").click()`, lang))
	b.until(fmt.Sprintf("document.readyState == 'complete' && document.documentElement.lang == %q", lang))
}
