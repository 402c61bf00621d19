package web

import (
	"slices"
	"strings"
	"time"
)

// AccountDevice is one browser that is signed in.
type AccountDevice struct {
	Name     string // "Android Chrome"; empty: unknown
	Way      Way    // by which it signed in
	Site     string // where; may be empty
	At       time.Time
	Current  bool     // this very browser
	Websites []string // their names
	Tag      string   // goes with the form with the button "end-" and Tag; empty shows none
}

// AccountService is a website that may see something of the account.
type AccountService struct {
	Client string // goes with the form with the button "take-" and Client
	Name   string
	Scope  []string
	Since  time.Time
}

// AccountEvent is something that happened to the account.
type AccountEvent struct {
	What    string // a word of the history package's
	At      time.Time
	Website string // may be empty
	Way     Way    // zero: by none
	Device  string
	Site    string
}

// AccountActions are addresses of the account page's parts. An empty one shows no
// such part.
type AccountActions struct {
	EndDevice  string // form
	TakeAway   string // form
	Language   string // form
	Everywhere string // page, link "sign-out-everywhere"
	Data       string // page, link "data"
	Delete     string // page, link "delete"
}

type deviceRow struct{ Name, Badge, Detail, Websites, Tag, Spoken string }

type serviceRow struct{ Client, Name, Detail, Spoken string }

type eventRow struct{ When, Text, Detail string }

// parts fills what stands below the ways.
func (a Account) parts(s *scene, p *accountPage) {
	for _, d := range a.Devices {
		row := deviceRow{Name: s.device(d.Name), Tag: d.Tag, Detail: s.joined(d.Site, s.moment(d.At)), Websites: s.websites(d.Websites)}
		if d.Current {
			row.Badge = s.text("account.this_device")
		}
		row.Spoken = s.say("account.end_device", &values{varOther: row.Name})
		p.Devices = append(p.Devices, row)
	}
	for _, v := range a.Services {
		name := clean(v.Name)
		row := serviceRow{Client: v.Client, Name: name, Spoken: s.say("account.take_away_from", &values{varOther: name})}
		words := make([]string, 0, len(v.Scope))
		for _, scope := range v.Scope {
			words = append(words, s.scopeName(scope))
		}
		row.Detail = s.list(words)
		p.Services = append(p.Services, row)
	}
	for _, e := range a.Events {
		if row, ok := s.event(e); ok {
			p.Events = append(p.Events, row)
		}
	}
	for _, lang := range languages {
		p.Languages = append(p.Languages, languageLink{Lang: lang, Name: ownNames[lang], Current: lang == a.Language})
	}
	p.Actions = AccountActions{
		EndDevice: link(a.Actions.EndDevice), TakeAway: link(a.Actions.TakeAway), Language: link(a.Actions.Language),
		Everywhere: link(a.Actions.Everywhere), Data: link(a.Actions.Data), Delete: link(a.Actions.Delete),
	}
}

func (s *scene) device(name string) string {
	if name = clean(name); name != "" {
		return name
	}
	return s.text("account.unknown_device")
}

func (s *scene) websites(names []string) string {
	if len(names) == 0 {
		return ""
	}
	fit := make([]string, len(names))
	for i, name := range names {
		fit[i] = clean(name)
	}
	return s.list(fit)
}

// joined puts a dot between what there is.
func (s *scene) joined(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), " · ")
}

// events are the words of what happened, each with the sentence for it.
var events = map[string]string{
	"opened": "event.opened", "signed_in": "event.signed_in", "linked": "event.linked", "unlinked": "event.unlinked",
	"link_refused": "event.link_refused", "consented": "event.consented", "took_away": "event.took_away",
	"signed_out": "event.signed_out", "signed_out_everywhere": "event.everywhere", "downloaded": "event.downloaded",
}

func (s *scene) event(e AccountEvent) (eventRow, bool) {
	key, ok := events[e.What]
	if !ok {
		return eventRow{}, false
	}
	row := eventRow{When: s.moment(e.At), Text: s.text(key)}
	way := ""
	if e.Way.ID != "" {
		way = s.name(e.Way).name
	}
	row.Detail = s.joined(clean(e.Website), way, clean(e.Device), clean(e.Site))
	return row, true
}

// moment tells day and time: 11.22 15:44, Nov 22 15:44, 11/22 15:44.
func (s *scene) moment(at time.Time) string {
	return s.dated(at, "01.02 15:04", "Jan 2 15:04", "01/02 15:04")
}
