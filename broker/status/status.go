package status

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/bongsu/bongsu/broker/web"
)

// Path is where people find the page, JSONPath where programs do.
const (
	Path     = "/status"
	JSONPath = "/status.json"
)

// Ages of what is served.
const (
	fresh = 3 * time.Second  // how long a document is sent before it is made again
	old   = 60 * time.Second // a board that has not looked for this long says nothing about now
)

// ErrOptions is wrapped by every error about [Options].
var ErrOptions = errors.New("status: options")

// Way is a provider as people know it.
type Way struct {
	ID   string // instance id
	Kind string // brand, as web.Way has it
	Name string // for kinds without words of their own
}

// Options is what a [Status] is made of.
type Options struct {
	// Look returns what the board holds now. It must not block.
	Look func() View
	// Sites are the names of the sites in the order of the columns; those it does
	// not name follow. Nil is the board's order, which begins with this site.
	Sites []string
	// Ways are the configured providers, in the order of the rows. Only the
	// first of each brand is shown: further instances belong to single websites.
	Ways []Way
	// Paused tells whether an operator switched a provider off; nil is none.
	Paused func(id string) bool
	// Retired tells whether an operator said that a provider is gone for good: it
	// has no row. nil is none.
	Retired func(id string) bool
	// Language is what a browser gets that asks for none; "" is Korean.
	Language string
	Pages    *web.Pages
	Now      func() time.Time // nil is time.Now
}

func (o Options) validate() error {
	if o.Look == nil || o.Pages == nil {
		return fmt.Errorf("%w: nothing to look at, or no pages", ErrOptions)
	}
	return nil
}

// Status serves both documents. It is safe for concurrent use.
type Status struct {
	o    Options
	ways map[string]web.Way // those that are shown
	log  *Log

	mu   sync.Mutex
	made map[string]made // by language, and "" for JSON
}

type made struct {
	at       time.Time
	document *document
}

// New returns a status without incidents. Errors wrap [ErrOptions].
func New(o Options) (*Status, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Paused == nil {
		o.Paused = func(string) bool { return false }
	}
	if o.Retired == nil {
		o.Retired = func(string) bool { return false }
	}
	s := &Status{o: o, ways: make(map[string]web.Way), log: NewLog(), made: make(map[string]made)}
	brands := make(map[string]bool)
	for _, w := range o.Ways {
		if w.Kind != "openid" && w.Kind != "oauth2" {
			if brands[w.Kind] {
				continue
			}
			brands[w.Kind] = true
		}
		s.ways[w.ID] = web.Way{ID: w.ID, Kind: w.Kind, Name: w.Name}
	}
	return s, nil
}

// Run looks once a second until ctx ends, so that no incident is missed while
// nobody reads.
func (s *Status) Run(ctx context.Context) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			s.Look()
		}
	}
}

// Look takes note of what the board holds now.
func (s *Status) Look() { s.log.Look(s.view()) }

// view is what the board holds, as the public may see it: configured rows in
// their order, and paused where an operator said so. A provider that the board
// does not know is unknown.
func (s *Status) view() View {
	v := s.o.Look().arranged(s.o.Sites)
	known := make(map[string]Provider, len(v.Providers))
	for _, p := range v.Providers {
		known[p.ID] = p
	}
	v.Providers = nil
	for _, w := range s.o.Ways {
		if _, shown := s.ways[w.ID]; !shown || s.o.Retired(w.ID) {
			continue
		}
		p, ok := known[w.ID]
		if !ok {
			p = Provider{ID: w.ID, State: Unknown}
		}
		if s.o.Paused(w.ID) {
			p.State = Paused
		}
		v.Providers = append(v.Providers, p)
	}
	return v
}

func (s *Status) way(id string) web.Way { return s.ways[id] }

// Page serves /status: GET and HEAD. It reads no cookie.
func (s *Status) Page(w http.ResponseWriter, r *http.Request) error {
	lang := web.Language(r.URL.Query()["lang"], "", r.Header.Get("Accept-Language"), s.o.Language)
	d, err := s.document(lang)
	if err != nil {
		return err
	}
	return d.serve(w, r)
}

// JSON serves /status.json: GET and HEAD, to scripts of any website.
func (s *Status) JSON(w http.ResponseWriter, r *http.Request) error {
	d, err := s.document("")
	if err != nil {
		return err
	}
	return d.serve(w, r)
}

// Preflight answers a script that asks whether it may send If-None-Match.
func (s *Status) Preflight(w http.ResponseWriter, _ *http.Request) error {
	header := w.Header()
	header.Set("Access-Control-Allow-Origin", "*")
	header.Set("Access-Control-Allow-Methods", "GET")
	header.Set("Access-Control-Allow-Headers", "If-None-Match")
	header.Set("Access-Control-Max-Age", "86400")
	header.Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// document returns the page in lang, or the report for "", making it again when
// the last one has aged.
func (s *Status) document(lang string) (*document, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.o.Now()
	if last, ok := s.made[lang]; ok && now.Sub(last.at) < fresh {
		return last.document, nil
	}
	v := s.view()
	s.log.Look(v)
	verdict := judge(v)
	age := now.Sub(v.At)
	if age > old {
		verdict = web.StatusStale
		for i := range v.Sites {
			v.Sites[i].Heard = false
		}
		for i := range v.Providers {
			if v.Providers[i].State != Paused {
				v.Providers[i].State = Unknown
			}
		}
	}
	var d *document
	var err error
	if lang == "" {
		d, err = jsonDocument(s.report(now, v, verdict))
	} else {
		d, err = s.page(lang, now, v, verdict, age)
	}
	if err != nil {
		return nil, err
	}
	s.made[lang] = made{now, d}
	return d, nil
}

func (s *Status) page(lang string, now time.Time, v View, verdict web.StatusVerdict, age time.Duration) (*document, error) {
	page := web.Status{
		Frame:   web.Frame{Lang: lang, LangPath: Path},
		Verdict: verdict, Made: now, Age: age, Site: v.Site, Limits: v.Limits, Silent: v.silent(), JSONHref: JSONPath,
	}
	for _, site := range v.Sites {
		page.Sites = append(page.Sites, site.Name)
	}
	for _, p := range v.Providers {
		row := web.StatusRow{Way: s.way(p.ID)}
		for i := range v.Sites {
			state := string(v.seen(p, i))
			if p.Unsteady && state == string(Slow) {
				state = "unsteady"
			}
			row.States = append(row.States, state)
		}
		page.Rows = append(page.Rows, row)
	}
	if verdict != web.StatusStale {
		page.Readings = read(v, s.way)
	}
	for _, one := range s.log.Incidents() {
		page.Incidents = append(page.Incidents, web.StatusIncident{
			Way: s.way(one.Provider), Slow: one.Slow, Detected: one.Detected, Confirmed: one.Confirmed,
			Recovered: one.Recovered, Sites: one.Sites,
		})
	}
	prepared, err := s.o.Pages.Prepare(page)
	if err != nil {
		return nil, err
	}
	prepared.Header.Add("Vary", "Accept-Language")
	return newDocument(prepared.Header, prepared.Body)
}
