package web

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/html"
)

// checkedAt is 3:42 in the afternoon in Korea; pages are drawn a minute later.
var checkedAt = time.Date(2026, 11, 23, 6, 42, 0, 0, time.UTC)

var shared = sync.OnceValues(func() (*Pages, error) {
	return New(Options{Now: func() time.Time { return checkedAt.Add(time.Minute) }})
})

// testPages is one Pages without a status page for all tests: making one reads
// everything.
func testPages(t testing.TB) *Pages {
	t.Helper()
	pages, err := shared()
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return pages
}

func write(t testing.TB, pages *Pages, view View) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	if err := pages.Write(w, http.StatusOK, view); err != nil {
		t.Fatalf("Write: %v", err)
	}
	return w
}

func parse(t testing.TB, r io.Reader) *html.Node {
	t.Helper()
	doc, err := html.Parse(r)
	if err != nil {
		t.Fatalf("parse page: %v", err)
	}
	return doc
}

func draw(t testing.TB, view View) *html.Node {
	t.Helper()
	return parse(t, write(t, testPages(t), view).Body)
}

func elements(doc *html.Node, names ...string) []*html.Node {
	var found []*html.Node
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		if len(names) == 0 {
			found = append(found, n)
		}
		for _, name := range names {
			if n.Data == name {
				found = append(found, n)
			}
		}
	}
	return found
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func hasClass(n *html.Node, class string) bool {
	for c := range strings.FieldsSeq(attr(n, "class")) {
		if c == class {
			return true
		}
	}
	return false
}

func byID(doc *html.Node, id string) *html.Node {
	for _, n := range elements(doc) {
		if attr(n, "id") == id {
			return n
		}
	}
	return nil
}

func byClass(doc *html.Node, class string) []*html.Node {
	var found []*html.Node
	for _, n := range elements(doc) {
		if hasClass(n, class) {
			found = append(found, n)
		}
	}
	return found
}

// text is what people read: white space joined, no-break spaces made plain.
func text(n *html.Node) string {
	if n == nil {
		return ""
	}
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode && d.Parent.Data != "style" && d.Parent.Data != "script" {
			b.WriteString(d.Data)
		}
	}
	return strings.Join(strings.Fields(strings.ReplaceAll(b.String(), "\u00a0", " ")), " ")
}

// spaced is the text of an element with a space between its parts.
func spaced(n *html.Node) string {
	var parts []string
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			parts = append(parts, d.Data)
		}
	}
	return strings.Join(strings.Fields(strings.ReplaceAll(strings.Join(parts, " "), "\u00a0", " ")), " ")
}

func frame(lang string) Frame {
	names := map[string]string{"ko": "한빛상점", "en": "Hanbit Store", "ja": "ハンビットストア"}
	return Frame{
		Lang:        lang,
		Client:      Client{Name: names[lang], Home: "https://shop.example/"},
		SupportCode: "7F3K-92QD",
		LangPath:    "/login/abc",
	}
}

func ways() []Way {
	return []Way{
		{ID: "kakao", Kind: "kakao", Href: "/login/abc/go/kakao"},
		{ID: "naver", Kind: "naver", Href: "/login/abc/go/naver"},
		{ID: "google", Kind: "google", Href: "/login/abc/go/google"},
		{ID: "apple", Kind: "apple", Href: "/login/abc/go/apple"},
	}
}

func menuView(lang string) Menu {
	menu := Menu{Frame: frame(lang), Ways: ways(), CancelAction: "/login/abc/cancel", StepToken: "step"}
	menu.Ways[0].LastUsed = true
	return menu
}

// How long what a page carries for other addresses is, in characters: of a request
// as websites make them, and of the longest that there is.
const (
	usualCarried   = 1000
	longestCarried = 4000
)

// elsewhereView is a menu whose login could go on at two other addresses with what
// takes so many characters.
func elsewhereView(lang string, carried int) Menu {
	menu := menuView(lang)
	sealed := make([]byte, carried)
	for i, state := 0, uint32(1); i < len(sealed); i++ {
		state = state*1664525 + 1013904223
		sealed[i] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[state>>26]
	}
	menu.Elsewhere.Carried = Field{"login", string(sealed)}
	for _, host := range []string{"busan.login.example.kr", "tokyo.login.example.kr"} {
		menu.Elsewhere.Places = append(menu.Elsewhere.Places, Place{Host: host, Action: "https://" + host + "/continue", For: Field{"for", "tag"}})
	}
	return menu
}

