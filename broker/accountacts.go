package broker

import (
	"cmp"
	"errors"
	"net/http"
	"slices"

	"github.com/bongsu/bongsu/broker/account"
	"github.com/bongsu/bongsu/broker/audit"
	"github.com/bongsu/bongsu/broker/device"
	"github.com/bongsu/bongsu/broker/login"
	"github.com/bongsu/bongsu/broker/session"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/broker/web"
)

const accountPath = "/account"

// own is a person at a page of their own.
type own struct {
	session session.Session
	account store.Account
}

// whoAsks finds who asks for a page of the account; nil without an error: nobody,
// and they were sent to sign in.
func (b *Broker) whoAsks(w http.ResponseWriter, r *http.Request) (*own, error) {
	ctx := r.Context()
	current, err := b.sessions.Read(ctx, r)
	if errors.Is(err, session.ErrNone) {
		return nil, b.signedOut(w, r)
	}
	if err != nil {
		return nil, againAt(r.URL.Path, err)
	}
	found, err := b.accounts.Current(ctx, current.Account, current.Epoch)
	switch {
	case errors.Is(err, account.ErrUnknown), errors.Is(err, account.ErrDisabled), errors.Is(err, account.ErrEnded):
		return nil, b.signedOut(w, r)
	case err != nil:
		return nil, againAt(r.URL.Path, err)
	}
	return &own{session: current, account: found}, nil
}

// againAt offers a page again that could not be checked.
func againAt(path string, cause error) error {
	return &login.Problem{Kind: web.ProblemUnavailable, Status: http.StatusServiceUnavailable, RetryHref: path, Err: cause}
}

// personalForm is the person who sent a form of their account page. When that could
// not be checked, the page with the form is offered again.
func (b *Broker) personalForm(w http.ResponseWriter, r *http.Request) (*login.Own, error) {
	who, err := b.login.FromAccount(w, r)
	problem, ok := errors.AsType[*login.Problem](err)
	switch r.URL.Path {
	case accountPath + "/data", accountPath + "/delete", accountPath + "/sign-out-everywhere":
		if ok && problem.Kind == web.ProblemUnavailable {
			problem.RetryHref = r.URL.Path
		}
	}
	return who, err
}

// stepPage asks before something is done to the account.
func (b *Broker) stepPage(kind web.StepKind, task string) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		who, err := b.whoAsks(w, r)
		if who == nil {
			return err
		}
		return b.askStep(w, r, who, kind, task, http.StatusOK)
	}
}

func (b *Broker) askStep(w http.ResponseWriter, r *http.Request, who *own, kind web.StepKind, task string, status int) error {
	path := accountPath + "/" + cmp.Or(task, "sign-out-everywhere")
	frame := b.personalFrame(r, who.account)
	frame.LangPath = path
	return b.pages.Write(w, status, web.Step{
		Frame: frame, Kind: kind, Fresh: task == "" || b.login.Fresh(who.session), Action: path,
		ConfirmAction: accountPath + "/confirm/" + task, StepToken: b.login.FormToken(who.session), BackHref: accountPath,
	})
}

// personalFrame is the frame of a page of the person's own: in the language they
// chose for the account, unless this page was asked for in another.
func (b *Broker) personalFrame(r *http.Request, a store.Account) web.Frame {
	frame := b.ownFrame(r)
	if a.Language != "" && r.URL.Query().Get("lang") == "" {
		frame.Lang = web.Language([]string{a.Language}, "", "", "")
	}
	return frame
}

// keepLanguage stores the language that the person chose.
func (b *Broker) keepLanguage(w http.ResponseWriter, r *http.Request) error {
	who, err := b.personalForm(w, r)
	if err != nil {
		return err
	}
	lang := who.Values.Get("language")
	if !slices.Contains([]string{"ko", "en", "ja"}, lang) {
		return &login.Problem{Kind: web.ProblemNotFound, Status: http.StatusNotFound, RetryHref: accountPath}
	}
	if err := b.store.KeepLanguage(r.Context(), who.Account.ID, lang); err != nil {
		return againAt(accountPath, err)
	}
	b.login.SpeakFrom(w, lang)
	b.login.Say(w, web.NoteLanguage)
	http.Redirect(w, r, accountPath, http.StatusSeeOther)
	return nil
}

