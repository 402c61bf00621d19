package broker

import (
	"errors"
	"net/http"

	"github.com/bongsu/bongsu/broker/account"
	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/login"
	"github.com/bongsu/bongsu/broker/session"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/broker/web"
)

// frame is what surrounds a page: the website it is about, if any, the
// language, and the code to read out when asking for help. An empty lang is
// found from the request.
func (b *Broker) frame(r *http.Request, c *client.Client, lang string) web.Frame {
	frame := web.Frame{SupportCode: supportCode(r.Context()), Lang: lang, LangPath: bare(r)}
	fallback := b.config.Languages.Default
	if c != nil && c.Language != "" {
		fallback = c.Language
	}
	if frame.Lang == "" {
		asked := r.URL.Query()["lang"]
		frame.Lang = web.Language(asked, b.jar.Read(r, "lang"), r.Header.Get("Accept-Language"), fallback)
	}
	if c != nil {
		frame.Client = web.Client{Name: c.DisplayName(frame.Lang), Home: c.Home()}
	}
	return frame
}

// bare is the path of a page that can be asked for again in another language:
// one that came by GET and has nothing but a language in its query.
func bare(r *http.Request) string {
	query := r.URL.Query()
	query.Del("lang")
	if r.Method != http.MethodGet || len(query) > 0 {
		return ""
	}
	return r.URL.Path
}

// accountPage shows a signed-in person their account.
func (b *Broker) accountPage(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	current, err := b.sessions.Read(ctx, r)
	if errors.Is(err, session.ErrNone) {
		return b.signedOut(w, r)
	}
	if err != nil {
		return err
	}
	found, err := b.accounts.Current(ctx, current.Account, current.Epoch)
	switch {
	case errors.Is(err, account.ErrUnknown), errors.Is(err, account.ErrDisabled), errors.Is(err, account.ErrEnded):
		return b.signedOut(w, r)
	case err != nil:
		return err
	}
	links, err := b.store.Links(ctx, found.ID)
	if err != nil {
		return err
	}
	frame := b.frame(r, nil, "")
	frame.LangPath = "/account"
	return b.pages.Write(w, http.StatusOK, web.Account{
		Frame: frame, Name: found.Name, Email: found.Email, Ways: b.linkedWays(links), LogoutHref: "/logout",
	})
}

func (b *Broker) linkedWays(links []store.Link) []web.Way {
	var ways []web.Way
	for _, link := range links {
		for _, p := range b.providers {
			if instance := p.Instance(); instance.ID == link.Provider {
				ways = append(ways, web.Way{ID: instance.ID, Kind: instance.Kind, Name: instance.Name})
			}
		}
	}
	return ways
}

// signedOut says that nobody is signed in: a website has to ask for it.
func (b *Broker) signedOut(w http.ResponseWriter, r *http.Request) error {
	frame := b.frame(r, nil, "")
	frame.LangPath = r.URL.Path
	return b.pages.Write(w, http.StatusOK, web.LoggedOut{Frame: frame})
}

// home has nothing to offer by itself: people come from a website.
func (b *Broker) home(w http.ResponseWriter, r *http.Request) error {
	http.Redirect(w, r, "/account", http.StatusSeeOther)
	return nil
}

var _ login.Observer = (*Broker)(nil)
