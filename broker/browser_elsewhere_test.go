package broker_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"

	"github.com/bongsu/bongsu/broker/contact"
)

// testElsewhere is a site that dies under the hands of somebody who looks at its
// page, and one that does not reach a provider.
func testElsewhere(t *testing.T, c *chrome, w *world) {
	n := newNation(t, w)
	t.Run("the page says so when somebody presses", func(t *testing.T) { testPressed(t, c, n) })
	t.Run("the page finds out by itself", func(t *testing.T) { testFoundOut(t, c, n) })
	t.Run("without scripts", func(t *testing.T) { testElsewhereBare(t, c, n) })
	t.Run("round a broken way", func(t *testing.T) { testCarried(t, c, n) })
	t.Run("while there is no writer", func(t *testing.T) { testPatient(t, c, n) })
	t.Run("while there is no database", func(t *testing.T) { testKnownDevice(t, c, n) })
}

// A website has its people wait while there is no writer: the page goes on by itself
// when there is one again.
func testPatient(t *testing.T, c *chrome, n *nation) {
	var waiting []*tab
	for _, tongue := range spoken() {
		b := c.tab(t, tongue.lang)
		b.open(nationShopURL)
		b.click("login")
		b.see("way-naver")
		b.enter("naver", "patient")
		waiting = append(waiting, b)
	}
	n.falls(contact.WriterLost)
	for i, tongue := range spoken() {
		b := waiting[i]
		b.open(nationURL + "/authorize?" + url.Values{
			"client_id": {"patient"}, "redirect_uri": {nationShopURL + "/callback"}, "response_type": {"code"},
			"scope": {"openid"}, "state": {"s"}, "ui_locales": {tongue.lang},
		}.Encode())
		b.see("onward")
		if os.Getenv("BONGSU_SHOTS") != "" { // it loads itself again under the hands of whoever looks at it
			b.shot("wait-" + tongue.lang)
		}
	}
	n.falls(contact.Full)
	for _, b := range waiting {
		b.turns("location.href.startsWith('" + nationShopURL + "/callback?') && location.search.includes('code=')")
	}
}

// No database answers: whoever logged in before goes on once the provider has said
// who it is, and everybody else is told that they cannot for now, and can later.
func testKnownDevice(t *testing.T, c *chrome, n *nation) {
	known := c.tab(t, "ko")
	known.open(nationShopURL)
	known.click("login")
	known.see("way-naver")
	known.enter("naver", "known")
	subject := known.text("claim-sub")
	n.falls(contact.Alone)
	n.ahead.Add(int64(2 * time.Minute)) // for a while somebody may begin all the same

	known.open(nationShopURL)
	known.click("login-again")
	known.see("way-naver")
	known.prove("naver", "known")
	known.see("greeting")
	if got := known.text("claim-sub"); got != subject || known.text("claim-acr") != "urn:bongsu:acr:continued" {
		t.Errorf("sub is %q, was %q; acr is %q", got, subject, known.text("claim-acr"))
	}
	var others []*tab
	for _, tongue := range spoken() {
		b := c.tab(t, tongue.lang)
		b.open(nationShopURL)
		b.click("login")
		b.see("onward")
		b.shot("away-" + tongue.lang)
		others = append(others, b)
	}
	n.falls(contact.Full)
	for _, b := range others {
		b.click("onward")
		b.see("way-naver")
	}
}

// hangUp closes the issuer's listener: nothing answers there any more.
func (n *nation) hangUp() { n.issuer(); n.answering = false }

// answerAgain listens at the issuer's address again, for a site.
func (n *nation) answerAgain(t *testing.T, site string) {
	t.Helper()
	n.front.Store(n.sites[site])
	if n.answering {
		return
	}
	n.answering = true
	var config net.ListenConfig
	l, err := config.Listen(context.WithoutCancel(t.Context()), "tcp", n.listeners[nationHost].Addr().String())
	must(t, err)
	n.issuer = n.serveAt(n.t, l, http.HandlerFunc(n.answer))
}

