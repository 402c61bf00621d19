package broker_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/broker/dev/browser"
	"github.com/bongsu/bongsu/broker/store/pgtest"
)

// changing is people in the middle of changing their accounts when the database
// goes. Each has a browser and an account of their own.
type changing struct {
	n *brokertest.Node

	beginning  *brokertest.Browser // at the account page
	proving    *brokertest.Browser // at the provider of the new identity
	answering  *brokertest.Browser // at the question whether to link
	parting    *brokertest.Browser // at the question whether to unlink
	returning  *brokertest.Browser // at the question whether to link, on the way to a website
	websiteFor brokertest.Request
	before     brokertest.Rows
}

func newChanging(t *testing.T, n *brokertest.Node) *changing {
	t.Helper()
	c := &changing{
		n: n, beginning: n.NewBrowser(), proving: n.NewBrowser(), answering: n.NewBrowser(),
		parting: n.NewBrowser(), returning: n.NewBrowser(), websiteFor: brokertest.RP1.Request(),
	}
	for name, b := range map[string]*brokertest.Browser{
		"beginning": c.beginning, "proving": c.proving, "answering": c.answering, "parting": c.parting,
	} {
		n.Login(b, "kakao", name, brokertest.RP2.Request())
	}
	n.Login(n.NewBrowser(), "kakao", "returning", brokertest.RP2.Request())
	linkWay(t, n, c.parting, "naver", "parting")

	c.beginning.Open(n.Issuer + "/account")
	c.proving.Open(n.Issuer + "/account")
	c.proving.Click("link-naver")
	c.proving.Click("way-naver")
	if page := proveNew(t, n, c.answering, "naver", "answering"); !page.Has("link") {
		t.Fatalf("at %s: %s", page.URL, page.Text())
	}
	c.parting.Open(n.Issuer + "/account")
	if page := c.parting.Click("unlink-naver"); !page.Has("unlink") {
		t.Fatalf("at %s: %s", page.URL, page.Text())
	}
	c.returning.Open(n.AuthorizeURL(c.websiteFor))
	c.returning.Click("way-naver")
	c.returning.Continue("returning")
	c.returning.Click("existing-account")
	c.returning.Click("way-kakao")
	if page := c.returning.Continue("returning"); !page.Has("link") {
		t.Fatalf("at %s: %s", page.URL, page.Text())
	}
	c.before = n.Rows()
	return c
}

// outage checks that everybody is told that nothing could be checked, in time
// and with a way on.
func (c *changing) outage(t *testing.T) {
	t.Helper()
	for what, act := range map[string]func() *browser.Page{
		"beginning to link":      func() *browser.Page { return c.beginning.Click("link-naver") },
		"the new identity":       func() *browser.Page { return c.proving.Continue("proving") },
		"the yes":                func() *browser.Page { return c.answering.Click("link") },
		"the yes to unlinking":   func() *browser.Page { return c.parting.Click("unlink") },
		"the yes on the way":     func() *browser.Page { return c.returning.Click("link") },
		"the account page":       func() *browser.Page { return c.beginning.Tab().Open(c.n.Issuer + "/account") },
		"signing in to the page": func() *browser.Page { return c.signIn("beginning") },
	} {
		began := time.Now()
		saysSo(t, what, began, act())
	}
}

func (c *changing) signIn(person string) *browser.Page {
	b := c.n.NewBrowser()
	b.Open(c.n.Issuer + "/account/sign-in")
	b.Click("way-kakao")
	return b.Continue(person)
}

// back checks that everybody goes on from where they were. A change that was
// under way may have been made after all: then its session has ended, as it says.
func (c *changing) back(t *testing.T) {
	t.Helper()
	n := c.n
	eventually(t, "the database is taken into use again", func() bool { return takesWrites(n) })
	if page := c.beginning.Click("onward"); !page.Has("link-naver") {
		t.Errorf("beginning: at %s: %s", page.URL, page.Text())
	}
	asked := len(c.proving.Requests(""))
	if page := c.proving.Click("onward"); !page.Has("link") {
		t.Errorf("proving: at %s: %s", page.URL, page.Text())
	}
	for _, r := range c.proving.Requests("")[asked:] {
		if strings.Contains(r.URL, "/naver/") {
			t.Errorf("the person was sent to the provider again: %s", r.URL)
		}
	}
	c.proving.Click("link")
	for what, step := range map[string]struct {
		b      *brokertest.Browser
		button string
		linked bool
	}{"answering": {c.answering, "link", true}, "parting": {c.parting, "unlink", false}, "proving": {c.proving, "", true}} {
		if step.button != "" && step.b.Click("onward").Has(step.button) {
			step.b.Click(step.button)
		}
		page := step.b.Open(n.Issuer + "/account")
		if page.Has("sign-in") {
			step.b.Click("sign-in")
			step.b.Click("way-kakao")
			page = step.b.Continue(what)
		}
		if page.Has("link-naver") == step.linked {
			t.Errorf("%s: the account says %s", what, page.Text())
		}
	}
	page := c.returning.Click("onward")
	if page.Has("link") {
		page = c.returning.Click("link")
	}
	if got := n.Redeem(n.Answered(page, c.websiteFor)); got.Status != http.StatusOK {
		t.Errorf("returning: the code gives %d %s", got.Status, got.Body)
	}
	if after := n.Rows(); after["accounts"] != c.before["accounts"] || after["links"] != c.before["links"]+2 {
		t.Errorf("three links made and one taken: %v became %v", c.before, after)
	}
}

