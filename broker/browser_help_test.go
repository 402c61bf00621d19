package broker_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/bongsu/bongsu/broker/status"
	"github.com/bongsu/bongsu/providers/fakeidp"
)

// patience is how long a test waits for something that should be there at once.
const patience = 15 * time.Second

// chrome is the one Chromium process of all browser tests.
type chrome struct {
	ctx       context.Context // of its first tab
	userAgent string
}

// startChrome starts Chromium, with flags beside the usual ones, until the test ends.
func startChrome(t *testing.T, flags ...chromedp.ExecAllocatorOption) *chrome {
	t.Helper()
	options := []chromedp.ExecAllocatorOption{
		chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck, chromedp.Headless, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-auto-reload", true), chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.WSURLReadTimeout(time.Minute),
	}
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	allocator, release := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), append(options, flags...)...)
	t.Cleanup(release)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	userAgent, err := chromedp.Run(ctx, chromedp.Evaluate[string]("navigator.userAgent"))
	if err != nil {
		t.Fatalf("start Chromium: %v", err)
	}
	return &chrome{ctx: ctx, userAgent: userAgent}
}

// tab is one tab in a browser profile of its own, and what it told about itself.
type tab struct {
	t      *testing.T
	chrome *chrome
	ctx    context.Context
	moved  chan struct{} // a page was shown or loaded

	mu         sync.Mutex
	complaints []string            // console errors, exceptions and violations of the content security policy
	documents  map[string]string   // addresses of pages, by loader
	requests   map[string][]string // what else they asked for, by loader
}

// tab opens a tab that prefers a language. When the test ends, everything its
// pages complained about fails it.
func (c *chrome) tab(t *testing.T, lang string) *tab {
	t.Helper()
	return c.profile(t, lang, chromedp.WithNewBrowserContext())
}

// beside opens another tab of the same profile.
func (b *tab) beside() *tab {
	b.t.Helper()
	lang := eval[string](b, "navigator.language")
	return b.chrome.profile(b.t, lang, chromedp.WithExistingBrowserContext(chromedp.FromContext(b.ctx).BrowserContextID))
}

func (c *chrome) profile(t *testing.T, lang string, which chromedp.ContextOption) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(c.ctx, which)
	b := &tab{
		t: t, chrome: c, ctx: ctx, moved: make(chan struct{}, 1024),
		requests: map[string][]string{}, documents: map[string]string{},
	}
	t.Cleanup(func() {
		cancel()
		for _, complaint := range b.complained() {
			t.Errorf("the console says: %s", complaint)
		}
		b.checkRequests()
	})
	if err := chromedp.Listen(ctx, b.listen); err != nil {
		t.Fatalf("open tab: %v", err)
	}
	call(b, network.Enable, network.EnableParams{})
	call(b, audits.Enable, cdp.Empty{})
	call(b, emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{UserAgent: c.userAgent, AcceptLanguage: lang})
	b.resize(1280, 800)
	return b
}