func matchView(lang string) Match {
	return Match{
		Frame: frame(lang), Way: Way{ID: "google", Kind: "google"}, Proven: "haneul.kim@gmail.com",
		NewAction: "/login/abc/new-account", ExistingHref: "/login/abc", CancelAction: "/login/abc/cancel", StepToken: "step",
	}
}

var allReasons = []Reason{
	ReasonUnfinished, ReasonUnavailable, ReasonDenied, ReasonSetup, ReasonInvalid, ReasonDown, ReasonExisting, ReasonStore,
	ReasonSlow, ReasonChecking, ReasonCutOff, ReasonIsolated, ReasonBusy, ReasonPartial, ReasonPaused,
	ReasonNew, ReasonNotYours, ReasonSameWay, ReasonLinked, ReasonStale,
}

var allProblems = []ProblemKind{
	ProblemExpired, ProblemDone, ProblemClient, ProblemRequest, ProblemCallback, ProblemUnavailable, ProblemNotFound,
	ProblemForbidden, ProblemInternal, ProblemCookies, ProblemBusy, ProblemTooMany, ProblemTaken, ProblemLast, ProblemSession, ProblemHandoff, ProblemCarried,
}

// allViews is every page in every state that changes its shape.
func allViews(lang string) map[string]View {
	kakao := Way{ID: "kakao", Kind: "kakao"}
	views := map[string]View{
		"menu":                       menuView(lang),
		"match":                      matchView(lang),
		"menu, with other addresses": elsewhereView(lang, usualCarried),
		"menu of a long request":     elsewhereView(lang, longestCarried),
		"logged out":                 LoggedOut{Frame: frame(lang)},
		"logged out, with websites": LoggedOut{Frame: frame(lang), Unsure: true, Told: []Told{
			{"한빛상점", ToldDelivered}, {"Shop", ToldTrying}, {"Games", ToldRefused}, {"Bank", ToldUnreached}, {"Post", ToldNothing},
		}},
		"terminal": Terminal{Frame: frame(lang), Href: "https://shop.example/cb?code=c&state=s"},
		"logout": Logout{
			Frame: frame(lang), Action: "/logout/confirm", StayHref: "https://shop.example/",
			StepToken: "step", Hidden: map[string]string{"carried": "value"},
		},
		"account": Account{
			Frame: frame(lang), Name: "김하늘", Email: "haneul.kim@gmail.com", LogoutHref: "/logout",
			Independent: 2, Proved: checkedAt, ProvedBy: kakao, StepToken: "step", Note: NoteLinked, NoteWay: kakao,
			Ways: []AccountWay{
				{Way: Way{ID: "kakao", Kind: "kakao", LastUsed: true}, Linked: true, Since: checkedAt, Action: "/account/unlink/kakao", Identity: "tag"},
				{Way: Way{ID: "naver", Kind: "naver", Down: true}, Linked: true, Since: checkedAt, Action: "/account/unlink/naver"},
				{Way: Way{ID: "google", Kind: "google"}, Action: "/account/link/google"},
				{Way: Way{ID: "apple", Kind: "apple", Down: true}, Action: "/account/link/apple"},
				{Way: Way{ID: "line", Kind: "line"}, Action: "/account/link/line", Off: true},
				{Way: Way{ID: "corp", Kind: "openid", Name: "Hanbit ID"}, Linked: true, Off: true},
			},
		},
		"account with one way": Account{
			Frame: frame(lang), Independent: 1,
			Ways: []AccountWay{{Way: kakao, Linked: true, Last: true, Action: "/account/unlink/kakao"}},
		},
		"wait":       Wait{Frame: frame(lang), RetryHref: "/login/a", Seconds: 7, CancelAction: "/login/a/cancel", StepToken: "step"},
		"signed out": LoggedOut{Frame: frame(lang), SignInHref: "/account/sign-in", Note: NoteDisabled, NoteWay: kakao},
		"link": Link{
			Frame: frame(lang), Owner: kakao, OwnerName: "김하늘", New: Way{ID: "google", Kind: "google"}, NewName: "haneul.kim@gmail.com",
			Action: "/login/a/link", Pair: "pair", CancelAction: "/login/a/cancel", StepToken: "step",
		},
		"link on the way to a website": Link{
			Frame: frame(lang), Owner: kakao, New: Way{ID: "google", Kind: "google"},
			Action: "/login/a/link", Pair: "pair", CancelAction: "/login/a/cancel", StepToken: "step", Website: true,
		},
		"unlink": Unlink{
			Frame: frame(lang), Way: kakao, Left: []Way{{ID: "naver", Kind: "naver"}}, Identity: "tag",
			Action: "/login/a/unlink", CancelAction: "/login/a/cancel", StepToken: "step",
		},
	}
	for _, reason := range allReasons {
		menu := menuView(lang)
		menu.Notice = &Notice{Reason: reason, Way: kakao, Checked: checkedAt}
		menu.Ways[0].Down = reason == ReasonDown
		menu.Ways[0].Open = reason == ReasonUnfinished
		menu.Ways[1].Slow = true
		menu.Idle = 10 * time.Minute
		menu.Ways = append(menu.Ways, Way{ID: "passkey", Kind: "passkey", Href: "/p"}, Way{ID: "corp", Kind: "openid", Name: "Hanbit ID", Href: "/c"})
		views["menu "+string(reason)] = menu
	}
	for _, task := range []Task{TaskOwner, TaskNew} {
		menu := menuView(lang)
		menu.Task, menu.About, menu.Removing, menu.NewHref = task, kakao, lang == "en", "/login/a/menu?why=new"
		views["menu to prove "+string(task)] = menu
	}
	for note := range notes {
		views["note "+string(note)] = Account{Frame: frame(lang), Note: note, NoteWay: kakao}
	}
	maps.Copy(views, menusWhileDown(lang))
	maps.Copy(views, statusViews(lang))
	nothing := menuView(lang)
	for i := range nothing.Ways {
		nothing.Ways[i].Down = true
	}
	nothing.Notice = &Notice{Reason: ReasonDown, Checked: checkedAt}
	views["nothing left"] = nothing
	down := matchView(lang)
	down.OtherWaysDown, down.ProfileLater = []Way{kakao}, true
	views["match while down"] = down
	for _, kind := range allProblems {
		views["problem "+string(kind)] = Problem{Frame: frame(lang), Kind: kind, RetryHref: "/again", RetryAfter: 30, Detail: "detail"}
	}
	return views
}

