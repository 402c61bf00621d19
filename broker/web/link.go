package web

import (
	"html/template"
	"slices"
)

// Link asks whether two identities, both just proven, shall lead to one account.
type Link struct {
	Frame

	Owner     Way    // the way that the account has
	OwnerName string // how the account calls the person, may be empty
	New       Way    // the way to be linked
	NewName   string // what its provider calls the person, may be empty
	// Action is where the forms "link" (yes) and "no-link" post to, with Pair:
	// the question that is answered.
	Action       string
	Pair         string
	CancelAction string
	StepToken    string
	// Website says that a login to a website goes on either way; otherwise no
	// is the same as cancelling.
	Website bool
}

type linkPage struct {
	Page page

	Lead    []string
	Owner   identity
	New     identity
	Action  string
	Pair    string
	Refuse  string // where "no" posts to
	NoLabel string
}

// identity is a way and who came by it.
type identity struct {
	Glyph template.HTML
	Way   string
	Name  string
	Label string // "your account", "to be linked"
}

func (Link) template() string { return "link" }

func (l Link) model(s *scene) (any, error) {
	owner, fresh := s.name(l.Owner), s.name(l.New)
	p := &linkPage{
		Page:   s.lasting(s.say("link.title", &values{varWay: owner.name, varOther: fresh.name}), l.CancelAction, l.StepToken),
		Lead:   s.lines("link.lead"),
		Owner:  identity{owner.glyph, owner.name, clean(l.OwnerName), s.text("link.owner")},
		New:    identity{fresh.glyph, fresh.name, clean(l.NewName), s.text("link.new")},
		Action: link(l.Action), Pair: l.Pair,
		Refuse: link(l.CancelAction), NoLabel: s.text("link.no"),
	}
	p.Page.Account = true
	if l.Website {
		p.Refuse, p.NoLabel = p.Action, s.text("link.without")
	}
	return p, nil
}

// Unlink asks before a way into an account goes.
type Unlink struct {
	Frame

	Way          Way
	Left         []Way  // what remains, with what is Down; never empty
	Action       string // form "unlink" posts here, with Identity
	Identity     string
	CancelAction string
	StepToken    string
}

type unlinkPage struct {
	Page page

	Lead     []string
	Warning  *notice // when one way remains
	Action   string
	Identity string
}

func (Unlink) template() string { return "unlink" }

func (u Unlink) model(s *scene) (any, error) {
	words := s.name(u.Way)
	v := values{varWay: words.name, varLogin: words.login}
	p := &unlinkPage{
		Page:   s.lasting(s.say("unlink.title", &v), u.CancelAction, u.StepToken),
		Lead:   append(s.lines("unlink.lead"), s.say("unlink.there", &v)),
		Action: link(u.Action), Identity: u.Identity,
	}
	p.Page.Account = true
	if len(u.Left) == 1 {
		left := s.name(u.Left[0])
		v := values{varWay: left.name, varLogin: left.login}
		p.Warning = &notice{Tone: "amber", Fact: s.say("unlink.left", &v), On: []string{s.say("unlink.risk", &v)}}
	}
	if !slices.ContainsFunc(u.Left, func(w Way) bool { return !w.Down }) {
		p.Warning = &notice{Tone: "amber", Fact: s.text("unlink.none_now"), On: []string{s.text("unlink.locked_out")}}
	}
	return p, nil
}