func TestOutageWhileLinkingDatabaseKilled(t *testing.T) {
	server := pgtest.Start(t)
	c := newChanging(t, brokertest.StartNode(t, brokertest.OnDatabase(server.Database("broker", brokertest.Fill))))
	server.Kill()
	c.outage(t)
	server.Restart()
	c.back(t)
}

func TestOutageWhileLinkingDatabaseFrozen(t *testing.T) {
	server := pgtest.Start(t)
	c := newChanging(t, brokertest.StartNode(t, brokertest.OnDatabase(server.Database("broker", brokertest.Fill))))
	server.Freeze()
	c.outage(t)
	server.Thaw()
	c.back(t)
}

// press sends the yes of several browsers at once and returns the answers.
func press(t *testing.T, n *brokertest.Node, browsers ...*brokertest.Browser) []brokertest.Response {
	t.Helper()
	answers := make([]brokertest.Response, len(browsers))
	start := make(chan struct{})
	var all sync.WaitGroup
	for i, b := range browsers {
		action, form := b.Page().Form("link")
		at, err := url.Parse(action)
		if err != nil || form == nil {
			t.Fatalf("nothing to press at %s: %s", b.Page().URL, b.Page().Text())
		}
		headers := sameOrigin(n, cookieHeader(b))
		all.Go(func() {
			<-start
			answers[i] = n.Post(at.Path, form, headers...)
		})
	}
	close(start)
	all.Wait()
	return answers
}

// statuses counts the answers by status.
func statuses(answers []brokertest.Response) map[int]int {
	counts := make(map[int]int)
	for _, a := range answers {
		counts[a.Status]++
	}
	return counts
}

// One identity, two accounts at once: one gets it.
func TestOneIdentityLinkedToTwoAccountsAtOnce(t *testing.T) {
	onEveryStore(t, func(t *testing.T, n *brokertest.Node) {
		var browsers []*brokertest.Browser
		for _, person := range []string{"one", "two", "three", "four"} {
			b := n.NewBrowser()
			claimsOf(t, n, b, "p", person)
			if page := proveNew(t, n, b, "q", "shared"); !page.Has("link") {
				t.Fatalf("at %s: %s", page.URL, page.Text())
			}
			browsers = append(browsers, b)
		}
		before := n.Rows()
		if got := statuses(press(t, n, browsers...)); got[http.StatusSeeOther] != 1 || got[http.StatusConflict] != 3 {
			t.Errorf("answers %v", got)
		}
		if after := n.Rows(); after["links"] != before["links"]+1 || after["facts"] != before["facts"]+1 {
			t.Errorf("%v became %v", before, after)
		}
	})
}

// Two tabs of one session link at once: the one that comes second finds the
// session ended by the first, and changes nothing.
func TestTwoTabsLinkAtOnce(t *testing.T) {
	onEveryStore(t, func(t *testing.T, n *brokertest.Node) {
		b := n.NewBrowser()
		claimsOf(t, n, b, "p", "vic")
		other := b.Tab()
		for way, tab := range map[string]*brokertest.Browser{"q": b, "naver": other} {
			if page := proveNew(t, n, tab, way, "vic"); !page.Has("link") {
				t.Fatalf("at %s: %s", page.URL, page.Text())
			}
		}
		before := n.Rows()
		if got := statuses(press(t, n, b, other)); got[http.StatusSeeOther] != 1 || got[http.StatusForbidden] != 1 {
			t.Errorf("answers %v", got)
		}
		if after := n.Rows(); after["links"] != before["links"]+1 || after["facts"] != before["facts"]+1 {
			t.Errorf("%v became %v", before, after)
		}
	})
}