// turns waits until something is so on a page that nobody moves.
func (b *tab) turns(condition string) {
	b.t.Helper()
	late := time.After(2 * patience)
	for {
		if so, err := try[bool](b, "!!("+condition+")"); err == nil && so {
			return
		}
		select {
		case <-late:
			b.t.Fatalf("never came true: %s; at %s", condition, b.where())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// shown waits until an element is there for people to see.
func (b *tab) shown(id string) {
	b.t.Helper()
	b.turns(fmt.Sprintf("document.getElementById(%q)?.getClientRects().length > 0", id))
}

// spoken are the languages that pages are looked at in: all of them when somebody
// asked for pictures, else one, as what is tested is the same.
func spoken() []struct{ lang, menu, greeting string } {
	if os.Getenv("BONGSU_SHOTS") != "" {
		return tongues
	}
	return tongues[:1]
}

// shot makes pictures of a page in the state it is in, where somebody asked for
// them, and holds it to the narrowest screen.
func (b *tab) shot(name string) {
	b.t.Helper()
	b.resize(320, 640)
	if wide := eval[int](b, "document.documentElement.scrollWidth"); wide > 320 {
		b.t.Errorf("%s is %d px wide", name, wide)
	}
	for _, small := range eval[[]string](b, tooSmall) {
		b.t.Errorf("%s: %s", name, small)
	}
	b.resize(1280, 800)
	if dir := os.Getenv("BONGSU_SHOTS"); dir != "" {
		must(b.t, os.MkdirAll(dir, 0o755))
		b.draw(dir, name)
	}
}

// Somebody presses a way, and nothing answers: they are not sent into nothing, but
// told, and go on at another address with the same login.
func testPressed(t *testing.T, c *chrome, n *nation) {
	for _, tongue := range spoken() {
		t.Run(tongue.lang, func(t *testing.T) {
			b := c.tab(t, tongue.lang)
			b.open(nationShopURL)
			b.click("login")
			b.see("way-naver")
			eval[bool](b, "document.querySelector('#other-address summary').click() === undefined")
			b.shot("elsewhere-" + tongue.lang)
			n.hangUp()
			t.Cleanup(func() { n.answerAgain(t, "seoul") })
			b.turns(fmt.Sprintf("performance.now() > %f", eval[float64](b, "performance.now()")+2500)) // the site was heard just now
			b.press("way-naver")
			b.shown("gone")
			b.shot("gone-" + tongue.lang)
			b.click("other-busan." + nationHost)
			b.see("way-naver")
			if at := b.address(); at[:len("https://busan.")] != "https://busan." {
				t.Errorf("the login went on at %s", at)
			}
			n.answerAgain(t, "tokyo")
			b.enter("naver", "pressed-"+tongue.lang)
		})
	}
}

// Nobody presses anything: the page asks its own site now and then, says so when it
// is gone, and takes that back when it is there again.
func testFoundOut(t *testing.T, c *chrome, n *nation) {
	b := c.tab(t, "ko")
	b.open(nationShopURL)
	b.click("login")
	b.see("way-naver")
	n.hangUp()
	t.Cleanup(func() { n.answerAgain(t, "seoul") })
	b.shown("gone")
	if b.text("other-busan."+nationHost) == "" || eval[bool](b, "document.querySelector('#gone #other-busan\\\\.login\\\\.nation\\\\.test') == null") {
		t.Errorf("the notice leads nowhere: %s", b.text("gone"))
	}
	n.answerAgain(t, "seoul")
	b.shown("other-address")
	if eval[bool](b, "document.getElementById('gone').getClientRects().length > 0") {
		t.Error("the notice stays")
	}
	b.enter("naver", "found")
}

// Without scripts the addresses stand in the page as they are.
func testElsewhereBare(t *testing.T, c *chrome, n *nation) {
	b := c.tab(t, "en")
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.open(nationShopURL)
	b.click("login")
	b.see("other-address")
	n.hangUp()
	t.Cleanup(func() { n.answerAgain(t, "seoul") })
	b.press("other-address") // opens
	b.click("other-tokyo." + nationHost)
	b.see("way-naver")
	n.answerAgain(t, "seoul")
	b.prove("naver", "bare")
	b.see("new-account")
}

// A provider that this site does not reach: the button says what happens, and it
// happens.
func testCarried(t *testing.T, c *chrome, n *nation) {
	n.cutOff("seoul")
	for _, tongue := range spoken() {
		b := c.tab(t, tongue.lang)
		b.open(nationShopURL)
		b.click("login")
		b.see("doubt-kakao")
		b.shot("carried-" + tongue.lang)
		menu := b.address()
		b.prove("kakao", "carried")
		b.until("document.readyState == 'complete' && document.querySelector('#new-account, #return, #greeting')")
		if b.has("new-account") {
			b.press("new-account")
		}
		b.see("greeting")
		b.open(menu) // finished elsewhere, and there to be taken back
		b.see("way-kakao")
		b.open("https://busan." + nationHost + "/continue?login=x&for=y")
		b.shot("handoff-" + tongue.lang)
	}
}
