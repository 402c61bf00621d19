package login

import (
	"errors"
	"net/http"
	"slices"

	"github.com/bongsu/bongsu/broker/account"
	"github.com/bongsu/bongsu/broker/audit"
	"github.com/bongsu/bongsu/broker/consent"
	"github.com/bongsu/bongsu/broker/device"
	"github.com/bongsu/bongsu/broker/oauth"
	"github.com/bongsu/bongsu/broker/session"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/broker/web"
)

// answer is what the person said on the consent page of this login.
type answer struct {
	Account  string   `json:"a"` // who said so
	Scope    []string `json:"s"` // said yes to
	Declined []string `json:"n,omitempty"`
}

// agreedTo is what this login may give the website: what it asked for without
// what the person declined. missing is what nobody was asked yet. An error means
// that it could not be read.
func (h *Handler) agreedTo(v *visit) (scope, missing []string, err error) {
	asked := v.login.Request.Scope
	if said := v.login.Answer; said != nil && said.Account == v.found.ID {
		given := store.Consent{Scope: said.Scope, Declined: said.Declined}
		return without(asked, said.Declined), consent.Missing(given, asked), nil
	}
	always := v.login.Request.HasPrompt(oauth.PromptConsent)
	if v.client.FirstParty && !always {
		return asked, nil, nil
	}
	if always {
		return asked, asked, nil
	}
	given, err := h.Consents.Of(v.ctx(), v.found.ID, v.client.ID, asked)
	if err != nil {
		return nil, asked, err
	}
	return without(asked, given.Declined), consent.Missing(given, asked), nil
}

func without(asked, declined []string) []string {
	return slices.DeleteFunc(slices.Clone(asked), func(s string) bool { return slices.Contains(declined, s) })
}

// consented reports whether the person lets the website see what it asked for.
// If not, the next step is to ask them; what could not be read is asked again,
// which costs a click and not the login. Nothing is shown when the website
// wants nothing shown.
func (h *Handler) consented(v *visit) (ended bool, err error) {
	if v.login.own() {
		v.consented = true
		return false, nil
	}
	// Policy first: nobody is asked about a login that is refused all the same.
	if refusal := h.policy(v); refusal != nil {
		return true, h.refuse(v, refusal)
	}
	if v.continued() {
		v.login.Request.Scope, v.consented = v.device.Granted(v.login.Request.Scope), true
		return false, nil
	}
	scope, missing, err := h.agreedTo(v)
	silent := v.login.Request.HasPrompt(oauth.PromptNone)
	switch {
	case err != nil && silent:
		return true, h.refuse(v, oauth.TemporarilyUnavailable("The consent could not be read; try again.").With(err))
	case len(missing) > 0 && silent:
		return true, h.refuse(v, oauth.ConsentRequired("The person has not yet said yes to what is asked for."))
	case len(missing) > 0:
		v.missing = missing
		v.rememberWho()
		return false, nil
	}
	v.login.Request.Scope, v.consented = scope, true
	return h.held(v, silent)
}

// askConsent asks the person what the website may see.
func (h *Handler) askConsent(v *visit) error {
	found := v.found
	view := web.Consent{
		Frame: h.frame(v), Site: v.client.URI, PolicyHref: v.client.PolicyURI, TermsHref: v.client.TermsURI,
		Action: loginPath(v.login) + "/agree", CancelAction: loginPath(v.login) + "/cancel",
		StepToken: v.login.stepToken(), Known: len(v.missing) < len(v.login.Request.Scope),
	}
	values := map[string]string{oauth.ScopeProfile: found.Name, oauth.ScopeEmail: found.Email, oauth.ScopePhone: found.Phone}
	for _, scope := range v.missing {
		view.Items = append(view.Items, web.ConsentItem{
			Scope: scope, Value: values[scope], Optional: v.client.Optional(scope),
		})
	}
	return h.Pages.Write(v.w, http.StatusOK, view)
}

// Agree is the person's yes to what the website may see, without the optional
// things they left out.
func (h *Handler) Agree(w http.ResponseWriter, r *http.Request) error {
	v, err := h.form(w, r)
	if err != nil {
		return err
	}
	v.yes = true
	return h.walk(v)
}

// agree takes note of the yes. Without a writer it counts for this login alone.
func (h *Handler) agree(v *visit) {
	v.yes = false
	said := &answer{Account: v.found.ID}
	for _, scope := range v.missing {
		if v.client.Optional(scope) && !slices.Contains(v.values["scope"], scope) {
			said.Declined = append(said.Declined, scope)
		} else {
			said.Scope = append(said.Scope, scope)
		}
	}
	given, err := h.Consents.Of(v.ctx(), v.found.ID, v.client.ID, nil)
	if err == nil {
		err = h.Consents.Give(v.ctx(), v.found.ID, v.client.ID, said.Scope, said.Declined)
	}
	reason := ""
	if err != nil {
		reason = "not_kept"
	}
	for _, scope := range v.login.Request.Scope { // what was said before counts on
		if !slices.Contains(v.missing, scope) && slices.Contains(given.Declined, scope) {
			said.Declined = append(said.Declined, scope)
		} else if !slices.Contains(v.missing, scope) {
			said.Scope = append(said.Scope, scope)
		}
	}
	v.login.Answer, v.missing = said, nil
	h.Audit.Record(v.ctx(), audit.Event{
		Name: audit.ConsentGiven, Client: v.client.ID, Account: v.found.ID, Login: v.login.ID, Reason: reason,
		Device: device.Label(v.r), Session: v.session.SID,
	})
}

// resume finds the account of a login that goes on with the browser's session:
// the same one as when it began, or else the person chooses a way.
func (h *Handler) resume(v *visit) (ended bool, err error) {
	sid, who := v.login.Session, v.login.Account
	v.login.Session, v.login.Account = "", ""
	current, err := h.Sessions.Read(v.ctx(), v.r)
	if errors.Is(err, session.ErrNone) {
		return false, nil
	}
	if err == nil && (current.SID != sid || current.Account != who) {
		return false, nil
	}
	if err == nil {
		var found store.Account
		found, err = h.Accounts.Current(v.ctx(), current.Account, current.Epoch)
		if err == nil {
			v.found, v.session = &found, &current
			v.login.Session, v.login.Account = sid, who
			return false, nil
		}
	}
	if errors.Is(err, account.ErrUnknown) || errors.Is(err, account.ErrDisabled) || errors.Is(err, account.ErrEnded) {
		return false, nil
	}
	v.login.Session, v.login.Account = sid, who
	return true, h.couldNotCheck(v, err)
}
