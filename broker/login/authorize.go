package login

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/bongsu/bongsu/broker/account"
	"github.com/bongsu/bongsu/broker/choice"
	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/id"
	"github.com/bongsu/bongsu/broker/oauth"
	"github.com/bongsu/bongsu/broker/session"
	"github.com/bongsu/bongsu/broker/web"
	"github.com/bongsu/bongsu/keys"
)

// AuthorizePosted takes an authorization request by POST, from any site.
func (h *Handler) AuthorizePosted(w http.ResponseWriter, r *http.Request) error {
	return h.desk(sealPost).Accept(w, r, "/authorize", oauth.AuthorizationParameters())
}

// Authorize is the authorization endpoint (RFC 6749 3.1, OpenID Connect Core
// 3.1.2): a website asks who the person is.
//
// Nothing is redirected before client and redirect URI are known and trusted;
// from then on the website hears of everything that is wrong.
func (h *Handler) Authorize(w http.ResponseWriter, r *http.Request) error {
	values, err := h.desk(sealPost).Values(r)
	if err != nil {
		return err
	}
	known, err := h.trusted(values)
	if err != nil {
		return err
	}
	if err := h.Admit(r, known); err != nil {
		return err
	}
	request, err := oauth.ParseAuthorization(values)
	v := &visit{w: w, r: r, client: known, login: &Login{Purpose: PurposeLogin, Client: known.ID, Request: request}}
	if err == nil {
		h.Asked(known, &v.login.Request)
		err = h.admissible(v)
	}
	if refusal, ok := errors.AsType[*oauth.Error](err); ok {
		return h.refuse(v, refusal)
	}
	if err != nil {
		return err
	}
	return h.open(v)
}

// trusted finds the client and checks the redirect URI exactly. Its errors end
// on our own page, without a link made of anything that was sent.
func (h *Handler) trusted(values url.Values) (*client.Client, error) {
	clientID, redirectURI, err := oauth.PeekClient(values)
	if err != nil {
		return nil, &Problem{Kind: web.ProblemRequest, Status: http.StatusBadRequest, Detail: err.Error(), Err: err}
	}
	known, ok := h.Clients.Client(clientID)
	if !ok {
		if err := h.Clients.Complete(); err != nil {
			return nil, err
		}
		return nil, &Problem{
			Kind: web.ProblemClient, Status: http.StatusBadRequest,
			Detail: fmt.Sprintf("client_id %q is not registered here.", clientID),
		}
	}
	if !known.RedirectAllowed(redirectURI) {
		return nil, &Problem{
			Kind: web.ProblemClient, Status: http.StatusBadRequest, Detail: mismatch(known, redirectURI),
		}
	}
	return known, nil
}

// mismatch tells a developer what was received and what is registered.
func mismatch(known *client.Client, got string) string {
	var text strings.Builder
	fmt.Fprintf(&text, "redirect_uri does not match any registered URI for client %q\n  received    %s\n", known.ID, got)
	for _, uri := range known.RedirectURIs {
		fmt.Fprintf(&text, "  registered  %s\n", uri)
	}
	return text.String()
}

// admissible checks what depends on the client, and that somebody could
// fulfil the request at all.
func (h *Handler) admissible(v *visit) error {
	request := &v.login.Request
	if !v.client.AllowsGrant(client.GrantAuthorizationCode) {
		return oauth.UnauthorizedClient("The client is not registered for the authorization code flow.")
	}
	if request.ResponseMode == oauth.ModeFormPost && !strings.HasPrefix(request.RedirectURI, "http") {
		request.ResponseMode = oauth.ModeQuery
		return oauth.InvalidRequest("response_mode=form_post needs a redirect_uri of http or https: nothing can be posted to an app.")
	}
	if v.client.RequiresPKCE() {
		if refusal := request.RequirePKCE(); refusal != nil {
			return refusal
		}
	}
	if refusal := h.targets(v); refusal != nil {
		return refusal
	}
	if err := h.readHint(v); err != nil {
		return err
	}
	if !slices.ContainsFunc(h.candidates, func(c choice.Candidate) bool { return h.permits(v, c.ID) }) {
		return oauth.UnmetAuthenticationRequirements("No configured way to log in meets what the client requires.")
	}
	return nil
}

