package web

import (
	"strconv"
	"strings"
	"time"
)

// Status is the public status page: the same for everybody, so that it can be
// cached. It has no support code and knows no website.
type Status struct {
	Frame

	Verdict StatusVerdict
	Made    time.Time     // when this picture was taken
	Age     time.Duration // how old the news behind it was then; told when Verdict is StatusStale
	Site    string        // name of the site that took it
	Sites   []string      // columns
	Limits  StatusLimits  // what this site cannot do for people now, whatever the ways are like
	// Silent are those of Sites that were not heard from; the cells below them
	// are unknown.
	Silent    []string
	Rows      []StatusRow
	Readings  []StatusReading
	Incidents []StatusIncident // the latest first
	JSONHref  string           // the same for programs; empty hides the link
}

// StatusLimits is what a site whose database is away cannot do for people.
type StatusLimits string

// The limits.
const (
	LimitNone     StatusLimits = ""
	LimitAccounts StatusLimits = "accounts" // nothing new: no accounts, no changes
	LimitWebsites StatusLimits = "websites" // most websites cannot be logged in to
)

// StatusVerdict is the one sentence that stands above everything.
type StatusVerdict string

// The verdicts.
const (
	StatusFine    StatusVerdict = "fine"    // every way works
	StatusPartly  StatusVerdict = "partly"  // what is known works, something is unknown
	StatusSlow    StatusVerdict = "slow"    // every way works, some slowly
	StatusSome    StatusVerdict = "some"    // some ways do not work
	StatusHard    StatusVerdict = "hard"    // no way is known to work
	StatusUnknown StatusVerdict = "unknown" // nothing is known
	StatusStale   StatusVerdict = "stale"   // the news is too old to say anything
)

// StatusRow is one way, as each of Sites sees it: "up", "slow", "down",
// "paused"; anything else is unknown.
type StatusRow struct {
	Way    Way
	States []string // in the order of Sites
}

// StatusReading reads the table aloud: whether a row or a column is the trouble.
type StatusReading struct {
	Kind  StatusReadingKind
	Ways  []Way    // rows it is about
	Sites []string // columns it is about
}

// StatusReadingKind chooses the sentence.
type StatusReadingKind string

// The kinds of readings.
const (
	ReadingFine     StatusReadingKind = "fine"     // nothing to report
	ReadingUnknown  StatusReadingKind = "unknown"  // nothing is known yet
	ReadingPartly   StatusReadingKind = "partly"   // Ways are not known yet, the others work
	ReadingProvider StatusReadingKind = "provider" // Ways fail wherever they were looked at: the providers' trouble
	ReadingPath     StatusReadingKind = "path"     // Ways fail at Sites only: the path from there
	ReadingSite     StatusReadingKind = "site"     // at Sites everything fails: the sites' trouble
	ReadingSilent   StatusReadingKind = "silent"   // Sites were not heard from
	ReadingSlow     StatusReadingKind = "slow"     // Ways are slow
	ReadingUnsteady StatusReadingKind = "unsteady" // Ways fail for some, or are only just back
	ReadingPaused   StatusReadingKind = "paused"   // operators switched Ways off
	ReadingAlone    StatusReadingKind = "alone"    // the one site there is sees Ways fail, and others work
	ReadingPlain    StatusReadingKind = "plain"    // it sees Ways fail, and nothing work
)

// StatusIncident is a trouble seen since this node started.
type StatusIncident struct {
	Way       Way
	Slow      bool      // slow all along, never down
	Detected  time.Time // the first sign
	Confirmed time.Time // zero until it was
	Recovered time.Time // zero while it goes on
	Sites     []string  // that confirmed it
}

type statusPage struct {
	Page page

	Verdict  string
	Tile     state
	Lead     string
	Head     string // the day and time in the heading
	Made     string // RFC 3339, for the script
	At       string // the time of day, exact to the second
	Site     string
	Stale    string // what the heading becomes when the copy is old
	Limits   string // what this site cannot do; empty: nothing
	Table    string // what the table is called
	Columns  []statusColumn
	Rows     []statusRow
	Readings []string
	Ongoing  []incident
	Past     []incident
	JSONHref string
	Calm     string // said where there is no past incident
}

type statusColumn struct {
	Name   string
	Silent bool
}

type statusRow struct {
	Name  string
	Cells []state
}

type incident struct {
	Title string
	Badge string
	Slow  bool
	Steps []step
	Todo  []string
}

