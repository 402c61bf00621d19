package login

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/bongsu/bongsu/broker/audit"
	"github.com/bongsu/bongsu/broker/choice"
	"github.com/bongsu/bongsu/broker/handoff"
	"github.com/bongsu/bongsu/broker/health"
	"github.com/bongsu/bongsu/broker/web"
)

// Carrying is what became of a handoff.
type Carrying string

// The results: sent is counted where a login leaves, the others where it arrives.
const (
	CarryingSent      Carrying = "sent"
	CarryingTaken     Carrying = "taken"
	CarryingUsed      Carrying = "used"      // it was taken before
	CarryingRefused   Carrying = "refused"   // of another place, browser or time, or not ours
	CarryingUnchecked Carrying = "unchecked" // nobody could tell
)

// Carryings returns all results. The caller owns the slice.
func Carryings() []Carrying {
	return []Carrying{CarryingSent, CarryingTaken, CarryingUsed, CarryingRefused, CarryingUnchecked}
}

// movable reports whether a login can go on at another site. One that belongs to
// this browser's session cannot: the session is a cookie of this host.
func (h *Handler) movable(v *visit) bool {
	return h.Handoffs != nil && !v.login.bound() && v.login.ID != ""
}

// reachers are the sites that reach a provider which this one is cut off from, by
// what the board holds; nil: none, or this site reaches it itself.
func reachers(s *health.Snapshot, row health.Row) []string {
	v := row.Verdict
	if v.State != health.Down || v.Cause != health.CauseCutOff && !v.Trial {
		return nil
	}
	var up []string
	down := 0
	for i, cell := range row.Cells {
		site := s.Sites()[i]
		switch {
		case site.Own || cell.Stale || site.Isolated:
		case cell.State == health.Up:
			up = append(up, cell.Site)
		case cell.State == health.Down:
			down++
		}
	}
	if down >= len(up) { // as many say that it is down for everybody
		return nil
	}
	return up
}

// viaSites names, of the ways that this site is cut off from, the site that this
// login can be carried to. One that it came from is none: it did not reach it.
func (h *Handler) viaSites(v *visit, candidates []choice.Candidate) []choice.Candidate {
	cut := h.now().cut
	if len(cut) == 0 || !h.movable(v) {
		return candidates
	}
	targets := h.Elsewhere()
	copied := false
	for i := range candidates {
		reaching := cut[candidates[i].ID]
		n := 0
		var could [maxSites]string
		for _, t := range targets {
			if n < maxSites && slices.Contains(reaching, t.Site) && !slices.Contains(v.login.Came, t.Site) {
				could[n] = t.Site
				n++
			}
		}
		if n == 0 {
			continue
		}
		if !copied {
			candidates, copied = slices.Clone(candidates), true
		}
		candidates[i].Via = could[choice.Spread(v.login.ID, n)]
	}
	return candidates
}

// maxSites bounds how many sites a login chooses from.
const maxSites = 16

// via is the site by which this login goes to a way; false: by this one.
func (h *Handler) via(v *visit, way string) (handoff.Target, bool) {
	if len(h.now().cut[way]) == 0 || v.here {
		return handoff.Target{}, false
	}
	site := choice.Via(h.question(v), way)
	targets := h.Elsewhere
	if site == "" || targets == nil {
		return handoff.Target{}, false
	}
	for _, t := range targets() {
		if t.Site == site {
			return t, true
		}
	}
	return handoff.Target{}, false
}

// pack seals the login for other sites, for as long as life.
func (h *Handler) pack(v *visit, way string, life time.Duration, targets ...handoff.Target) (handoff.Packed, error) {
	m, err := h.knownBrowser(v)
	if err != nil {
		return handoff.Packed{}, err
	}
	if v.login.Seen == 0 {
		v.login.Seen = h.Now().Unix()
	}
	plain, err := json.Marshal(v.login)
	if err != nil {
		return handoff.Packed{}, fmt.Errorf("encode login: %w", err)
	}
	return h.Handoffs.Pack(handoff.Parcel{Login: plain, Way: way, Browser: m.Browser}, life, targets...)
}

// carry sends the browser with its login to a site that reaches the chosen way. The
// login has ended here until the person comes back to it.
func (h *Handler) carry(v *visit, way string, to handoff.Target) error {
	for len(v.login.Came) >= maxCame {
		v.login.Came = v.login.Came[1:]
	}
	packed, err := h.pack(v, way, handoff.Brisk, to)
	if err != nil {
		return err
	}
	if err := h.logins.carried(v.w, v.r, v.login, way); err != nil {
		return err
	}
	h.forgetLeg(v)
	h.Counts.Carried(CarryingSent)
	h.Audit.Record(v.ctx(), audit.Event{
		Name: audit.LoginCarried, Client: v.client.ID, Provider: way, Login: v.login.ID, Object: to.Site,
	})
	http.Redirect(v.w, v.r, packed.Address(0), http.StatusSeeOther)
	return nil
}

// maxCame bounds how many sites a login remembers to have come from.
const maxCame = 4

// takeBack returns a login that went on at another site to the browser that came
// back to its page here: what became of it there nobody here knows, and no login
// ends in a page without a way on. otherwise is returned when there is none.
func (h *Handler) takeBack(w http.ResponseWriter, r *http.Request, loginID string, otherwise error) (*Login, error) {
	l, way, ok := h.logins.away(r.Context(), r, loginID)
	if !ok {
		return nil, otherwise
	}
	if way != "" {
		l.failed(way, web.ReasonUnfinished)
	}
	return l, h.logins.keep(w, r, l)
}

