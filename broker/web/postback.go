package web

import (
	"fmt"
	"html"
	"html/template"
	"maps"
	"net/url"
	"slices"
	"strings"
)

type postBackPage struct {
	Page page

	Action template.HTMLAttr
	Fields []Field
}

func (PostBack) template() string { return "post_back" }

func (p PostBack) model(s *scene) (any, error) {
	action, err := sending(p.Action)
	if err != nil {
		return nil, fmt.Errorf("lead back: %w", err)
	}
	view := &postBackPage{Page: s.page(s.sayOr("terminal.title", "terminal.title_any")), Action: action}
	for _, name := range slices.Sorted(maps.Keys(p.Values)) {
		for _, value := range p.Values[name] {
			view.Fields = append(view.Fields, Field{name, value})
		}
	}
	// It holds a code: nothing may load it again, and nothing but the form acts.
	view.Page.Fresh = false
	view.Page.Languages = nil
	return view, nil
}

// formOrigins are the origins that forms of a page are sent to, beside our own: the
// website's for its answer, and those of the sites where its login goes on.
func formOrigins(view View) []string {
	var origins []string
	if back, ok := view.(PostBack); ok {
		origins = append(origins, originOf(back.Action))
	}
	for _, at := range view.frame().Elsewhere.Places {
		if origin := originOf(at.Action); origin != "" {
			origins = append(origins, origin)
		}
	}
	return origins
}

// sending returns the action of a form that leads to a website, and
// [ErrHref] for any other address.
func sending(address string) (template.HTMLAttr, error) {
	if originOf(address) == "" {
		return "", ErrHref
	}
	return template.HTMLAttr(`action="` + html.EscapeString(address) + `"`), nil // checked and escaped above
}

// originOf returns the origin of an http or https address as a content security
// policy names it (CSP 3, 2.3.1), which has no word for IPv6 addresses: there it
// is the scheme. Empty: it is neither, or could be read as more than one source.
func originOf(address string) string {
	if !isWeb(address) {
		return ""
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || strings.ContainsAny(u.Host, " ;,'*") {
		return ""
	}
	if strings.HasPrefix(u.Host, "[") {
		return u.Scheme + ":"
	}
	return u.Scheme + "://" + u.Host
}
