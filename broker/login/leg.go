package login

import (
	"net/http"
	"slices"
	"time"

	"github.com/bongsu/bongsu/broker/device"
	"github.com/bongsu/bongsu/broker/id"
	"github.com/bongsu/bongsu/broker/web"
	"github.com/bongsu/bongsu/providers"
)

// begin sends the browser to the chosen provider, and reports whether it left.
// A way that is not the website's to choose, that bears no more, or that cannot
// be begun, leads to the menu.
func (h *Handler) begin(v *visit) (left bool, err error) {
	way := v.way
	v.way = ""
	p, ok := h.providers[way]
	if !ok || !h.permits(v, way) || !v.login.asks(way) {
		v.menu = true
		return false, nil
	}
	if h.Standing(way) != InUse {
		v.login.failed(way, web.ReasonPaused)
		v.menu = true
		return false, nil
	}
	if to, ok := h.via(v, way); ok {
		return true, h.carry(v, way, to)
	}
	if err := h.enlist(v); err != nil {
		return false, err
	}
	if !h.Ceilings.Enter(way) {
		h.Counts.TurnedAway(way)
		v.login.failed(way, web.ReasonBusy)
		v.menu = true
		return false, nil
	}
	legID, err := newLegID(h.Now(), h.Rand)
	if err != nil {
		return false, err
	}
	leg := h.leg(v, p, legID)
	away, err := p.Begin(v.ctx(), leg)
	if err != nil {
		v.login.failed(way, reasonOf(err))
		v.menu = true
		return false, nil
	}
	if v.login.Seen == 0 {
		if err := h.logins.keep(v.w, v.r, v.login); err != nil {
			return false, err
		}
	}
	h.Counts.Started(way, h.path(v, way), v.client.FirstParty)
	h.stood(v, h.stands(v), way)
	h.rememberLeg(v, way)
	http.Redirect(v.w, v.r, away, http.StatusSeeOther)
	return true, nil
}

// leg binds one round trip to this login. Its secrets derive from the login's,
// so that the callback finds them again without anything stored.
func (h *Handler) leg(v *visit, p providers.Provider, legID string) providers.Leg {
	way := p.Instance().ID
	request := v.login.Request
	leg := providers.Leg{
		State:       state{purpose: v.login.Purpose, login: v.login.ID, leg: legID, provider: id.Tag(way), client: v.client.Tag, origin: h.origin(v.r)}.text(h.Seal),
		Nonce:       v.login.derive("nonce", legID),
		Verifier:    v.login.derive("verifier", legID),
		RedirectURI: h.callbackURL(v.r, way),
		Login:       v.login.ID,
		Drill:       v.login.Drill,
		Fresh:       slices.Contains(request.Prompt, "login") || v.login.links(),
		LoginHint:   request.LoginHint,
		Locales:     []string{h.language(v)},
		Observe:     func(o providers.Observation) { h.observe(v, legID, o) },
	}
	if request.MaxAge != nil {
		age := time.Duration(*request.MaxAge) * time.Second
		leg.MaxAge = &age
		leg.Fresh = leg.Fresh || age == 0
	}
	return leg
}

// observe tells how a step went, and for a step in the browser whether that
// browser is one whose experience counts.
func (h *Handler) observe(v *visit, legID string, o providers.Observation) {
	told := Observation{Observation: o, Client: v.client.ID, Device: device.Of(v.r)}
	if o.Outcome != providers.OK {
		told.Prefix = h.Neighbourhood(v.r) // blame is worth little that always comes from one place
	}
	if o.Step == providers.StepAuthorize || o.Step == providers.StepCallback {
		if m := h.marked(v); m.knows(o.Provider) {
			told.Marked, told.Browser, told.Prefix = true, m.Browser, h.Neighbourhood(v.r)
		}
		if o.Step == providers.StepCallback {
			told.Began = legBegan(legID, h.Now())
		}
	}
	h.Observer.Observe(v.ctx(), told)
}

// reasonOf puts a failed leg into the person's words.
func reasonOf(err error) web.Reason {
	switch providers.OutcomeOf(err) {
	case providers.User:
		return web.ReasonDenied
	case providers.Ours:
		return web.ReasonSetup
	case providers.Trust:
		return web.ReasonInvalid
	default:
		return web.ReasonUnavailable
	}
}
