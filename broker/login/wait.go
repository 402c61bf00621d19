package login

import (
	"crypto/sha256"
	"net/http"
	"time"

	"github.com/bongsu/bongsu/broker/oauth"
	"github.com/bongsu/bongsu/broker/token"
	"github.com/bongsu/bongsu/broker/web"
)

// How long a page that waits for the writer lies before it asks again, in seconds:
// a quarter of how long it has waited, within these, and a little more by the
// login, so that not all of them come at once. The login's own life ends it.
const (
	askLeast  = 3
	askMost   = 30
	askSpread = 3
)

// held reports whether the website has people wait while nobody knows the writer,
// and nobody does. Where nothing may be shown the website is told so.
func (h *Handler) held(v *visit, silent bool) (ended bool, err error) {
	if !v.client.Waits() || h.Arbiter() == token.Writer {
		v.login.Waits = 0
		return false, nil
	}
	if silent {
		return true, h.refuse(v, oauth.TemporarilyUnavailable("The login cannot be finished right now; try again."))
	}
	v.waits = true
	if v.login.Waits == 0 {
		v.login.Waits = h.Now().Unix()
	}
	v.rememberWho()
	return false, nil
}

// rememberWho notes for whom a login is that goes on later: what was proven in it
// says so, or the browser's session.
func (v *visit) rememberWho() {
	if v.login.Proof == nil {
		v.login.Session, v.login.Account = v.session.SID, v.session.Account
	}
}

// await keeps the finished login and has the page ask again. It goes on by itself
// when the writer is back, and the person may ask sooner, or leave.
func (h *Handler) await(v *visit) error {
	if err := h.logins.keep(v.w, v.r, v.login); err != nil {
		return err
	}
	return h.Pages.Write(v.w, http.StatusServiceUnavailable, web.Wait{
		Frame: h.frame(v), RetryHref: loginPath(v.login), Seconds: asksAfter(v.login, h.Now()),
		CancelAction: loginPath(v.login) + "/cancel", StepToken: v.login.stepToken(),
	})
}

// asksAfter is in how many seconds the page of a login that waits asks again.
func asksAfter(l *Login, now time.Time) int {
	waited := now.Sub(time.Unix(l.Waits, 0)) / time.Second
	spread := sha256.Sum256(l.Secret)
	return int(min(max(waited/4, askLeast), askMost)) + int(spread[0])%askSpread
}
