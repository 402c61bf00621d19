package login

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/continuation"
	"github.com/bongsu/bongsu/broker/session"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/broker/web"
)

// visit is one request's part of a login: the record, and what this request
// has found out so far.
type visit struct {
	w http.ResponseWriter
	r *http.Request

	login  *Login
	client *client.Client

	way     string           // the person or the website chose this way: begin a leg
	menu    bool             // the person asked to see the menu again
	found   *store.Account   // the account this login is for
	session *session.Session // the session that made it so, or the one to be made
	unknown bool             // the proven identity was looked up, and nobody has it
	posted  bool             // the request is one of our own forms
	values  url.Values       // of that form

	holder *store.Account // of a bound login: the account of the session it belongs to
	off    bool           // the provider that gave that session was switched off since
	owner  *store.Account // the account that an identity set aside could be linked to
	agreed bool           // the person said yes
	yes    bool           // the person said yes to what the website may see
	answer string         // to which question
	status int            // of the page that answers at once, whatever its address; 0 is none

	missing   []string // scopes that the person is to be asked about
	consented bool     // there is none, or they were
	waits     bool     // the website takes no code that the writer does not decide about, and there is no writer

	here bool // the login was carried here for the way: the leg begins at this site

	reached bool                 // the login can go on with what is left of the deployment
	device  *continuation.Device // no database answers: what this browser is known by

	mark     *mark // the browser's, once read
	markRead bool
}

func (v *visit) ctx() context.Context { return v.r.Context() }

// step is what a login does next.
type step uint8

const (
	showMenu step = iota
	checkHolder
	beginLeg
	resolveIdentity
	askMatch
	askOwner
	askNew
	askLink
	linkIdentity
	askUnlink
	unlinkIdentity
	confirmOwner
	resumeSession
	checkConsent
	takeConsent
	askConsent
	awaitWriter
	finishLogin
)

// next reads the visit and decides. It is the only place that does.
func (v *visit) next(now time.Time) step {
	l := v.login
	switch {
	case v.found != nil:
		return v.nextFound()
	case l.bound() && v.holder == nil:
		return checkHolder
	case v.way != "":
		return beginLeg
	case v.menu && !l.bound():
		return showMenu
	case l.Session != "" && !l.bound():
		return resumeSession
	case l.Proof != nil && !v.unknown && v.owner == nil:
		return resolveIdentity
	case l.bound():
		return v.nextBound(now)
	case v.owner != nil && !l.New.recent(now):
		return askNew
	case v.owner != nil && v.agreed:
		return linkIdentity
	case v.owner != nil:
		return askLink
	case l.Proof != nil:
		return askMatch
	default:
		return showMenu
	}
}

// nextFound decides once the account is known: whether the website may see what it
// asked for, and then the end.
func (v *visit) nextFound() step {
	switch {
	case v.consented && v.waits:
		return awaitWriter
	case v.consented:
		return finishLogin
	case v.missing == nil:
		return checkConsent
	case v.yes:
		return takeConsent
	default:
		return askConsent
	}
}

// nextBound decides for the logins that change an account: first who it belongs
// to, then the new identity, then the person's yes.
func (v *visit) nextBound(now time.Time) step {
	linking := v.login.Purpose == PurposeLink
	switch {
	case !v.ownerProven(now):
		return askOwner
	case v.login.Purpose == PurposeConfirm:
		return confirmOwner
	case linking && !v.login.New.recent(now):
		return askNew
	case linking && v.agreed:
		return linkIdentity
	case linking:
		return askLink
	case v.agreed:
		return unlinkIdentity
	default:
		return askUnlink
	}
}