// readHint keeps whom the request names: in claims, or in id_token_hint, which
// it verifies and which may have expired. A token that is none of ours is no hint about anybody.
func (h *Handler) readHint(v *visit) error {
	request := &v.login.Request
	if request.Claims != nil {
		v.login.Hinted = request.Claims.Subject
	}
	if request.IDTokenHint == "" {
		return nil
	}
	payload, err := h.Keys.Verify(keys.IDToken, request.IDTokenHint)
	if errors.Is(err, keys.ErrUnavailable) {
		return oauth.TemporarilyUnavailable("id_token_hint could not be checked; try again.").With(err)
	}
	var hint struct {
		Subject  string `json:"sub"`
		Audience string `json:"aud"`
	}
	if err != nil || json.Unmarshal(payload, &hint) != nil || hint.Audience != v.client.ID {
		return oauth.InvalidRequest("id_token_hint is not an ID token that this issuer gave to this client.")
	}
	if v.login.Hinted != "" && v.login.Hinted != hint.Subject {
		return oauth.InvalidRequest("id_token_hint and claims name two people.")
	}
	v.login.Hinted, request.IDTokenHint = hint.Subject, ""
	return nil
}

// open decides between the session of this browser and a new login.
func (h *Handler) open(v *visit) error {
	request := v.login.Request
	if ended, err := h.reachable(v); ended || err != nil {
		return err
	}
	if v.device == nil { // with it no session is good enough: nobody could say that it holds
		if err := h.useSession(v); err != nil && !errors.Is(err, session.ErrNone) {
			return h.sessionUnreadable(v, err)
		}
	}
	if v.found == nil && slices.Contains(request.Prompt, "none") {
		return h.refuse(v, oauth.LoginRequired("Nobody is logged in here in a way that meets the request."))
	}
	if err := h.stamp(v); err != nil {
		return err
	}
	h.stood(v, "", AtMenu)
	if v.found == nil && h.direct(v, request.IDPHint) {
		v.way = request.IDPHint
	}
	return h.walk(v)
}

// sessionUnreadable answers when nobody can say whether the session holds.
func (h *Handler) sessionUnreadable(v *visit, cause error) error {
	if slices.Contains(v.login.Request.Prompt, "none") {
		return h.refuse(v, oauth.TemporarilyUnavailable("The session could not be checked; try again.").With(cause))
	}
	again := v.r.URL.RequestURI()
	if v.login.Hinted != "" {
		again = "" // no page of ours holds a token
	}
	return &Problem{
		Kind: web.ProblemUnavailable, Status: http.StatusServiceUnavailable, Client: v.client,
		RetryHref: again, Err: cause,
	}
}

// useSession makes the browser's session the login's, if it is good enough for
// this request. [session.ErrNone]: there is none, or it is not. Any other error
// means that it could not be checked.
func (h *Handler) useSession(v *visit) error {
	current, err := h.Sessions.Read(v.ctx(), v.r)
	if err != nil {
		return err
	}
	if !h.sufficient(v, current) {
		return session.ErrNone
	}
	found, err := h.Accounts.Current(v.ctx(), current.Account, current.Epoch)
	switch {
	case errors.Is(err, account.ErrUnknown), errors.Is(err, account.ErrDisabled), errors.Is(err, account.ErrEnded):
		return session.ErrNone
	case err != nil:
		return err
	}
	if hinted := v.login.Hinted; hinted != "" && h.Accounts.Subject(found, v.client) != hinted {
		return session.ErrNone
	}
	v.found, v.session = &found, &current
	return nil
}

// sufficient reports whether a session answers this request without a new
// proof (P3).
func (h *Handler) sufficient(v *visit, s session.Session) bool {
	request := v.login.Request
	if request.HasPrompt(oauth.PromptLogin) || request.HasPrompt(oauth.PromptSelectAccount) {
		return false
	}
	if request.MaxAge != nil && h.Now().Unix()-s.AuthTime >= int64(*request.MaxAge) {
		return false
	}
	return choice.Satisfies(s.ACR, v.needs()) && h.permits(v, s.Provider)
}

// stamp gives the login its name and secret.
func (h *Handler) stamp(v *visit) error {
	now := h.Now()
	loginID, err := id.Dated(now, h.Rand)
	if err != nil {
		return err
	}
	secret := make([]byte, 32)
	if _, err := io.ReadFull(h.Rand, secret); err != nil {
		return fmt.Errorf("read randomness: %w", err)
	}
	v.login.ID, v.login.Secret, v.login.Began = loginID, secret, now.Unix()
	return nil
}