// listen takes note of what the tab tells; it runs in chromedp's goroutine.
func (b *tab) listen(event any) {
	switch event := event.(type) {
	case *page.EventLoadEventFired:
		b.signal()
	case *page.EventFrameNavigated:
		if event.Frame.ParentID == "" {
			b.signal()
		}
	case *network.EventRequestWillBeSent:
		b.requested(event)
	case *runtime.EventExceptionThrown:
		b.complain("exception: " + event.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		if event.Type == runtime.ConsoleAPICalledTypeError || event.Type == runtime.ConsoleAPICalledTypeWarning {
			b.complain(fmt.Sprintf("console.%s", event.Type))
		}
	case *log.EventEntryAdded:
		if event.Entry.Source != log.EntrySourceNetwork && event.Entry.Level != log.EntryLevelVerbose {
			b.complain(fmt.Sprintf("%s: %s", event.Entry.Source, event.Entry.Text))
		}
	case *audits.EventIssueAdded:
		if details := event.Issue.Details.ContentSecurityPolicyIssueDetails; details != nil {
			b.complain(fmt.Sprintf("policy: %s blocked %s", details.ViolatedDirective, details.BlockedURL))
		}
	}
}

func (b *tab) signal() {
	select {
	case b.moved <- struct{}{}:
	default:
	}
}

func (b *tab) requested(event *network.EventRequestWillBeSent) {
	if strings.HasPrefix(event.Request.URL, "data:") {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	loader := string(event.LoaderID)
	if event.Type == network.ResourceTypeDocument && string(event.RequestID) == loader {
		b.documents[loader] = event.Request.URL
		b.signal()
	} else if _, ok := b.documents[loader]; ok {
		b.requests[loader] = append(b.requests[loader], event.Request.URL)
	}
}

// asks waits until the tab has asked for a page whose address begins so.
func (b *tab) asks(prefix string) {
	b.t.Helper()
	asked := func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, address := range b.documents {
			if strings.HasPrefix(address, prefix) {
				return true
			}
		}
		return false
	}
	late := time.NewTimer(patience)
	defer late.Stop()
	for !asked() {
		select {
		case <-b.moved:
		case <-late.C:
			b.t.Fatalf("never asked for %s", prefix)
		}
	}
}

// reaches waits until an upstream's login page has been asked for so often.
func (b *tab) reaches(u *fakeidp.Upstream, often int) {
	b.t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for u.Count(fakeidp.Authorize) < often {
		select {
		case <-again.C:
		case <-late.C:
			b.t.Fatalf("%s was never asked", u.Name())
		}
	}
}

func (b *tab) complain(what string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.complaints = append(b.complaints, what)
}

// complained returns what pages complained about so far, and forgets it.
func (b *tab) complained() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	said := b.complaints
	b.complaints = nil
	return said
}

// checkRequests holds every page of a login against its budget: one document
// and one script, all from its own origin.
func (b *tab) checkRequests() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for loader, asked := range b.requests {
		at := b.documents[loader]
		own, err := url.Parse(at)
		if err != nil {
			b.t.Errorf("page at %q: %v", at, err)
			continue
		}
		if strings.HasPrefix(own.Path, "/test/") {
			continue // no honest page
		}
		asked = slices.DeleteFunc(asked, func(address string) bool {
			return address == own.Scheme+"://"+own.Host+status.JSONPath // asked later, by a page that waits for better news
		})
		for _, address := range asked {
			if u, err := url.Parse(address); err != nil || u.Scheme != own.Scheme || u.Host != own.Host {
				b.t.Errorf("the page %s asked %s", at, address)
			}
		}
		if strings.HasPrefix(own.Path, "/login/") && len(asked) != 1 {
			b.t.Errorf("the page %s made %d requests beside itself: %v", at, len(asked), asked)
		}
	}
}

// resize makes the window as wide and as high as that, in CSS pixels.
func (b *tab) resize(width, height int64) {
	b.t.Helper()
	call(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: 1})
}

// call gives the tab a command of the protocol.
func call[P, R any](b *tab, command cdp.Command[P, R], params P) R {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	result, err := chromedp.Call(ctx, command, params)
	if err != nil {
		b.t.Fatalf("%s: %v", command.Method, err)
	}
	return result
}

// try is eval that may fail: while a page goes and the next one comes.
func try[T any](b *tab, expression string) (value T, err error) {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	found, err := chromedp.Run(ctx, chromedp.Evaluate[*T](expression))
	if err == nil && found != nil {
		value = *found
	}
	return value, err
}

// eval returns what an expression is on the page; the zero value when it is null.
func eval[T any](b *tab, expression string) T {
	b.t.Helper()
	value, err := try[T](b, expression)
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return value
}

