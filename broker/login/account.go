package login

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/bongsu/bongsu/broker/account"
	"github.com/bongsu/bongsu/broker/audit"
	"github.com/bongsu/bongsu/broker/choice"
	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/device"
	"github.com/bongsu/bongsu/broker/oauth"
	"github.com/bongsu/bongsu/broker/session"
	"github.com/bongsu/bongsu/broker/web"
	"github.com/bongsu/bongsu/keys/seal"
)

// accountPath is where the logins that no website asked for end.
const accountPath = "/account"

// sealForm keeps the forms of the account page from being sent as others.
const sealForm seal.Purpose = "account form"

// accountPage is what stands where other logins have a website: it has a name
// and a home, and nobody can ask for a login in its name.
func accountPage(lang string) *client.Client {
	return &client.Client{
		Tag: strings.Repeat("a", clientTag), FirstParty: true, Language: lang, URI: accountPath,
		Name: "My account", Names: map[string]string{"ko": "내 계정", "en": "My account", "ja": "マイアカウント"},
	}
}

// known finds the website of a login; "" is the account page.
func (h *Handler) known(clientID string) (*client.Client, bool) {
	if clientID == "" {
		return h.account, true
	}
	return h.Clients.Client(clientID)
}

func (h *Handler) byTag(tag string) (*client.Client, bool) {
	if tag == h.account.Tag {
		return h.account, true
	}
	return h.Clients.ByTag(tag)
}

// Down returns the providers that are known to be down here.
func (h *Handler) Down() []string { return h.down("") }

// down is Down without the provider that was used just now.
func (h *Handler) down(but string) []string {
	var down []string
	for _, c := range h.now().candidates {
		if c.Verdict == choice.Down && c.ID != but {
			down = append(down, c.ID)
		}
	}
	return down
}

// SignIn begins a login to the account page itself.
func (h *Handler) SignIn(w http.ResponseWriter, r *http.Request) error {
	v := &visit{w: w, r: r, client: h.account, login: &Login{Purpose: PurposeAccount}}
	if err := h.stamp(v); err != nil {
		return err
	}
	return h.walk(v)
}

// enter ends a login on the account page: this browser has the session that was
// made.
func (h *Handler) enter(v *visit) error {
	if err := h.Sessions.Write(v.w, *v.session); err != nil {
		return err
	}
	h.rememberLast(v.w, v.session.Provider)
	h.speak(v)
	if v.login.Purpose == PurposeAccount {
		h.Audit.Record(v.ctx(), audit.Event{
			Name: audit.LoginCompleted, Provider: v.session.Provider, Account: v.found.ID, Login: v.login.ID,
			Device: device.Label(v.r), Session: v.session.SID,
		})
	}
	return h.leave(v, nil)
}

// FormToken is the anti-forgery value of the account page's forms in session s.
func (h *Handler) FormToken(s session.Session) string { return h.accountForm().Token(s) }

func (h *Handler) accountForm() session.Form { return session.Form{Tags: h.Seal, Purpose: sealForm} }

// fromAccount opens a visit for a form of the account page: it was made for the
// session that this browser has, and that session holds.
func (h *Handler) fromAccount(w http.ResponseWriter, r *http.Request, purpose Purpose) (*visit, error) {
	v := &visit{w: w, r: r, client: h.account, login: &Login{Purpose: purpose, Way: r.PathValue("provider")}}
	values, err := oauth.ParseForm(w, r)
	if err != nil {
		return nil, err
	}
	v.values, v.posted = values, true
	current, err := h.Sessions.Read(v.ctx(), r)
	if errors.Is(err, session.ErrNone) {
		return nil, h.notThisSession(v)
	}
	if err == nil {
		err = h.accountForm().Check(v.ctx(), current, values.Get("step_token"))
	}
	if errors.Is(err, session.ErrForm) {
		return nil, &Problem{Kind: web.ProblemForbidden, Status: http.StatusForbidden, Client: h.account}
	}
	if err != nil {
		return nil, h.notNow(err)
	}
	v.login.Session, v.login.Account = current.SID, current.Account
	if _, ok := h.providers[v.login.Way]; !ok && purpose != PurposeConfirm {
		return nil, &Problem{Kind: web.ProblemNotFound, Status: http.StatusNotFound, Client: h.account}
	}
	return v, h.current(v, current)
}

// current finds the account of a session that the browser has.
func (h *Handler) current(v *visit, s session.Session) error {
	found, err := h.Accounts.Current(v.ctx(), s.Account, s.Epoch)
	switch {
	case errors.Is(err, account.ErrUnknown), errors.Is(err, account.ErrDisabled), errors.Is(err, account.ErrEnded):
		return h.notThisSession(v)
	case err != nil:
		return err
	}
	v.holder, v.session, v.off = &found, &s, h.Standing(s.Provider) != InUse
	return nil
}

// notThisSession refuses a change of an account by a browser that does not have,
// or no longer has, the session that began it.
func (h *Handler) notThisSession(v *visit) error {
	h.Audit.Record(v.ctx(), audit.Event{
		Name: audit.LinkRefused, Provider: v.login.Way, Account: v.login.Account, Login: v.login.ID, Reason: "session",
	})
	return &Problem{Kind: web.ProblemSession, Status: http.StatusForbidden, Client: h.account}
}

// notNow says that something could not be checked before there is a login to go
// on with. What was decided, or is wrong with the request itself, stays as it is.
func (h *Handler) notNow(cause error) error {
	if _, ok := errors.AsType[*Problem](cause); ok {
		return cause
	}
	if _, ok := errors.AsType[*oauth.Error](cause); ok {
		return cause
	}
	return &Problem{
		Kind: web.ProblemUnavailable, Status: http.StatusServiceUnavailable, Client: h.account,
		RetryHref: accountPath, Err: cause,
	}
}

// KeepLanguage remembers the language chosen on the account page, so that what
// begins there speaks it too.
func (h *Handler) KeepLanguage(w http.ResponseWriter, r *http.Request) {
	switch lang := r.URL.Query().Get("lang"); lang {
	case "ko", "en", "ja":
		h.jar.Set(w, langCookie, lang, memory)
	}
}

// The account page says once how a change ended. The note is for people's
// convenience like the cookies of [lastCookie]: not sealed, it decides nothing.
const noteCookie = "note" // word, '.', provider instance id

// note leaves word for the account page, if the login ends there.
func (h *Handler) note(v *visit, word web.Note, way string) {
	if !v.login.own() {
		return
	}
	h.jar.Set(v.w, noteCookie, string(word)+"."+way, time.Minute)
}

// TakeNote returns what the account page shall say, and about which way, and
// forgets it.
func (h *Handler) TakeNote(w http.ResponseWriter, r *http.Request) (word web.Note, way string) {
	noted := h.jar.Read(r, noteCookie)
	if noted == "" {
		return "", ""
	}
	h.jar.Clear(w, noteCookie)
	text, way, _ := strings.Cut(noted, ".")
	if about := web.Note(text); way == "" && (about == web.NoteTaken || about == web.NoteLanguage) {
		return about, ""
	}
	if _, ok := h.providers[way]; !ok {
		return "", ""
	}
	return web.Note(text), way
}

// Say leaves word about no way for the account page.
func (h *Handler) Say(w http.ResponseWriter, word web.Note) {
	h.jar.Set(w, noteCookie, string(word)+".", time.Minute)
}

// SpeakFrom has this browser remember the language that a person chose for their
// account.
func (h *Handler) SpeakFrom(w http.ResponseWriter, lang string) {
	h.jar.Set(w, langCookie, lang, memory)
}
