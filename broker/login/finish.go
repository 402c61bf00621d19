package login

import (
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/bongsu/bongsu/broker/account"
	"github.com/bongsu/bongsu/broker/audit"
	"github.com/bongsu/bongsu/broker/choice"
	"github.com/bongsu/bongsu/broker/device"
	"github.com/bongsu/bongsu/broker/drill"
	"github.com/bongsu/bongsu/broker/oauth"
	"github.com/bongsu/bongsu/broker/token"
	"github.com/bongsu/bongsu/broker/web"
)

// finish ends a login well: the website gets one code. Policy was asked once more
// just before, because the menu that was drawn is no proof of anything, and the
// person's consent: see consented.
func (h *Handler) finish(v *visit) error {
	if v.login.own() {
		return h.enter(v)
	}
	code, err := token.SealCode(h.Seal, h.code(v))
	if err != nil {
		return err
	}
	if err := h.keepSession(v); err != nil {
		return err
	}
	h.speak(v)
	h.completed(v, v.login.Proof != nil)
	reason := ""
	if v.continued() {
		reason = "continued"
	}
	h.Audit.Record(v.ctx(), audit.Event{
		Name: audit.LoginCompleted, Client: v.client.ID, Provider: v.session.Provider,
		Account: v.found.ID, Login: v.login.ID, Device: device.Label(v.r), Session: v.session.SID, Reason: reason,
	})
	h.practised(v, drill.Completed, v.session.Provider)
	return h.leave(v, url.Values{"code": {code}})
}

// keepSession leaves in the browser what the login made. Who went on because the
// device is known gets nothing that could be taken for a login later.
func (h *Handler) keepSession(v *visit) error {
	switch {
	case v.continued():
		return nil
	case v.login.Proof == nil:
		return errors.Join(h.Sessions.Touch(v.w, *v.session), h.rememberDevice(v))
	}
	h.rememberLast(v.w, v.session.Provider)
	return errors.Join(h.Sessions.Write(v.w, *v.session), h.markBrowser(v, v.session.Provider), h.rememberDevice(v))
}

// policy is what the website requires of a completed login, whatever the menu
// offered: an allowed way, a sufficient and fresh enough proof, the right person.
func (h *Handler) policy(v *visit) *oauth.Error {
	s, request := v.session, v.login.Request
	if !choice.Satisfies(s.ACR, v.needs()) {
		return oauth.UnmetAuthenticationRequirements("The login is weaker than the website requires.")
	}
	if !h.permits(v, s.Provider) {
		return oauth.AccessDenied("The website does not accept this way of logging in.")
	}
	if request.MaxAge != nil && !fresh(s.AuthTime, *request.MaxAge, h.Now(), v.login.Proof) {
		return oauth.LoginRequired("The provider confirmed an older login than max_age allows.")
	}
	if hinted := v.login.Hinted; hinted != "" && hinted != h.subject(v) {
		return oauth.LoginRequired("Another person logged in than the request names.")
	}
	return nil
}

// fresh reports whether a proof is young enough. One made in this very login
// is, unless the provider itself says that it rests on an older one.
func fresh(authTime int64, maxAge int, now time.Time, proof *Proof) bool {
	if proof != nil && proof.Identity.AuthTime.IsZero() {
		return true
	}
	const leeway = 60 // seconds between the provider's clock and ours, and for the way back
	if proof != nil {
		return proof.At-authTime <= int64(maxAge)+leeway
	}
	return now.Unix()-authTime <= int64(maxAge)
}

func (h *Handler) code(v *visit) token.Code {
	s, request := v.session, v.login.Request
	idToken, userinfo := v.claims()
	return token.Code{
		Login: v.login.ID, Arbiter: h.Arbiter(), Client: v.client.ID,
		Redirect: request.RedirectURI, Challenge: request.Challenge,
		Scope: request.Scope, Resources: request.Resources, Nonce: request.Nonce, Issued: h.Now().Unix(),
		Account: v.found.ID, Epoch: v.found.Epoch,
		Subject: h.subject(v),
		Claims:  account.ClaimsOf(*v.found, request.Scope, idToken...), Userinfo: userinfo,
		SID: s.SID, Way: s.Provider, ACR: s.ACR, AMR: s.AMR, AuthTime: s.AuthTime,
	}
}

// refuse ends a login with an error for the website (RFC 6749 4.1.2.1), or with
// a word on the account page.
func (h *Handler) refuse(v *visit, refusal *oauth.Error) error {
	if v.login.own() {
		if proof := v.login.Proof; proof != nil {
			h.note(v, web.NoteDisabled, proof.Identity.Provider)
		}
		return h.leave(v, nil)
	}
	h.Audit.Record(v.ctx(), audit.Event{
		Name: audit.LoginRefused, Client: v.client.ID, Login: v.login.ID, Reason: refusal.Code,
	})
	h.practised(v, drill.Refused, "")
	return h.leave(v, url.Values{"error": {refusal.Code}, "error_description": {refusal.Description}})
}

// leave sends the browser back to the website with answer. The login has ended
// in this browser, whatever becomes of the answer.
func (h *Handler) leave(v *visit, answer url.Values) error {
	if v.login.Seen != 0 {
		if err := h.logins.finish(v.w, v.login); err != nil {
			return err
		}
	}
	h.stood(v, h.stands(v), "")
	h.forgetLeg(v)
	if v.login.own() {
		http.Redirect(v.w, v.r, accountPath+tasks[v.login.Then], http.StatusSeeOther)
		return nil
	}
	h.complete(v.login.Request, answer)
	if v.login.Request.ResponseMode == oauth.ModeFormPost {
		return h.Pages.Write(v.w, http.StatusOK, web.PostBack{
			Frame: h.lastFrame(v), Action: v.login.Request.RedirectURI, Values: answer,
		})
	}
	target := oauth.RedirectURL(v.login.Request.RedirectURI, answer)
	if v.posted {
		return h.Pages.Write(v.w, http.StatusOK, web.Terminal{Frame: h.lastFrame(v), Href: target})
	}
	http.Redirect(v.w, v.r, target, http.StatusSeeOther)
	return nil
}

// complete adds state and iss (RFC 9207) to every answer.
func (h *Handler) complete(request oauth.AuthorizationRequest, answer url.Values) {
	if request.State != "" {
		answer.Set("state", request.State)
	}
	answer.Set("iss", h.issuer)
}

// couldNotCheck keeps the login as it is and says so: an outage of ours is
// neither a yes nor a no, and trying again goes on from here.
func (h *Handler) couldNotCheck(v *visit, cause error) error {
	if err := h.logins.keep(v.w, v.r, v.login); err != nil {
		return errors.Join(cause, err)
	}
	return &Problem{
		Kind: web.ProblemUnavailable, Status: http.StatusServiceUnavailable, Client: v.client,
		RetryHref: loginPath(v.login), Elsewhere: h.elsewhere(v), Err: cause,
	}
}