// walk takes a login as far as it goes by itself: automatic steps run on in
// this loop, without a redirect, until one of them answers the browser. Each
// automatic step moves the visit forward, so the loop ends.
func (h *Handler) walk(v *visit) error {
	if ended, err := h.reachable(v); ended || err != nil {
		return err
	}
	for {
		switch v.next(h.Now()) {
		case checkHolder:
			if ended, err := h.hold(v); ended || err != nil {
				return err
			}
		case beginLeg:
			if left, err := h.begin(v); left || err != nil {
				return err
			}
		case resolveIdentity:
			if ended, err := h.resolve(v); ended || err != nil {
				return err
			}
		case askMatch:
			return h.show(v, h.match)
		case askOwner:
			return h.show(v, h.proveOwner)
		case askNew:
			return h.show(v, h.proveNew)
		case askLink:
			return h.show(v, h.confirmLink)
		case linkIdentity:
			if ended, err := h.link(v); ended || err != nil {
				return err
			}
		case askUnlink:
			return h.show(v, h.confirmUnlink)
		case unlinkIdentity:
			if ended, err := h.unlink(v); ended || err != nil {
				return err
			}
		case confirmOwner:
			if err := h.renew(v, *v.holder); err != nil {
				return err
			}
		case resumeSession:
			if ended, err := h.resume(v); ended || err != nil {
				return err
			}
		case checkConsent:
			if ended, err := h.consented(v); ended || err != nil {
				return err
			}
		case takeConsent:
			h.agree(v)
		case askConsent:
			return h.show(v, h.askConsent)
		case awaitWriter:
			return h.show(v, h.await)
		case finishLogin:
			return h.finish(v)
		default:
			return h.show(v, h.choose)
		}
	}
}

// show answers with a page of this login. A page has one address, so that
// Back and reload find it again: other requests are sent there.
func (h *Handler) show(v *visit, page func(*visit) error) error {
	path := loginPath(v.login)
	if v.r.Method == http.MethodGet && (v.r.URL.Path == path || v.r.URL.Path == path+"/menu") {
		return page(v)
	}
	if err := h.logins.keep(v.w, v.r, v.login); err != nil {
		return err
	}
	if v.status != 0 {
		return page(v)
	}
	if v.menu && !v.login.bound() {
		path += "/menu"
	}
	http.Redirect(v.w, v.r, path, http.StatusSeeOther)
	return nil
}

func loginPath(l *Login) string { return "/login/" + l.ID }

// Page is the one address of a login: it shows whatever is next.
func (h *Handler) Page(w http.ResponseWriter, r *http.Request) error {
	v, err := h.visit(w, r)
	if err != nil {
		return err
	}
	v.login.recall()
	if err := h.remember(v); err != nil {
		return err
	}
	return h.walk(v)
}

// Menu shows the menu again, whatever was proven since. Whoever says there that
// they have an account keeps what they proved, and may change their mind.
func (h *Handler) Menu(w http.ResponseWriter, r *http.Request) error {
	v, err := h.visit(w, r)
	if err != nil {
		return err
	}
	v.menu = true
	if r.URL.Query().Get("why") == string(web.ReasonExisting) && v.login.setAside() {
		if err := h.logins.keep(v.w, v.r, v.login); err != nil {
			return err
		}
	}
	if err := h.remember(v); err != nil {
		return err
	}
	return h.walk(v)
}

// Go begins a leg by the way the person chose.
func (h *Handler) Go(w http.ResponseWriter, r *http.Request) error {
	v, err := h.visit(w, r)
	if err != nil {
		return err
	}
	v.way = r.PathValue("way")
	return h.walk(v)
}

// visit opens the login that the path of r names.
func (h *Handler) visit(w http.ResponseWriter, r *http.Request) (*visit, error) {
	loginID := r.PathValue("id")
	l, err := h.logins.read(r.Context(), r, loginID)
	if errors.Is(err, errNoLogin) && r.Method == http.MethodGet {
		l, err = h.takeBack(w, r, loginID, err)
	}
	if err != nil {
		return nil, h.absent(r, loginID, "", err)
	}
	known, ok := h.known(l.Client)
	if !ok {
		return nil, h.absent(r, loginID, "", errNoLogin)
	}
	v := &visit{w: w, r: r, login: l, client: known}
	h.withdraw(v)
	return v, nil
}

// remember takes note of the language chosen on a page, and keeps a login in
// use alive.
func (h *Handler) remember(v *visit) error {
	lang := v.r.URL.Query().Get("lang")
	chosen := lang == "ko" || lang == "en" || lang == "ja"
	idle := h.Now().Sub(time.Unix(v.login.Seen, 0)) > time.Minute
	if !chosen && !idle {
		return nil
	}
	if chosen {
		v.login.Lang = lang
		h.rememberLanguage(v, lang)
	}
	return h.logins.keep(v.w, v.r, v.login)
}
