package web

import (
	"html/template"
)

type matchPage struct {
	Page page

	Lead         string
	Glyph        template.HTML
	Proven       string
	Later        bool // name and address are still to come
	NewAction    string
	ExistingHref string
	Existing     bool // evidence speaks for an earlier account: that button is the main one
	Notice       *notice
}

func (Match) template() string { return "match" }

func (m Match) model(s *scene) (any, error) {
	words := s.name(m.Way)
	p := &matchPage{
		Page:         s.lasting(s.say("match.title", &values{varWay: words.name}), m.CancelAction, m.StepToken),
		Lead:         s.text("match.lead_any"),
		Glyph:        words.glyph,
		Proven:       clean(m.Proven),
		Later:        m.ProfileLater,
		NewAction:    link(m.NewAction),
		ExistingHref: link(m.ExistingHref),
	}
	earlier := m.EarlierWayHint
	if earlier.ID == "" && len(m.OtherWaysDown) == 1 {
		earlier = m.OtherWaysDown[0]
	}
	if earlier.ID != "" {
		p.Lead = s.say("match.lead", &values{varWayTo: s.name(earlier).by})
	}
	p.Existing = earlier.ID != "" || len(m.OtherWaysDown) > 0
	p.Notice = m.consequence(s)
	return p, nil
}

// consequence says what starting anew means, and why we cannot look for an
// earlier account when its way is down.
func (m Match) consequence(s *scene) *notice {
	n := &notice{Tone: "amber", On: []string{s.text("match.consequence")}}
	switch len(m.OtherWaysDown) {
	case 0:
		return &notice{On: n.On}
	case 1:
		words := s.name(m.OtherWaysDown[0])
		n.Fact = s.say("match.down", &values{varWay: words.name, varLogin: words.login})
	default:
		all := make([]string, len(m.OtherWaysDown))
		for i, w := range m.OtherWaysDown {
			all[i] = s.name(w).name
		}
		n.Fact = s.say("match.down_many", &values{varWay: s.list(all)})
	}
	return n
}
