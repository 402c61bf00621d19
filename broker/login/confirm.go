package login

import (
	"cmp"
	"net/http"
	"slices"

	"github.com/bongsu/bongsu/broker/choice"
	"github.com/bongsu/bongsu/broker/health"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/broker/web"
	"github.com/bongsu/bongsu/keys/seal"
)

// proveOwner asks the person to prove an identity that the account has already.
func (h *Handler) proveOwner(v *visit) error {
	return h.askFor(v, web.TaskOwner, func(way string) bool { return slices.Contains(v.login.Linked, way) })
}

// proveNew asks for the identity to be linked: for the first time, or again when
// its proof has become too old.
func (h *Handler) proveNew(v *visit) error {
	way := v.login.Way
	if !v.login.bound() {
		way = v.login.New.Identity.Provider
	}
	return h.askFor(v, web.TaskNew, func(id string) bool { return id == way })
}

// askFor shows the menu of the ways that serve a task.
func (h *Handler) askFor(v *visit, task web.Task, serves func(way string) bool) error {
	view := h.menu(v, slices.DeleteFunc(h.ways(v), func(w choice.Way) bool { return !serves(w.ID) }))
	about := v.login.Way
	if about == "" && v.login.New != nil {
		about = v.login.New.Identity.Provider
	}
	view.Task, view.NewHref = task, ""
	if about != "" {
		view.About = h.wayView(v, about)
	}
	view.Removing = v.login.Purpose == PurposeReauth
	return h.Pages.Write(v.w, cmp.Or(v.status, http.StatusOK), view)
}

// confirmLink asks for the yes that names both identities.
func (h *Handler) confirmLink(v *visit) error {
	aside := v.login.New.Identity
	view := web.Link{
		Frame:     h.frame(v),
		Owner:     h.wayView(v, v.provenBy()),
		OwnerName: v.subject().Name,
		New:       h.wayView(v, aside.Provider),
		NewName:   cmp.Or(aside.Email, aside.Name),
		Action:    loginPath(v.login) + "/link",
		Pair:      h.pair(v), StepToken: v.login.stepToken(),
		CancelAction: loginPath(v.login) + "/cancel",
		Website:      !v.login.bound(),
	}
	return h.Pages.Write(v.w, http.StatusOK, view)
}

// provenBy is the way by which the person proved that the account is theirs.
func (v *visit) provenBy() string {
	switch {
	case !v.login.bound():
		return v.login.Proof.Identity.Provider
	case v.login.Owner != nil:
		return v.login.Owner.Identity.Provider
	default:
		return v.session.Provider
	}
}

// pair names the two identities of the question, so that a yes to one question
// is none to another that came in its place.
func (h *Handler) pair(v *visit) string {
	aside := v.login.New.Identity
	owner := v.subject().ID + " " + v.provenBy()
	return v.login.derive("pair", owner+" "+LinkTag(keyOf(aside)))
}

// Link is the person's answer to whether the two identities shall be linked.
func (h *Handler) Link(w http.ResponseWriter, r *http.Request) error {
	v, err := h.form(w, r)
	if err != nil {
		return err
	}
	if v.values.Get("answer") == "no" {
		v.login.New = nil // the login goes on by what is known
		return h.walk(v)
	}
	v.agreed, v.answer = true, v.values.Get("pair")
	return h.walk(v)
}

// Unlink is the person's yes to taking a way from their account.
func (h *Handler) Unlink(w http.ResponseWriter, r *http.Request) error {
	v, err := h.form(w, r)
	if err != nil {
		return err
	}
	v.agreed, v.answer = true, v.values.Get("identity")
	return h.walk(v)
}

// said reports whether the person's answer is to the question that is open now.
func (h *Handler) said(v *visit) bool {
	if v.login.Purpose == PurposeReauth {
		return v.answer == v.login.Remove
	}
	return seal.Same(v.answer, h.pair(v))
}

// confirmUnlink asks before a way goes, and says what is left.
func (h *Handler) confirmUnlink(v *visit) error {
	links, err := h.Accounts.Links(v.ctx(), v.holder.ID)
	if err != nil {
		return h.couldNotCheck(v, err)
	}
	view := web.Unlink{
		Frame: h.frame(v), Way: h.wayView(v, v.login.Way),
		Action: loginPath(v.login) + "/unlink", CancelAction: loginPath(v.login) + "/cancel",
		StepToken: v.login.stepToken(), Identity: v.login.Remove,
	}
	links = slices.DeleteFunc(links, func(l store.Link) bool { return LinkTag(l.IdentityKey) == v.login.Remove })
	for _, l := range links {
		left := h.wayView(v, l.Provider)
		left.Down = h.now().snapshot.Of(l.Provider).State == health.Down
		view.Left = append(view.Left, left)
	}
	return h.Pages.Write(v.w, http.StatusOK, view)
}
