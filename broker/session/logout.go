package session

import (
	"context"
	"crypto/hmac"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/bongsu/bongsu/broker/audit"
	"github.com/bongsu/bongsu/broker/backchannel"
	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/oauth"
	"github.com/bongsu/bongsu/broker/posted"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/broker/web"
	"github.com/bongsu/bongsu/keys"
	"github.com/bongsu/bongsu/keys/seal"
)

// Verifier reads the ID tokens that this issuer signed.
type Verifier interface {
	Verify(k keys.Kind, token string) ([]byte, error)
}

// Clients finds registered clients.
type Clients interface {
	Client(id string) (*client.Client, bool)
}

// Pages writes pages for people.
type Pages interface {
	Write(w http.ResponseWriter, status int, view web.View) error
}

// Websites are told when a session has ended that they got a login from.
type Websites interface {
	// Ended tells them, waits a little, and says what is known then.
	Ended(ctx context.Context, f store.Fact) ([]backchannel.Result, error)
	// Begin tells them and waits for nothing.
	Begin(ctx context.Context, f store.Fact)
}

// Logout is RP-initiated logout (OpenID Connect RP-Initiated Logout 1.0): a
// website asks that the person be signed out at the broker too.
type Logout struct {
	Sessions *Keeper
	Clients  Clients
	Keys     Verifier
	Tags     Tagger
	Pages    Pages
	Audit    *audit.Log
	Websites Websites
	// Frame is what surrounds a page; locales are the languages the website asked
	// for, most wanted first.
	Frame   func(r *http.Request, c *client.Client, locales []string) web.Frame
	Path    string // where this endpoint stands
	Confirm string // where the form of the question posts to
}

const (
	purposePosted seal.Purpose = "logout posted"
	purposeForm   seal.Purpose = "logout form"
)

// parameters are those of a logout request that we know.
// logout_hint is taken and not looked at: whom it means the session says better.
var parameters = []string{"id_token_hint", "logout_hint", "client_id", "post_logout_redirect_uri", "state", "ui_locales"}

// maxLocales bounds how many languages are looked at.
const maxLocales = 10

// request is what the website asked for, as far as it may be believed.
type request struct {
	client *client.Client // nil when no client is known
	sid    string         // of a valid hint
	back   string         // registered return address, state included; empty: our own page

	locales []string
}

// Posted takes a logout request by POST from another site, where our Lax
// cookies are absent, and sends the browser here again by GET.
func (l *Logout) Posted(w http.ResponseWriter, r *http.Request) error {
	return l.desk().Accept(w, r, l.Path, parameters)
}

// Start ends the session at once when the website proves with id_token_hint
// that it means this very one, and asks the person otherwise: nothing changes
// state because a foreign page said so.
func (l *Logout) Start(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	values, err := l.desk().Values(r)
	if err != nil {
		return err
	}
	asked := l.read(values)
	current, err := l.Sessions.Read(ctx, r)
	if errors.Is(err, ErrNone) {
		return l.leave(w, r, asked)
	}
	if err != nil {
		return err
	}
	if asked.sid != "" && hmac.Equal([]byte(asked.sid), []byte(current.SID)) {
		if err := l.end(ctx, w, current, asked); err != nil {
			return err
		}
		if asked.back == "" {
			return l.loggedOut(w, r, current, asked)
		}
		l.Websites.Begin(ctx, l.Sessions.Ending(current))
		return l.leave(w, r, asked)
	}
	return l.ask(w, r, current, values, asked)
}

// Confirmed is the person's yes to the question.
func (l *Logout) Confirmed(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	values, err := oauth.ParseForm(w, r)
	if err != nil {
		return err
	}
	asked := l.read(values)
	current, err := l.Sessions.Read(ctx, r)
	if errors.Is(err, ErrNone) {
		return l.finish(w, r, asked)
	}
	if err != nil {
		return err
	}
	if err := l.form().Check(ctx, current, values.Get("step_token")); err != nil {
		return err
	}
	if err := l.end(ctx, w, current, asked); err != nil {
		return err
	}
	if asked.back == "" {
		return l.loggedOut(w, r, current, asked)
	}
	l.Websites.Begin(ctx, l.Sessions.Ending(current))
	return l.finish(w, r, asked)
}

