package login

import (
	"net/http"
	"strings"
	"time"

	"github.com/bongsu/bongsu/broker/web"
)

// What a browser remembers for people's convenience. None of it is sealed and
// none of it decides anything: a forged value changes an order or a word.
const (
	lastCookie = "last" // the way used last: provider instance id
	langCookie = "lang" // the language chosen on a page
	openCookie = "leg"  // the leg begun last: login id, '.', provider instance id

	memory = 180 * 24 * time.Hour
)

// lastUsed is the way this browser used last, if it is still configured.
func (h *Handler) lastUsed(r *http.Request) string {
	last := h.jar.Read(r, lastCookie)
	if _, ok := h.providers[last]; !ok {
		return ""
	}
	return last
}

func (h *Handler) rememberLast(w http.ResponseWriter, way string) {
	if way != "" {
		h.jar.Set(w, lastCookie, way, memory)
	}
}

// speak has the browser remember the language that was chosen for the account.
func (h *Handler) speak(v *visit) {
	if lang := v.found.Language; lang != "" && lang != h.jar.Read(v.r, langCookie) {
		h.SpeakFrom(v.w, lang)
	}
}

func (h *Handler) rememberLanguage(v *visit, lang string) {
	h.jar.Set(v.w, langCookie, lang, memory)
}

// rememberLeg notes that the browser left for a provider, so that Back finds
// "not finished?" and not the same page as before.
func (h *Handler) rememberLeg(v *visit, way string) {
	h.jar.Set(v.w, openCookie, v.login.ID+"."+way, idleLife)
}

// openLeg is the way whose leg was begun in this login and never came back.
func (h *Handler) openLeg(v *visit) string {
	loginID, way, _ := strings.Cut(h.jar.Read(v.r, openCookie), ".")
	if _, ok := h.providers[way]; !ok || loginID != v.login.ID {
		return ""
	}
	return way
}

func (h *Handler) forgetLeg(v *visit) {
	if h.jar.Read(v.r, openCookie) != "" {
		h.jar.Clear(v.w, openCookie)
	}
}

// frame is what surrounds every page of a login that goes on.
func (h *Handler) frame(v *visit) web.Frame {
	frame := h.lastFrame(v)
	frame.Elsewhere = h.elsewhere(v)
	return frame
}

// lastFrame is what surrounds the page of a login that has ended: it goes on
// nowhere.
func (h *Handler) lastFrame(v *visit) web.Frame {
	frame := h.Frame(v.r, v.client, h.language(v))
	frame.LangPath, frame.Idle = v.r.URL.Path, idleLife
	if v.posted {
		frame.LangPath = loginPath(v.login) // a form is not asked for again
	}
	return frame
}

// language is the one this login's pages speak.
func (h *Handler) language(v *visit) string {
	if v.login.Lang != "" {
		return v.login.Lang
	}
	saved := h.jar.Read(v.r, langCookie)
	if v.found != nil && v.found.Language != "" {
		saved = v.found.Language // chosen for the account: it wins over what this browser remembers
	}
	return web.Language(v.login.Request.UILocales, saved,
		v.r.Header.Get("Accept-Language"), v.client.Language)
}
