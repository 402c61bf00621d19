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

type logoutPage struct {
	Page page

	Lead     []string
	Action   string
	Fields   []Field
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
			p.Fields = append(p.Fields, Field{name, l.Hidden[name]})
		}
	}
	if l.StepToken != "" {
		p.Fields = append(p.Fields, Field{fieldStepToken, l.StepToken})
	}
	return p, nil
}

type loggedOutPage struct {
	Page page

	Lead   string
	Notice *notice
	SignIn string
	Home   string
	Back   string

	ToldTitle string
	Told      []toldRow
}

// toldRow is one website and a sentence about it.
type toldRow struct {
	Name, Word string
	Done       bool
}

func (LoggedOut) template() string { return "logged_out" }

func (l LoggedOut) model(s *scene) (any, error) {
	p := &loggedOutPage{
		Page:   s.page(s.text("logged_out.title")),
		Lead:   s.text("logged_out.lead"),
		SignIn: link(l.SignInHref),
		Notice: s.noted(l.Note, l.NoteWay),
		Home:   link(s.frame.Client.Home),
		Back:   s.sayOr("back.to", "back.any"),
	}
	p.ToldTitle, p.Told = s.told(l.Told)
	if l.Unsure {
		p.Lead = s.text("told.unsure")
	}
	if p.SignIn != "" {
		p.Page = s.page(s.text("signed_out.title"))
		p.Lead = s.text("signed_out.lead")
	}
	p.Page.Account = true
	return p, nil
}

// told says of each website what became of telling it, and no more: only what it
// said itself is done.
func (s *scene) told(all []Told) (title string, rows []toldRow) {
	for _, one := range all {
		row := toldRow{Name: one.Name, Done: one.State == ToldDelivered}
		switch one.State {
		case ToldDelivered:
			row.Word = s.text("told.delivered")
		case ToldTrying:
			row.Word = s.text("told.trying")
		case ToldRefused, ToldUnreached:
			row.Word = s.text("told.refused")
		default:
			row.Word = s.text("told.none")
		}
		rows = append(rows, row)
	}
	return s.text("told.title"), rows
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
