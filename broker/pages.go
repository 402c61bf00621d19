package broker

import (
	"net/http"

	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/login"
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
		frame.Client = web.Client{Name: c.DisplayName(frame.Lang), Home: c.Home(), Own: c.ID == ""}
	}
	return frame
}

// frameIn is frame in the first language that the website asked for, unless the
// person chose one on the page.
func (b *Broker) frameIn(r *http.Request, c *client.Client, locales []string) web.Frame {
	if len(locales) == 0 || r.URL.Query().Has("lang") {
		return b.frame(r, c, "")
	}
	fallback := b.config.Languages.Default
	if c != nil && c.Language != "" {
		fallback = c.Language
	}
	return b.frame(r, c, web.Language(locales, b.jar.Read(r, "lang"), r.Header.Get("Accept-Language"), fallback))
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

// home has nothing to offer by itself: people come from a website.
func (b *Broker) home(w http.ResponseWriter, r *http.Request) error {
	http.Redirect(w, r, "/account", http.StatusSeeOther)
	return nil
}

var _ login.Observer = (*Broker)(nil)
