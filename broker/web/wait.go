package web

import (
	"html"
	"html/template"
	"strconv"
)

// Wait is a login that is finished but for a word that nobody can give now. The
// page asks again by itself, without a script too.
type Wait struct {
	Frame

	// RetryHref is the same login: a path of our own.
	RetryHref string
	// Seconds until the page asks again; at least 1.
	Seconds int
	// CancelAction is where the form with id "cancel" posts to: back to the
	// website with access_denied. StepToken goes with it.
	CancelAction string
	StepToken    string
}

type waitPage struct {
	Page page

	Lead  []string
	Next  string // when the page asks again
	Href  string
	Label string
}

func (Wait) template() string { return "wait" }

func (v Wait) model(s *scene) (any, error) {
	seconds := strconv.Itoa(max(v.Seconds, 1))
	p := &waitPage{
		Page: s.page(s.text("wait.title")), Lead: s.lines("wait.lead"), Href: link(v.RetryHref), Label: s.text("wait.now"),
		Next: s.count("wait.next", max(v.Seconds, 1), &values{varCount: seconds}),
	}
	p.Page.Trouble, p.Page.CancelAction, p.Page.StepToken = true, link(v.CancelAction), v.StepToken
	if isLocal(v.RetryHref) {
		// A path of our own, escaped here: nothing else can follow the number.
		p.Page.Refresh = template.HTMLAttr(`content="` + seconds + `;url=` + html.EscapeString(v.RetryHref) + `"`) //nolint:gosec // see above
	}
	return p, nil
}

func (v Wait) retryAfter() int { return max(v.Seconds, 1) }
