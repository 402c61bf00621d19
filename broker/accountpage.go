package broker

import (
	"net/http"
	"slices"
	"time"

	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/broker/login"
	"github.com/bongsu/bongsu/broker/session"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/broker/web"
)

// accountPage shows a signed-in person their account, and offers everybody else
// to sign in.
func (b *Broker) accountPage(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	b.login.KeepLanguage(w, r)
	who, err := b.whoAsks(w, r)
	if who == nil {
		return err
	}
	found, current := who.account, who.session
	links, err := b.accounts.Links(ctx, found.ID)
	if err != nil {
		return againAt(accountPath, err)
	}
	below, err := b.partsOf(ctx, found.ID, current)
	if err != nil {
		return againAt(accountPath, err)
	}
	view := web.Account{
		Frame: b.personalFrame(r, found), Language: found.Language, Name: found.Name, Email: found.Email,
		Ways: b.accountWays(links, current), Independent: b.independent(links),
		Proved: time.Unix(current.AuthTime, 0), ProvedBy: b.wayOf(current.Provider),
		StepToken: b.login.FormToken(current), LogoutHref: "/logout",
	}
	b.showParts(&view, below, current)
	view.Note, view.NoteWay = b.takeNote(w, r)
	return b.pages.Write(w, http.StatusOK, view)
}

// ownFrame is the frame of a page about no website.
func (b *Broker) ownFrame(r *http.Request) web.Frame {
	frame := b.frame(r, nil, "")
	frame.LangPath = r.URL.Path
	return frame
}

func (b *Broker) takeNote(w http.ResponseWriter, r *http.Request) (web.Note, web.Way) {
	word, way := b.login.TakeNote(w, r)
	return word, b.wayOf(way)
}

func (b *Broker) wayOf(id string) web.Way {
	for _, p := range b.providers {
		if instance := p.Instance(); instance.ID == id {
			return web.Way{ID: instance.ID, Kind: instance.Brand(), Name: instance.Name}
		}
	}
	return web.Way{ID: id}
}

// accountWays lists what is linked, oldest first, and then what could be. A
// provider that is down cannot be linked; what is linked can go while it is.
func (b *Broker) accountWays(links []store.Link, current session.Session) []web.AccountWay {
	down := b.login.Down()
	var ways []web.AccountWay
	linked := make(map[string]bool)
	for _, l := range links {
		linked[l.Provider] = true
		way := b.wayOf(l.Provider)
		way.Down, way.LastUsed = slices.Contains(down, l.Provider), l.Provider == current.Provider
		row := web.AccountWay{Way: way, Linked: true, Since: l.CreatedAt, Last: len(links) == 1, Off: b.login.Standing(l.Provider) != login.InUse}
		if way.Kind != "" { // one that is configured no more can only be shown
			row.Action, row.Identity = "/account/unlink/"+l.Provider, login.LinkTag(l.IdentityKey)
		}
		ways = append(ways, row)
	}
	for _, p := range b.providers {
		way := b.wayOf(p.Instance().ID)
		standing := b.login.Standing(way.ID)
		if linked[way.ID] || standing == login.Retired || b.private(way.ID) {
			continue
		}
		way.Down = slices.Contains(down, way.ID)
		ways = append(ways, web.AccountWay{Way: way, Action: "/account/link/" + way.ID, Off: standing != login.InUse})
	}
	return ways
}

// private reports whether a provider belongs to single websites: it is linked
// where they ask for it.
func (b *Broker) private(provider string) bool {
	return slices.ContainsFunc(b.config.Providers, func(p config.Provider) bool { return p.ID == provider && len(p.OnlyFor) > 0 })
}

// independent counts the linked ways that share no failure domain with one
// counted before: what stops one leaves the others.
func (b *Broker) independent(links []store.Link) int {
	taken := make(map[string]bool)
	count := 0
	for _, l := range links {
		domains := b.domains(l.Provider)
		if b.login.Standing(l.Provider) == login.Retired {
			continue
		}
		if len(domains) == 0 || slices.ContainsFunc(domains, func(d string) bool { return taken[d] }) {
			continue
		}
		count++
		for _, d := range domains {
			taken[d] = true
		}
	}
	return count
}

// domains are what a provider shares its fate with; none is configured no more.
func (b *Broker) domains(provider string) []string {
	for _, p := range b.config.Providers {
		if p.ID != provider {
			continue
		}
		if len(p.Domains) == 0 {
			return []string{p.ID}
		}
		return p.Domains
	}
	return nil
}

// signedOut says that nobody is signed in, and where to.
func (b *Broker) signedOut(w http.ResponseWriter, r *http.Request) error {
	view := web.LoggedOut{Frame: b.ownFrame(r), SignInHref: "/account/sign-in"}
	view.Note, view.NoteWay = b.takeNote(w, r)
	return b.pages.Write(w, http.StatusOK, view)
}
