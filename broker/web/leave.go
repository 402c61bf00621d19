package web

import (
	"fmt"
	"html/template"
	"maps"
	"slices"
)

// fieldStepToken is the hidden field of every form that carries the
// anti-forgery value.
const fieldStepToken = "step_token"

type field struct{ Name, Value string }

type logoutPage struct {
	Page page

	Lead     []string
	Action   string
	Fields   []field
	StayHref string
}

func (Logout) template() string { return "logout" }

func (l Logout) model(s *scene) (any, error) {
	p := &logoutPage{
		Page:     s.page(s.text("logout.title")),
		Lead:     s.lines("logout.lead"),
		Action:   link(l.Action),
		StayHref: link(l.StayHref),
	}
	for _, name := range slices.Sorted(maps.Keys(l.Hidden)) {
		if name != fieldStepToken || l.StepToken == "" {
			p.Fields = append(p.Fields, field{name, l.Hidden[name]})
		}
	}
	if l.StepToken != "" {
		p.Fields = append(p.Fields, field{fieldStepToken, l.StepToken})
	}
	return p, nil
}

type loggedOutPage struct {
	Page page

	Home string
	Back string
}

func (LoggedOut) template() string { return "logged_out" }

func (l LoggedOut) model(s *scene) (any, error) {
	return &loggedOutPage{
		Page: s.page(s.text("logged_out.title")),
		Home: link(s.frame.Client.Home),
		Back: s.sayOr("back.to", "back.any"),
	}, nil
}

type terminalPage struct {
	Page page

	Href template.HTMLAttr
}

func (Terminal) template() string { return "terminal" }

func (t Terminal) model(s *scene) (any, error) {
	refresh, href, err := returning(t.Href)
	if err != nil {
		return nil, fmt.Errorf("lead back: %w", err)
	}
	p := &terminalPage{Page: s.page(s.sayOr("terminal.title", "terminal.title_any")), Href: href}
	p.Page.Refresh = refresh
	// The answer to a POST: nothing may load it again.
	p.Page.Script = false
	p.Page.Languages = nil
	return p, nil
}

type accountPage struct {
	Page page

	Person     string
	Email      string
	Ways       []accountWay
	LogoutHref string
}

type accountWay struct {
	Glyph  template.HTML
	Name   string
	Detail string
	Badge  string
}

func (Account) template() string { return "account" }

func (a Account) model(s *scene) (any, error) {
	p := &accountPage{
		Page:       s.page(s.text("account.title")),
		Person:     clean(a.Name),
		Email:      clean(a.Email),
		LogoutHref: link(a.LogoutHref),
	}
	p.Page.Wide = true
	for _, w := range a.Ways {
		words := s.name(w)
		row := accountWay{Glyph: words.glyph, Name: words.name}
		if w.Down {
			row.Detail = s.text("account.down")
		}
		if w.LastUsed {
			row.Badge = s.text("menu.last_used")
		}
		p.Ways = append(p.Ways, row)
	}
	return p, nil
}