type step struct {
	Class, When, Word, Text string
}

func (Status) template() string { return "status" }

// tiles is the state each verdict is drawn as.
var tiles = map[StatusVerdict]string{
	StatusFine: "up", StatusPartly: "unknown", StatusSlow: "slow", StatusSome: "slow", StatusHard: "down",
	StatusUnknown: "unknown", StatusStale: "unknown",
}

func (v Status) model(s *scene) (any, error) {
	verdict := v.Verdict
	if _, known := tiles[verdict]; !known {
		verdict = StatusUnknown
	}
	p := &statusPage{
		Verdict: string(verdict), Tile: s.state(tiles[verdict]), Site: s.site(v.Site), JSONHref: link(v.JSONHref),
		Made: v.Made.UTC().Format(time.RFC3339), At: v.local(v.Made).Format("15:04:05"), Head: s.day(v.local(v.Made)),
		Stale: s.text("status.stale_any"),
	}
	heading := v.sentence(s, verdict)
	if verdict == StatusSome || verdict == StatusHard {
		p.Lead = s.text("status.lead." + string(verdict))
	}
	if v.Limits != LimitNone && verdict != StatusStale {
		p.Limits = s.text("status.limits." + string(v.Limits))
	}
	p.Page = s.page(heading)
	p.Page.Title, p.Page.StatusHref = heading+" - "+s.text("status.name"), ""
	p.Page.Wide, p.Page.Status = true, true
	v.table(s, p)
	for _, reading := range v.Readings {
		p.Readings = append(p.Readings, reading.words(s))
	}
	v.incidents(s, p)
	return p, nil
}

func (v Status) sentence(s *scene, verdict StatusVerdict) string {
	if verdict != StatusStale {
		return s.text("status.verdict." + string(verdict))
	}
	minutes := max(int(v.Age/time.Minute), 1)
	return s.count("status.stale", minutes, &values{varCount: strconv.Itoa(minutes)})
}

func (v Status) local(at time.Time) time.Time {
	if v.Zone == nil {
		return at.In(korea)
	}
	return at.In(v.Zone)
}

func (v Status) table(s *scene, p *statusPage) {
	silent := make(map[string]bool, len(v.Silent))
	for _, name := range v.Silent {
		silent[name] = true
	}
	if v.Verdict == StatusStale { // nobody speaks of now
		for _, name := range v.Sites {
			silent[name] = true
		}
	}
	p.Table = s.text("status.sites")
	if len(v.Sites) == 1 {
		p.Table = s.text("status.here")
	}
	for _, name := range v.Sites {
		p.Columns = append(p.Columns, statusColumn{Name: s.site(name), Silent: silent[name]})
	}
	for _, row := range v.Rows {
		shown := statusRow{Name: s.name(row.Way).name}
		for i, name := range v.Sites {
			cell := "unknown"
			if i < len(row.States) && (!silent[name] || row.States[i] == "paused") {
				cell = row.States[i]
			}
			shown.Cells = append(shown.Cells, s.state(cell))
		}
		p.Rows = append(p.Rows, shown)
	}
}

// words reads the table aloud. One way is called by its login, several by their
// names.
func (r StatusReading) words(s *scene) string {
	v := &values{varSite: s.sites(r.Sites), varCount: strconv.Itoa(len(r.Sites))}
	key := "status.reading." + string(r.Kind)
	switch len(r.Ways) {
	case 0:
	case 1:
		words := s.name(r.Ways[0])
		v[varWay], v[varLogin] = words.name, words.login
	default:
		names := make([]string, len(r.Ways))
		for i, w := range r.Ways {
			names[i] = s.name(w).name
		}
		v[varWay] = s.list(names)
		v[varLogin] = s.say("status.logins", v)
	}
	return s.say(key, v)
}

// site is what people call a site: translated for the names we know, as it is
// for all others.
func (l *locale) site(name string) string {
	switch name {
	case "seoul", "busan", "tokyo":
		return l.text("site." + name)
	}
	return clean(name)
}

func (l *locale) sites(names []string) string {
	shown := make([]string, len(names))
	for i, name := range names {
		shown[i] = l.site(name)
	}
	return l.list(shown)
}

// list names several things in one sentence: 서울·부산·도쿄, Seoul, Busan and Tokyo.
func (l *locale) list(names []string) string {
	last := len(names) - 1
	if last < 1 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:last], l.text("list")) + l.text("list.last") + names[last]
}
