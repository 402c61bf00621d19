package switchboard

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/bongsu/bongsu/providers/fakeidp"
)

// maxBody bounds what PUT takes, in bytes.
const maxBody = 4 << 10

// refusal is an error as scripts read it.
type refusal struct {
	Status      int    `json:"-"`
	Code        string `json:"error"`
	Description string `json:"description"`
}

// oneFault is the fault of one provider; nil is none.
type oneFault struct {
	Provider string         `json:"provider"`
	Fault    *fakeidp.Fault `json:"fault"`
}

func (b *Board) faults(w http.ResponseWriter, _ *http.Request) {
	all := make(map[string]*fakeidp.Fault, len(b.options.Providers))
	for _, p := range b.options.Providers {
		all[p.ID] = current(p)
	}
	b.answer(w, http.StatusOK, map[string]any{"faults": all})
}

// faultKinds is every fault there is, and which provider can have which.
type faultKinds struct {
	Kinds     []fakeidp.Fault            `json:"kinds"`
	About     map[fakeidp.Fault]string   `json:"about"`
	Providers map[string][]fakeidp.Fault `json:"providers"`
}

func (b *Board) kinds(w http.ResponseWriter, _ *http.Request) {
	all := faultKinds{About: map[fakeidp.Fault]string{}, Providers: map[string][]fakeidp.Fault{}}
	for _, k := range fakeidp.Kinds() {
		all.Kinds = append(all.Kinds, k.Name)
		all.About[k.Name] = k.Title
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
		b.answer(w, http.StatusOK, oneFault{p.ID, current(p)})
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
	if err := p.Upstream.SetFault(wanted); err != nil {
		b.refuse(w, explain(p, err))
		return
	}
	b.answer(w, http.StatusOK, oneFault{p.ID, current(p)})
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
	b.answer(w, http.StatusOK, oneFault{p.ID, current(p)})
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

// readFault reads {"fault":"dark"} and nothing else. Any content type is
// taken: curl -d calls JSON a form.
func readFault(w http.ResponseWriter, r *http.Request) (fakeidp.Fault, *refusal) {
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	decoder.DisallowUnknownFields()
	var body *struct {
		Fault fakeidp.Fault `json:"fault"`
	}
	err := decoder.Decode(&body)
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return "", &refusal{http.StatusRequestEntityTooLarge, "too_large", "The body is larger than 4 KiB."}
	}
	if err == nil && body != nil {
		if _, rest := decoder.Token(); !errors.Is(rest, io.EOF) {
			body = nil
		}
	}
	switch {
	case err != nil || body == nil:
		return "", &refusal{http.StatusBadRequest, "bad_json", `The body is one JSON object: {"fault":"dark"}.`}
	case body.Fault == "":
		return "", &refusal{http.StatusBadRequest, "unknown_fault", "No fault is named; DELETE heals."}
	}
	return body.Fault, nil
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
	default:
		return refusal{http.StatusInternalServerError, "internal", "The fault could not be set."}
	}
}
