package switchboard

import (
	"embed"
	"html/template"
	"log/slog"
	"net/http"
	"strings"

	"github.com/bongsu/bongsu/broker/dev/look"
	"github.com/bongsu/bongsu/providers/fakeidp"
)

//go:embed templates
var files embed.FS

var pages = template.Must(template.New("").Funcs(look.Funcs()).ParseFS(files, "templates/*.html"))

// langCookie keeps the chosen language. Its name needs no port: two boards
// may well speak the same.
const langCookie = "bongsu_switchboard_lang"

// view is the whole page.
type view struct {
	Lang      string
	T         words
	Languages []look.Link
	Issuer    string
	IssuerAt  string // to read, without the scheme
	Demo      string
	DemoAt    string
	Curl      string
	SiteCurl  string
	More      []string // further lines for the shell
	Rows      []row
	Broken    bool // something can be healed
	Sites     []siteRow
	Turns     []turn
	Events    []line
	Last      int64
}

// row is one switch.
type row struct {
	ID    string
	Name  string
	Label string // of the list, for screen readers
	On    bool   // it answers
	Fault string
	State string // in words
	Next  string // what pressing the switch does: "on" or "off"
	Note  string // how the fault is narrowed; may be empty
	Main  []option
	Rest  []group
}

// group is a part of the list under its name.
type group struct {
	Name  string
	Kinds []option
}

// siteRow is one of several sites.
type siteRow struct {
	ID     string // its name, for scripts
	Name   string // in the language of the page
	URL    string
	At     string // to read, without the scheme
	State  State
	Words  string // the state's
	Writes bool
}

// turn is what a site can be made to be.
type turn struct {
	State State
	Words string // how it then fares
	Text  string // on the button
}

type option struct {
	Value    string
	Text     string
	Selected bool
}

// line is one event.
type line struct {
	Number int64
	At     string // machine-readable
	Clock  string
	Title  string
	Text   string
}

// shownEvents bounds the page; the rest is in GET /events.
const shownEvents = 50

func (b *Board) page(w http.ResponseWriter, r *http.Request) {
	lang, _ := look.Language(w, r, langCookie)
	t := catalogue[lang]
	v := view{
		Lang: lang, T: t, Languages: look.Links("/", lang),
		Issuer: b.options.Issuer, IssuerAt: strings.TrimPrefix(b.options.Issuer, "http://"),
		Demo: b.options.Demo, DemoAt: strings.TrimPrefix(b.options.Demo, "http://"),
		Curl: b.curl(`{"fault":"dark"}`),
		More: []string{
			b.curl(`{"fault":"token-down","share":0.5,"for":"2m"}`),
			b.curl(`{"fault":"error-page","devices":["mobile","app"]}`),
			b.curl(`{"script":[{"after":"0s","fault":"dark"},{"after":"60s","fault":"core-down","share":0.85},{"after":"5m"}]}`),
		},
	}
	for _, p := range b.options.Providers {
		shown := rowOf(p, lang, t)
		v.Rows = append(v.Rows, shown)
		v.Broken = v.Broken || shown.Fault != ""
	}
	if len(b.options.Sites) > 1 { // a single one stands at the issuer's address
		v.Sites = siteRows(b.options.Sites, lang, t)
		for _, s := range states {
			v.Turns = append(v.Turns, turn{s, t.states[s], t.turns[s]})
		}
		v.SiteCurl = b.put("/sites/"+b.options.Sites[0].Name(), `{"state":"dead"}`)
	}
	events := b.options.Events.After(0)
	if len(events) > 0 {
		v.Last = events[0].Number
	}
	for _, e := range events[:min(len(events), shownEvents)] {
		title, text := t.tell(lang, e)
		v.Events = append(v.Events, line{
			Number: e.Number, At: e.Time.Format("2006-01-02T15:04:05Z07:00"),
			Clock: e.Time.Local().Format("15:04:05"), Title: title, Text: text,
		})
	}
	if err := look.Render(w, pages, "board", http.StatusOK, v); err != nil {
		b.options.Logger.LogAttrs(r.Context(), slog.LevelError, "switchboard page", slog.String("event", "switchboard.failed"), slog.Any("error", err))
		http.Error(w, "Internal Server Error", http.StatusInternalServerError)
	}
}

// curl is the same act, or one that needs more words, as a line for the shell.
func (b *Board) curl(body string) string {
	id := "kakao"
	if len(b.options.Providers) > 0 {
		id = b.options.Providers[0].ID
	}
	return b.put("/faults/"+id, body)
}

// put is a line for the shell.
func (b *Board) put(path, body string) string {
	return "curl -X PUT " + strings.TrimPrefix(b.options.URL, "http://") + path + " -d '" + body + "'"
}

func siteRows(sites []Site, lang string, t words) []siteRow {
	rows := make([]siteRow, len(sites))
	for i, s := range sites {
		state := s.State()
		rows[i] = siteRow{
			ID: s.Name(), Name: look.Place(lang, s.Name()), URL: s.URL(), At: strings.TrimPrefix(s.URL(), "http://"),
			State: state, Words: t.states[state], Writes: s.Writes(),
		}
	}
	return rows
}

func rowOf(p Provider, lang string, t words) row {
	fault := p.Upstream.Fault()
	r := row{
		ID: p.ID, Name: look.Way(lang, p.ID), Fault: string(fault), On: fault != fakeidp.Dark,
		Label: t.label(look.Way(lang, p.ID)), State: t.On, Next: "off",
		Main: []option{{Text: t.NoFault, Selected: fault == ""}}, Note: note(p),
	}
	switch fault {
	case "":
	case fakeidp.Dark:
		r.State, r.Next = t.Off, "on"
	default:
		r.State = t.Faulty
	}
	for _, k := range p.Upstream.Kinds() {
		choice := option{Value: string(k.Name), Text: string(k.Name) + " · " + t.about(k), Selected: k.Name == fault}
		if k.Group == fakeidp.GroupMain {
			r.Main = append(r.Main, choice)
			continue
		}
		name := t.groups[k.Group]
		if len(r.Rest) == 0 || r.Rest[len(r.Rest)-1].Name != name {
			r.Rest = append(r.Rest, group{Name: name})
		}
		last := &r.Rest[len(r.Rest)-1]
		last.Kinds = append(last.Kinds, choice)
	}
	return r
}

// flip is the switch of one provider without scripts: off makes it dark, on
// heals, set does what is chosen in the list.
func (b *Board) flip(w http.ResponseWriter, r *http.Request) {
	p, ok := b.provider(r)
	if !ok {
		http.Error(w, "There is no such provider.", http.StatusNotFound)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		http.Error(w, "The form cannot be read.", http.StatusBadRequest)
		return
	}
	wanted := fakeidp.Fault(r.PostForm.Get("fault"))
	switch r.PostForm.Get("do") {
	case "off":
		wanted = fakeidp.Dark
	case "on":
		wanted = ""
	case "set":
	default:
		http.Error(w, "The form does not say what to do.", http.StatusBadRequest)
		return
	}
	if err := p.Upstream.SetFault(wanted); err != nil {
		refused := explain(p, err)
		http.Error(w, refused.Description, refused.Status)
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (b *Board) healAll(w http.ResponseWriter, r *http.Request) {
	for _, p := range b.options.Providers {
		if err := p.Upstream.SetFault(""); err != nil {
			refused := explain(p, err)
			http.Error(w, refused.Description, refused.Status)
			return
		}
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}
