package broker

import (
	"context"
	"slices"
	"time"

	"github.com/bongsu/bongsu/broker/consent"
	"github.com/bongsu/bongsu/broker/history"
	"github.com/bongsu/bongsu/broker/id"
	"github.com/bongsu/bongsu/broker/session"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/broker/web"
)

// shownEvents is how many events the account page shows.
const shownEvents = 15

// parts is what the account page shows below the ways, as it was read.
type parts struct {
	services []consent.Service
	devices  []signedIn
	events   []store.AccountEvent
}

// signedIn is a browser with a session, as the grants tell.
type signedIn struct {
	sid     string
	way     string
	began   time.Time // of its latest grant
	clients []string
	seen    store.AccountEvent // where it signed in; zero: not known
}

// tag names a session in forms of its own account's page without saying its id.
func (s signedIn) tag() string { return id.Tag("account page session\x00" + s.sid) }

// partsOf reads what an account gave and what happened to it. An error means that
// it could not be read.
func (b *Broker) partsOf(ctx context.Context, accountID string, current session.Session) (parts, error) {
	_ = b.history.Flush(ctx) // what has just happened is to be seen; else it comes later
	events, err := b.store.EventsOf(ctx, accountID, store.MaxHistory)
	if err != nil {
		return parts{}, err
	}
	grants, err := b.consents.Grants(ctx, accountID)
	if err != nil {
		return parts{}, err
	}
	services, err := b.consents.Services(ctx, accountID)
	if err != nil {
		return parts{}, err
	}
	return parts{services: services, devices: b.devices(grants, events, current), events: events}, nil
}

// devices groups grants by session, this browser's first. Sessions of before the
// last time that all of them ended, or longer ago than a session lives, are over.
func (b *Broker) devices(grants []store.Grant, events []store.AccountEvent, current session.Session) []signedIn {
	since := b.options.Now().Add(-b.config.Sessions.Lifetime - b.config.Sessions.OutageCeiling)
	for _, e := range events {
		if slices.Contains([]string{history.Everywhere, history.Linked, history.Unlinked}, e.What) && e.At.After(since) {
			since = e.At
		}
	}
	found := []signedIn{{sid: current.SID, way: current.Provider, began: time.Unix(current.Began, 0)}}
	for _, g := range grants { // newest first
		i := slices.IndexFunc(found, func(s signedIn) bool { return s.sid == g.SID })
		switch {
		case g.SID == "" || i < 0 && g.CreatedAt.Before(since):
			continue
		case i < 0:
			found = append(found, signedIn{sid: g.SID, way: g.Provider, began: g.CreatedAt})
			i = len(found) - 1
		}
		if !slices.Contains(found[i].clients, g.ClientID) {
			found[i].clients = append(found[i].clients, g.ClientID)
		}
	}
	for i := range found {
		at := slices.IndexFunc(events, func(e store.AccountEvent) bool { return e.SID == found[i].sid && e.Device != "" })
		if at >= 0 {
			found[i].seen = events[at]
		}
	}
	return found
}

// show fills the view of the account page.
func (b *Broker) showParts(view *web.Account, p parts, current session.Session) {
	for _, d := range p.devices {
		row := web.AccountDevice{
			Name: d.seen.Device, Site: d.seen.Site, Way: b.wayOf(d.way), At: d.began, Current: d.sid == current.SID, Tag: d.tag(),
		}
		for _, c := range d.clients {
			row.Websites = append(row.Websites, b.websiteName(c, view.Lang))
		}
		view.Devices = append(view.Devices, row)
	}
	for _, s := range p.services {
		view.Services = append(view.Services, web.AccountService{
			Client: s.ClientID, Name: b.websiteName(s.ClientID, view.Lang), Scope: s.Scope, Since: s.Since,
		})
	}
	for _, e := range p.events[:min(len(p.events), shownEvents)] {
		row := web.AccountEvent{What: e.What, At: e.At, Device: e.Device, Site: e.Site}
		if e.ClientID != "" {
			row.Website = b.websiteName(e.ClientID, view.Lang)
		}
		if e.Provider != "" {
			row.Way = b.wayOf(e.Provider)
		}
		view.Events = append(view.Events, row)
	}
	view.Actions = web.AccountActions{
		EndDevice: "/account/sessions/end", TakeAway: "/account/services/end", Language: "/account/language",
		Everywhere: "/account/sign-out-everywhere", Data: "/account/data", Delete: "/account/delete",
	}
}

// websiteName is what people call a website; its id when it is registered no more.
func (b *Broker) websiteName(clientID, lang string) string {
	if known, ok := b.clients.Client(clientID); ok {
		return known.DisplayName(lang)
	}
	return clientID
}