// Continue takes over a login that another site could not go on with, at this
// site's own origin: as it was, with what was proven and when, and for the time
// that it has left. It fails before anything is used up unless the handoff is for
// this place and this browser.
func (h *Handler) Continue(w http.ResponseWriter, r *http.Request) error {
	if h.Handoffs == nil || h.origin(r) == "" {
		return &Problem{Kind: web.ProblemNotFound, Status: http.StatusNotFound}
	}
	v := &visit{w: w, r: r}
	opened, err := h.Handoffs.Open(v.ctx(), r.URL.Query(), h.browserName(v))
	if refusal, ok := errors.AsType[*handoff.Refusal](err); ok {
		return h.notCarried(v, refusal.Reason, refusal)
	}
	if err != nil {
		return err
	}
	if err := h.unpack(v, opened); err != nil {
		return err
	}
	err = h.Handoffs.Take(v.ctx(), opened)
	switch {
	case errors.Is(err, handoff.ErrUsed):
		return h.carriedBefore(v, err)
	case err != nil:
		h.Counts.Carried(CarryingUnchecked)
		return &Problem{
			Kind: web.ProblemUnavailable, Status: http.StatusServiceUnavailable, Client: v.client,
			RetryHref: r.URL.RequestURI(), Err: err, // the one page that has a handoff of its own in it: the same browser's
		}
	}
	h.Counts.Carried(CarryingTaken)
	h.Audit.Record(v.ctx(), audit.Event{
		Name: audit.LoginContinued, Client: v.client.ID, Provider: opened.Way, Login: v.login.ID, Object: opened.From,
	})
	v.login.Came = append(v.login.Came, opened.From)
	if err := h.logins.keep(w, r, v.login); err != nil {
		return err
	}
	h.withdraw(v)
	// Without a way it is the form of a page that sent the browser here: another
	// origin, the website's, is reached from here as after our own forms.
	v.way, v.here, v.posted = opened.Way, true, opened.Way == ""
	return h.walk(v)
}

// unpack reads the login of a handoff. A login that may not go on any more, or of
// which this site knows no website, ends on our own page.
func (h *Handler) unpack(v *visit, o *handoff.Opened) error {
	var l Login
	if json.Unmarshal(o.Login, &l) != nil || l.bound() || l.own() != (l.Client == "") {
		return h.notCarried(v, "form", nil)
	}
	known, ok := h.known(l.Client)
	if !ok {
		if err := h.Clients.Complete(); err != nil {
			return err
		}
		return h.notCarried(v, "client", nil)
	}
	v.login, v.client = &l, known
	if l.expired(h.Now()) {
		h.Counts.Carried(CarryingRefused)
		return &Problem{Kind: web.ProblemExpired, Status: http.StatusBadRequest, Client: known}
	}
	if _, ended := h.logins.finished(v.ctx(), v.r, l.ID); ended {
		return &Problem{Kind: web.ProblemDone, Status: http.StatusBadRequest, Client: known}
	}
	return nil
}

// notCarried is a handoff that is for nobody here.
func (h *Handler) notCarried(v *visit, reason string, cause error) error {
	h.Counts.Carried(CarryingRefused)
	h.Audit.Record(v.ctx(), audit.Event{Name: audit.HandoffRefused, Reason: reason})
	return &Problem{Kind: web.ProblemHandoff, Status: http.StatusBadRequest, Err: cause}
}

// carriedBefore is a handoff that was used: whoever came by it has the login here.
func (h *Handler) carriedBefore(v *visit, cause error) error {
	h.Counts.Carried(CarryingUsed)
	h.Audit.Record(v.ctx(), audit.Event{Name: audit.HandoffRefused, Client: v.client.ID, Login: v.login.ID, Reason: "used"})
	p := &Problem{Kind: web.ProblemHandoff, Status: http.StatusBadRequest, Client: v.client, Err: cause}
	if _, err := h.logins.read(v.ctx(), v.r, v.login.ID); err == nil {
		p.RetryHref = loginPath(v.login)
	}
	return p
}

// maxOffered bounds how many other sites a page names: nobody reads more.
const maxOffered = 2

// elsewhere is where this login goes on when this site does not answer any more:
// for as long as the login lives, at each place once. None is no error: the page is
// as good without them.
func (h *Handler) elsewhere(v *visit) web.Elsewhere {
	if !h.movable(v) {
		return web.Elsewhere{}
	}
	targets := h.Elsewhere()
	if len(targets) == 0 {
		return web.Elsewhere{}
	}
	if n := len(targets); n > maxOffered {
		from := choice.Spread(v.login.ID, n)
		targets = slices.Concat(targets[from:], targets[:from])[:maxOffered]
	}
	packed, err := h.pack(v, "", fullLife, targets...)
	if err != nil {
		return web.Elsewhere{}
	}
	e := web.Elsewhere{
		Carried: web.Field{Name: handoff.ParamSealed, Value: packed.Sealed}, Places: make([]web.Place, len(packed.At)),
	}
	for i, at := range packed.At {
		e.Places[i] = web.Place{Host: targets[i].Origin.Host, Action: at.URL, For: web.Field{Name: handoff.ParamTag, Value: at.Tag}}
	}
	return e
}
