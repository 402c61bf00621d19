package demo

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/bongsu/bongsu/broker/dev/look"
)

//go:embed templates
var files embed.FS

var pages = template.Must(template.New("").Funcs(look.Funcs()).ParseFS(files, "templates/*.html"))

// frame is what every page shows around its content.
type frame struct {
	Lang        string
	T           words
	Title       string
	Name        string // who is logged in; empty when nobody is
	SignedIn    bool
	Switchboard string
	Languages   []look.Link
}

// home shows the shop: to a stranger what to try, to somebody logged in what
// the website knows.
func (s *Site) home(w http.ResponseWriter, r *http.Request) error {
	seen := s.visits.view(s.readVisit(r))
	lang, _ := s.language(w, r)
	f := s.frame(lang, seen, "/")
	if seen.person == nil {
		return look.Render(w, pages, "signed-out", http.StatusOK, s.signedOut(f, seen))
	}
	view, err := s.signedIn(f, seen)
	if err != nil {
		return err
	}
	return look.Render(w, pages, "signed-in", http.StatusOK, view)
}

func (s *Site) language(w http.ResponseWriter, r *http.Request) (string, bool) {
	return look.Language(w, r, s.lang)
}

func (s *Site) frame(lang string, seen visit, path string) frame {
	t := catalogue[lang]
	f := frame{
		Lang: lang, T: t, Title: t.Shop, SignedIn: seen.person != nil,
		Switchboard: s.options.Switchboard + "/?" + url.Values{"lang": {lang}}.Encode(),
		Languages:   look.Links(path, lang),
	}
	if seen.person != nil {
		f.Name = seen.person.name
		if f.Name == "" {
			f.Name = t.Nameless
		}
	}
	return f
}

// signedOut is the shop as a stranger sees it.
type signedOut struct {
	frame

	Board    string // where the switchboard stands, to read
	Left     bool   // just logged out
	Products []product
}

type product struct{ Glyph, Name, Price string }

func (s *Site) signedOut(f frame, seen visit) signedOut {
	return signedOut{
		frame: f, Left: seen.signedOut,
		Board: strings.TrimPrefix(s.options.Switchboard, "http://"),
		Products: []product{
			{"bag", f.T.Bag, f.T.BagPrice},
			{"mug", f.T.Mug, f.T.MugPrice},
			{"lamp", f.T.Lamp, f.T.LampPrice},
			{"book", f.T.Book, f.T.BookPrice},
		},
	}
}

// signedIn is what the website knows of the person.
type signedIn struct {
	frame

	Greeting string
	Lead     string
	Outage   string // empty when nothing stands still
	Compared string // how the last two logins compare; empty after one
	Same     bool
	Entries  []row
	Claims   []claim
	Raw      string
	Issuer   string
	Account  string // the broker's page about the person, in the website's language
}

// row is one login of this browser.
type row struct{ Way, Name, When, Subject string }

// claim is one line of the ID token.
type claim struct{ Name, Value, Note string }

func (s *Site) signedIn(f frame, seen visit) (signedIn, error) {
	raw, err := json.MarshalIndent(seen.person.token.claims, "", "  ")
	if err != nil {
		return signedIn{}, fmt.Errorf("write claims: %w", err)
	}
	v := signedIn{
		frame: f, Greeting: f.T.greet(f.Name), Raw: string(raw), Issuer: s.options.Issuer,
		Account: s.options.Issuer + "/account?" + url.Values{"lang": {f.Lang}}.Encode(),
		Claims:  claimsOf(seen.person.token, f.T), Outage: f.T.outage(f.Lang, s.down()),
	}
	for _, e := range seen.entries {
		when := f.T.when(e.at, s.options.Now())
		if during := f.T.during(f.Lang, e.down); during != "" {
			when += " · " + during
		}
		name := f.T.UnknownWay
		if e.way != "" {
			name = look.Way(f.Lang, e.way)
		}
		v.Entries = append(v.Entries, row{Way: e.way, Name: name, When: when, Subject: e.subject})
	}
	if len(seen.entries) > 0 {
		v.Lead = f.T.came(f.Lang, seen.entries[0].way)
	}
	if len(seen.entries) > 1 {
		v.Same = seen.entries[0].subject == seen.entries[1].subject
		v.Compared = f.T.Other
		if v.Same {
			v.Compared = f.T.Same
		}
	}
	return v, nil
}

// shownFirst is the order of the claims people look for; the rest follow by name.
var shownFirst = []string{"sub", "name", "email", "email_verified", "bongsu_way", "acr", "amr", "aud", "nonce", "auth_time", "iss"}

// maxClaims bounds the table.
const maxClaims = 40

func claimsOf(token received, t words) []claim {
	names := make([]string, 0, len(token.claims))
	for name := range token.claims {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		if d := rank(a) - rank(b); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	shown := make([]claim, 0, len(names)+1)
	for _, name := range names[:min(len(names), maxClaims)] {
		c := claim{Name: clean(name), Value: clean(plain(token.claims[name]))}
		switch name {
		case "nonce":
			c.Value, c.Note = t.Checked, t.NonceSame
		case "auth_time", "iat", "exp", "updated_at":
			c.Note = clock(token.claims[name])
		}
		shown = append(shown, c)
	}
	if token.keyID == "" {
		return append(shown, claim{Name: "alg", Value: clean(token.algorithm), Note: t.SignatureChecked})
	}
	return append(shown, claim{Name: "kid", Value: clean(token.keyID), Note: clean(token.algorithm) + " " + t.SignatureChecked})
}

func rank(name string) int {
	if i := slices.Index(shownFirst, name); i >= 0 {
		return i
	}
	return len(shownFirst)
}

// plain writes a claim as a person reads it.
func plain(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case []any:
		if len(v) == 0 {
			return "[]"
		}
		parts := make([]string, len(v))
		for i, p := range v {
			parts[i] = plain(p)
		}
		return strings.Join(parts, " ")
	default:
		var text bytes.Buffer
		encoder := json.NewEncoder(&text)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(v); err != nil {
			return ""
		}
		return strings.TrimSpace(text.String())
	}
}

func clock(value any) string {
	number, ok := value.(json.Number)
	if !ok {
		return ""
	}
	seconds, err := number.Int64()
	if err != nil {
		return ""
	}
	return time.Unix(seconds, 0).Local().Format("15:04:05")
}

// problem is the page of a failure.
type problem struct {
	frame

	Heading     string
	Words       string
	Code        string
	Description string
	Retry       bool
}

func (s *Site) problem(w http.ResponseWriter, r *http.Request, f failure) error {
	lang, _ := s.language(w, r)
	seen := s.visits.view(s.readVisit(r))
	t := catalogue[lang]
	view := problem{
		frame: s.frame(lang, seen, "/"), Heading: t.Failed, Words: t.reason(f.Reason),
		Code: f.Code, Description: f.Description, Retry: f.Reason != reasonMissing,
	}
	if f.Reason == reasonMissing {
		view.Heading = t.Missing
	}
	view.Title = view.Heading + " - " + t.Shop
	if f.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "5")
	}
	return look.Render(w, pages, "problem", f.Status, view)
}
