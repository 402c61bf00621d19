package login

import (
	"errors"
	"net/http"

	"github.com/bongsu/bongsu/broker/audit"
	"github.com/bongsu/bongsu/broker/choice"
	"github.com/bongsu/bongsu/broker/id"
	"github.com/bongsu/bongsu/broker/web"
	"github.com/bongsu/bongsu/providers"
)

// returned are the parameters a provider may send back that anybody reads.
var returned = []string{"state", "code", "iss", "error", "error_description", "error_uri", "user", "id_token", "scope"}

// CallbackPosted takes the answer of a provider that posts it from its own
// site (response_mode=form_post), where our Lax cookies are absent.
func (h *Handler) CallbackPosted(w http.ResponseWriter, r *http.Request) error {
	provider := r.PathValue("provider")
	p, ok := h.providers[provider]
	if !ok || !p.Instance().FormPost {
		return &Problem{Kind: web.ProblemCallback, Status: http.StatusBadRequest}
	}
	return h.desk(sealBack).Accept(w, r, "/callback/"+provider, returned)
}

// Callback is the return leg of a login: the provider proves who came back.
//
// A provider that fails, or a person who changes their mind, costs one click
// and not the login: they return to the menu, which says why and offers what
// is left. Only a callback that belongs to no login of this browser ends here.
func (h *Handler) Callback(w http.ResponseWriter, r *http.Request) error {
	values, err := h.desk(sealBack).Values(r)
	if err != nil {
		return err
	}
	ret := providers.Return{Params: values}
	v, leg, err := h.claim(w, r, ret)
	if err != nil {
		return err
	}
	h.forgetLeg(v)
	way := r.PathValue("provider")
	v.login.Last = way
	if h.Standing(way) != InUse { // switched off since: its word is not even asked for
		v.login.failed(way, web.ReasonPaused)
		v.menu = true
		return h.walk(v)
	}
	identity, err := h.providers[way].Finish(v.ctx(), leg, ret)
	if err != nil {
		h.Audit.Record(v.ctx(), audit.Event{
			Name: audit.LegFailed, Client: v.client.ID, Provider: way, Login: v.login.ID,
			Reason: string(providers.OutcomeOf(err)),
		})
		v.login.failed(way, reasonOf(err))
		v.menu = true
		return h.walk(v)
	}
	v.login.proved(&Proof{Identity: identity, At: h.Now().Unix()})
	h.withdraw(v) // it may have been switched off while it was asked
	return h.walk(v)
}

// claim finds the login and the leg that an answer belongs to: the state is
// ours, was made for this very provider, and the browser holds the login's
// cookie. It fails before anything is sent to any provider.
func (h *Handler) claim(w http.ResponseWriter, r *http.Request, ret providers.Return) (*visit, providers.Leg, error) {
	way := r.PathValue("provider")
	p, ok := h.providers[way]
	if !ok || len(ret.Params["state"]) != 1 {
		return nil, providers.Leg{}, h.strayed(r, nil)
	}
	came, err := readState(r.Context(), h.Seal, ret.Params.Get("state"), h.origin(r))
	if errors.Is(err, errState) {
		return nil, providers.Leg{}, h.strayed(r, err)
	}
	if err != nil {
		return nil, providers.Leg{}, err
	}
	if came.provider != id.Tag(way) {
		return nil, providers.Leg{}, h.strayed(r, errState)
	}
	l, err := h.logins.read(r.Context(), r, came.login)
	if err != nil {
		return nil, providers.Leg{}, asBadRequest(h.absent(r, came.login, came.client, err))
	}
	known, ok := h.known(l.Client)
	if !ok || known.Tag != came.client || l.Purpose != came.purpose {
		return nil, providers.Leg{}, h.strayed(r, errState)
	}
	v := &visit{w: w, r: r, login: l, client: known}
	if err := h.sameSession(v); err != nil {
		return nil, providers.Leg{}, err
	}
	if err := choice.Permits(h.required(v), way); err != nil {
		return nil, providers.Leg{}, h.strayed(r, err)
	}
	return v, h.leg(v, p, came.leg), nil
}

// strayed is a callback that belongs to no login of this browser.
func (h *Handler) strayed(r *http.Request, cause error) error {
	h.Audit.Record(r.Context(), audit.Event{Name: audit.CallbackRefused, Reason: "state"})
	return &Problem{Kind: web.ProblemCallback, Status: http.StatusBadRequest, Err: cause}
}

// asBadRequest gives a callback without its login the status of a request that
// cannot be right, whatever the page says.
func asBadRequest(err error) error {
	if p, ok := errors.AsType[*Problem](err); ok {
		p.Status = http.StatusBadRequest
	}
	return err
}
