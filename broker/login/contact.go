package login

import (
	"errors"
	"net/http"
	"time"

	"github.com/bongsu/bongsu/broker/choice"
	"github.com/bongsu/bongsu/broker/contact"
	"github.com/bongsu/bongsu/broker/continuation"
	"github.com/bongsu/bongsu/broker/oauth"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/broker/web"
)

// aloneFor is how long people whom no device is known of are let begin all the same
// when no database answers: most outages end while they are at the provider, and what
// they prove there is kept.
const aloneFor = time.Minute

// awayRetry is how long people are asked to wait while databases are away, in
// seconds.
const awayRetry = 30

// Devices is what is known of browsers that logged in before, for when no database
// answers.
type Devices interface {
	// Read returns what is known of a browser at a website; an error says why nobody
	// goes on by it.
	Read(r *http.Request, clientID string) (continuation.Device, error)
	Remember(w http.ResponseWriter, r *http.Request, d continuation.Device) error
	Renew(w http.ResponseWriter, r *http.Request, d continuation.Device) error
}

// Why a login cannot go on while databases are away. They are for the log.
var (
	errCutOff  = errors.New("login: what this site knows is older than the website allows")
	errAlone   = errors.New("login: no database answers, and the website does not let people go on without")
	errWeak    = errors.New("login: no database answers, and the website requires more than a known device")
	errAsks    = errors.New("login: no database answers, and the request asks for what only one can say")
	errOther   = errors.New("login: no database answers, and the identity is not the one that this device is known by")
	errForeign = errors.New("login: no database answers, and the website no longer takes the way that this device is known by")
)

// reachable decides whether this login can go on with what is left of the
// deployment, and reports whether it ended. While no database answers, and has not for
// a while, it goes on for a device that is known alone.
func (h *Handler) reachable(v *visit) (ended bool, err error) {
	if v.reached {
		return false, nil
	}
	state := h.Contact()
	if state.Mode != contact.Alone {
		if !state.Serves(v.client.StaleAllowed) {
			return true, h.away(v, errCutOff)
		}
		v.reached = true
		return false, nil
	}
	known, err := h.knownDevice(v)
	switch {
	case err == nil:
		v.device = &known
	case h.Now().Sub(state.Since) > aloneFor:
		return true, h.away(v, err)
	}
	v.reached = true
	return false, nil
}

// knownDevice returns what this browser is known by at the website, if that is
// enough for what it asks.
func (h *Handler) knownDevice(v *visit) (continuation.Device, error) {
	switch request := v.login.Request; {
	case v.login.own() || !v.client.Continuation || h.Devices == nil:
		return continuation.Device{}, errAlone
	case request.HasPrompt(oauth.PromptNone) || request.HasPrompt(oauth.PromptConsent):
		return continuation.Device{}, errAsks
	case !choice.Satisfies(choice.ACRContinued, v.needs()):
		return continuation.Device{}, errWeak
	}
	known, err := h.Devices.Read(v.r, v.client.ID)
	if err == nil && !h.permits(v, known.Provider) {
		err = errForeign
	}
	return known, err
}

// away says that databases are away, and keeps the login: an outage of ours is
// neither a yes nor a no.
func (h *Handler) away(v *visit, cause error) error {
	if !v.login.own() && v.login.Request.HasPrompt(oauth.PromptNone) {
		return h.refuse(v, oauth.TemporarilyUnavailable("Parts of our service cannot be reached; try again.").With(cause))
	}
	again := v.r.URL.RequestURI()
	switch {
	case v.login.ID != "":
		if err := h.logins.keep(v.w, v.r, v.login); err != nil {
			return errors.Join(cause, err)
		}
		again = loginPath(v.login)
	case v.login.Hinted != "":
		again = "" // no page of ours holds a token
	}
	return &Problem{
		Kind: web.ProblemAway, Status: http.StatusServiceUnavailable, Client: v.client,
		RetryHref: again, RetryAfter: awayRetry, Elsewhere: h.elsewhere(v), Err: cause, // another site may have a database
	}
}

// goOn ends a login by the device that is known, if the identity proven in this
// very login is the one it is known by. Nobody else gets a subject: who they are
// could not be looked up.
func (h *Handler) goOn(v *visit) (ended bool, err error) {
	identity := v.login.Proof.Identity
	if !v.device.Matches(store.IdentityKey{Provider: identity.Provider, Subject: identity.Subject}) {
		v.login.Proof = nil // the person may take the right one
		return true, h.away(v, errOther)
	}
	if err := h.proved(v, v.device.Known()); err != nil {
		return true, err
	}
	v.session.ACR = choice.ACRContinued
	return false, nil
}

// continued reports whether this login ends by a device that is known alone.
func (v *visit) continued() bool { return v.device != nil && v.found != nil }

// subject is what the website knows the account of this login by.
func (h *Handler) subject(v *visit) string {
	if v.continued() {
		return v.device.Subject
	}
	return h.Accounts.Subject(*v.found, v.client)
}

// rememberDevice notes a login that databases vouched for, for a time when none
// answers, where the website wants that.
func (h *Handler) rememberDevice(v *visit) error {
	if !v.client.Continuation || h.Devices == nil || v.login.own() {
		return nil
	}
	var key store.IdentityKey
	note := h.Devices.Renew
	if proof := v.login.Proof; proof != nil {
		key, note = store.IdentityKey{Provider: proof.Identity.Provider, Subject: proof.Identity.Subject}, h.Devices.Remember
	}
	h.jar.Bound(v.w, v.r, group, continuation.CookieName, len(continuation.CookieName)+continuation.MaxCookie+32)
	return note(v.w, v.r, continuation.NewDevice(
		v.client, *v.found, h.subject(v), v.session.SID, key, v.login.Request.Scope, h.Now(),
	))
}