// loggedOut tells the websites of the session, and the person what became of
// it. The session has ended here whatever they say.
func (l *Logout) loggedOut(w http.ResponseWriter, r *http.Request, s Session, asked request) error {
	results, err := l.Websites.Ended(r.Context(), l.Sessions.Ending(s))
	frame := l.Frame(r, asked.client, asked.locales)
	view := web.LoggedOut{Frame: frame, Unsure: err != nil}
	for _, result := range results {
		told := web.Told{Name: result.Client, State: web.ToldState(result.State)}
		if known, ok := l.Clients.Client(result.Client); ok {
			told.Name = known.DisplayName(frame.Lang)
		}
		view.Told = append(view.Told, told)
	}
	return l.Pages.Write(w, http.StatusOK, view)
}

func (l *Logout) end(ctx context.Context, w http.ResponseWriter, s Session, asked request) error {
	if err := l.Sessions.End(ctx, w, s); err != nil {
		return err
	}
	event := audit.Event{Name: audit.SessionEnded, Account: s.Account}
	if asked.client != nil {
		event.Client = asked.client.ID
	}
	l.Audit.Record(ctx, event)
	return nil
}

// leave answers a GET: back to the registered address, or our own page.
func (l *Logout) leave(w http.ResponseWriter, r *http.Request, asked request) error {
	if asked.back != "" {
		http.Redirect(w, r, asked.back, http.StatusSeeOther)
		return nil
	}
	return l.Pages.Write(w, http.StatusOK, web.LoggedOut{Frame: l.Frame(r, asked.client, asked.locales)})
}

// finish answers our own POST: browsers apply form-action to redirects, so the
// way to another origin leads over the terminal page.
func (l *Logout) finish(w http.ResponseWriter, r *http.Request, asked request) error {
	if asked.back == "" {
		return l.leave(w, r, asked)
	}
	return l.Pages.Write(w, http.StatusOK, web.Terminal{Frame: l.Frame(r, asked.client, asked.locales), Href: asked.back})
}

func (l *Logout) ask(w http.ResponseWriter, r *http.Request, s Session, values url.Values, asked request) error {
	carried := make(map[string]string)
	for name, value := range pick(values) {
		carried[name] = value[0]
	}
	view := web.Logout{
		Frame: l.Frame(r, asked.client, asked.locales), Action: l.Confirm, Hidden: carried, StepToken: l.form().Token(s),
	}
	if asked.client != nil {
		view.StayHref = asked.client.Home()
	}
	return l.Pages.Write(w, http.StatusOK, view)
}

// read takes from values what may be believed. A hint that is not ours, or a
// return address that is not registered, counts as not sent.
func (l *Logout) read(values url.Values) request {
	asked := request{locales: strings.Fields(values.Get("ui_locales"))}
	asked.locales = asked.locales[:min(len(asked.locales), maxLocales)]
	id := values.Get("client_id")
	if hint, ok := l.hint(values.Get("id_token_hint")); ok {
		if id != "" && id != hint.Audience {
			return request{locales: asked.locales}
		}
		id, asked.sid = hint.Audience, hint.SID
	}
	known, ok := l.Clients.Client(id)
	if !ok {
		return request{locales: asked.locales}
	}
	asked.client = known
	if back := values.Get("post_logout_redirect_uri"); back != "" && known.PostLogoutAllowed(back) {
		extra := url.Values{}
		if state := values.Get("state"); state != "" {
			extra.Set("state", state)
		}
		asked.back = oauth.RedirectURL(back, extra)
	}
	return asked
}

// hintClaims is what a logout needs of an ID token, expired or not.
type hintClaims struct {
	Audience string `json:"aud"`
	SID      string `json:"sid"`
}

func (l *Logout) hint(token string) (hintClaims, bool) {
	if token == "" {
		return hintClaims{}, false
	}
	payload, err := l.Keys.Verify(keys.IDToken, token)
	if err != nil {
		return hintClaims{}, false
	}
	var claims hintClaims
	if err := json.Unmarshal(payload, &claims); err != nil {
		return hintClaims{}, false
	}
	return claims, true
}

// pick keeps the parameters of a logout request that we know, once each.
func pick(values url.Values) url.Values {
	kept := url.Values{}
	for _, name := range parameters {
		if value := values.Get(name); value != "" {
			kept.Set(name, value)
		}
	}
	return kept
}

func (l *Logout) form() Form { return Form{Tags: l.Tags, Purpose: purposeForm} }

func (l *Logout) desk() posted.Desk {
	return posted.Desk{Seal: l.Sessions.Seal, Purpose: purposePosted, Now: l.Sessions.Now}
}
