package web

import (
	"html/template"
	"strconv"
	"time"
)

// Account is the signed-in person's own page.
type Account struct {
	Frame

	Name  string
	Email string
	// Ways are those that are linked, then those that could be.
	Ways []AccountWay
	// Independent is how many of the linked ways share no fate: what stops one
	// leaves the others.
	Independent int
	// Proved is when the person last proved themselves in this browser, and
	// ProvedBy how; zero says nothing.
	Proved     time.Time
	ProvedBy   Way
	StepToken  string // goes with every form of Ways
	LogoutHref string

	Devices  []AccountDevice  // where the person is signed in, this browser first
	Services []AccountService // who may see something
	Events   []AccountEvent   // what happened lately, latest first
	// Language is the one that was chosen for the account; empty: none.
	Language string
	// Actions are where the forms of these parts post to and their pages stand.
	Actions AccountActions

	Note    Note // how a change ended; said once
	NoteWay Way
}

// AccountWay is one row: a way that is linked, or one that could be.
type AccountWay struct {
	Way

	Linked bool
	Off    bool      // an operator switched the provider off
	Since  time.Time // when it was linked
	// Action is where the form with the id "unlink-" or "link-" and the way's ID
	// posts to; empty where nothing can be done, and a text says why.
	Action string
	// Identity goes with the form of a linked way: which identity of the provider.
	Identity string
	// Last is of the only way in: it cannot be unlinked.
	Last bool
}

// Note is what the account page says once, about a way.
type Note string

// The notes.
const (
	NoteLinked   Note = "linked"
	NoteUnlinked Note = "unlinked"
	NoteAlready  Note = "already"  // it was linked before
	NoteGone     Note = "gone"     // it was not linked any more
	NoteDisabled Note = "disabled" // the account of that identity is disabled
	NoteTaken    Note = "taken"    // a website sees nothing more; about no way
	NoteLanguage Note = "language" // the language is kept; about no way
)

// notes says how each note is put: tone, and whether a sentence follows.
var notes = map[Note]struct {
	tone string
	more bool
}{
	NoteLinked:   {"green", true},
	NoteUnlinked: {"green", true},
	NoteAlready:  {"blue", false},
	NoteGone:     {"blue", false},
	NoteDisabled: {"amber", false},
	NoteTaken:    {"green", true},
	NoteLanguage: {"green", false},
}

// noted words a note; nil for one that is none.
func (s *scene) noted(n Note, about Way) *notice {
	form, known := notes[n]
	if !known {
		return nil
	}
	words := s.name(about)
	said := &notice{Tone: form.tone, Fact: s.say("note."+string(n), &values{varWay: words.name, varLogin: words.login})}
	if form.more {
		said.On = []string{s.text("note." + string(n) + ".on")}
	}
	return said
}

type accountPage struct {
	Page page

	Person  string
	Email   string
	Notice  *notice
	Count   string
	Badge   string
	Good    bool
	Bars    []bool // lit or not; hidden from screen readers
	Summary []string
	Proved  string
	Ways    []accountRow
	Logout  string

	Devices   []deviceRow
	Services  []serviceRow
	Events    []eventRow
	Languages []languageLink
	Actions   AccountActions
}

type accountRow struct {
	ID, Name string
	Glyph    template.HTML
	Detail   string
	Badge    string
	Action   string
	Identity string
	Label    string // of the button
	Spoken   string // the same with the way's name, for screen readers
	Form     string // id of the button
	Why      string // stands where a button would do nothing
}

func (Account) template() string { return "account" }

