package login

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/bongsu/bongsu/broker/account"
	"github.com/bongsu/bongsu/broker/audit"
	"github.com/bongsu/bongsu/broker/device"
	"github.com/bongsu/bongsu/broker/id"
	"github.com/bongsu/bongsu/broker/session"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/broker/web"
	"github.com/bongsu/bongsu/keys/seal"
	"github.com/bongsu/bongsu/providers"
)

// BeginLink begins to give the account of this browser's session another way
// in. Whoever did not prove themselves just now is asked to, by a way that the
// account has already.
func (h *Handler) BeginLink(w http.ResponseWriter, r *http.Request) error {
	v, links, err := h.beginChange(w, r, PurposeLink)
	if err != nil {
		return err
	}
	way := v.login.Way
	switch {
	case slices.Contains(v.login.Linked, way):
		return h.backToAccount(v, web.NoteAlready)
	case slices.Contains(h.down(""), way), h.Standing(way) != InUse:
		return h.backToAccount(v, "") // the page says why
	case len(links) == 0:
		return h.notThisSession(v)
	}
	return h.openChange(v)
}

// BeginUnlink begins to take a way from the account of this browser's session.
// The last one stays.
func (h *Handler) BeginUnlink(w http.ResponseWriter, r *http.Request) error {
	v, links, err := h.beginChange(w, r, PurposeReauth)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(links, func(l store.Link) bool {
		asked := v.values.Get("identity")
		return l.Provider == v.login.Way && (asked == "" || asked == LinkTag(l.IdentityKey))
	})
	if at < 0 {
		return h.backToAccount(v, web.NoteGone)
	}
	v.login.Remove = LinkTag(links[at].IdentityKey)
	if !h.leavesAny(links, v.login.Remove) {
		return h.last(v)
	}
	// The identity that goes proves nothing about it: another one has to.
	if !slices.ContainsFunc(links, func(l store.Link) bool { return l.Provider == v.login.Way && LinkTag(l.IdentityKey) != v.login.Remove }) {
		v.login.Linked = slices.DeleteFunc(v.login.Linked, func(way string) bool { return way == v.login.Way })
	}
	return h.openChange(v)
}

// LinkTag names an identity in forms of its own account's page without saying it.
func LinkTag(key store.IdentityKey) string { return id.Tag(key.Provider + "\x00" + key.Subject) }

func (h *Handler) beginChange(w http.ResponseWriter, r *http.Request, purpose Purpose) (*visit, []store.Link, error) {
	v, err := h.fromAccount(w, r, purpose)
	if err != nil {
		return nil, nil, h.notNow(err)
	}
	links, err := h.Accounts.Links(v.ctx(), v.holder.ID)
	if err != nil {
		return nil, nil, h.notNow(err)
	}
	for _, l := range links {
		if _, ok := h.providers[l.Provider]; ok && h.Standing(l.Provider) == InUse && !slices.Contains(v.login.Linked, l.Provider) {
			v.login.Linked = append(v.login.Linked, l.Provider)
		}
	}
	return v, links, nil
}

// openChange walks a new bound login. A session too old to change anything is
// refused, with the way on.
func (h *Handler) openChange(v *visit) error {
	if err := h.stamp(v); err != nil {
		return err
	}
	if !v.ownerProven(h.Now()) {
		v.status = http.StatusForbidden
	}
	return h.walk(v)
}

func (h *Handler) backToAccount(v *visit, word web.Note) error {
	if word != "" {
		h.note(v, word, v.login.Way)
	}
	http.Redirect(v.w, v.r, accountPath, http.StatusSeeOther)
	return nil
}

// links reports whether an identity proven in this login may change an account,
// so that the person must prove it anew.
func (l *Login) links() bool { return l.bound() || l.New != nil }

// asks reports whether this login has a use for a proof by way.
func (l *Login) asks(way string) bool {
	return !l.bound() || slices.Contains(l.Linked, way) || l.Purpose == PurposeLink && way == l.Way
}

// proved takes an identity that came back. The one that was set aside, proven
// again, is either still waiting for its owner, or the person's answer that it
// is all they have.
func (l *Login) proved(p *Proof) {
	switch {
	case l.bound() || !p.same(l.New):
		l.Proof = p
	case l.Proof != nil:
		l.New = p
	default:
		l.Proof, l.New = p, nil
	}
}

// setAside keeps the identity that nobody has while its owner is looked for, and
// reports whether there was one.
func (l *Login) setAside() bool {
	if l.bound() || l.Proof == nil || l.New != nil {
		return false
	}
	l.Proof, l.New = nil, l.Proof
	return true
}

// recall takes it up again: the person went back to the question whose it is.
func (l *Login) recall() {
	if !l.bound() && l.Proof == nil {
		l.Proof, l.New = l.New, nil
	}
}

