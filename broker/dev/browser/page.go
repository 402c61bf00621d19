package browser

import (
	"iter"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"golang.org/x/net/html"
)

// Page is what the browser shows after a navigation.
type Page struct {
	URL    *url.URL // where redirects ended
	Status int
	Header http.Header
	Body   []byte

	root *html.Node // nil unless it is HTML
	from *url.URL   // the page that led here, nil when typed
	get  bool       // reached by GET
}

// Text returns what a person can read on the page, in order, with single
// spaces; the text of an answer that is no HTML is its body.
func (p *Page) Text() string {
	if p.root == nil {
		return string(p.Body)
	}
	return textOf(p.root)
}

// Title returns the page's title.
func (p *Page) Title() string {
	if t := first(p.root, func(n *html.Node) bool { return n.Data == "title" }); t != nil && t.FirstChild != nil {
		return strings.TrimSpace(t.FirstChild.Data)
	}
	return ""
}

// Language returns the lang attribute of the page.
func (p *Page) Language() string {
	root := first(p.root, func(n *html.Node) bool { return n.Data == "html" })
	lang, _ := attribute(root, "lang")
	return lang
}

// Has reports whether the page has an element with id.
func (p *Page) Has(id string) bool { return p.element(id) != nil }

// TextOf returns the text of the element with id, or "".
func (p *Page) TextOf(id string) string {
	if n := p.element(id); n != nil {
		return textOf(n)
	}
	return ""
}

// Attribute returns an attribute of the element with id.
func (p *Page) Attribute(id, name string) (string, bool) {
	return attribute(p.element(id), name)
}

// IDs returns the ids of all elements that start with prefix, in order.
func (p *Page) IDs(prefix string) []string {
	var ids []string
	for n := range elements(p.root) {
		if id, ok := attribute(n, "id"); ok && strings.HasPrefix(id, prefix) {
			ids = append(ids, id)
		}
	}
	return ids
}

// Refresh returns where the page's immediate meta refresh leads. A refresh
// after a wait is not one.
func (p *Page) Refresh() (*url.URL, bool) {
	meta := first(p.root, func(n *html.Node) bool {
		equiv, _ := attribute(n, "http-equiv")
		return n.Data == "meta" && strings.EqualFold(equiv, "refresh")
	})
	content, _ := attribute(meta, "content")
	wait, rest, found := strings.Cut(content, ";")
	if !found || strings.TrimSpace(wait) != "0" {
		return nil, false
	}
	name, target, found := strings.Cut(rest, "=")
	if !found || !strings.EqualFold(strings.TrimSpace(name), "url") {
		return nil, false
	}
	u, err := p.URL.Parse(strings.Trim(strings.TrimSpace(target), `'"`))
	return u, err == nil
}

func (p *Page) element(id string) *html.Node {
	if id == "" {
		return nil
	}
	return first(p.root, func(n *html.Node) bool {
		got, ok := attribute(n, "id")
		return ok && got == id
	})
}

// elements are the elements below n, in order; n may be nil.
func elements(n *html.Node) iter.Seq[*html.Node] {
	return func(yield func(*html.Node) bool) {
		if n == nil {
			return
		}
		for d := range n.Descendants() {
			if d.Type == html.ElementNode && !yield(d) {
				return
			}
		}
	}
}

func first(root *html.Node, is func(*html.Node) bool) *html.Node {
	for n := range elements(root) {
		if is(n) {
			return n
		}
	}
	return nil
}

func attribute(n *html.Node, name string) (string, bool) {
	if n == nil {
		return "", false
	}
	for _, a := range n.Attr {
		if a.Namespace == "" && a.Key == name {
			return a.Val, true
		}
	}
	return "", false
}

// textOf joins the text below n, leaving out what is never shown.
func textOf(n *html.Node) string {
	var words []string
	var collect func(*html.Node)
	collect = func(n *html.Node) {
		switch {
		case n.Type == html.TextNode:
			words = append(words, strings.Fields(n.Data)...)
			return
		case n.Type == html.ElementNode && unseen(n):
			return
		}
		for c := range n.ChildNodes() {
			collect(c)
		}
	}
	collect(n)
	return strings.Join(words, " ")
}

func unseen(n *html.Node) bool {
	switch n.Data {
	case "head", "script", "style", "template":
		return true
	}
	_, hidden := attribute(n, "hidden")
	return hidden
}

// Request is one request that the browser made.
type Request struct {
	Method string
	URL    string
	Host   string // with its port
	Status int    // 0 when no answer came
}

// maxRequests bounds the record of requests.
const maxRequests = 1000

type requestLog struct {
	mu   sync.Mutex
	made []Request
}

func (l *requestLog) add(r Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.made = append(l.made, r)
	if len(l.made) > maxRequests {
		l.made = l.made[len(l.made)-maxRequests:]
	}
}

func (l *requestLog) of(host string) []Request {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []Request
	for _, r := range l.made {
		if host == "" || strings.EqualFold(r.Host, host) {
			found = append(found, r)
		}
	}
	return found
}
