package browser_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bongsu/bongsu/broker/dev/browser"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a web server under two names that are two sites to a browser.
type world struct {
	*http.ServeMux
	here  string // http://127.0.0.1:port
	there string // http://localhost:port
}

func newWorld(t *testing.T) *world {
	t.Helper()
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return &world{ServeMux: mux, here: server.URL, there: strings.Replace(server.URL, "127.0.0.1", "localhost", 1)}
}

// page serves an HTML document at path.
func (w *world) page(path, document string) {
	w.HandleFunc(path, func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprint(rw, document)
	})
}

func newBrowser(t *testing.T, o browser.Options) *browser.Browser {
	t.Helper()
	b := browser.New(o)
	t.Cleanup(b.Close)
	return b
}

// ok is the page of an action that must work.
func ok(t *testing.T) func(*browser.Page, error) *browser.Page {
	return func(p *browser.Page, err error) *browser.Page {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
}

func TestRedirectsAndRefreshesAreFollowed(t *testing.T) {
	w := newWorld(t)
	w.Handle("GET /start", http.RedirectHandler("/middle?x=1", http.StatusFound))
	w.page("GET /middle", `<meta http-equiv="refresh" content="0; url='/end'"><p>on our way`)
	w.page("GET /end", `<html lang="ko"><head><title> 끝 </title></head><body><p>도착했어요</p><script>no()</script><p hidden>secret</p>`)

	b := newBrowser(t, browser.Options{})
	p := ok(t)(b.Open(t.Context(), w.here+"/start"))

	if p.URL.Path != "/end" || p.Text() != "도착했어요" || p.Title() != "끝" || p.Language() != "ko" {
		t.Errorf("at %s: text %q, title %q, language %q", p.URL, p.Text(), p.Title(), p.Language())
	}
	host := p.URL.Host
	if got := len(b.Requests(host)); got != 3 {
		t.Errorf("%d requests to %s, want 3", got, host)
	}
	if got := b.Requests("elsewhere"); len(got) != 0 {
		t.Errorf("requests to a host never asked: %v", got)
	}
}

func TestStopAtRefreshShowsThePage(t *testing.T) {
	w := newWorld(t)
	w.page("GET /terminal", `<meta http-equiv="refresh" content="0;url=/home"><a id="return" href="/home">back</a>`)
	w.page("GET /home", `home`)

	b := newBrowser(t, browser.Options{StopAtRefresh: true})
	p := ok(t)(b.Open(t.Context(), w.here+"/terminal"))
	if to, found := p.Refresh(); !found || to.Path != "/home" || !p.Has("return") {
		t.Fatalf("refresh %v %v on %q", to, found, p.Text())
	}
	if p = ok(t)(b.Click(t.Context(), "return")); p.Text() != "home" {
		t.Errorf("text %q", p.Text())
	}
}

func TestEndlessRedirectsEnd(t *testing.T) {
	w := newWorld(t)
	w.Handle("GET /loop", http.RedirectHandler("/loop", http.StatusSeeOther))

	b := newBrowser(t, browser.Options{MaxHops: 5})
	_, err := b.Open(t.Context(), w.here+"/loop")
	if !errors.Is(err, browser.ErrTooFar) {
		t.Errorf("error %v, want ErrTooFar", err)
	}
	if got := len(b.Requests("")); got != 6 {
		t.Errorf("%d requests, want 6", got)
	}
}

func TestAnswersAreBounded(t *testing.T) {
	w := newWorld(t)
	w.page("GET /long", strings.Repeat("a", 101))

	b := newBrowser(t, browser.Options{MaxBody: 100})
	if _, err := b.Open(t.Context(), w.here+"/long"); !errors.Is(err, browser.ErrTooLarge) {
		t.Errorf("error %v, want ErrTooLarge", err)
	}
	if b.Page() != nil {
		t.Error("a page is shown that never arrived whole")
	}
}

// What a form sends is what its fields, its button and the person's input say.
func TestFormsAreSentAsTheyStand(t *testing.T) {
	const form = `<form id="f" method="post" action="/sent">
		<input type="hidden" name="token" value="t1"><input name="name" value="old">
		<input type="checkbox" name="yes" checked><input type="checkbox" name="no" value="1">
		<input type="radio" name="size" value="s"><input type="radio" name="size" value="m" checked>
		<select name="fault"><option value="">none<option value="dark" selected>Dark</select>
		<textarea name="note">two words</textarea><input name="gone" disabled value="x">
		<button id="save" name="do" value="save">Save</button><button id="drop" name="do" value="drop" formaction="/dropped">Drop</button>
		<button id="plain" type="button">Nothing</button></form>
		<form id="search" action="/found?old=1"><input name="q"></form><button id="far" form="search">Go</button>`
	tests := []struct {
		name   string
		id     string
		values url.Values
		want   string
	}{
		{"the form itself sends no button", "f", nil, "POST /sent fault=dark&name=old&note=two+words&size=m&token=t1&yes=on"},
		{"a button sends its name", "save", nil, "POST /sent do=save&fault=dark&name=old&note=two+words&size=m&token=t1&yes=on"},
		{"input replaces a field", "save", url.Values{"name": {"민지"}, "fault": {""}}, "POST /sent do=save&fault=&name=%EB%AF%BC%EC%A7%80&note=two+words&size=m&token=t1&yes=on"},
		{"a button may send it elsewhere", "drop", nil, "POST /dropped do=drop&fault=dark&name=old&note=two+words&size=m&token=t1&yes=on"},
		{"a GET form replaces the query", "far", url.Values{"q": {"a b"}}, "GET /found q=a+b"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.page("GET /form", form)
			w.HandleFunc("/", func(rw http.ResponseWriter, r *http.Request) {
				r.Body = http.MaxBytesReader(rw, r.Body, 1<<16)
				if err := r.ParseForm(); err != nil {
					t.Errorf("parse form: %v", err)
				}
				_, _ = fmt.Fprintf(rw, "%s %s %s", r.Method, r.URL.Path, r.Form.Encode())
			})
			b := newBrowser(t, browser.Options{})
			ok(t)(b.Open(t.Context(), w.here+"/form"))

			if p := ok(t)(b.Submit(t.Context(), tt.id, tt.values)); p.Text() != tt.want {
				t.Errorf("sent\n %s, want\n %s", p.Text(), tt.want)
			}
		})
	}
}

