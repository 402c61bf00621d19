package login

import (
	"net/http"
	"slices"

	"github.com/bongsu/bongsu/broker/choice"
	"github.com/bongsu/bongsu/broker/device"
	"github.com/bongsu/bongsu/broker/web"
	"github.com/bongsu/bongsu/providers"
)

// choose shows the ways to log in right now, best first, with the reason why
// the person sees them again.
func (h *Handler) choose(v *visit) error {
	if err := h.enlist(v); err != nil {
		return err
	}
	ways := h.ways(v)
	if v.login.turnedAway() && h.full(ways) {
		return h.comeBack(v)
	}
	return h.Pages.Write(v.w, http.StatusOK, h.menu(v, ways))
}

// menu is the view of the given ways.
func (h *Handler) menu(v *visit, ways []choice.Way) web.Menu {
	unfinished := h.openLeg(v)
	if unfinished != "" {
		// The person came back and the provider did not send them: no evidence, as
		// anybody can press Back, but reason enough to ask it how it is.
		h.observe(v, "", providers.Observation{Provider: unfinished, Step: providers.StepAuthorize, Outcome: providers.Slow})
	}
	view := web.Menu{
		Frame:        h.frame(v),
		Notice:       h.notice(v, ways, unfinished),
		CancelAction: loginPath(v.login) + "/cancel",
		StepToken:    v.login.stepToken(),
	}
	for _, way := range ways {
		shown := h.wayView(v, way.ID)
		shown.LastUsed = way.LastUsed && unfinished == ""
		shown.Open = way.ID == unfinished
		shown.Down, shown.Why = way.Down, h.whyDown(way)
		shown.Elsewhere, shown.Carried = way.Elsewhere, way.Kind == choice.Site
		shown.Slow, shown.Unsteady = h.doubts(v, way)
		view.Ways = append(view.Ways, shown)
	}
	view.Ways = append(view.Ways, h.paused(v)...)
	view.Outside, view.OutsideHref = h.outside(v)
	if v.login.New != nil {
		view.NewHref = loginPath(v.login)
	}
	return view
}

// ways asks policy for the ways of this login, best first. Only here is it
// known that there are alternatives.
func (h *Handler) ways(v *visit) []choice.Way {
	return choice.Ways(h.question(v))
}

// required is the part of the question that binds: asked when a leg begins, when
// it returns, and at the end.
func (h *Handler) required(v *visit) choice.Question {
	q := choice.Question{Candidates: h.candidates, Allowed: v.client.Providers, Client: v.client.ID, RequiredACR: v.needs()}
	if v.device != nil { // which was permitted; another way could prove nobody now
		q.Allowed = []string{v.device.Provider}
	}
	return q
}

// question adds what only orders the ways.
func (h *Handler) question(v *visit) choice.Question {
	q := h.required(v)
	q.Candidates = h.offered(v, h.viaSites(v, h.rehearsed(v, h.inUse(h.now().candidates))))
	q.Unordered = h.Unordered
	q.WantedACR = v.login.Request.ACRValues
	q.Lang = h.language(v)
	q.LastUsed, q.Used = h.lastUsed(v.r), h.usedWays(v)
	q.Hint = v.login.Request.IDPHint
	q.Failed = v.login.failedWays()
	q.Impossible = h.impossible(v.r)
	q.LoginID = v.login.ID
	return q
}

// offered leaves out of the account page's own menu the ways that belong to
// single websites, unless this browser has used them: they say who uses what.
func (h *Handler) offered(v *visit, candidates []choice.Candidate) []choice.Candidate {
	if v.client.ID != "" || v.login.bound() {
		return candidates
	}
	last, used := h.lastUsed(v.r), h.usedWays(v)
	return slices.DeleteFunc(slices.Clone(candidates), func(c choice.Candidate) bool {
		return c.OnlyFor != nil && c.ID != last && !slices.Contains(used, c.ID)
	})
}

// permits reports whether policy lets this login end by way.
func (h *Handler) permits(v *visit, way string) bool {
	return choice.Permits(h.required(v), way) == nil
}

// notice is the sentence above the buttons: what to do with an earlier account,
// the leg that never came back, the last failure of this login, or what is known
// of the provider it would have gone to.
func (h *Handler) notice(v *visit, ways []choice.Way, unfinished string) *web.Notice {
	if unfinished != "" && !h.failedLast(v, unfinished) {
		return &web.Notice{Reason: web.ReasonUnfinished, Way: h.wayView(v, unfinished)}
	}
	aside := v.login.New
	if v.login.bound() {
		aside = nil
	}
	n := len(v.login.Failures)
	if aside != nil && (n == 0 || v.r.URL.Query().Get("why") == string(web.ReasonExisting)) {
		return &web.Notice{Reason: web.ReasonExisting, Way: h.wayView(v, aside.Identity.Provider)}
	}
	if n > 0 {
		last := v.login.Failures[n-1]
		return &web.Notice{Reason: last.Reason, Way: h.wayView(v, last.Way)}
	}
	if paused := h.pausedNotice(v); paused != nil {
		return paused
	}
	return h.condition(v, ways)
}

// impossible are the ways that the app whose web view sent r lets nobody go.
func (h *Handler) impossible(r *http.Request) []string {
	app := device.AppOf(r)
	var ways []string
	for _, c := range h.candidates {
		if app.Refuses(c.Brand) {
			ways = append(ways, c.ID)
		}
	}
	return ways
}

// outside is where a person begins anew in their own browser: at the website, for
// what it remembers of this login lies in the app. href has the app go there;
// empty where none is known.
func (h *Handler) outside(v *visit) (target, href string) {
	target = v.client.Home()
	if v.login.own() {
		target = h.entrance(v.r) + accountPath
	}
	return target, device.AppOf(v.r).Outside(v.r, target)
}

func (h *Handler) failedLast(v *visit, way string) bool {
	return slices.ContainsFunc(v.login.Failures, func(f Failure) bool { return f.Way == way })
}

func (h *Handler) wayView(v *visit, way string) web.Way {
	view := web.Way{ID: way, Href: loginPath(v.login) + "/go/" + way}
	if p, ok := h.providers[way]; ok {
		view.Kind, view.Name = p.Instance().Brand(), p.Instance().Name
	}
	return view
}
