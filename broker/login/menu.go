package login

import (
	"net/http"
	"slices"

	"github.com/bongsu/bongsu/broker/choice"
	"github.com/bongsu/bongsu/broker/web"
)

// choose shows the ways to log in right now, best first, with the reason why
// the person sees them again.
func (h *Handler) choose(v *visit) error {
	unfinished := h.openLeg(v)
	ways := h.ways(v)
	view := web.Menu{
		Frame:        h.frame(v),
		Notice:       h.notice(v, unfinished),
		CancelAction: loginPath(v.login) + "/cancel",
		StepToken:    v.login.stepToken(),
	}
	for _, way := range ways {
		shown := h.wayView(v, way.ID)
		shown.LastUsed = way.LastUsed && unfinished == ""
		shown.Open = way.ID == unfinished
		shown.Down = way.Down
		shown.Slow = way.Slow
		view.Ways = append(view.Ways, shown)
	}
	return h.Pages.Write(v.w, http.StatusOK, view)
}

// ways asks policy for the ways of this login, best first. Only here is it
// known that there are alternatives.
func (h *Handler) ways(v *visit) []choice.Way {
	return choice.Ways(h.question(v))
}

func (h *Handler) question(v *visit) choice.Question {
	candidates := make([]choice.Candidate, 0, len(h.Providers))
	for _, p := range h.Providers {
		candidates = append(candidates, choice.Candidate{
			ID: p.Instance().ID, Kind: choice.Provider, Brand: p.Instance().Kind,
			ACR: choice.ACRProvider, Verdict: choice.Unknown,
		})
	}
	return choice.Question{
		Candidates:  candidates,
		Unordered:   h.Unordered,
		WantedACR:   v.login.Request.ACRValues,
		Allowed:     v.client.Providers,
		Lang:        h.language(v),
		LastUsed:    h.lastUsed(v.r),
		Hint:        v.login.Request.IDPHint,
		Failed:      v.login.failedWays(),
		RequiredACR: v.client.MinACR,
		LoginID:     v.login.ID,
	}
}

// notice is the sentence above the buttons: what to do with an earlier account,
// the leg that never came back, or the last failure of this login.
func (h *Handler) notice(v *visit, unfinished string) *web.Notice {
	if proof := v.login.Proof; proof != nil && v.r.URL.Query().Get("why") == string(web.ReasonExisting) {
		return &web.Notice{Reason: web.ReasonExisting, Way: h.wayView(v, proof.Identity.Provider)}
	}
	if unfinished != "" && !h.failedLast(v, unfinished) {
		return &web.Notice{Reason: web.ReasonUnfinished, Way: h.wayView(v, unfinished)}
	}
	if n := len(v.login.Failures); n > 0 {
		last := v.login.Failures[n-1]
		return &web.Notice{Reason: last.Reason, Way: h.wayView(v, last.Way)}
	}
	return nil
}

func (h *Handler) failedLast(v *visit, way string) bool {
	return slices.ContainsFunc(v.login.Failures, func(f Failure) bool { return f.Way == way })
}

func (h *Handler) wayView(v *visit, way string) web.Way {
	view := web.Way{ID: way, Href: loginPath(v.login) + "/go/" + way}
	if p, ok := h.providers[way]; ok {
		view.Kind, view.Name = p.Instance().Kind, p.Instance().Name
	}
	return view
}
