package switchboard

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/bongsu/bongsu/providers/fakeidp"
)

// maxBody bounds what PUT takes, in bytes.
const maxBody = 4 << 10

// apiError is an error as scripts read it.
type apiError struct {
	Error       string `json:"error"`
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
	wanted, status, err := readFault(w, r)
	if err != nil {
		b.answer(w, status, apiError{"bad_json", err.Error()})
		return
	}
	if wanted == "" {
		b.answer(w, http.StatusBadRequest, apiError{"unknown_fault", "No fault is named; DELETE heals."})
		return
	}
	if err := p.Upstream.SetFault(wanted); err != nil {
		status, refusal := explain(p, err)
		b.answer(w, status, refusal)
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
		status, refusal := explain(p, err)
		b.answer(w, status, refusal)
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
			b.answer(w, http.StatusBadRequest, apiError{"bad_after", "after is the number of an event."})
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
		b.answer(w, http.StatusNotFound, apiError{"unknown_provider", "There is no such provider; GET /faults lists them."})
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

func current(p Provider) *fakeidp.Fault {
	if f := p.Upstream.Fault(); f != "" {
		return &f
	}
	return nil
}

// readFault reads {"fault":"dark"} and nothing else. Any content type is
// taken: curl -d calls JSON a form.
func readFault(w http.ResponseWriter, r *http.Request) (fakeidp.Fault, int, error) {
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	decoder.DisallowUnknownFields()
	var body *struct {
		Fault *fakeidp.Fault `json:"fault"`
	}
	err := decoder.Decode(&body)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return "", http.StatusRequestEntityTooLarge, fmt.Errorf("The body is larger than %d bytes.", maxBody) //nolint:revive,staticcheck // a sentence for people
	case err != nil || body == nil:
		return "", http.StatusBadRequest, errBody
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return "", http.StatusBadRequest, errBody
	}
	if body.Fault == nil {
		return "", 0, nil
	}
	return *body.Fault, 0, nil
}

var errBody = errors.New(`The body is one JSON object: {"fault":"dark"}.`) //nolint:revive,staticcheck // a sentence for people

// explain says why a fault could not be set.
func explain(p Provider, err error) (int, apiError) {
	var possible []string
	for _, k := range p.Upstream.Kinds() {
		possible = append(possible, string(k.Name))
	}
	list := strings.Join(possible, ", ")
	switch {
	case errors.Is(err, fakeidp.ErrNotApplicable):
		return http.StatusConflict, apiError{"not_applicable", "This provider cannot fail that way; it knows " + list + "."}
	case errors.Is(err, fakeidp.ErrUnknownFault):
		return http.StatusBadRequest, apiError{"unknown_fault", "There is no such fault; this provider knows " + list + "."}
	default:
		return http.StatusInternalServerError, apiError{"internal", "The fault could not be set."}
	}
}
