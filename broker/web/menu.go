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
	Slow            string
	Anyway          string
	Glyph           template.HTML
	Divider         bool // the line that sets our own ways apart from the others
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
}

func (m Menu) template() string {
	if slices.ContainsFunc(m.Ways, func(w Way) bool { return !w.Down }) {
		return "menu"
	}
	return "nothing"
}

func (m Menu) model(s *scene) (any, error) {
	heading := "menu.title"
	if m.template() == "nothing" {
		heading = "nothing.title"
	}
	p := &menuPage{Page: s.lasting(s.text(heading), m.CancelAction, m.StepToken)}
	m.sortWays(s, p)
	if m.template() == "nothing" {
		p.Lead = s.sayOr("nothing.lead", "nothing.lead_any")
		p.Back, p.Page.CancelButton = s.sayOr("back.to", "back.any"), true
		if m.Notice != nil {
			p.Checked = s.checked(m.Notice.Checked)
		}
		return p, nil
	}
	if m.Notice != nil && m.Notice.Reason != ReasonNone {
		p.Notice = m.notice(s)
		return p, nil
	}
	if s.client != "" {
		p.Lead = s.say("menu.lead", &values{varClient: s.client})
	}
	return p, nil
}

// sortWays makes buttons of the ways that can be used and text of the others,
// in the caller's order. One chip at most: where two are asked for, the leg in
// progress is the news.
func (m Menu) sortWays(s *scene, p *menuPage) {
	open := slices.ContainsFunc(m.Ways, func(w Way) bool { return w.Open && !w.Down })
	chipped, divided := false, false
	for _, w := range m.Ways {
		p.Kakao = p.Kakao || w.Kind == "kakao"
		b, words := s.button(w)
		v := values{varWay: words.name, varLogin: words.login}
		if w.Down {
			b.Anyway = s.say("menu.anyway", &v)
			p.Down = append(p.Down, b)
			continue
		}
		if chip := w.Open || w.LastUsed && !open; chip && !chipped {
			chipped = true
			b.Chip = s.text("menu.last_used")
			if w.Open {
				b.Chip = s.text("menu.open")
			}
		}
		if w.Slow {
			b.Slow = s.say("menu.slow", &v)
		}
		if w.Kind == "passkey" && !divided {
			divided = true
			b.Divider = len(p.Ways) > 0
		}
		p.Ways = append(p.Ways, b)
	}
	switch len(p.Down) {
	case 0:
	case 1:
		p.Only = s.say("menu.only", &values{varWay: p.Down[0].Name})
	default:
		p.Only = s.text("menu.only_these")
	}
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

// A notice is the box above the buttons: a fact, ways on, and when we looked.
type notice struct {
	Tone    string // "amber" for trouble, "blue" for a question
	Fact    string
	On      []string
	Checked string
	Details string
}

// notices says how each reason is put: tone, and how many sentences follow the
// fact. Amber, never red: nothing the person did is wrong.
var notices = map[Reason]struct {
	tone  string
	on    []string
	about bool // the fact names a way
}{
	ReasonDown:        {"amber", []string{"notice.down.on"}, true},
	ReasonUnfinished:  {"blue", []string{"notice.unfinished.on", "notice.unfinished.more"}, true},
	ReasonUnavailable: {"amber", []string{"notice.unavailable.on", "notice.unavailable.more"}, true},
	ReasonDenied:      {"blue", []string{"notice.denied.on"}, true},
	ReasonSetup:       {"amber", []string{"notice.setup.on"}, true},
	ReasonInvalid:     {"amber", []string{"notice.invalid.on", "notice.invalid.more"}, true},
	ReasonExisting:    {"blue", []string{"notice.existing.on"}, false},
	ReasonStore:       {"amber", []string{"notice.store.on", "notice.again"}, false},
}

// elsewhere are the sentences that promise another way; where there is none the
// page says to try again.
var elsewhere = []string{"notice.down.on", "notice.unavailable.more", "notice.setup.on"}

func (m Menu) notice(s *scene) *notice {
	reason := m.Notice.Reason
	form, known := notices[reason]
	if !known {
		reason, form = ReasonUnavailable, notices[ReasonUnavailable]
	}
	n := &notice{Tone: form.tone, Checked: s.checked(m.Notice.Checked)}
	key := "notice." + string(reason)
	about := m.Notice.Way
	switch {
	case form.about && about.ID == "" && about.Kind == "":
		n.Fact = s.text(key + ".any")
	default:
		words := s.name(about)
		n.Fact = s.say(key+".fact", &values{varWay: words.name, varLogin: words.login})
	}
	other := func(w Way) bool { return !w.Down && w.ID != about.ID }
	for _, sentence := range form.on {
		if slices.Contains(elsewhere, sentence) && !slices.ContainsFunc(m.Ways, other) {
			sentence = "notice.again"
		}
		n.On = append(n.On, s.text(sentence))
	}
	if reason == ReasonDown && onlyPasskeys(m.Ways) {
		n.On = []string{s.text("notice.down.passkey")}
	}
	if s.StatusHref != "" && form.tone == "amber" {
		n.Details = s.StatusHref
	}
	return n
}

func onlyPasskeys(ways []Way) bool {
	found := false
	for _, w := range ways {
		if w.Down {
			continue
		}
		if w.Kind != "passkey" {
			return false
		}
		found = true
	}
	return found
}
