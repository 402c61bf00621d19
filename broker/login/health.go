package login

import (
	"slices"

	"github.com/bongsu/bongsu/broker/choice"
	"github.com/bongsu/bongsu/broker/device"
	"github.com/bongsu/bongsu/broker/health"
	"github.com/bongsu/bongsu/broker/web"
)

// Health is what this site knows of each provider right now. The snapshot is
// never nil and never changes.
type Health interface {
	Snapshot() *health.Snapshot
}

// Ceilings bound how many legs begin at a provider.
type Ceilings interface {
	// Enter reports whether one more leg may begin now, and counts it.
	Enter(provider string) bool
	// Full reports whether none may begin now.
	Full(provider string) bool
}

// seen is the configured ways as one snapshot judges them. It is made once for
// each snapshot, not for each login.
type seen struct {
	snapshot   *health.Snapshot
	candidates []choice.Candidate
	cut        map[string][]string // by way that this site is cut off from: the sites that reach it
}

// now returns the configured ways with the verdicts of this moment.
func (h *Handler) now() *seen {
	snapshot := h.Health.Snapshot()
	if known := h.seen.Load(); known != nil && known.snapshot == snapshot {
		return known
	}
	fresh := &seen{snapshot: snapshot, candidates: slices.Clone(h.candidates)}
	for i := range fresh.candidates {
		c := &fresh.candidates[i]
		verdict := snapshot.Of(c.ID)
		c.Verdict, c.Weight = verdictOf(verdict), verdict.Weight
	}
	if h.Handoffs != nil {
		for _, row := range snapshot.Matrix() {
			if sites := reachers(snapshot, row); sites != nil {
				if fresh.cut == nil {
					fresh.cut = make(map[string][]string)
				}
				fresh.cut[row.Provider] = sites
			}
		}
	}
	h.seen.Store(fresh)
	return fresh
}

// verdictOf puts a board's verdict into the words of policy, which are the same
// but for one.
func verdictOf(v health.Verdict) choice.Verdict {
	if v.Trial {
		return choice.Trial
	}
	return choice.Verdict(v.State.String())
}

// direct reports whether this login may go straight to the hinted way. One that
// is down, or that yields in this login, is the person's to choose.
func (h *Handler) direct(v *visit, hint string) bool {
	if hint == "" {
		return false
	}
	q := h.required(v)
	q.Candidates = h.viaSites(v, h.inUse(h.now().candidates))
	q.LastUsed, q.Used, q.LoginID = h.lastUsed(v.r), h.usedWays(v), v.login.ID
	q.Impossible = h.impossible(v.r)
	return choice.Direct(q, hint)
}

// condition is the notice about the provider that this login would most likely
// have gone to, when something is known against it; nil when all is well there.
func (h *Handler) condition(v *visit, ways []choice.Way) *web.Notice {
	snapshot := h.now().snapshot
	way, ok := h.expected(v, ways)
	if !ok {
		return nil
	}
	verdict := snapshot.Of(way.ID)
	notice := &web.Notice{Way: h.wayView(v, way.ID), Checked: verdict.Checked}
	switch {
	case snapshot.Isolated:
		return &web.Notice{Reason: web.ReasonIsolated, Checked: verdict.Checked}
	case way.Down && verdict.Cause == health.CauseCutOff:
		notice.Reason = web.ReasonCutOff
	case way.Down:
		notice.Reason = web.ReasonDown
	case verdict.Cause == health.CausePeers:
		notice.Reason = web.ReasonChecking
	case verdict.Cause == health.CausePartial && slices.Contains(verdict.Devices, device.Of(v.r)):
		notice.Reason, notice.Device = web.ReasonPartial, string(device.Of(v.r))
	case verdict.Cause == health.CauseSlow:
		notice.Reason = web.ReasonSlow
	default:
		return nil
	}
	if notice.Reason == web.ReasonDown {
		notice.Also = h.alsoDown(v, ways, way.ID)
	}
	return notice
}

// alsoDown are the other ways that are down for the reason that one is.
func (h *Handler) alsoDown(v *visit, ways []choice.Way, but string) []web.Way {
	var also []web.Way
	for _, way := range ways {
		if way.Down && way.ID != but && h.whyDown(way) == "" {
			also = append(also, h.wayView(v, way.ID))
		}
	}
	return also
}

// doubts says what speaks against a way that can be used: it answers late, or
// it may fail, because it came back only lately or fails for devices like this one.
func (h *Handler) doubts(v *visit, way choice.Way) (slow, unsteady bool) {
	if !way.Slow {
		return false, false
	}
	switch verdict := h.now().snapshot.Of(way.ID); verdict.Cause {
	case health.CauseSlow:
		return true, false
	case health.CausePartial:
		return false, len(verdict.Devices) == 0 || slices.Contains(verdict.Devices, device.Of(v.r))
	default:
		return false, true
	}
}

// whyDown is why a way is down, where that is not the way's own trouble.
func (h *Handler) whyDown(way choice.Way) web.Reason {
	if way.Down && h.now().snapshot.Of(way.ID).Cause == health.CauseCutOff {
		return web.ReasonCutOff
	}
	return ""
}

// expected is the way a login would have gone by if nothing were wrong: the
// one the website named, the one used last, or the first that is down.
func (h *Handler) expected(v *visit, ways []choice.Way) (choice.Way, bool) {
	for _, id := range []string{v.login.Request.IDPHint, h.lastUsed(v.r)} {
		if i := slices.IndexFunc(ways, func(w choice.Way) bool { return id != "" && w.ID == id }); i >= 0 {
			return ways[i], true
		}
	}
	if i := slices.IndexFunc(ways, func(w choice.Way) bool { return w.Down }); i >= 0 {
		return ways[i], true
	}
	if len(ways) > 0 {
		return ways[0], true
	}
	return choice.Way{}, false
}

// full reports whether no permitted way takes one more leg now.
func (h *Handler) full(ways []choice.Way) bool {
	return !slices.ContainsFunc(ways, func(w choice.Way) bool { return !h.Ceilings.Full(w.ID) })
}