// takeAway ends what a website may see.
func (b *Broker) takeAway(w http.ResponseWriter, r *http.Request) error {
	who, err := b.personalForm(w, r)
	if err != nil {
		return err
	}
	clientID := who.Values.Get("client")
	if clientID == "" || len(clientID) > store.MaxClientID {
		return &login.Problem{Kind: web.ProblemNotFound, Status: http.StatusNotFound, RetryHref: accountPath}
	}
	if err := b.consents.TakeAway(r.Context(), who.Account.ID, clientID); err != nil {
		return againAt(accountPath, err)
	}
	b.audit.Record(r.Context(), audit.Event{
		Name: audit.ConsentTaken, Client: clientID, Account: who.Account.ID, Device: device.Label(r), Session: who.Session.SID,
	})
	b.login.Say(w, web.NoteTaken)
	http.Redirect(w, r, accountPath, http.StatusSeeOther)
	return nil
}

// endDevice ends one session of the account: of this browser or another.
func (b *Broker) endDevice(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	who, err := b.personalForm(w, r)
	if err != nil {
		return err
	}
	p, err := b.partsOf(ctx, who.Account.ID, who.Session)
	if err != nil {
		return againAt(accountPath, err)
	}
	at := slices.IndexFunc(p.devices, func(d signedIn) bool { return d.tag() == who.Values.Get("device") })
	if at < 0 { // it has ended meanwhile
		http.Redirect(w, r, accountPath, http.StatusSeeOther)
		return nil
	}
	sid, now := p.devices[at].sid, b.options.Now().UTC()
	fact := store.Fact{
		Kind: store.SessionEnded, ID: sid, At: now,
		Until: now.Add(b.config.Sessions.Lifetime + b.config.Sessions.OutageCeiling),
	}
	if err := b.negative.Apply(ctx, fact); err != nil {
		return againAt(accountPath, err)
	}
	b.audit.Record(ctx, audit.Event{Name: audit.SessionEnded, Account: who.Account.ID, Device: device.Label(r)})
	if sid == who.Session.SID {
		b.sessions.Forget(w)
	}
	return b.endedPage(w, r, who, web.EndedDevice, fact)
}

// signOutEverywhere ends every session of the account.
func (b *Broker) signOutEverywhere(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	who, err := b.personalForm(w, r)
	if err != nil {
		return err
	}
	fact, err := b.accounts.EndSessions(ctx, who.Account)
	if err != nil {
		return againAt(accountPath, err)
	}
	b.audit.Record(ctx, audit.Event{Name: audit.SessionsEnded, Account: who.Account.ID, Device: device.Label(r)})
	b.sessions.Forget(w)
	return b.endedPage(w, r, who, web.EndedAll, fact)
}

// endedPage says what became of telling each website.
func (b *Broker) endedPage(w http.ResponseWriter, r *http.Request, who *login.Own, kind web.EndedKind, fact store.Fact) error {
	frame := b.personalFrame(r, who.Account)
	frame.LangPath = ""
	view := web.Ended{Frame: frame, Kind: kind, Href: accountPath}
	results, err := b.websites.Ended(r.Context(), fact)
	view.Unknown = err != nil
	for _, result := range results {
		view.Websites = append(view.Websites, web.EndedAt{
			Name: b.websiteName(result.Client, frame.Lang), State: string(result.State),
		})
	}
	return b.pages.Write(w, http.StatusOK, view)
}

// deleteAccount deletes the account of a person who proved themselves just now.
func (b *Broker) deleteAccount(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	who, err := b.personalForm(w, r)
	if err != nil {
		return err
	}
	if !b.login.Fresh(who.Session) {
		return b.askStep(w, r, &own{who.Session, who.Account}, web.StepDelete, "delete", http.StatusForbidden)
	}
	fact, err := b.accounts.Delete(ctx, b.store, who.Account)
	switch {
	case errors.Is(err, account.ErrEnded): // another tab was faster
		http.Redirect(w, r, accountPath, http.StatusSeeOther)
		return nil
	case err != nil:
		return againAt(accountPath+"/delete", err)
	}
	b.audit.Record(ctx, audit.Event{Name: audit.AccountDeleted, Account: who.Account.ID})
	b.sessions.Forget(w)
	return b.endedPage(w, r, who, web.EndedAccount, fact)
}
