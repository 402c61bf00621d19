package web

import (
	"bytes"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
)

// Bounds of a page in bytes. A first round trip carries 14 KB: every page
// compressed, and the usual ones as they are, the menu whose login could go on at
// other sites among them. The longest request makes that one longer: a login lost
// costs more than a round trip. The status page holds no secret and is sent
// compressed.
const (
	maxPage    = 14 << 10
	maxBare    = 16 << 10
	maxLongest = 17 << 10
	maxStatus  = 20 << 10
)

// eachPage runs a check on every page, said fully and said barely, in every
// language.
func eachPage(t *testing.T, check func(t *testing.T, view View, doc *html.Node, body []byte)) {
	t.Helper()
	for _, lang := range languages {
		for form, views := range map[string]map[string]View{"full": allViews(lang), "bare": bareViews(lang)} {
			for _, name := range slices.Sorted(maps.Keys(views)) {
				t.Run(lang+" "+form+" "+name, func(t *testing.T) {
					body := write(t, testPages(t), views[name]).Body.Bytes()
					check(t, views[name], parse(t, bytes.NewReader(body)), body)
				})
			}
		}
	}
}

func TestEveryPageIsSound(t *testing.T) {
	eachPage(t, func(t *testing.T, view View, doc *html.Node, body []byte) {
		if !bytes.HasPrefix(body, []byte("<!doctype html>")) {
			t.Error("page does not begin with its doctype")
		}
		if got := attr(elements(doc, "html")[0], "lang"); got != view.frame().Lang {
			t.Errorf("lang is %q, want %q", got, view.frame().Lang)
		}
		headings := elements(doc, "h1")
		if len(headings) != 1 || text(headings[0]) == "" {
			t.Fatalf("page has %d h1, want one with words", len(headings))
		}
		title := text(headings[0])
		if name := view.frame().Client.Name; name != "" {
			title += " - " + name
		}
		if view.template() == "status" {
			title += " - " + testPages(t).locales[view.frame().Lang].text("status.name")
		}
		if got := text(elements(doc, "title")[0]); got != title {
			t.Errorf("title is %q, want %q", got, title)
		}
		ids := make(map[string]bool)
		for _, n := range elements(doc) {
			if id := attr(n, "id"); id != "" && ids[id] {
				t.Errorf("id %q stands there twice", id)
			} else {
				ids[id] = true
			}
			if n.Data == "button" && text(n) == "" && attr(n, "aria-label") == "" {
				t.Error("a button without a name")
			}
			if n.Data == "svg" && attr(n, "aria-hidden") != "true" && attr(n, "aria-label") == "" {
				t.Error("a drawing that is neither hidden nor named")
			}
		}
		if strings.Contains(string(body), "ZgotmplZ") || strings.Contains(string(body), "no value") {
			t.Error("page holds a value the templates refused")
		}
	})
}

func TestEveryPageKeepsThePolicy(t *testing.T) {
	eachPage(t, func(t *testing.T, _ View, doc *html.Node, _ []byte) {
		for _, n := range elements(doc) {
			for _, a := range n.Attr {
				if a.Key == "style" || strings.HasPrefix(a.Key, "on") {
					t.Errorf("<%s> has %s=", n.Data, a.Key)
				}
			}
			switch n.Data {
			case "script":
				if n.FirstChild != nil || !strings.HasPrefix(attr(n, "src"), "/assets/app.") || attr(n, "type") != "module" {
					t.Error("a script that is not the one module of ours")
				}
			case "form":
				if leadsAway(n) {
					continue
				}
				if attr(n, "method") != "post" || strings.HasPrefix(attr(n, "action"), "http") {
					t.Errorf("a form leads by %s to %s", attr(n, "method"), attr(n, "action"))
				}
			case "style":
				if attr(n, "nonce") != "" || len(elements(doc, "style")) != 1 {
					t.Error("a page has one style sheet, without a nonce")
				}
			case "link", "img", "iframe", "object", "embed":
				if src := attr(n, "href") + attr(n, "src"); !strings.HasPrefix(src, "data:image/") {
					t.Errorf("<%s> makes a request to %q", n.Data, src)
				}
			}
		}
	})
}

