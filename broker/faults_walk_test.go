package broker_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/dev"
	"github.com/bongsu/bongsu/broker/dev/browser"
	"github.com/bongsu/bongsu/broker/id"
	"github.com/bongsu/bongsu/broker/store"
)

// walker is a person who can come in by two providers, in front of a browser
// that remembers them. They choose what the menu puts first of what they have,
// press Back on a page that does not go on, and then choose again.
type walker struct {
	name    string
	at      string // address of the site that is theirs
	issuer  string // host and port that lead there
	browser *browser.Browser
	demo    string
	subject string // who they are to the website, from a good day
}

// walked is how one login went.
type walked struct {
	subject string
	choices []string // ways, in the order in which they were chosen
	seen    []string // pages of ours, for whoever reads a failure
}

// extra is how many clicks more than on a good day it took.
func (w walked) extra() int { return max(0, len(w.choices)-1) }

// ownWays are what a walker can come in by.
var ownWays = []string{"kakao", "naver"}

// walkFor bounds one login.
const walkFor = 60 * time.Second

// settle opens accounts for walkers, each with two ways linked.
func settle(t *testing.T, i *dev.Instance, n int) []*walker {
	t.Helper()
	sites := i.Sites()
	var all []*walker
	for k := range n {
		name := fmt.Sprintf("walker%d", k)
		openTwoWays(t, i, name)
		w := &walker{name: name, demo: i.Demo(), at: sites[k%len(sites)].URL(), issuer: hostOf(i.Issuer())}
		w.sitDown(t, "")
		all = append(all, w)
	}
	return all
}

// sitDown gives the walker a browser whose name look-ups lead to their own site,
// as the directory in front of several sites would have it.
func (w *walker) sitDown(t *testing.T, agent string) {
	t.Helper()
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	transport := &http.Transport{
		IdleConnTimeout: time.Minute,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if address == w.issuer {
				address = hostOf(w.at)
			}
			return dialer.DialContext(ctx, network, address)
		},
	}
	w.browser = browser.New(browser.Options{Timeout: 12 * time.Second, Language: "en", UserAgent: agent, Transport: transport})
	t.Cleanup(transport.CloseIdleConnections)
}

