package broker_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/broker/dev"
	"github.com/bongsu/bongsu/broker/status"
	"github.com/bongsu/bongsu/providers/fakeidp"
)

// outageWords are what people read while Kakao is down.
var outageWords = []struct{ lang, notice, anyway, verdict string }{
	{"ko", "지금 카카오 로그인이 원활하지 않아요.", "그래도 카카오 로그인 시도하기", "일부 로그인 방법이 원활하지 않아요"},
	{"en", "Kakao Login isn’t working well right now.", "Try Kakao Login anyway", "Some sign-in methods have problems"},
	{"ja", "現在、カカオログインがつながりにくくなっています。", "それでもカカオログインを試す", "一部のログイン方法がつながりにくくなっています"},
}

// An outage as people meet it, found by the broker's own probes: the menu, the
// account match page and the status page, narrow and in every language.
func testOutage(t *testing.T, c *chrome, _ *dev.Instance) {
	i := brokertest.Start(t)
	kakao, _ := i.Upstreams().Upstream("kakao")
	if err := kakao.SetFault(fakeidp.Error); err != nil {
		t.Fatal(err)
	}
	first := c.tab(t, "ko")
	first.begin(i)
	first.prove("kakao", "minji") // one leg that fails is enough to begin to look
	first.read("카카오에서 응답이 없어요.")
	waitForState(t, i, "kakao", status.Down)
	for _, words := range outageWords {
		t.Run(words.lang, func(t *testing.T) {
			b := c.tab(t, words.lang)
			b.resize(320, 640)
			look := func(name string) {
				if wide := eval[int](b, "document.documentElement.scrollWidth"); wide > 320 {
					t.Errorf("%s is %d px wide", name, wide)
				}
				for _, small := range eval[[]string](b, tooSmall) {
					t.Errorf("%s: %s", name, small)
				}
				if dir := os.Getenv("BONGSU_SHOTS"); dir != "" {
					b.draw(dir, name+"-"+words.lang)
					b.resize(320, 640)
				}
			}
			b.open(i.Demo() + "/login?idp_hint=kakao")
			b.read(words.notice)
			if got := b.text("way-kakao"); got != words.anyway {
				t.Errorf("the row says %q", got)
			}
			if eval[int](b, "document.querySelectorAll('.kakao').length") != 0 {
				t.Error("something is Kakao yellow")
			}
			look("menu-down")
			b.prove("google", "during-"+words.lang)
			b.see("new-account")
			if eval[int](b, "document.querySelectorAll('.notice.amber').length") != 1 {
				t.Error("nobody is warned of a second account")
			}
			look("match-down")
			b.open(i.Issuer() + "/status?lang=" + words.lang)
			b.read(words.verdict)
			look("status-down")
		})
	}
	t.Run("a way that works again says so in its row", func(t *testing.T) { worksAgain(t, c, i) })
	t.Run("an old copy of the status says that it is old", func(t *testing.T) { growsOld(t, c, i) })
}

// waitForState waits until the broker itself holds that a provider is so.
func waitForState(t *testing.T, i *dev.Instance, provider string, want status.State) {
	t.Helper()
	late := time.NewTimer(90 * time.Second)
	defer late.Stop()
	again := time.NewTicker(500 * time.Millisecond)
	defer again.Stop()
	var last status.Report
	for {
		select {
		case <-late.C:
			t.Fatalf("%s never became %s: %+v", provider, want, last)
		case <-again.C:
		}
		last = reportOf(t, i)
		for _, p := range last.Providers {
			if p.ID == provider && p.State == want {
				return
			}
		}
	}
}

func reportOf(t *testing.T, i *dev.Instance) (r status.Report) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, i.Issuer()+status.JSONPath, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := answer.Body.Close(); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(body, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// hasten makes a page's timers run twenty times as fast.
func (b *tab) hasten() {
	b.t.Helper()
	call(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{
		Source: "{ const later = setTimeout; window.setTimeout = (act, wait) => later(act, wait / 20) }",
	})
}

func worksAgain(t *testing.T, c *chrome, i *dev.Instance) {
	b := c.tab(t, "ko")
	b.hasten()
	b.answer(status.JSONPath, func(asked int) string {
		if asked == 1 {
			return `{"providers":[{"id":"kakao","state":"down"}]}`
		}
		return `{"providers":[{"id":"kakao","state":"up"}]}`
	})
	b.open(i.Demo() + "/login?idp_hint=kakao")
	b.see("way-kakao")
	before := eval[[]string](b, `[...document.querySelectorAll("[id^=way-]")].map(e => e.id)`)
	b.soon(`document.querySelector("[data-provider=kakao]").textContent == "카카오 로그인이 다시 잘 돼요."`)
	if after := eval[[]string](b, `[...document.querySelectorAll("[id^=way-]")].map(e => e.id)`); strings.Join(after, " ") != strings.Join(before, " ") {
		t.Errorf("the list was %v and is %v", before, after)
	}
}

// soon waits for what a page does by itself, of which no event tells.
func (b *tab) soon(condition string) {
	b.t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for !eval[bool](b, condition) {
		select {
		case <-late.C:
			b.t.Fatalf("never came true: %s; at %s", condition, b.where())
		case <-again.C:
		}
	}
}

func growsOld(t *testing.T, c *chrome, i *dev.Instance) {
	b := c.tab(t, "ko")
	call(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{
		Source: "{ const now = Date.now; Date.now = () => now() + 240000; window.fetch = () => Promise.reject() }",
	})
	b.open(i.Issuer() + status.Path)
	b.soon(`document.getElementById("verdict").textContent == "정보가 오래됐어요 (4분 전)"`)
	if !eval[bool](b, "document.body.classList.contains('stale')") {
		t.Error("an old page still shows what works in green")
	}
}

// answer answers the page's own requests for path, until the test ends.
func (b *tab) answer(path string, with func(asked int) string) {
	b.t.Helper()
	ctx, cancel := context.WithCancel(b.ctx)
	b.t.Cleanup(cancel)
	paused := chromedp.Events(ctx, fetch.RequestPaused)
	call(b, fetch.Enable, fetch.EnableParams{Patterns: []*fetch.RequestPattern{{URLPattern: "*" + path}}})
	asked := 0
	go func() {
		for request, err := range paused {
			if err != nil {
				return
			}
			asked++
			_, _ = chromedp.Call(ctx, fetch.FulfillRequest, fetch.FulfillRequestParams{
				RequestID: request.RequestID, ResponseCode: http.StatusOK, Body: []byte(with(asked)),
			}) // fails when the tab has gone
		}
	}()
}
