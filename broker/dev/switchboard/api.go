package switchboard

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/bongsu/bongsu/providers/fakeidp"
)

// maxBody bounds what PUT takes, in bytes.
const maxBody = 32 << 10

// refusal is an error as scripts read it.
type refusal struct {
	Status      int    `json:"-"`
	Code        string `json:"error"`
	Description string `json:"description"`
}

func (b *Board) faults(w http.ResponseWriter, _ *http.Request) {
	all := make(map[string]*fakeidp.Fault, len(b.options.Providers))
	for _, p := range b.options.Providers {
		all[p.ID] = current(p)
	}
	notes := map[string]string{}
	for _, p := range b.options.Providers {
		if text := note(p); text != "" {
			notes[p.ID] = text
		}
	}
	b.answer(w, http.StatusOK, struct {
		Faults map[string]*fakeidp.Fault `json:"faults"`
		Notes  map[string]string         `json:"notes,omitempty"` // of those that are narrowed
	}{all, notes})
}

// faultKinds is every fault there is, and which provider can have which.
type faultKinds struct {
	Kinds     []fakeidp.Fault            `json:"kinds"`
	About     map[fakeidp.Fault]string   `json:"about"`
	Providers map[string][]fakeidp.Fault `json:"providers"`

	Groups   map[fakeidp.Group][]fakeidp.Fault `json:"groups"`
	Numbers  map[fakeidp.Fault]string          `json:"numbers"`  // in the catalogue of outages
	Variants map[fakeidp.Fault][]string        `json:"variants"` // the first is what happens without
}

func (b *Board) kinds(w http.ResponseWriter, _ *http.Request) {
	all := faultKinds{
		About: map[fakeidp.Fault]string{}, Providers: map[string][]fakeidp.Fault{},
		Groups: map[fakeidp.Group][]fakeidp.Fault{}, Numbers: map[fakeidp.Fault]string{}, Variants: map[fakeidp.Fault][]string{},
	}
	for _, k := range fakeidp.Kinds() {
		all.Kinds = append(all.Kinds, k.Name)
		all.About[k.Name] = k.Title
		all.Groups[k.Group] = append(all.Groups[k.Group], k.Name)
		if k.Number != "" {
			all.Numbers[k.Name] = k.Number
		}
		if len(k.Variants) > 0 {
			all.Variants[k.Name] = k.Variants
		}
	}
	for _, p := range b.options.Providers {
		for _, k := range p.Upstream.Kinds() {
			all.Providers[p.ID] = append(all.Providers[p.ID], k.Name)
		}
	}
	b.answer(w, http.StatusOK, all)
}

func (b *Board) fault(w http.ResponseWriter, r *http.Request) {
	if p, ok := b.named(w, r); ok {
		b.answer(w, http.StatusOK, oneOf(p))
	}
}

func (b *Board) putFault(w http.ResponseWriter, r *http.Request) {
	p, ok := b.named(w, r)
	if !ok {
		return
	}
	wanted, refused := readFault(w, r)
	if refused != nil {
		b.refuse(w, *refused)
		return
	}
	if err := p.Upstream.Play(wanted); err != nil {
		b.refuse(w, explain(p, err))
		return
	}
	b.answer(w, http.StatusOK, oneOf(p))
}

func (b *Board) deleteFault(w http.ResponseWriter, r *http.Request) {
	p, ok := b.named(w, r)
	if !ok {
		return
	}
	if err := p.Upstream.SetFault(""); err != nil {
		b.refuse(w, explain(p, err))
		return
	}
	b.answer(w, http.StatusOK, oneOf(p))
}

// told is an event with its words.
type told struct {
	Event

	Title string `json:"title"`
	Text  string `json:"text"`
}

func (b *Board) events(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	var after int64
	if text := query.Get("after"); text != "" {
		number, err := strconv.ParseInt(text, 10, 64)
		if err != nil || number < 0 {
			b.refuse(w, refusal{http.StatusBadRequest, "bad_after", "after is the number of an event."})
			return
		}
		after = number
	}
	lang := query.Get("lang")
	if _, ok := catalogue[lang]; !ok {
		lang = "en"
	}
	found := []told{}
	for _, e := range b.options.Events.After(after) {
		title, text := catalogue[lang].tell(lang, e)
		found = append(found, told{e, title, text})
	}
	b.answer(w, http.StatusOK, map[string]any{"events": found})
}

// named returns the provider of the path, or answers that there is none.
func (b *Board) named(w http.ResponseWriter, r *http.Request) (Provider, bool) {
	p, ok := b.provider(r)
	if !ok {
		b.refuse(w, refusal{http.StatusNotFound, "unknown_provider", "There is no such provider; GET /faults lists them."})
	}
	return p, ok
}

// answer writes v as JSON.
func (b *Board) answer(w http.ResponseWriter, status int, v any) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(v) // a client that left needs no answer
}

func (b *Board) refuse(w http.ResponseWriter, r refusal) { b.answer(w, r.Status, r) }

func current(p Provider) *fakeidp.Fault {
	if f := p.Upstream.Fault(); f != "" {
		return &f
	}
	return nil
}

// explain says why a fault could not be set.
func explain(p Provider, err error) refusal {
	var possible []string
	for _, k := range p.Upstream.Kinds() {
		possible = append(possible, string(k.Name))
	}
	list := strings.Join(possible, ", ")
	switch {
	case errors.Is(err, fakeidp.ErrNotApplicable):
		return refusal{http.StatusConflict, "not_applicable", "This provider cannot fail that way; it knows " + list + "."}
	case errors.Is(err, fakeidp.ErrUnknownFault):
		return refusal{http.StatusBadRequest, "unknown_fault", "There is no such fault; this provider knows " + list + "."}
	case errors.Is(err, fakeidp.ErrScope):
		return refusal{http.StatusBadRequest, "bad_scope", strings.TrimPrefix(err.Error(), "fakeidp: ") + "."}
	default:
		return refusal{http.StatusInternalServerError, "internal", "The fault could not be set."}
	}
}
