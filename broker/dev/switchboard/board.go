package switchboard

import (
	_ "embed" // the style sheet and the script
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"

	"github.com/bongsu/bongsu/broker/dev/look"
	"github.com/bongsu/bongsu/providers/fakeidp"
)

//go:embed assets/board.css
var sheet []byte

//go:embed assets/live.js
var liveScript []byte

// Upstream is a simulated provider that can be broken. [*fakeidp.Upstream] is one.
type Upstream interface {
	// Fault returns how the upstream fails now; empty is health.
	Fault() fakeidp.Fault
	// SetFault makes it fail so from now on; empty heals. The error matches
	// [fakeidp.ErrUnknownFault] or [fakeidp.ErrNotApplicable].
	SetFault(fakeidp.Fault) error
	// Play does the same for faults that are narrowed, or that change over
	// time. The error may also match [fakeidp.ErrScope].
	Play([]fakeidp.Phase) error
	// Script returns what was set, one phase for a single fault.
	Script() []fakeidp.Phase
	// Kinds returns the faults it can have.
	Kinds() []fakeidp.Kind
}

// Provider is one switch of the board.
type Provider struct {
	ID       string // provider instance id; its pages stand below /ID/
	Upstream Upstream
}

// Options says what the board switches and where the rest of dev mode stands.
type Options struct {
	URL       string       // its own address, "http://localhost:8419"
	Issuer    string       // "http://localhost:8417"
	Demo      string       // "http://localhost:8418"
	Providers []Provider   // in the order they are shown
	Sites     []Site       // in the order in which the issuer's address asks them
	Upstreams http.Handler // the providers' own pages
	Events    *Log         // what happened, for reading; whoever composes the board writes it
	Logger    *slog.Logger // nil discards
}

// Board is the switchboard. It is an [http.Handler], safe for concurrent use.
type Board struct {
	options Options
	mux     *http.ServeMux
}

// own are the first path elements that the board needs for itself.
var own = []string{"faults", "events", "switch", "heal", "sites", "assets"}

// New returns the switchboard.
func New(o Options) (*Board, error) {
	if o.Upstreams == nil || o.Events == nil {
		return nil, errors.New("switchboard: upstreams and events are required")
	}
	for _, p := range o.Providers {
		if p.Upstream == nil || p.ID == "" || slices.Contains(own, p.ID) {
			return nil, fmt.Errorf("switchboard: provider %q cannot have a switch", p.ID)
		}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	b := &Board{options: o}
	b.mux = b.routes()
	return b, nil
}

// ServeHTTP implements [http.Handler].
func (b *Board) ServeHTTP(w http.ResponseWriter, r *http.Request) { b.mux.ServeHTTP(w, r) }

// routes keeps the providers' pages, which other sites lead to and post to,
// apart from the board, which they may not touch.
func (b *Board) routes() *http.ServeMux {
	board := http.NewServeMux()
	board.HandleFunc("GET /{$}", b.page)
	board.HandleFunc("POST /switch/{provider}", b.flip)
	board.HandleFunc("POST /heal", b.healAll)
	board.HandleFunc("GET /faults", b.faults)
	board.HandleFunc("GET /faults/kinds", b.kinds)
	board.HandleFunc("GET /faults/{provider}", b.fault)
	board.HandleFunc("PUT /faults/{provider}", b.putFault)
	board.HandleFunc("DELETE /faults/{provider}", b.deleteFault)
	board.HandleFunc("GET /sites", b.sites)
	board.HandleFunc("GET /sites/{site}", b.siteNow)
	board.HandleFunc("PUT /sites/{site}", b.putSite)
	board.HandleFunc("POST /sites/{site}", b.turn)
	board.HandleFunc("GET /events", b.events)
	board.Handle("GET /assets/board.css", look.Asset("text/css; charset=utf-8", look.Sheet(sheet)))
	board.Handle("GET /assets/copy.js", look.Asset("text/javascript; charset=utf-8", look.CopyScript()))
	board.Handle("GET /assets/live.js", look.Asset("text/javascript; charset=utf-8", liveScript))

	all := http.NewServeMux()
	all.Handle("/", http.NewCrossOriginProtection().Handler(board))
	for _, p := range b.options.Providers {
		all.Handle("/"+p.ID+"/", b.options.Upstreams)
	}
	return all
}

// provider returns the switch that the path names.
func (b *Board) provider(r *http.Request) (Provider, bool) {
	i := slices.IndexFunc(b.options.Providers, func(p Provider) bool { return p.ID == r.PathValue("provider") })
	if i < 0 {
		return Provider{}, false
	}
	return b.options.Providers[i], true
}

// Down returns the providers that stand still: those that do not answer at all.
func (b *Board) Down() []string {
	var down []string
	for _, p := range b.options.Providers {
		if p.Upstream.Fault() == fakeidp.Dark {
			down = append(down, p.ID)
		}
	}
	return down
}
