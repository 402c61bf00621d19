package login

import (
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/bongsu/bongsu/broker/session"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/broker/web"
)

// tasks are the pages that want the person to have proven themselves just now,
// by what names them in the path of the form, below the account page.
var tasks = map[string]string{"data": "/data", "delete": "/delete"}

// Fresh reports whether the person of session s proved themselves so recently that
// they may do what cannot be undone, by a provider that is trusted.
func (h *Handler) Fresh(s session.Session) bool {
	return h.Now().Sub(time.Unix(s.AuthTime, 0)) <= freshLife && h.Standing(s.Provider) == InUse
}

// BeginConfirm begins to have the person of this browser's session prove
// themselves again, by a way that the account has, and leads to the page of a
// task.
func (h *Handler) BeginConfirm(w http.ResponseWriter, r *http.Request) error {
	v, err := h.fromAccount(w, r, PurposeConfirm)
	if err != nil {
		return h.notNow(err)
	}
	v.login.Then = r.PathValue("task")
	if _, ok := tasks[v.login.Then]; !ok {
		return &Problem{Kind: web.ProblemNotFound, Status: http.StatusNotFound, Client: h.account}
	}
	links, err := h.Accounts.Links(v.ctx(), v.holder.ID)
	if err != nil {
		return h.notNow(err)
	}
	for _, l := range links {
		if _, ok := h.providers[l.Provider]; ok && h.Standing(l.Provider) == InUse && !slices.Contains(v.login.Linked, l.Provider) {
			v.login.Linked = append(v.login.Linked, l.Provider)
		}
	}
	if err := h.stamp(v); err != nil {
		return err
	}
	return h.walk(v)
}

// Own is a person at their own account page, who sent one of its forms.
type Own struct {
	Session session.Session
	Account store.Account
	Values  url.Values
}

// FromAccount returns the session of a form of the account page and its values. The
// form was made for the session that this browser has, and that session holds;
// anything else is an error with its page.
func (h *Handler) FromAccount(w http.ResponseWriter, r *http.Request) (*Own, error) {
	v, err := h.fromAccount(w, r, PurposeConfirm)
	if err != nil {
		return nil, h.notNow(err)
	}
	return &Own{Session: *v.session, Account: *v.holder, Values: v.values}, nil
}
