package brokertest

import (
	"context"
	"net/url"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/dev"
	"github.com/bongsu/bongsu/broker/dev/browser"
)

// Start runs an instance until the test ends. Options lie about as little as
// they can: free ports, nothing kept. Each change is applied to them first.
func Start(t testing.TB, changes ...func(*dev.Options)) *dev.Instance {
	t.Helper()
	o := dev.Options{SlowBy: 6 * time.Second, HoldFor: 10 * time.Second}
	for _, change := range changes {
		change(&o)
	}
	i, err := dev.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := i.Stop(); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	if err := i.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return i
}

// ThreeSites has [Start] run three sites, each with a broker of its own, behind
// one front door.
func ThreeSites(o *dev.Options) { o.Sites = 3 }

// Browser is a browser whose failures end the test.
type Browser struct {
	*browser.Browser

	t testing.TB
}

// NewBrowser returns a browser that is closed with the test.
func NewBrowser(t testing.TB, changes ...func(*browser.Options)) *Browser {
	t.Helper()
	var o browser.Options
	for _, change := range changes {
		change(&o)
	}
	b := browser.New(o)
	t.Cleanup(b.Close)
	return &Browser{Browser: b, t: t}
}

// Tab opens another tab of the same browser.
func (b *Browser) Tab() *Browser { return &Browser{Browser: b.Browser.Tab(), t: b.t} }

// Open goes to address.
func (b *Browser) Open(address string) *browser.Page {
	b.t.Helper()
	return b.must(func(ctx context.Context) (*browser.Page, error) { return b.Browser.Open(ctx, address) })
}

// Click presses the link or button with id.
func (b *Browser) Click(id string) *browser.Page {
	b.t.Helper()
	return b.must(func(ctx context.Context) (*browser.Page, error) { return b.Browser.Click(ctx, id) })
}

// Submit sends the form with id, or of the button with id, with values filled in.
func (b *Browser) Submit(id string, values url.Values) *browser.Page {
	b.t.Helper()
	return b.must(func(ctx context.Context) (*browser.Page, error) { return b.Browser.Submit(ctx, id, values) })
}

// Back returns to the page before.
func (b *Browser) Back() *browser.Page {
	b.t.Helper()
	return b.must(b.Browser.Back)
}

// SignIn logs person in at the demo website by way, as somebody would who
// opens the menu even where it could be skipped, and who opens a new account
// where the broker does not know them. An empty person is the page's own.
func (b *Browser) SignIn(i *dev.Instance, way, person string) *browser.Page {
	b.t.Helper()
	b.Open(i.Demo() + "/login?prompt=login")
	b.Click("way-" + way)
	page := b.Continue(person)
	if page.Has("new-account") {
		page = b.Click("new-account")
	}
	if !page.Has("greeting") {
		b.t.Fatalf("signing in by %s ended at %s: %s", way, page.URL.Host+page.URL.Path, page.Text())
	}
	return page
}

// Continue signs person in at a provider's page and returns where that leads.
// An empty person is the page's own.
func (b *Browser) Continue(person string) *browser.Page {
	b.t.Helper()
	page := b.Page()
	if page == nil || !page.Has("continue") {
		b.t.Fatal("the browser is at no provider's page")
	}
	if person != "" {
		address := *page.URL
		query := address.Query()
		query.Set("person", person)
		address.RawQuery = query.Encode()
		b.Open(address.String())
	}
	page = b.Click("continue")
	if page.Has("continue") { // answers by form: without scripts the person sends it
		page = b.Click("continue")
	}
	return page
}

func (b *Browser) must(do func(context.Context) (*browser.Page, error)) *browser.Page {
	b.t.Helper()
	page, err := do(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	return page
}