func TestWhatCannotBePressed(t *testing.T) {
	b := newBrowser(t, browser.Options{})
	if _, err := b.Click(t.Context(), "way-kakao"); !errors.Is(err, browser.ErrNoPage) {
		t.Errorf("error %v, want ErrNoPage", err)
	}
	if _, err := b.Show("http://localhost:1/", `<p id="text">no button</p><form><button id="off" disabled>x</button><button id="script" type="button">y</button></form>`); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]error{
		"missing": browser.ErrNoElement,
		"text":    browser.ErrNoAction,
		"off":     browser.ErrNoAction,
		"script":  browser.ErrNoAction,
	} {
		if _, err := b.Click(t.Context(), id); !errors.Is(err, want) {
			t.Errorf("click %s: error %v, want %v", id, err, want)
		}
	}
	if got := len(b.Requests("")); got != 0 {
		t.Errorf("%d requests, want none", got)
	}
}

func TestBack(t *testing.T) {
	w := newWorld(t)
	asked := 0
	w.HandleFunc("GET /menu", func(rw http.ResponseWriter, _ *http.Request) {
		asked++
		rw.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprintf(rw, `<p>menu %d<a id="go" href="/away">go</a><form method="post" action="/post"><button id="post">p</button></form>`, asked)
	})
	w.page("GET /away", `away`)
	w.page("POST /post", `answer<a id="on" href="/away">on</a>`)

	b := newBrowser(t, browser.Options{})
	if _, err := b.Back(t.Context()); !errors.Is(err, browser.ErrNoPage) {
		t.Errorf("back from nowhere: %v, want ErrNoPage", err)
	}
	ok(t)(b.Open(t.Context(), w.here+"/menu"))
	ok(t)(b.Click(t.Context(), "go"))
	if p := ok(t)(b.Back(t.Context())); !strings.HasPrefix(p.Text(), "menu 2") {
		t.Errorf("a page reached by GET was not asked for again: %q", p.Text())
	}
	ok(t)(b.Click(t.Context(), "post"))
	ok(t)(b.Click(t.Context(), "on"))
	before := len(b.Requests(""))
	if p := ok(t)(b.Back(t.Context())); p.Text() != "answer on" || len(b.Requests("")) != before {
		t.Errorf("the answer to a form was not shown as it was: %q", p.Text())
	}
	if p := ok(t)(b.Back(t.Context())); !strings.HasPrefix(p.Text(), "menu 3") {
		t.Errorf("back again: %q", p.Text())
	}
}