// leadsAway reports whether a form takes the login to another site: by GET, and
// with nothing of ours that counts here.
func leadsAway(form *html.Node) bool {
	return attr(form, "method") == "get" && attr(form.Parent, "id") == "other-address"
}

func TestEveryFormCarriesTheStepToken(t *testing.T) {
	for name, view := range allViews("en") {
		for _, form := range elements(draw(t, view), "form") {
			if leadsAway(form) {
				continue
			}
			var token string
			for _, input := range elements(form, "input") {
				if attr(input, "name") == "step_token" && attr(input, "type") == "hidden" {
					token = attr(input, "value")
				}
			}
			if token != "step" {
				t.Errorf("%s: form to %s carries %q", name, attr(form, "action"), token)
			}
		}
	}
}

// P4: no dead ends. Only problems of which no website is known have none, and
// they say in words where to begin again.
func TestEveryPageHasAWayOn(t *testing.T) {
	eachPage(t, func(t *testing.T, view View, doc *html.Node, _ []byte) {
		main := elements(doc, "main")[0]
		for _, n := range elements(main, "a", "button") {
			for _, a := range n.Attr {
				if n.Data == "button" || a.Key == "href" && (a.Val != "" || view.template() == "nothing") {
					return // an empty address loads the same page again: the way on where nothing is left
				}
			}
		}
		switch view.(type) {
		case Menu, Match, Terminal, Logout:
			t.Error("a page of a login without a link or button")
		case Problem:
			if view.frame().Client.Home != "" {
				t.Error("a problem page that knows the website does not lead there")
			}
			if len(elements(byClass(doc, "lead")[0], "span")) < 2 {
				t.Error("a problem page without a link does not say where to begin again")
			}
		}
	})
}

func TestEveryPageFitsTheFirstRoundTrip(t *testing.T) {
	for _, status := range []string{"", "https://status.example/"} {
		pages, err := New(Options{StatusHref: status, Now: testPages(t).options.Now})
		if err != nil {
			t.Fatal(err)
		}
		for _, lang := range languages {
			for name, view := range allViews(lang) {
				body := write(t, pages, view).Body.Bytes()
				packed, err := compress(body)
				if err != nil {
					t.Fatal(err)
				}
				limit := maxBare
				switch {
				case name == "menu", name == "menu, with other addresses", name == "match while down":
					limit = maxPage
				case name == "menu of a long request":
					limit = maxLongest
				case view.template() == "status", view.template() == "account":
					limit = maxStatus
				}
				if len(packed) > maxPage || len(body) > limit {
					t.Errorf("%s in %s is %d bytes, %d compressed", name, lang, len(body), len(packed))
				}
			}
		}
	}
}

func TestControlsHaveTheirIDs(t *testing.T) {
	match, nothing := allViews("en")["match while down"], allViews("en")["nothing left"]
	tests := []struct {
		id      string
		view    View
		element string
	}{
		{"way-kakao", menuView("en"), "a"},
		{"way-apple", menuView("en"), "a"},
		{"cancel", menuView("en"), "button"},
		{"way-kakao", allViews("en")["menu down"], "a"},
		{"way-passkey", allViews("en")["menu down"], "a"},
		{"way-corp", allViews("en")["menu down"], "a"},
		{"way-kakao", nothing, "a"},
		{"cancel", nothing, "button"},
		{"new-account", match, "button"},
		{"existing-account", match, "a"},
		{"cancel", match, "button"},
		{"return", allViews("en")["terminal"], "a"},
		{"logout", allViews("en")["logout"], "button"},
		{"logout", allViews("en")["account"], "a"},
	}
	for _, tt := range tests {
		t.Run(tt.id+" on "+tt.view.template(), func(t *testing.T) {
			n := byID(draw(t, tt.view), tt.id)
			if n == nil || n.Data != tt.element {
				t.Fatalf("no <%s id=%s>", tt.element, tt.id)
			}
			for parent := n.Parent; tt.element == "button"; parent = parent.Parent {
				if parent == nil {
					t.Fatal("the button stands in no form")
				}
				if parent.Data == "form" {
					break
				}
			}
		})
	}
}

func TestWriteDrawsBeforeItSends(t *testing.T) {
	w := httptest.NewRecorder()
	err := testPages(t).Write(w, http.StatusOK, Terminal{Href: "javascript:alert(1)"})
	if !errors.Is(err, ErrHref) {
		t.Errorf("Write: %v, want ErrHref", err)
	}
	if len(w.Header()) != 0 || w.Body.Len() != 0 {
		t.Error("something was sent before the error was known")
	}
}

