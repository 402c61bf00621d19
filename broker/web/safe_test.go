package web

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
)

// The website must get its redirect URI exactly as it registered it, with all
// that a code and a state may hold.
func TestTerminalLeadsBackExactly(t *testing.T) {
	tests := []string{
		"https://shop.example/cb?code=abc&state=xyz&iss=https%3A%2F%2Flogin.example",
		"https://shop.example/cb?a=1&amp=2&lt=3&copy=4",
		"https://shop.example/cb?q=it's('quoted')\"&x=<y>",
		"https://shop.example/cb;v=1?state=%00%20%2B+%e2%82%ac;url=https://evil.example/",
		"https://shop.example/경로?state=한글",
		"https://shop.example/a|b^c`d{e}[f]?x=\\y",
		"HTTPS://SHOP.example:8443/cb#",
		"http://127.0.0.1:51004/callback?code=1",
		"http://[::1]:51004/callback?code=1",
		"com.example.app:/oauth2redirect?code=1&state='",
		"com.example.app://cb?code=1",
	}
	for _, href := range tests {
		t.Run(href, func(t *testing.T) {
			doc := draw(t, Terminal{Frame: frame("en"), Href: href})
			if got := attr(byID(doc, "return"), "href"); got != href {
				t.Errorf("the link leads to %q", got)
			}
			var refreshes []string
			for _, meta := range elements(doc, "meta") {
				if strings.EqualFold(attr(meta, "http-equiv"), "refresh") {
					refreshes = append(refreshes, attr(meta, "content"))
				}
			}
			if len(refreshes) != 1 || refreshes[0] != "0;url="+href {
				t.Errorf("the page refreshes to %q", refreshes)
			}
			if len(elements(doc, "script")) != 0 {
				t.Error("the terminal page has a script that might load it again")
			}
		})
	}
}

func TestTerminalLeadsNowhereElse(t *testing.T) {
	for _, href := range []string{
		"", "/", "//evil.example/", "cb", "?code=1", "javascript:alert(1)", "JavaScript:alert(1)", "java\nscript:alert(1)",
		" https://shop.example/", "https://shop.example/ x", "https://shop.example/\r\nX: y", "https://shop.example/\x00",
		"https://", "https:/shop.example/", "https:shop.example", "data:text/html,x", "vbscript:x", "file:///etc/passwd",
		"blob:https://shop.example/1", "about:blank", "app:/cb", "intent://x#Intent;end", "'https://shop.example/",
		".example:/cb", "com.exa mple:/cb", "com.example:", "com.exämple:/cb", "https\x7f://shop.example/", "https://shop.example/\xff",
	} {
		if _, _, err := returning(href); !errors.Is(err, ErrHref) {
			t.Errorf("%q: %v, want ErrHref", href, err)
		}
	}
}

func FuzzReturning(f *testing.F) {
	f.Add("https://shop.example/cb?code=1&state='\"<>")
	f.Add("com.example.app:/cb")
	f.Add("javascript:alert(1)//.")
	f.Fuzz(func(t *testing.T, href string) {
		refresh, link, err := returning(href)
		if err != nil {
			return
		}
		doc, err := html.Parse(strings.NewReader(fmt.Sprintf("<a %s><a title=%q><meta %s>", link, "end", refresh)))
		if err != nil {
			t.Fatal(err)
		}
		anchors := elements(doc, "a")
		if len(anchors) != 2 || attr(anchors[0], "href") != href || len(anchors[0].Attr) != 1 {
			t.Errorf("the link became %v", anchors[0].Attr)
		}
		scheme, _, _ := strings.Cut(strings.ToLower(href), ":")
		if scheme != "http" && scheme != "https" && !strings.Contains(scheme, ".") {
			t.Errorf("scheme %q was let through", scheme)
		}
	})
}

// attacks are what foreign names and addresses may try.
var attacks = []string{
	`"><script>alert(1)</script>`,
	`'><img src=x onerror=alert(1)>`,
	`</title></style><script>alert(1)</script>`,
	`javascript:alert(1)`,
	`JAVASCRIPT:alert(1)`,
	`data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==`,
	`data:image/svg+xml;base64,"onload="alert(1)`,
	`//evil.example/`,
	`/\evil.example/`,
	`x" onmouseover="alert(1)`,
	"`${alert(1)}`",
	`{{.Page}}{{template "top"}}{{printf "%v" .}}`,
	`--><!--`,
	"\u2028\u202ealert(1)\u0000",
	`&#x22;&gt;&lt;script&gt;`,
}

