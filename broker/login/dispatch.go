package login

import (
	"context"
	"net/http"
	"time"

	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/session"
	"github.com/bongsu/bongsu/broker/store"
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

	mark     *mark // the browser's, once read
	markRead bool
}

func (v *visit) ctx() context.Context { return v.r.Context() }

// step is what a login does next.
type step uint8

const (
	showMenu step = iota
	beginLeg
	resolveIdentity
	askMatch
	finishLogin
)

// next reads the visit and decides. It is the only place that does.
func (v *visit) next() step {
	switch {
	case v.found != nil:
		return finishLogin
	case v.way != "":
		return beginLeg
	case v.menu:
		return showMenu
	case v.login.Proof != nil && !v.unknown:
		return resolveIdentity
	case v.login.Proof != nil:
		return askMatch
	default:
		return showMenu
	}
}

// walk takes a login as far as it goes by itself: automatic steps run on in
// this loop, without a redirect, until one of them answers the browser. Each
// automatic step moves the visit forward, so the loop ends.
func (h *Handler) walk(v *visit) error {
	for {
		switch v.next() {
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
	if v.menu {
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
	if err := h.remember(v); err != nil {
		return err
	}
	return h.walk(v)
}

// Menu shows the menu again, whatever was proven since.
func (h *Handler) Menu(w http.ResponseWriter, r *http.Request) error {
	v, err := h.visit(w, r)
	if err != nil {
		return err
	}
	v.menu = true
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
	if err != nil {
		return nil, h.absent(r, loginID, "", err)
	}
	known, ok := h.Clients.Client(l.Client)
	if !ok {
		return nil, h.absent(r, loginID, "", errNoLogin)
	}
	return &visit{w: w, r: r, login: l, client: known}, nil
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
