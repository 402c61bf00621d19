package web

import (
	"bytes"
	"embed"
	"fmt"
	"html"
	"html/template"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

//go:embed templates/*.html
var templateFiles embed.FS

// Options are what pages need to know of the program.
type Options struct {
	Now        func() time.Time // nil is time.Now
	Dev        bool             // shows details to developers; no Strict-Transport-Security
	StatusHref string           // the public status page; empty while there is none
}

// Pages writes every page. It is safe for concurrent use.
type Pages struct {
	options Options
	locales map[string]*locale
	assets  *assets
	headers headers
	buffers sync.Pool
}

// New reads all templates, catalogues and assets and checks them: the same keys
// in all languages, no Korean particle behind a bare name, no word missing. An
// error means that the program was built wrong.
func New(options Options) (*Pages, error) {
	if options.Now == nil {
		options.Now = time.Now
	}
	catalogues, err := loadCatalogues()
	if err != nil {
		return nil, err
	}
	assets, err := loadAssets()
	if err != nil {
		return nil, err
	}
	p := &Pages{
		options: options,
		locales: make(map[string]*locale, len(languages)),
		assets:  assets,
		headers: newHeaders(assets, options.Dev),
		buffers: sync.Pool{New: func() any { return new(bytes.Buffer) }},
	}
	for _, lang := range languages {
		pages, err := parseTemplates(catalogues[lang], assets)
		if err != nil {
			return nil, fmt.Errorf("templates %s: %w", lang, err)
		}
		p.locales[lang] = &locale{catalogue: catalogues[lang], lang: lang, pages: pages}
	}
	return p, p.warm()
}

// warm draws a first page of every kind, so that the templates are escaped and
// checked before anybody waits for them.
func (p *Pages) warm() error {
	for _, lang := range languages {
		for _, view := range []View{
			Menu{Ways: []Way{{}}},
			Menu{},
			Menu{Task: TaskNew},
			Menu{Ways: []Way{{Elsewhere: true}}, Outside: "https://localhost/", OutsideHref: "intent://localhost/#Intent;end"},
			Match{},
			Problem{},
			Logout{},
			LoggedOut{SignInHref: "/", Note: NoteDisabled},
			Terminal{Href: "https://localhost/"},
			PostBack{Action: "https://localhost/", Values: map[string][]string{"code": {"c"}}},
			Account{Independent: 1, Ways: []AccountWay{{Linked: true}, {}}, Note: NoteLinked},
			Link{},
			Consent{PolicyHref: "/", Items: []ConsentItem{{Scope: "email", Value: "a@b"}, {Optional: true}}},
			Account{
				Devices:  []AccountDevice{{Current: true}, {Websites: []string{"a"}}},
				Services: []AccountService{{Scope: []string{"email"}}}, Events: []AccountEvent{{What: "signed_in"}},
			},
			Step{Kind: StepDelete},
			Step{Kind: StepData, Fresh: true},
			Ended{Kind: EndedAll, Websites: []EndedAt{{State: "delivered"}, {State: "none"}}},
			Unlink{Left: []Way{{}}},
			Wait{RetryHref: "/"},
			Status{},
		} {
			if err := p.draw(io.Discard, lang, view); err != nil {
				return fmt.Errorf("page %s in %s: %w", view.template(), lang, err)
			}
		}
	}
	return nil
}

// maxKept is the largest buffer that is kept for the next page, in bytes.
const maxKept = 64 << 10

// Write draws a view and sends it with its status and all headers of a page. A
// Problem with RetryAfter, and a Wait, also say Retry-After. The page is drawn completely
// before anything is sent: after an error from drawing (ErrHref for a Terminal
// that must not lead there) nothing was written and the caller can answer
// something else.
func (p *Pages) Write(w http.ResponseWriter, status int, view View) error {
	buffer := p.buffers.Get().(*bytes.Buffer) // the pool holds nothing else
	defer func() {
		if buffer.Cap() <= maxKept {
			buffer.Reset()
			p.buffers.Put(buffer)
		}
	}()
	lang := spoken(view)
	if err := p.draw(buffer, lang, view); err != nil {
		return fmt.Errorf("draw page: %w", err)
	}
	header := w.Header()
	p.headers.set(header, lang, view.template(), formOrigins(view)...)
	header.Set("Content-Length", strconv.Itoa(buffer.Len()))
	if seconds := view.retryAfter(); seconds > 0 {
		header.Set("Retry-After", strconv.Itoa(seconds))
	}
	w.WriteHeader(status)
	if _, err := w.Write(buffer.Bytes()); err != nil {
		return fmt.Errorf("send page: %w", err)
	}
	return nil
}

// Prepared is a page drawn once, to be sent many times.
type Prepared struct {
	Body   []byte
	Header http.Header // of a page, no-store among them; the caller's to change
}

// Prepare draws a view that is the same for everybody.
func (p *Pages) Prepare(view View) (Prepared, error) {
	var body bytes.Buffer
	lang := spoken(view)
	if err := p.draw(&body, lang, view); err != nil {
		return Prepared{}, fmt.Errorf("draw page: %w", err)
	}
	header := make(http.Header)
	p.headers.set(header, lang, view.template())
	return Prepared{Body: body.Bytes(), Header: header}, nil
}

// spoken is the language a view is drawn in: its own if there is such a page.
func spoken(view View) string {
	if lang := view.frame().Lang; isLanguage(lang) {
		return lang
	}
	return languages[0]
}

func (p *Pages) draw(to io.Writer, lang string, view View) error {
	s := scene{locale: p.locales[lang], Options: p.options, now: p.options.Now(), frame: view.frame()}
	s.client = clean(s.frame.Client.Name)
	model, err := view.model(&s)
	if err != nil {
		return err
	}
	return s.pages.ExecuteTemplate(to, view.template(), model)
}

// fixed finds the words of the templates that never change: {{t "menu.or"}}.
var fixed = regexp.MustCompile(`\{\{t "([a-z_.]+)"\}\}`)

// parseTemplates sets the words of one language, the style sheet and the name of
// the script into the text of the templates before it parses them: what is the
// same on every page costs nothing when a page is drawn.
func parseTemplates(words *catalogue, files *assets) (*template.Template, error) {
	root := template.New("").Option("missingkey=error")
	names, err := templateFiles.ReadDir("templates")
	if err != nil {
		return nil, fmt.Errorf("list templates: %w", err)
	}
	for _, name := range names {
		data, err := templateFiles.ReadFile("templates/" + name.Name())
		if err != nil {
			return nil, fmt.Errorf("read template: %w", err)
		}
		var missing []string
		text := fixed.ReplaceAllStringFunc(squeeze(string(data)), func(call string) string {
			key := fixed.FindStringSubmatch(call)[1]
			sentence, ok := words.phrases[key]
			if !ok || len(sentence.holes) > 0 {
				missing = append(missing, key)
				return ""
			}
			return html.EscapeString(sentence.texts[0])
		})
		if len(missing) > 0 {
			return nil, fmt.Errorf("web: %s: no such words: %v", name.Name(), missing)
		}
		text = strings.NewReplacer("{{style}}", files.style, "{{status_style}}", files.statusMore, "{{account_style}}", files.accountMore, "{{parts_style}}", files.partsMore,
			"{{trouble_style}}", files.troubleMore,
			"{{script}}", files.scriptPath, "{{icon}}", files.icon).Replace(text)
		if _, err := root.Parse(text); err != nil {
			return nil, fmt.Errorf("parse %s: %w", name.Name(), err)
		}
	}
	return root, nil
}

// indent finds the line breaks and indents that only readers of the source need.
var indent = regexp.MustCompile(`\n\s*`)

// squeeze joins the lines of a template. A space that people should see never
// stands at the end of a line.
func squeeze(text string) string {
	return indent.ReplaceAllString(text, "")
}