// fill puts one text into every string of a view, whatever it is for.
func fill(v reflect.Value, payload string) {
	switch v.Kind() {
	case reflect.String:
		if v.Type() == reflect.TypeFor[string]() {
			v.SetString(payload)
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for _, field := range v.Fields() {
			if field.CanSet() {
				fill(field, payload)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			fill(v.Index(i), payload)
		}
	case reflect.Pointer:
		if !v.IsNil() && v.Type() != reflect.TypeFor[*time.Location]() {
			fill(v.Elem(), payload)
		}
	case reflect.Map:
		v.SetMapIndex(reflect.ValueOf(payload), reflect.ValueOf(payload))
	}
}

// AB-73: script through names and hints.
func TestAB73NamesAndAddressesAreOnlyText(t *testing.T) {
	dev, err := New(Options{Dev: true, StatusHref: "/status"})
	if err != nil {
		t.Fatal(err)
	}
	for _, payload := range attacks {
		for name, view := range allViews("en") {
			v := reflect.New(reflect.TypeOf(view)).Elem()
			v.Set(reflect.ValueOf(view))
			fill(v, payload)
			filled, ok := reflect.TypeAssert[View](v)
			if !ok {
				t.Fatal("a view stopped being one")
			}
			if terminal, ok := filled.(Terminal); ok {
				terminal.Href = "https://shop.example/cb?state=" + strings.Map(dropSpaces, payload)
				filled = terminal
			}
			t.Run(name+" "+payload, func(t *testing.T) {
				doc := parse(t, write(t, dev, filled).Body)
				checkHarmless(t, doc)
				title := text(elements(doc, "title")[0])
				if _, ok := filled.(Status); ok {
					title = text(doc) // its title names nobody
				}
				if want := strings.Join(strings.Fields(clean(payload)), " "); !strings.Contains(title, want) {
					t.Errorf("title %q does not show %q as text", title, want)
				}
			})
		}
	}
}

func dropSpaces(r rune) rune {
	if r <= ' ' || r == 0x7f {
		return -1
	}
	return r
}

func checkHarmless(t *testing.T, doc *html.Node) {
	t.Helper()
	known := map[string]bool{
		"html": true, "head": true, "meta": true, "title": true, "link": true, "style": true, "script": true, "body": true,
		"main": true, "header": true, "footer": true, "nav": true, "section": true, "form": true, "h1": true, "h2": true,
		"p": true, "ul": true, "li": true, "dl": true, "dt": true, "dd": true, "div": true, "span": true, "a": true, "b": true,
		"bdi": true, "small": true, "code": true, "pre": true, "details": true, "summary": true, "button": true, "input": true,
		"img": true, "svg": true, "path": true, "circle": true, "rect": true,
		"table": true, "thead": true, "tbody": true, "tr": true, "th": true, "td": true, "ol": true, "time": true, "noscript": true,
	}
	for _, n := range elements(doc) {
		if !known[n.Data] {
			t.Errorf("a <%s> came in", n.Data)
		}
		if n.Data == "script" && (n.FirstChild != nil || !strings.HasPrefix(attr(n, "src"), "/assets/app.")) {
			t.Error("a script came in")
		}
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "style" || a.Key == "srcdoc" {
				t.Errorf("<%s> got %s=%q", n.Data, a.Key, a.Val)
			}
			switch a.Key {
			case "href", "src", "action":
				if n.Data == "link" {
					continue
				}
				if link(a.Val) == "" && a.Val != "" {
					t.Errorf("<%s> leads to %q", n.Data, a.Val)
				}
			}
		}
	}
}

func TestCleanNames(t *testing.T) {
	tests := []struct{ name, given, want string }{
		{"an ordinary name stays", "한빛상점 & Co.", "한빛상점 & Co."},
		{"lines become one", "a\r\nb\tc", "a  b c"},
		{"control characters go", "a\x00b\x1b[31mc\u2028d", "ab[31mcd"},
		{"the reading direction is not turned", "moc.\u202eelpmaxe\u2066!", "moc.elpmaxe!"},
		{"long names are cut", strings.Repeat("가", 100), strings.Repeat("가", 80) + "…"},
		{"eighty characters are not too long", strings.Repeat("가", 80), strings.Repeat("가", 80)},
		{"spaces around go", "  a  ", "a"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := clean(tt.given); got != tt.want {
				t.Errorf("clean gives %q, want %q", got, tt.want)
			}
		})
	}
}

func TestLogosComeFromNowhereElse(t *testing.T) {
	tests := []struct {
		address string
		shown   bool
	}{
		{"/logo.png", true},
		{"https://login.example/logo.png", true},
		{"data:image/png;base64,iVBORw0KGgo=", true},
		{"data:image/svg+xml;base64,PHN2Zy8+", true},
		{"http://login.example/logo.png", false},
		{"//login.example/logo.png", false},
		{"data:text/html;base64,PHN2Zy8+", false},
		{"data:image/svg+xml,<svg onload=alert(1)>", false},
		{"javascript:alert(1)", false},
		{"", false},
	}
	for _, tt := range tests {
		t.Run(tt.address, func(t *testing.T) {
			view := menuView("en")
			view.Client.Logo = tt.address
			images := elements(draw(t, view), "img")
			if tt.shown && (len(images) != 1 || attr(images[0], "src") != tt.address) {
				t.Error("the logo is not shown")
			}
			if !tt.shown && len(images) != 0 {
				t.Errorf("an image from %q is shown", attr(images[0], "src"))
			}
		})
	}
}
