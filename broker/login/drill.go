package login

import (
	"slices"

	"github.com/bongsu/bongsu/broker/choice"
	"github.com/bongsu/bongsu/broker/drill"
)

// Drills practise outages: see the drill package.
type Drills interface {
	// Looks tells in which drill a login takes part that has the choice of
	// provider, if in any; ways is how many the person is known to have.
	Looks(provider, loginID string, ways int) (drill.Kind, string)
	// Seems tells what a provider seems to do in a login of that drill.
	Seems(provider, drillID string) drill.Kind
	Count(e drill.Event)
}

// noDrills is a walk without drills.
type noDrills struct{}

func (noDrills) Looks(string, string, int) (drill.Kind, string) { return drill.None, "" }
func (noDrills) Seems(string, string) drill.Kind                { return drill.None }
func (noDrills) Count(drill.Event)                              {}

// enlist has the login take part in the drill that runs, if its number comes up:
// once, from the moment that it has the choice. It is kept with the login, so
// that every node knows.
func (h *Handler) enlist(v *visit) error {
	if v.login.Drill != "" || v.login.Purpose != PurposeLogin {
		return nil
	}
	for _, c := range h.candidates {
		_, in := h.Drills.Looks(c.ID, v.login.ID, len(h.usedWays(v)))
		if in == "" || !h.permits(v, c.ID) {
			continue
		}
		v.login.Drill = in
		h.practised(v, drill.Assigned, "")
		return h.logins.keep(v.w, v.r, v.login)
	}
	return nil
}

// practised tells what became of a login that takes part in a drill.
func (h *Handler) practised(v *visit, what drill.What, way string) {
	if v.login.Drill != "" {
		h.Drills.Count(drill.Event{What: what, Drill: v.login.Drill, Login: v.login.ID, Way: way})
	}
}

// rehearsed is candidates as the login's drill has them.
func (h *Handler) rehearsed(v *visit, candidates []choice.Candidate) []choice.Candidate {
	down := func(c choice.Candidate) bool { return h.Drills.Seems(c.ID, v.login.Drill) == drill.Down }
	if v.login.Drill == "" || !slices.ContainsFunc(candidates, down) {
		return candidates
	}
	seen := slices.Clone(candidates)
	for i := range seen {
		if down(seen[i]) {
			seen[i].Verdict = choice.Down
		}
	}
	return seen
}