func TestWriteSpeaksKoreanWhenTheLanguageIsUnknown(t *testing.T) {
	w := write(t, testPages(t), Menu{Frame: Frame{Lang: "xx"}})
	if got := w.Header().Get("Content-Language"); got != "ko" {
		t.Errorf("Content-Language is %q, want ko", got)
	}
}

func TestWriteSaysWhenToTryAgain(t *testing.T) {
	tests := []struct {
		seconds int
		header  string
		words   map[string]string
	}{
		{0, "", map[string]string{"ko": "", "en": "", "ja": ""}},
		{1, "1", map[string]string{"ko": "약 1초 뒤에", "en": "about 1 second.", "ja": "約1秒後"}},
		{30, "30", map[string]string{"ko": "약 30초 뒤에", "en": "about 30 seconds.", "ja": "約30秒後"}},
		{121, "121", map[string]string{"ko": "약 3분 뒤에", "en": "about 3 minutes.", "ja": "約3分後"}},
	}
	for _, tt := range tests {
		for _, lang := range languages {
			view := Problem{Frame: frame(lang), Kind: ProblemUnavailable, RetryAfter: tt.seconds}
			w := httptest.NewRecorder()
			if err := testPages(t).Write(w, http.StatusServiceUnavailable, view); err != nil {
				t.Fatal(err)
			}
			if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") != tt.header {
				t.Errorf("%d s: status %d, Retry-After %q", tt.seconds, w.Code, w.Header().Get("Retry-After"))
			}
			if got := text(parse(t, w.Body)); !strings.Contains(got, tt.words[lang]) {
				t.Errorf("%d s in %s: %q does not say %q", tt.seconds, lang, got, tt.words[lang])
			}
		}
	}
}

func TestDetailsAreForDevelopersOnly(t *testing.T) {
	dev, err := New(Options{Dev: true})
	if err != nil {
		t.Fatal(err)
	}
	view := Problem{Frame: frame("en"), Kind: ProblemClient, Detail: "registered: <http://localhost:1/cb>"}
	if got := elements(parse(t, write(t, dev, view).Body), "pre"); len(got) != 1 || text(got[0]) != view.Detail {
		t.Errorf("dev shows %d details, want this one", len(got))
	}
	if got := elements(draw(t, view), "pre"); len(got) != 0 {
		t.Error("details are shown in production")
	}
}

func TestPagesOfALoginOfferToGoOnBeforeTheyTimeOut(t *testing.T) {
	view := menuView("en")
	view.Idle = 10 * time.Minute
	doc := draw(t, view)
	ending := byID(doc, "ending")
	if ending == nil || !strings.Contains(text(ending), "10 more minutes") {
		t.Fatalf("the offer is %q", text(ending))
	}
	if got := attr(elements(ending, "a")[0], "href"); got != view.LangPath {
		t.Errorf("the offer leads to %q", got)
	}
	if got := attr(elements(doc, "body")[0], "data-idle"); got != strconv.Itoa(600) {
		t.Errorf("the script hears of %q seconds", got)
	}
	for _, a := range ending.Attr {
		if a.Key == "hidden" {
			return
		}
	}
	t.Error("the offer is shown at once")
}

func TestLanguageLinksKeepTheQuery(t *testing.T) {
	tests := []struct {
		name, path string
		want       []string
	}{
		{"a path", "/login/abc", []string{"/login/abc?lang=ko", "/login/abc?lang=ja"}},
		{"a path with a query", "/logout?state=a%26b", []string{"/logout?state=a%26b&lang=ko", "/logout?state=a%26b&lang=ja"}},
		{"another host", "//evil.example/", nil},
		{"another host in disguise", `/\evil.example/`, nil},
		{"none", "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			view := LoggedOut{Frame: Frame{Lang: "en", LangPath: tt.path}}
			var got []string
			for _, a := range elements(draw(t, view), "a") {
				if attr(a, "hreflang") != "" {
					got = append(got, attr(a, "href"))
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("links lead to %q, want %q", got, tt.want)
			}
		})
	}
}
