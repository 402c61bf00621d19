package login

import (
	"slices"

	"github.com/bongsu/bongsu/broker/choice"
	"github.com/bongsu/bongsu/broker/web"
)

// Standing is what operators say about a provider. It is no matter of health.
type Standing uint8

// The standings.
const (
	InUse       Standing = iota
	SwitchedOff          // no leg begins or ends by it for now; the menu says so
	Retired              // gone for good: not shown any more
)

// inUse leaves of candidates those that a leg may begin by.
func (h *Handler) inUse(candidates []choice.Candidate) []choice.Candidate {
	out := func(c choice.Candidate) bool { return h.Standing(c.ID) != InUse }
	if !slices.ContainsFunc(candidates, out) {
		return candidates
	}
	return slices.DeleteFunc(slices.Clone(candidates), out)
}

// paused are the rows of the ways that this website permits and an operator
// switched off for now.
func (h *Handler) paused(v *visit) []web.Way {
	var rows []web.Way
	for _, c := range h.candidates {
		if h.Standing(c.ID) == SwitchedOff && h.permits(v, c.ID) && v.login.asks(c.ID) {
			row := h.wayView(v, c.ID)
			row.Down, row.Why = true, web.ReasonPaused
			rows = append(rows, row)
		}
	}
	return rows
}

// pausedNotice says that the way this login would have gone by is switched off;
// nil when it is not.
func (h *Handler) pausedNotice(v *visit) *web.Notice {
	for _, way := range []string{v.login.Request.IDPHint, h.lastUsed(v.r)} {
		if way != "" && h.Standing(way) == SwitchedOff && h.permits(v, way) {
			return &web.Notice{Reason: web.ReasonPaused, Way: h.wayView(v, way)}
		}
	}
	return nil
}

// withdraw takes out of a login what was proven by providers that were switched
// off since: nothing ends by them, and the person chooses again. Sessions that
// such a provider gave before are not touched: what was proven then was proven.
func (h *Handler) withdraw(v *visit) {
	l := v.login
	for _, proof := range []**Proof{&l.Proof, &l.New, &l.Owner} {
		if *proof == nil || h.Standing((*proof).Identity.Provider) == InUse {
			continue
		}
		l.failed((*proof).Identity.Provider, web.ReasonPaused)
		*proof, v.menu = nil, true
	}
}