// menusWhileDown are the menus on which ways are text for reasons of their own.
func menusWhileDown(lang string) map[string]View {
	views := make(map[string]View)
	for _, why := range []Reason{ReasonCutOff, ReasonBusy, ReasonPaused} {
		menu, nothing := menuView(lang), menuView(lang)
		menu.Ways[0].Down, menu.Ways[0].Why = true, why
		menu.Notice = &Notice{Reason: why, Way: menu.Ways[0], Wait: 30}
		for i := range nothing.Ways {
			nothing.Ways[i].Down, nothing.Ways[i].Why = true, why
		}
		nothing.Notice = &Notice{Reason: why}
		views["menu with a way "+string(why)], views["nothing left but "+string(why)] = menu, nothing
	}
	for _, device := range []string{"mobile", "desktop", "app"} {
		menu := menuView(lang)
		menu.Notice = &Notice{Reason: ReasonPartial, Way: menu.Ways[0], Device: device}
		views["menu partial on "+device] = menu
	}
	many := menuView(lang)
	many.Ways[0].Down, many.Ways[1].Down = true, true
	many.Notice = &Notice{Reason: ReasonDown, Way: many.Ways[0], Also: many.Ways[1:2]}
	views["menu with two ways down"] = many
	return views
}

// bareViews are views that say as little as possible.
func bareViews(lang string) map[string]View {
	f := Frame{Lang: lang}
	views := map[string]View{
		"menu": Menu{Frame: f, Ways: []Way{{ID: "kakao", Kind: "kakao", Href: "/k"}}}, "nothing left": Menu{Frame: f}, "match": Match{Frame: f},
		"logout": Logout{Frame: f}, "logged out": LoggedOut{Frame: f}, "account": Account{Frame: f}, "status": Status{Frame: f},
		"terminal": Terminal{Frame: f, Href: "com.example.app:/cb"},
	}
	for _, reason := range allReasons {
		views["menu "+string(reason)] = Menu{Frame: f, Notice: &Notice{Reason: reason}, Ways: []Way{{ID: "kakao", Kind: "kakao", Href: "/k"}}}
	}
	for _, kind := range allProblems {
		views["problem "+string(kind)] = Problem{Frame: f, Kind: kind}
	}
	return views
}
