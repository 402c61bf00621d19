package switchboard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

// State is how a site fares.
type State string

// The states of a site.
const (
	SiteOK     State = "ok"
	SiteDead   State = "dead"   // it answers nobody, and nothing of it runs
	SiteFrozen State = "frozen" // it takes connections and answers nothing
	SiteCut    State = "cut"    // it hears no other site, has no writer and an old replica
)

// states are all of them, in the order in which they are offered.
var states = []State{SiteDead, SiteFrozen, SiteCut, SiteOK}

// Why a site does not fare as it should.
var (
	ErrState     = errors.New("switchboard: a site cannot be so")
	ErrNotNow    = errors.New("switchboard: the site did not start")
	errNoSuchOne = errors.New("switchboard: no such site")
)

// Site is one site of the broker as the board shows and turns it.
type Site interface {
	// Name is the site's, "seoul".
	Name() string
	// URL is where it listens itself, "http://localhost:8427".
	URL() string
	// State is how it fares.
	State() State
	// Turn has it fare so, and returns when it does. The error matches [ErrState]
	// where this site cannot be so, [ErrNotNow] when it could not be started.
	Turn(ctx context.Context, to State) error
	// Writes reports whether the writer of the database stands there and works.
	Writes() bool
}

// siteState is a site and how it fares, as scripts read it.
type siteState struct {
	Site   string `json:"site"`
	URL    string `json:"url"`
	State  State  `json:"state"`
	Writer bool   `json:"writer"`
}

// allSites is the answer to GET /sites. Writer is null while no site has it.
type allSites struct {
	Sites  []siteState `json:"sites"`
	Writer *string     `json:"writer"`
}

func stateOf(s Site) siteState { return siteState{s.Name(), s.URL(), s.State(), s.Writes()} }

func (b *Board) sites(w http.ResponseWriter, _ *http.Request) {
	all := allSites{Sites: []siteState{}}
	for _, s := range b.options.Sites {
		shown := stateOf(s)
		all.Sites = append(all.Sites, shown)
		if shown.Writer {
			all.Writer = &shown.Site
		}
	}
	b.answer(w, http.StatusOK, all)
}

func (b *Board) siteNow(w http.ResponseWriter, r *http.Request) {
	site, err := b.site(r)
	if err != nil {
		b.refuse(w, b.explainSite(err))
		return
	}
	b.answer(w, http.StatusOK, stateOf(site))
}

func (b *Board) putSite(w http.ResponseWriter, r *http.Request) {
	site, err := b.site(r)
	if err != nil {
		b.refuse(w, b.explainSite(err))
		return
	}
	to, refused := readState(w, r)
	if refused != nil {
		b.refuse(w, *refused)
		return
	}
	if err := site.Turn(r.Context(), to); err != nil {
		refused := b.explainSite(err)
		if refused.Status == http.StatusServiceUnavailable {
			w.Header().Set("Retry-After", "1")
		}
		b.refuse(w, refused)
		return
	}
	b.answer(w, http.StatusOK, stateOf(site))
}

// turn is the same without scripts.
func (b *Board) turn(w http.ResponseWriter, r *http.Request) {
	site, err := b.site(r)
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err == nil {
		err = r.ParseForm()
	}
	if err == nil {
		to := State(r.PostForm.Get("state"))
		if !slices.Contains(states, to) {
			http.Error(w, "The form does not say how the site is to be.", http.StatusBadRequest)
			return
		}
		err = site.Turn(r.Context(), to)
	}
	if err != nil {
		refused := b.explainSite(err)
		http.Error(w, refused.Description, refused.Status)
		return
	}
	http.Redirect(w, r, "/#sites", http.StatusSeeOther)
}

// site returns the site that the path names.
func (b *Board) site(r *http.Request) (Site, error) {
	i := slices.IndexFunc(b.options.Sites, func(s Site) bool { return s.Name() == r.PathValue("site") })
	if i < 0 {
		return nil, errNoSuchOne
	}
	return b.options.Sites[i], nil
}

// readState reads {"state":"dead"} and nothing else, of whatever content type.
func readState(w http.ResponseWriter, r *http.Request) (State, *refusal) {
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	decoder.DisallowUnknownFields()
	var body *struct {
		State State `json:"state"`
	}
	err := decoder.Decode(&body)
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return "", &refusal{http.StatusRequestEntityTooLarge, "too_large", fmt.Sprintf("The body is larger than %d KiB.", maxBody>>10)}
	}
	if err == nil && body != nil {
		if _, rest := decoder.Token(); !errors.Is(rest, io.EOF) {
			body = nil
		}
	}
	switch {
	case err != nil || body == nil:
		return "", &refusal{http.StatusBadRequest, "bad_json", `The body is one JSON object: {"state":"dead"}.`}
	case !slices.Contains(states, body.State):
		return "", &refusal{http.StatusBadRequest, "unknown_state", "A site is dead, frozen, cut or ok."}
	}
	return body.State, nil
}

// explainSite says why a site does not fare as it should.
func (b *Board) explainSite(err error) refusal {
	switch {
	case errors.Is(err, errNoSuchOne):
		return refusal{http.StatusNotFound, "unknown_site", "There is no such site; GET /sites lists them."}
	case errors.Is(err, ErrState):
		return refusal{http.StatusConflict, "not_applicable", sentence(err, ErrState)}
	case errors.Is(err, ErrNotNow):
		return refusal{http.StatusServiceUnavailable, "not_started", sentence(err, ErrNotNow)}
	default:
		return refusal{http.StatusInternalServerError, "internal", "The site could not be turned."}
	}
}

// sentence is what err says beyond its kind.
func sentence(err, kind error) string {
	text := strings.TrimPrefix(err.Error(), kind.Error()+": ")
	return strings.ToUpper(text[:1]) + text[1:] + "."
}