// Back keeps the page when the server has gone.
func TestBackKeepsThePageWhenItFails(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{page}", func(rw http.ResponseWriter, r *http.Request) { _, _ = fmt.Fprint(rw, r.PathValue("page")) })
	server := httptest.NewServer(mux)
	b := newBrowser(t, browser.Options{})
	ok(t)(b.Open(t.Context(), server.URL+"/one"))
	ok(t)(b.Open(t.Context(), server.URL+"/two"))
	server.Close()

	if _, err := b.Back(t.Context()); err == nil {
		t.Fatal("back to a server that is gone worked")
	}
	if b.Page() == nil || b.Page().Text() != "two" {
		t.Errorf("shows %v, want page two", b.Page())
	}
}

func TestTabsShareCookies(t *testing.T) {
	w := newWorld(t)
	w.HandleFunc("GET /set", func(rw http.ResponseWriter, _ *http.Request) {
		http.SetCookie(rw, &http.Cookie{Name: "seen", Value: "1", Path: "/"})
	})
	w.HandleFunc("GET /see", echoCookies)

	b := newBrowser(t, browser.Options{})
	ok(t)(b.Open(t.Context(), w.here+"/set"))
	tab := b.Tab()
	if tab.Page() != nil {
		t.Error("a new tab shows a page")
	}
	if p := ok(t)(tab.Open(t.Context(), w.here+"/see")); p.Text() != "seen=1" {
		t.Errorf("cookies %q", p.Text())
	}
	b.Forget("127.0.0.1")
	if p := ok(t)(tab.Reload(t.Context())); p.Text() != "" {
		t.Errorf("cookies %q after forgetting them", p.Text())
	}
}

func echoCookies(rw http.ResponseWriter, r *http.Request) {
	_, _ = fmt.Fprint(rw, r.Header.Get("Cookie"))
}

// Cookies know hosts, not ports.
func TestCookiesIgnorePorts(t *testing.T) {
	first, second := newWorld(t), newWorld(t)
	first.HandleFunc("GET /set", func(rw http.ResponseWriter, _ *http.Request) {
		http.SetCookie(rw, &http.Cookie{Name: "shared", Value: "yes", Path: "/"})
	})
	second.HandleFunc("GET /see", echoCookies)

	b := newBrowser(t, browser.Options{})
	ok(t)(b.Open(t.Context(), first.here+"/set"))
	if p := ok(t)(b.Open(t.Context(), second.here+"/see")); p.Text() != "shared=yes" {
		t.Errorf("another port was sent %q", p.Text())
	}
	if p := ok(t)(b.Open(t.Context(), second.there+"/see")); p.Text() != "" {
		t.Errorf("another host was sent %q", p.Text())
	}
}

func TestCookiesExpire(t *testing.T) {
	w := newWorld(t)
	w.HandleFunc("GET /set", func(rw http.ResponseWriter, _ *http.Request) {
		http.SetCookie(rw, &http.Cookie{Name: "short", Value: "1", Path: "/", MaxAge: 60})
		http.SetCookie(rw, &http.Cookie{Name: "deep", Value: "2", Path: "/deep"})
		http.SetCookie(rw, &http.Cookie{Name: "long", Value: "3", Path: "/"})
	})
	w.HandleFunc("GET /clear", func(rw http.ResponseWriter, _ *http.Request) {
		http.SetCookie(rw, &http.Cookie{Name: "long", Path: "/", MaxAge: -1})
	})
	w.HandleFunc("GET /deep/see", echoCookies)

	now := time.Date(2026, 11, 22, 15, 44, 0, 0, time.UTC)
	b := newBrowser(t, browser.Options{Now: func() time.Time { return now }})
	ok(t)(b.Open(t.Context(), w.here+"/set"))
	steps := []struct {
		after time.Duration
		visit string
		want  string
	}{
		{0, "/deep/see", "deep=2; short=1; long=3"},
		{time.Minute, "/deep/see", "deep=2; long=3"},
		{0, "/clear", ""},
		{0, "/deep/see", "deep=2"},
	}
	for _, s := range steps {
		now = now.Add(s.after)
		if p := ok(t)(b.Open(t.Context(), w.here+s.visit)); p.Text() != s.want {
			t.Errorf("after %v at %s: cookies %q, want %q", s.after, s.visit, p.Text(), s.want)
		}
	}
	if got := len(b.Cookies("127.0.0.1")); got != 1 {
		t.Errorf("%d cookies kept, want 1", got)
	}
}