// until waits until an expression holds on a page that is shown.
func (b *tab) until(condition string) {
	b.t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		if holds, err := try[bool](b, "!!("+condition+")"); err == nil && holds {
			return
		}
		select {
		case <-b.moved:
		case <-late.C:
			b.t.Fatalf("never came true: %s; at %s", condition, b.where())
		}
	}
}

// see waits until the page has an element with id.
func (b *tab) see(id string) {
	b.t.Helper()
	b.until(fmt.Sprintf("document.readyState == 'complete' && document.getElementById(%q)", id))
}

// read waits until the page says words.
func (b *tab) read(words string) {
	b.t.Helper()
	b.until(fmt.Sprintf(`document.readyState == 'complete' && document.body.innerText.replaceAll("\u00a0", " ").includes(%q)`, words))
}

// where describes the page for a failure.
func (b *tab) where() string {
	text, err := try[string](b, `location.href + ": " + document.body?.innerText.slice(0, 600)`)
	if err != nil {
		return err.Error()
	}
	return text
}

func (b *tab) address() string { return eval[string](b, "location.href") }

func (b *tab) has(id string) bool {
	b.t.Helper()
	return eval[bool](b, fmt.Sprintf("document.getElementById(%q) != null", id))
}

func (b *tab) text(id string) string {
	b.t.Helper()
	return eval[string](b, fmt.Sprintf("document.getElementById(%q)?.textContent.trim()", id))
}

// open goes to an address and waits until the page is loaded.
func (b *tab) open(address string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.Navigate(address)); err != nil {
		b.t.Fatalf("open %s: %v", address, err)
	}
}

// spot is where an element can be pressed.
type spot struct {
	X, Y float64
	Hit  bool // nothing lies over it
}

// press presses an element with the mouse and waits for nothing.
func (b *tab) press(id string) {
	b.t.Helper()
	b.mouse(b.spot(id), 1)
}

// spot finds where an element can be pressed.
func (b *tab) spot(id string) spot {
	b.t.Helper()
	b.see(id)
	at := eval[spot](b, fmt.Sprintf(`(() => {
		const e = document.getElementById(%q)
		e.scrollIntoView({block: "center", behavior: "instant"})
		const r = e.getBoundingClientRect(), x = r.x + r.width / 2, y = r.y + r.height / 2
		const hit = document.elementFromPoint(x, y)
		return {X: x, Y: y, Hit: hit != null && (hit == e || e.contains(hit))}
	})()`, id))
	if !at.Hit {
		b.t.Fatalf("%s cannot be pressed at %s", id, b.where())
	}
	return at
}

// mouse presses the left button at a spot, for the count-th time in a row.
func (b *tab) mouse(at spot, count int64) {
	b.t.Helper()
	for _, part := range []input.DispatchMouseEventType{input.DispatchMouseEventTypeMousePressed, input.DispatchMouseEventTypeMouseReleased} {
		call(b, input.DispatchMouseEvent, input.DispatchMouseEventParams{
			Type: part, X: at.X, Y: at.Y, Button: input.MouseButtonLeft, ClickCount: count,
		})
	}
}

// click presses an element and waits until the page it leads to is loaded.
func (b *tab) click(id string) {
	b.t.Helper()
	b.see(id)
	before := eval[float64](b, "performance.timeOrigin")
	b.press(id)
	b.until(fmt.Sprintf("performance.timeOrigin != %f && document.readyState == 'complete'", before))
}

// fill types into a field.
func (b *tab) fill(id, words string) {
	b.t.Helper()
	b.press(id)
	call(b, input.InsertText, input.InsertTextParams{Text: words})
}

// back goes one page back, as the button beside the address does.
func (b *tab) back() {
	b.t.Helper()
	history := call(b, page.GetNavigationHistory, cdp.Empty{})
	if history.CurrentIndex == 0 {
		b.t.Fatal("there is no page before this one")
	}
	call(b, page.NavigateToHistoryEntry, page.NavigateToHistoryEntryParams{EntryID: history.Entries[history.CurrentIndex-1].ID})
}