func openTwoWays(t *testing.T, i *dev.Instance, name string) {
	t.Helper()
	accounts := i.Broker().Accounts()
	accountID, err := id.New(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	seed := make([]byte, 32)
	if _, err := io.ReadFull(rand.Reader, seed); err != nil {
		t.Fatal(err)
	}
	now := time.Now().UTC()
	opened := store.Account{ID: accountID, Seed: seed, Epoch: 1, Name: name, CreatedAt: now, UpdatedAt: now}
	for k, way := range ownWays {
		upstream, ok := i.Upstreams().Upstream(way)
		if !ok {
			t.Fatalf("there is no %s", way)
		}
		key := store.IdentityKey{Provider: way, Subject: upstream.Subject(name)}
		if k == 0 {
			err = accounts.OpenAccount(t.Context(), opened, key)
		} else {
			err = accounts.LinkIdentity(t.Context(), store.Link{IdentityKey: key, AccountID: opened.ID, CreatedAt: now})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// login walks one login to its end. The error says where there was no way on.
func (w *walker) login(ctx context.Context) (walked, error) {
	ctx, cancel := context.WithTimeout(ctx, walkFor)
	defer cancel()
	var way walked
	page, err := w.browser.Open(ctx, w.demo+"/login?prompt=login")
	for range 24 {
		switch {
		case err != nil && ctx.Err() != nil:
			return way, fmt.Errorf("after %v: %w", way.choices, ctx.Err())
		case err != nil:
			page, err = w.back(ctx, &way)
		case page.Has("greeting"):
			way.subject = page.TextOf("claim-sub")
			return way, nil
		case w.ours(page):
			page, err = w.choose(ctx, &way, page)
		case page.Has("continue"):
			page, err = w.goOn(ctx, page)
		case strings.HasPrefix(page.URL.String(), w.demo):
			return way, fmt.Errorf("the website was told %s: %s", page.TextOf("error"), page.Text())
		default: // a page of the provider's that leads nowhere
			page, err = w.back(ctx, &way)
		}
		if _, dead := errors.AsType[deadEnd](err); dead {
			return way, err
		}
	}
	return way, fmt.Errorf("no end after %v, at %v", way.choices, way.seen)
}

func (w *walker) ours(page *browser.Page) bool {
	return strings.HasPrefix(page.URL.Path, "/login/") && !strings.HasPrefix(page.URL.String(), w.demo)
}

// deadEnd is a page without a way on.
type deadEnd struct{ error }

// choose presses the first way of the menu that the walker has and did not try
// yet; when all were tried, the first again.
func (w *walker) choose(ctx context.Context, way *walked, page *browser.Page) (*browser.Page, error) {
	ids := page.IDs("way-")
	way.seen = append(way.seen, fmt.Sprintf("%d %s %v", page.Status, page.URL.Path, ids))
	if page.Status >= 400 && len(ids) == 0 {
		if page.Has("retry") {
			seconds, _ := strconv.Atoi(page.Header.Get("Retry-After"))
			pause(ctx, time.Duration(seconds)*time.Second)
			return w.browser.Click(ctx, "retry")
		}
		return nil, deadEnd{fmt.Errorf("%d %s: %s", page.Status, page.URL.Path, page.Text())}
	}
	if len(ids) == 0 && !page.Has("cancel") && !page.Has("new-account") {
		return nil, deadEnd{fmt.Errorf("a page without a way on: %s", page.Text())}
	}
	next := ""
	for _, id := range ids {
		name := strings.TrimPrefix(id, "way-")
		if slices.Contains(ownWays, name) && !slices.Contains(way.choices, name) {
			next = name
			break
		}
	}
	if next == "" { // all of theirs were tried: the last one again, a moment later
		if next = lastOwn(ids); next != "" {
			pause(ctx, time.Second)
		}
	}
	if next == "" {
		return nil, deadEnd{fmt.Errorf("nothing of %s's: %s", w.name, page.Text())}
	}
	way.choices = append(way.choices, next)
	return w.browser.Click(ctx, "way-"+next)
}

// lastOwn is the last way of the menu that a walker has.
func lastOwn(ids []string) string {
	for _, id := range slices.Backward(ids) {
		if name := strings.TrimPrefix(id, "way-"); slices.Contains(ownWays, name) {
			return name
		}
	}
	return ""
}

// pause is a person's, or what a page asks them for.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// goOn presses the button at a provider's page.
func (w *walker) goOn(ctx context.Context, page *browser.Page) (*browser.Page, error) {
	address := *page.URL
	query := address.Query()
	if query.Get("person") != w.name {
		query.Set("person", w.name)
		address.RawQuery = query.Encode()
		opened, err := w.browser.Open(ctx, address.String())
		if err != nil || !opened.Has("continue") {
			return opened, err
		}
	}
	return w.browser.Click(ctx, "continue")
}

// back presses Back until a page of ours is there again: the menu of the same
// login.
func (w *walker) back(ctx context.Context, way *walked) (*browser.Page, error) {
	if left := w.browser.Page(); left != nil && w.ours(left) { // the way there never showed a page
		return w.browser.Reload(ctx)
	}
	for range 12 {
		page, err := w.browser.Back(ctx)
		if err != nil {
			if errors.Is(err, browser.ErrNoPage) {
				return nil, deadEnd{fmt.Errorf("nothing to go back to after %v: %v", way.choices, way.seen)}
			}
			continue
		}
		if w.ours(page) {
			return page, nil
		}
	}
	return nil, deadEnd{fmt.Errorf("Back never led to the menu after %v", way.choices)}
}

// statusOf returns what a site says publicly of a provider at itself.
func statusOf(ctx context.Context, at, site, provider string) (string, error) {
	var report struct {
		Providers []struct {
			ID    string
			Sites map[string]string
		}
	}
	if err := readJSON(ctx, at+"/status.json", &report); err != nil {
		return "", err
	}
	for _, p := range report.Providers {
		if p.ID == provider {
			return p.Sites[site], nil
		}
	}
	return "", fmt.Errorf("%s says nothing of %s", at, provider)
}

// hostOf is the host of an address, for messages.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	return u.Host
}
