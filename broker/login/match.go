package login

import (
	"errors"
	"net/http"
	"time"

	"github.com/bongsu/bongsu/broker/account"
	"github.com/bongsu/bongsu/broker/audit"
	"github.com/bongsu/bongsu/broker/choice"
	"github.com/bongsu/bongsu/broker/device"
	"github.com/bongsu/bongsu/broker/id"
	"github.com/bongsu/bongsu/broker/oauth"
	"github.com/bongsu/bongsu/broker/session"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/broker/web"
	"github.com/bongsu/bongsu/providers"
)

// proofLife bounds how old a proven identity may be when an account is opened
// for it.
const proofLife = 10 * time.Minute

// resolve looks for the account of the proven identity, and reports whether
// that ended the login. What could not be looked up is neither a known person
// nor a new one: the proof is kept and the same login goes on when the person
// tries again.
func (h *Handler) resolve(v *visit) (ended bool, err error) {
	// What waits for the writer was finished in time; the login's life bounds it.
	if v.login.Waits == 0 && h.Now().Sub(time.Unix(v.login.Proof.At, 0)) > proofLife {
		v.login.Proof = nil
		return false, nil
	}
	if v.device != nil {
		return h.goOn(v)
	}
	found, err := h.Accounts.Resolve(v.ctx(), v.login.Proof.Identity)
	switch {
	case v.login.bound() && (err == nil || errors.Is(err, account.ErrUnknown) || errors.Is(err, account.ErrDisabled)):
		return h.place(v, found, err)
	case errors.Is(err, account.ErrUnknown) && v.login.New != nil:
		h.unknownToo(v)
		return false, nil
	case errors.Is(err, account.ErrUnknown):
		v.unknown = true
		return false, nil
	case errors.Is(err, account.ErrDisabled):
		return true, h.refuse(v, oauth.AccessDenied("The account is disabled."))
	case err != nil:
		return true, h.couldNotCheck(v, err)
	case v.login.New != nil:
		return false, h.foundOwner(v, found)
	}
	return false, h.proved(v, found)
}

// proved is the moment at which the login has its account: what the browser
// proved becomes a session.
func (h *Handler) proved(v *visit, found store.Account) error {
	proof := v.login.Proof
	made, err := h.newSession(found, proof.Identity, time.Unix(proof.At, 0))
	if err != nil {
		return err
	}
	v.found, v.session = &found, made
	return nil
}

// newSession describes the proof as it was: auth_time is the provider's if it
// gave a sane one, else the moment we verified.
func (h *Handler) newSession(found store.Account, identity providers.Identity, at time.Time) (*session.Session, error) {
	sid, err := id.New(h.Rand)
	if err != nil {
		return nil, err
	}
	proven := at
	if given := identity.AuthTime; !given.IsZero() && given.Before(at) {
		proven = given
	}
	return &session.Session{
		SID: sid, Account: found.ID, Epoch: found.Epoch, Provider: identity.Provider,
		ACR: choice.ACRProvider, AuthTime: proven.Unix(), Began: h.Now().Unix(),
	}, nil
}

// match asks the person whose identity this is: nobody we know has it.
func (h *Handler) match(v *visit) error {
	identity := v.login.Proof.Identity
	way := h.wayView(v, identity.Provider)
	view := web.Match{
		Frame:  h.frame(v),
		Way:    way,
		Proven: identity.Name, ProfileLater: identity.ProfileMissing,
		NewAction:    loginPath(v.login) + "/new-account",
		ExistingHref: loginPath(v.login) + "/menu?why=" + string(web.ReasonExisting),
		CancelAction: loginPath(v.login) + "/cancel",
		StepToken:    v.login.stepToken(),
	}
	for _, down := range h.down(identity.Provider) {
		view.OtherWaysDown = append(view.OtherWaysDown, h.wayView(v, down))
	}
	if last := h.lastUsed(v.r); last != "" && last != identity.Provider {
		view.EarlierWayHint = h.wayView(v, last)
	}
	h.Counts.Matched(MatchAsked)
	return h.Pages.Write(v.w, http.StatusOK, view)
}

// NewAccount is the person's yes to a new account for the identity just proven.
func (h *Handler) NewAccount(w http.ResponseWriter, r *http.Request) error {
	v, err := h.form(w, r)
	if err != nil {
		return err
	}
	v.login.recall()
	proof := v.login.Proof
	if proof == nil || h.Now().Sub(time.Unix(proof.At, 0)) > proofLife {
		v.login.Proof = nil
		return h.walk(v)
	}
	opened, err := h.Accounts.Open(v.ctx(), proof.Identity, h.down(proof.Identity.Provider)...)
	if errors.Is(err, account.ErrDisabled) {
		return h.refuse(v, oauth.AccessDenied("The account is disabled."))
	}
	if err != nil {
		return h.couldNotCheck(v, err)
	}
	if opened.OpenedDuring == "" {
		h.Counts.Matched(MatchNew)
	} else {
		h.Counts.Matched(MatchNewOutage)
	}
	h.Audit.Record(v.ctx(), audit.Event{
		Name: audit.AccountOpened, Client: v.client.ID, Provider: proof.Identity.Provider,
		Account: opened.ID, Login: v.login.ID, Device: device.Label(v.r),
	})
	if err := h.proved(v, opened); err != nil {
		return err
	}
	return h.walk(v)
}

// Cancel is the person's wish to go back to the website without logging in.
func (h *Handler) Cancel(w http.ResponseWriter, r *http.Request) error {
	v, err := h.form(w, r)
	if err != nil {
		return err
	}
	if v.login.own() {
		return h.leave(v, nil)
	}
	if h.unreachable(v) {
		return h.refuse(v, oauth.TemporarilyUnavailable("Every way to log in that meets the request is down; try again later."))
	}
	return h.refuse(v, oauth.AccessDenied("The person went back to the website without logging in."))
}

// form opens the login of one of our own forms and checks that the form was
// made for it.
func (h *Handler) form(w http.ResponseWriter, r *http.Request) (*visit, error) {
	v, err := h.visit(w, r)
	if err != nil {
		return nil, err
	}
	values, err := oauth.ParseForm(w, r)
	if err != nil {
		return nil, err
	}
	if !v.login.checkStep(values.Get("step_token")) {
		return nil, &Problem{
			Kind: web.ProblemForbidden, Status: http.StatusForbidden, Client: v.client,
			RetryHref: loginPath(v.login),
		}
	}
	v.posted, v.values = true, values
	return v, nil
}
