package login

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"net/http"
	"time"

	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/id"
	"github.com/bongsu/bongsu/broker/web"
)

// Problem ends on a page of our own: there is no website that may be told, or
// nothing to tell it yet.
type Problem struct {
	Kind      web.ProblemKind
	Status    int
	Client    *client.Client // nil when none is known
	Detail    string         // for developers, shown in dev only
	RetryHref string         // where the same login goes on; empty when it cannot

	// RetryAfter is how many seconds to wait with that; 0 leaves it to the status.
	RetryAfter int

	// Elsewhere is where the same login goes on at other sites.
	Elsewhere web.Elsewhere

	Err error // for the log; may be nil
}

// The bounds of how long people are asked to wait when every way is full, in
// seconds.
const (
	waitLeast = 5
	waitMost  = 30
)

// comeBack asks the person to wait, because no way bears one more login now.
// Waits are spread evenly over logins, so that they do not come back at once;
// the login stays open and needs nothing stored.
func (h *Handler) comeBack(v *visit) error {
	if err := h.logins.keep(v.w, v.r, v.login); err != nil {
		return err
	}
	spread := sha256.Sum256(v.login.Secret)
	return &Problem{
		Kind: web.ProblemBusy, Status: http.StatusServiceUnavailable, Client: v.client, RetryHref: loginPath(v.login),
		RetryAfter: waitLeast + int(binary.BigEndian.Uint16(spread[:]))*(waitMost-waitLeast+1)>>16,
	}
}

// Error implements error.
func (p *Problem) Error() string {
	if p.Err == nil {
		return "login: " + string(p.Kind)
	}
	return "login: " + string(p.Kind) + ": " + p.Err.Error()
}

// Unwrap returns the cause.
func (p *Problem) Unwrap() error { return p.Err }

// absent says why there is no login to go on with. clientTag is what the
// upstream state knows of the website, if anything.
func (h *Handler) absent(r *http.Request, loginID, clientTag string, err error) error {
	if !errors.Is(err, errNoLogin) {
		return err
	}
	if ended, ok := h.logins.finished(r.Context(), r, loginID); ok {
		known, _ := h.known(ended.Client)
		return &Problem{Kind: web.ProblemDone, Status: http.StatusOK, Client: known}
	}
	if went, _, ok := h.logins.away(r.Context(), r, loginID); ok {
		known, _ := h.known(went.Client)
		return &Problem{Kind: web.ProblemCarried, Status: http.StatusConflict, Client: known, RetryHref: loginPath(went), Err: err}
	}
	known, ok := h.byTag(clientTag)
	if begun, err := h.logins.begun(r.Context(), r, loginID); !ok && err == nil {
		known, _ = h.known(begun.Client)
	}
	if h.justBegan(loginID) && len(r.Cookies()) == 0 {
		return &Problem{Kind: web.ProblemCookies, Status: http.StatusBadRequest, Client: known, Err: err}
	}
	return &Problem{Kind: web.ProblemExpired, Status: http.StatusGone, Client: known, Err: err}
}

// justBegan reports whether a login id was made within the last minute: then
// its cookie is not missing because it is old.
func (h *Handler) justBegan(loginID string) bool {
	made, ok := id.DatedAt(loginID)
	return ok && h.Now().Sub(made).Abs() < time.Minute
}