func (a Account) model(s *scene) (any, error) {
	p := &accountPage{
		Page:   s.page(s.text("account.title")),
		Person: clean(a.Name),
		Email:  clean(a.Email),
		Notice: s.noted(a.Note, a.NoteWay),
		Logout: link(a.LogoutHref),
	}
	p.Page.Wide, p.Page.Account, p.Page.Parts, p.Page.StepToken = true, true, true, a.StepToken
	if at := s.clock(a.Proved); at != "" {
		words := s.name(a.ProvedBy)
		p.Proved = s.say("account.proved", &values{varTime: at, varWay: words.name, varLogin: words.login})
	}
	a.summarise(s, p)
	for _, w := range a.Ways {
		p.Ways = append(p.Ways, s.accountRow(w))
	}
	a.parts(s, p)
	return p, nil
}

// summarise says how many ways there are, and what that is worth.
func (a Account) summarise(s *scene, p *accountPage) {
	n := max(a.Independent, 0)
	if n == 0 {
		return
	}
	p.Count = s.count("account.count", n, &values{varCount: strconv.Itoa(n)})
	for i := range 3 {
		p.Bars = append(p.Bars, i < n)
	}
	var linked, working []string
	var only names
	for _, w := range a.Ways {
		if !w.Linked {
			continue
		}
		only = s.name(w.Way)
		linked = append(linked, only.name)
		if !w.Down && !w.Off {
			working = append(working, only.name)
		}
	}
	p.Badge, p.Good = s.text("account.low"), n > 1
	if p.Good {
		p.Badge = s.text("account.good")
	}
	v := values{varWay: s.list(working)}
	switch {
	case len(working) == 0 && len(linked) > 0:
		p.Summary = []string{s.text("account.none_now"), s.text("account.stay")}
	case len(working) < len(linked):
		p.Summary = []string{s.say("account.by_now", &v)}
	case n > 1:
		p.Summary = []string{s.say("account.by", &v), s.text("account.one_may_stop")}
	case len(linked) == 1:
		v[varLogin] = only.login
		p.Summary = []string{s.say("account.only", &v)}
	default:
		p.Summary = []string{s.say("account.by", &v), s.text("account.one_fate")}
	}
}

func (s *scene) accountRow(w AccountWay) accountRow {
	words := s.name(w.Way)
	row := accountRow{ID: w.ID, Name: words.name, Glyph: words.glyph, Action: link(w.Action)}
	v := values{varWay: words.name, varLogin: words.login}
	if !w.Linked {
		row.Detail, row.Label, row.Form = s.text("account.unlinked"), s.text("account.link"), "link-"+w.ID
		row.Spoken = s.say("account.link_this", &v)
		switch {
		case w.Off:
			row.Action, row.Why = "", s.text("account.off")
		case w.Down, row.Action == "":
			row.Action, row.Why = "", s.say("account.no_link", &v)
		}
		return row
	}
	row.Identity, row.Form = w.Identity, "unlink-"+w.ID
	row.Label, row.Spoken = s.text("account.unlink"), s.say("account.unlink_this", &v)
	if date := s.since(w.Since); date != "" {
		row.Detail = s.say("account.since", &values{varTime: date})
	}
	if w.LastUsed {
		row.Badge = s.text("account.current")
	}
	switch {
	case w.Off:
		row.Detail = s.text("account.paused")
	case w.Down:
		row.Detail = s.text("account.down")
	}
	if w.Last || row.Action == "" {
		row.Action, row.Why = "", s.text("account.last")
	}
	return row
}

// since tells a day with its year: 2026.10.02, Oct 2, 2026, 2026/10/02.
func (s *scene) since(at time.Time) string {
	return s.dated(at, "2006.01.02", "Jan 2, 2006", "2006/01/02")
}

// dated tells a time where the person is, by the layout of their language; the
// zero time is told by nothing.
func (s *scene) dated(at time.Time, ko, en, ja string) string {
	if at.IsZero() {
		return ""
	}
	zone := s.frame.Zone
	if zone == nil {
		zone = korea
	}
	switch s.lang {
	case "en":
		return at.In(zone).Format(en)
	case "ja":
		return at.In(zone).Format(ja)
	}
	return at.In(zone).Format(ko)
}
