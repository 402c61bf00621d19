package web

import (
	"html/template"
	"slices"
)

// A button is one way to log in as the templates read it.
type button struct {
	ID, Class, Href string
	Label           string
	Name            string
	Chip            string
	Doubt           string // what its line says: it may be slow, or fail
	Anyway          string // of a way that is down: the text of its row
	Text            bool   // that row is no link: nobody may go there now
	Again           string // what to say there when it works again
	State           state  // how it is, on the page without any way left
	Glyph           template.HTML
	Divider         bool     // the line that sets our own ways apart from the others
	Own             bool     // a way of ours: a passkey
	Kept            bool     // never folded away
	Fold            []button // ways that stand behind this one, under "more ways"
}

// How many buttons of providers a menu shows, and from how many on it folds the
// others: one alone would take the room of the fold.
const (
	shownButtons = 5
	foldBeyond   = 6
)

// fold puts the ways beyond the first few under "more ways", in their order,
// behind the last one that is shown. Apple and Google want to be no less prominent
// than any other, and what a person used last or has begun is what they look for.
func fold(ways []button) []button {
	providers, kept := 0, 0
	for _, b := range ways {
		if !b.Own {
			providers++
			kept += one(b.Kept)
		}
	}
	if providers <= foldBeyond {
		return ways
	}
	var shown, folded []button
	last, room := 0, shownButtons-kept
	for _, b := range ways {
		switch {
		case b.Own:
		case b.Kept:
			last = len(shown)
		case room > 0:
			room--
			last = len(shown)
		default:
			folded = append(folded, b)
			continue
		}
		shown = append(shown, b)
	}
	shown[last].Fold = folded
	return shown
}

func one(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

type menuPage struct {
	Page page

	Lead    string
	Notice  *notice
	Ways    []button
	Down    []button
	Only    string // heading over the ways that are down
	Kakao   bool   // advice about the KakaoTalk app makes sense
	Checked string // when we last looked, on the page without any way left
	Back    string // label of the way back to the website, there
	NewHref string

	Elsewhere   string // about the ways that work in another browser alone; empty: there are none
	Outside     string // the address to go to there
	OutsideHref template.URL
}

func (m Menu) template() string {
	if slices.ContainsFunc(m.Ways, func(w Way) bool { return !w.Down }) {
		return "menu"
	}
	return "nothing"
}

func (m Menu) model(s *scene) (any, error) {
	p := &menuPage{Page: s.lasting(m.heading(s), m.CancelAction, m.StepToken), NewHref: link(m.NewHref)}
	m.sortWays(s, p)
	if m.template() == "nothing" {
		p.Page.Trouble = true
		p.Lead = s.sayOr("nothing.lead", "nothing.lead_any")
		p.Back, p.Page.CancelButton = s.sayOr("back.to", "back.any"), true
		if m.Notice != nil {
			p.Checked = s.checked(m.Notice.Checked)
		}
		return p, nil
	}
	p.Lead = m.purpose(s)
	if m.Notice != nil && m.Notice.Reason != ReasonNone {
		p.Notice = m.notice(s)
		return p, nil
	}
	if s.client != "" && p.Lead == "" {
		p.Lead = s.say("menu.lead", &values{varClient: s.client})
	}
	return p, nil
}

func (m Menu) heading(s *scene) string {
	switch {
	case m.template() == "nothing":
		return s.text("nothing.title")
	case m.Task == TaskOwner:
		return s.text("task.owner.title")
	case m.Task == TaskNew:
		words := s.name(m.About)
		return s.say("task.new.title", &values{varWay: words.name, varLogin: words.login})
	default:
		return s.text("menu.title")
	}
}

// purpose says what the ways are for, when not for logging in.
func (m Menu) purpose(s *scene) string {
	words := s.name(m.About)
	v := values{varWay: words.name, varLogin: words.login}
	switch {
	case m.Task == TaskNew:
		return s.say("task.new.lead", &v)
	case m.Task == TaskOwner && m.About.ID == "":
		return s.text("task.owner.confirm")
	case m.Task == TaskOwner && m.Removing:
		return s.say("task.owner.unlink", &v)
	case m.Task == TaskOwner:
		return s.say("task.owner.link", &v)
	default:
		return ""
	}
}

// sortWays makes buttons of the ways that can be used and text of the others,
// in the caller's order. One chip at most: where two are asked for, the leg in
// progress is the news.
func (m Menu) sortWays(s *scene, p *menuPage) {
	open := slices.ContainsFunc(m.Ways, func(w Way) bool { return w.Open && !w.Down })
	chipped, divided := false, false
	var elsewhere []string
	for _, w := range m.Ways {
		p.Kakao = p.Kakao || w.Kind == "kakao"
		b, words := s.button(w)
		v := values{varWay: words.name, varLogin: words.login}
		if w.Elsewhere {
			elsewhere = append(elsewhere, words.name)
			continue
		}
		if w.Down {
			p.Down = append(p.Down, s.row(b, w, &v))
			continue
		}
		if chip := w.Open || w.LastUsed && !open; chip && !chipped {
			chipped = true
			b.Chip = s.text("menu.last_used")
			if w.Open {
				b.Chip = s.text("menu.open")
			}
		}
		switch {
		case w.Carried:
			b.Doubt = s.say("menu.carried", &v)
		case w.Slow:
			b.Doubt = s.say("menu.slow", &v)
		case w.Unsteady:
			b.Doubt = s.say("menu.unsteady", &v)
		}
		b.Own, b.Kept = w.Kind == "passkey", w.Kind == "apple" || w.Kind == "google" || b.Chip != ""
		if b.Own && !divided {
			divided = true
			b.Divider = len(p.Ways) > 0
		}
		p.Ways = append(p.Ways, b)
	}
	p.Ways = fold(p.Ways)
	if len(elsewhere) > 0 {
		p.Elsewhere = s.say("menu.elsewhere", &values{varWay: s.list(elsewhere)})
		if isWeb(m.Outside) {
			p.Outside, p.OutsideHref = m.Outside, outside(m.OutsideHref)
		}
	}
	switch len(p.Down) {
	case 0:
	case 1:
		p.Only = s.say("menu.only", &values{varWay: p.Down[0].Name})
	default:
		p.Only = s.text("menu.only_these")
	}
}

// row makes a text row of a way that is down. All but what an operator paused
// can be tried anyway: nobody may be left without their only way.
func (s *scene) row(b button, w Way, v *values) button {
	b.Anyway, b.Again = s.say("menu.anyway", v), s.say("menu.again", v)
	b.State = s.state("down")
	switch w.Why {
	case ReasonCutOff:
		b.State.Word = s.text("state.cut_off")
	case ReasonBusy:
		b.Anyway, b.Again = s.say("menu.retry", v), ""
		b.State = s.state("slow")
		b.State.Word = s.text("state.busy")
	case ReasonPaused:
		b.Anyway, b.Again, b.Text = s.say("menu.paused", v), "", true
		b.State = s.state("paused")
	}
	return b
}

func (s *scene) button(w Way) (button, names) {
	words := s.name(w)
	return button{
		ID:    w.ID,
		Class: words.class,
		Href:  link(w.Href),
		Label: words.button,
		Name:  words.name,
		Glyph: words.glyph,
	}, words
}