// foundOwner is the moment at which an identity set aside could be linked: the
// person has proven who they were before. What they proved must be fresh. A
// provider that does not ask again lets them in, and changes nothing.
func (h *Handler) foundOwner(v *visit, found store.Account) error {
	l := v.login
	now, way := h.Now(), l.Proof.Identity.Provider
	switch {
	case l.Proof.recent(now):
		v.owner = &found
		return nil
	case now.Sub(time.Unix(l.Proof.At, 0)) > freshLife:
		l.failed(way, web.ReasonStale)
		l.Proof, v.menu = nil, true
		return nil
	}
	h.refuseChange(v, way, found.ID, "stale")
	l.New = nil
	return h.proved(v, found)
}

// unknownToo is what happens when the earlier identity is unknown as well: the
// menu says so, and the first one stays kept.
func (h *Handler) unknownToo(v *visit) {
	v.login.failed(v.login.Proof.Identity.Provider, web.ReasonNew)
	v.login.Proof = nil
	v.menu = true
}

// ownerProven reports whether somebody has just proven an identity that the
// account has: in this login, or by beginning the session. What is about to be
// removed proves nothing, nor does a session by a provider that an operator
// switched off: it goes on, but nobody takes an account over with it.
func (v *visit) ownerProven(now time.Time) bool {
	l := v.login
	if l.Owner.recent(now) {
		return true
	}
	if v.off || l.Purpose == PurposeReauth && v.session.Provider == l.Way {
		return false
	}
	return now.Sub(time.Unix(v.session.AuthTime, 0)) <= freshLife
}

// sameSession refuses to go on with a bound login in a browser that has another
// session, before any provider hears of it.
func (h *Handler) sameSession(v *visit) error {
	if !v.login.bound() {
		return nil
	}
	current, err := h.Sessions.Read(v.ctx(), v.r)
	switch {
	case errors.Is(err, session.ErrNone):
		return h.notThisSession(v)
	case err != nil:
		return h.notNow(err)
	case !seal.Same(current.SID, v.login.Session) || current.Account != v.login.Account:
		return h.notThisSession(v)
	}
	v.session = &current
	return nil
}

// hold finds the account that a bound login is about, and reports whether that
// ended the login: the browser's current session must be the one that began it.
func (h *Handler) hold(v *visit) (ended bool, err error) {
	if err := h.sameSession(v); err != nil {
		return true, err
	}
	err = h.current(v, *v.session)
	if _, ok := errors.AsType[*Problem](err); ok || err == nil {
		return err != nil, err
	}
	return true, h.couldNotCheck(v, err)
}

// place puts a proven identity where a bound login needs it. found is whose it
// is, as cause says.
func (h *Handler) place(v *visit, found store.Account, cause error) (ended bool, err error) {
	l, proof := v.login, v.login.Proof
	way := proof.Identity.Provider
	unknown := errors.Is(cause, account.ErrUnknown)
	mine := cause == nil && found.ID == v.holder.ID
	l.Proof = nil
	switch {
	case !proof.recent(h.Now()):
		h.refuseChange(v, way, v.holder.ID, "stale")
		l.failed(way, web.ReasonStale)
	case mine && l.Purpose == PurposeReauth && LinkTag(keyOf(proof.Identity)) == l.Remove:
		l.failed(way, web.ReasonSameWay)
	case mine && l.Purpose == PurposeLink && way == l.Way:
		l.failed(way, web.ReasonLinked)
	case mine:
		l.Owner = proof
		l.succeeded(way)
	case l.Purpose == PurposeLink && way == l.Way && unknown:
		l.New = proof
		l.succeeded(way)
	case l.Purpose == PurposeLink && way == l.Way:
		return true, h.taken(v, way, found)
	default:
		h.refuseChange(v, way, v.holder.ID, "not_owner")
		l.failed(way, web.ReasonNotYours)
	}
	return false, nil
}

// taken refuses an identity that another account has, without a word about
// whose. Both accounts' events tell of it.
func (h *Handler) taken(v *visit, way string, owner store.Account) error {
	v.login.New = nil
	h.refuseChange(v, way, v.subject().ID, "taken")
	h.refuseChange(v, way, owner.ID, "taken")
	if err := h.logins.keep(v.w, v.r, v.login); err != nil {
		return err
	}
	return &Problem{
		Kind: web.ProblemTaken, Status: http.StatusConflict, Client: v.client, RetryHref: loginPath(v.login),
	}
}

func (h *Handler) refuseChange(v *visit, way, accountID, reason string) {
	h.Audit.Record(v.ctx(), audit.Event{
		Name: audit.LinkRefused, Client: v.client.ID, Provider: way, Account: accountID,
		Login: v.login.ID, Reason: reason,
	})
}

