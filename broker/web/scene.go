package web

import (
	"html/template"
	"strconv"
	"strings"
	"time"
)

// A locale is everything of one language: its words and its templates, into
// which the words that never change are already set.
type locale struct {
	*catalogue
	lang  string
	pages *template.Template
}

// A scene is what one view is drawn from: the words of its language, the frame
// around it and the options of the program.
type scene struct {
	*locale
	Options
	now    time.Time
	frame  Frame
	client string // the website's name, fit for print; empty when no website is known
}

// A page is what every template reads.
type page struct {
	Lang        string
	Title       string
	Heading     string
	Name        string // the website's
	Logo        template.URL
	Letter      string // of the neutral mark
	Own         bool   // no website's page: it shows our own mark
	Languages   []languageLink
	SupportCode string
	StatusHref  string
	Contact     string // what to do when nothing helps
	Refresh     template.HTMLAttr
	Script      bool
	Fresh       bool // the script may load this page again
	Wide        bool
	Trouble     bool // has the style of pages of a login that cannot go on for now
	Account     bool // has the style of the account page
	Parts       bool // and that of what it lists
	Status      bool // the public status page: more style, and loaded again while it is looked at
	Idle        int  // seconds
	More        string
	Here        string
	Elsewhere   *otherPlaces // where the login goes on when nothing answers here

	// The form that takes the person back to the website; the page without any
	// way left shows it as a whole button instead.
	CancelAction string
	CancelButton bool
	StepToken    string
}

// otherPlaces is the form that leads to where the login goes on.
type otherPlaces struct {
	Carried Field
	Buttons []otherPlace
}

// An otherPlace is one button of that form.
type otherPlace struct {
	ID, Label, Action string
	For               Field
}

type languageLink struct {
	Lang, Name, Href string
	Current          bool
}

// ownNames is what each language calls itself.
var ownNames = map[string]string{"ko": "한국어", "en": "English", "ja": "日本語"}

// page starts what a template reads. The heading is also the title of the page,
// with the website's name behind it.
func (s *scene) page(heading string) page {
	p := page{
		Lang:        s.lang,
		Title:       heading,
		Heading:     heading,
		Name:        s.client,
		Logo:        logo(s.frame.Client.Logo),
		Own:         s.frame.Client.Own,
		SupportCode: clean(s.frame.SupportCode),
		StatusHref:  s.status(),
		Script:      true,
	}
	if s.client != "" {
		p.Title += " - " + s.client
		p.Letter = letter(s.client)
	}
	if p.SupportCode != "" {
		p.Contact = s.sayOr("help.contact", "help.contact_any")
	}
	if isLocal(s.frame.LangPath) {
		p.Languages = s.languageLinks(s.frame.LangPath)
	}
	p.Elsewhere = s.elsewhere()
	return p
}

// elsewhere is the form that leads to where the login goes on; nil: nowhere.
func (s *scene) elsewhere() *otherPlaces {
	var form *otherPlaces
	for _, at := range s.frame.Elsewhere.Places {
		if originOf(at.Action) == "" {
			continue
		}
		if form == nil {
			form = &otherPlaces{Carried: s.frame.Elsewhere.Carried}
		}
		form.Buttons = append(form.Buttons, otherPlace{"other-" + at.Host, s.say("gone.at", &values{varHost: clean(at.Host)}), at.Action, at.For})
	}
	return form
}

// status leads to the public status page in the language of this one: that page
// is the same for everybody and reads no cookie.
func (s *scene) status() string {
	if s.StatusHref == "" {
		return ""
	}
	return s.StatusHref + "?lang=" + s.lang
}

// lasting starts a page of a login in progress: it can be cancelled, the script
// may load it again, and before it times out it offers to go on.
func (s *scene) lasting(heading, cancel, token string) page {
	p := s.page(heading)
	p.Fresh = true
	p.CancelAction = link(cancel)
	p.StepToken = token
	if minutes := int(s.frame.Idle / time.Minute); minutes > 1 && isLocal(s.frame.LangPath) {
		p.Idle = int(s.frame.Idle / time.Second)
		p.Here = s.frame.LangPath
		p.More = s.count("ending.more", minutes, &values{varCount: strconv.Itoa(minutes)})
	}
	return p
}

func (s *scene) languageLinks(path string) []languageLink {
	join := "?lang="
	for i := range len(path) {
		if path[i] == '?' {
			join = "&lang="
		}
	}
	links := make([]languageLink, len(languages))
	for i, lang := range languages {
		links[i] = languageLink{Lang: lang, Name: ownNames[lang], Href: path + join + lang, Current: lang == s.lang}
	}
	return links
}

// sayOr says the sentence with the website's name in it, or the one without
// when no website is known.
func (s *scene) sayOr(named, unnamed string) string {
	if s.client == "" {
		return s.text(unnamed)
	}
	return s.say(named, &values{varClient: s.client, varClientTo: s.toward(s.client)})
}

// lines returns a text sentence by sentence: each begins a line of its own.
func (s *scene) lines(key string) []string {
	return strings.Split(s.text(key), "\n")
}

// korea is where times are told unless the frame says otherwise: no summer time
// since 1988, so no time zone database is needed.
var korea = time.FixedZone("KST", 9*60*60)

// maxAge is how long a time of day without a date is understood.
const maxAge = 12 * time.Hour

// checked says when something was last looked at, or nothing when that was too
// long ago for a time of day.
func (s *scene) checked(at time.Time) string {
	if told := s.clock(at); told != "" {
		return s.say("notice.checked", &values{varTime: told})
	}
	return ""
}

// clock tells a time of day, or nothing when that was too long ago for one.
func (s *scene) clock(at time.Time) string {
	if at.IsZero() || s.now.Sub(at) > maxAge || at.Sub(s.now) > time.Minute {
		return ""
	}
	zone := s.frame.Zone
	if zone == nil {
		zone = korea
	}
	return clock(s.lang, at.In(zone))
}

// clock tells a time of day: 오후 3:42, 3:42 PM KST, 15:42.
func clock(lang string, at time.Time) string {
	switch lang {
	case "ja":
		return at.Format("15:04")
	case "en":
		return at.Format("3:04 PM MST") // for readers who may live elsewhere
	}
	if at.Hour() < 12 {
		return "오전 " + at.Format("3:04")
	}
	return "오후 " + at.Format("3:04")
}

// letter is the first letter of a name, for the mark of a website without a logo.
func letter(name string) string {
	for _, r := range name {
		return string(r)
	}
	return ""
}