// subject is the account that this login would change.
func (v *visit) subject() *store.Account {
	if v.holder != nil {
		return v.holder
	}
	return v.owner
}

// link makes the link that the person said yes to, and reports whether the login
// ended with it. All other sessions of the account, and what they gave, end;
// this browser gets a new one.
func (h *Handler) link(v *visit) (ended bool, err error) {
	v.agreed = false
	if !h.said(v) {
		return false, nil
	}
	owner, identity := v.subject(), v.login.New.Identity
	linked, err := h.Accounts.Link(v.ctx(), *owner, identity)
	switch {
	case errors.Is(err, account.ErrTaken):
		return true, h.taken(v, identity.Provider, linked)
	case errors.Is(err, account.ErrLinked): // another tab, or an answer that got lost
		h.note(v, web.NoteAlready, identity.Provider)
	case errors.Is(err, account.ErrEnded) && v.login.bound():
		return true, h.notThisSession(v)
	case errors.Is(err, account.ErrEnded): // the proof stands: the account is read again
		v.owner = nil
		return false, nil
	case err != nil:
		return true, h.couldNotCheck(v, err)
	default:
		h.Counts.Matched(MatchLinked)
		h.Audit.Record(v.ctx(), audit.Event{
			Name: audit.AccountLinked, Client: v.client.ID, Provider: identity.Provider, Account: owner.ID, Login: v.login.ID,
			Device: device.Label(v.r),
		})
		h.note(v, web.NoteLinked, identity.Provider)
	}
	v.login.New = nil
	if !v.login.bound() {
		return false, h.proved(v, linked)
	}
	return false, h.renew(v, linked)
}

// unlink takes the identity that the person said yes to, and reports whether the
// login ended with it.
func (h *Handler) unlink(v *visit) (ended bool, err error) {
	v.agreed = false
	if !h.said(v) {
		return false, nil
	}
	links, err := h.Accounts.Links(v.ctx(), v.holder.ID)
	if err != nil {
		return true, h.couldNotCheck(v, err)
	}
	at := slices.IndexFunc(links, func(l store.Link) bool { return LinkTag(l.IdentityKey) == v.login.Remove })
	if at < 0 {
		return true, h.leaveWith(v, web.NoteGone)
	}
	if !h.leavesAny(links, v.login.Remove) {
		return true, h.last(v)
	}
	left, err := h.Accounts.Unlink(v.ctx(), *v.holder, links[at].IdentityKey)
	switch {
	case errors.Is(err, account.ErrLast):
		return true, h.last(v)
	case errors.Is(err, account.ErrUnknown):
		return true, h.leaveWith(v, web.NoteGone)
	case err != nil:
		return true, h.couldNotCheck(v, err)
	}
	h.Audit.Record(v.ctx(), audit.Event{
		Name: audit.AccountUnlinked, Provider: v.login.Way, Account: left.ID, Login: v.login.ID, Device: device.Label(v.r),
	})
	h.note(v, web.NoteUnlinked, v.login.Way)
	return false, h.renew(v, left)
}

// leavesAny reports whether a way in is left without the identity that goes: a
// provider that is gone for good is none.
func (h *Handler) leavesAny(links []store.Link, remove string) bool {
	return slices.ContainsFunc(links, func(l store.Link) bool {
		_, configured := h.providers[l.Provider]
		return LinkTag(l.IdentityKey) != remove && configured && h.Standing(l.Provider) != Retired
	})
}

// last refuses to take the only way in.
func (h *Handler) last(v *visit) error {
	h.refuseChange(v, v.login.Way, v.holder.ID, "last")
	return &Problem{Kind: web.ProblemLast, Status: http.StatusConflict, Client: h.account}
}

func (h *Handler) leaveWith(v *visit, word web.Note) error {
	h.note(v, word, v.login.Way)
	return h.leave(v, nil)
}

// renew makes the session that goes on in this browser after a change of its
// account: of the proof given in this login, or the old one under a new name.
func (h *Handler) renew(v *visit, changed store.Account) error {
	if owner := v.login.Owner; owner.recent(h.Now()) {
		made, err := h.newSession(changed, owner.Identity, time.Unix(owner.At, 0))
		if err != nil {
			return err
		}
		v.found, v.session = &changed, made
		return nil
	}
	sid, err := id.New(h.Rand)
	if err != nil {
		return err
	}
	renewed := *v.session
	renewed.SID, renewed.Epoch = sid, changed.Epoch
	v.found, v.session = &changed, &renewed
	return nil
}

func keyOf(i providers.Identity) store.IdentityKey {
	return store.IdentityKey{Provider: i.Provider, Subject: i.Subject}
}
