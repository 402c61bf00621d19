package dev

import (
	"sync/atomic"
	"time"

	"github.com/bongsu/bongsu/broker/audit"
	"github.com/bongsu/bongsu/broker/dev/demo"
	"github.com/bongsu/bongsu/broker/dev/switchboard"
	"github.com/bongsu/bongsu/broker/health"
	"github.com/bongsu/bongsu/broker/login"
	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/fakeidp"
)

// teller writes down for the switchboard what the parts report. It is silent
// until the instance is ready: the check of itself is nobody's login.
type teller struct {
	log   *switchboard.Log
	site  string // whose broker reports; empty where there is one
	ready *atomic.Bool
}

func newTeller() *teller {
	return &teller{log: switchboard.NewLog(time.Now), ready: new(atomic.Bool)}
}

// at is the teller of the broker of one site among several.
func (t *teller) at(site string) *teller { return &teller{log: t.log, site: site, ready: t.ready} }

func (t *teller) add(e switchboard.Event) {
	if t.ready.Load() {
		e.Site = t.site
		t.log.Add(e)
	}
}

// audited words the broker's audit events.
var audited = map[audit.Name]switchboard.Kind{
	audit.LoginCompleted:  switchboard.LoginCompleted,
	audit.LoginRefused:    switchboard.LoginRefused,
	audit.LegFailed:       switchboard.LegFailed,
	audit.AccountOpened:   switchboard.AccountOpened,
	audit.CodeReplayed:    switchboard.CodeReplayed,
	audit.CodeMisused:     switchboard.CodeMisused,
	audit.ClientRefused:   switchboard.ClientRefused,
	audit.SessionEnded:    switchboard.SessionEnded,
	audit.CallbackRefused: switchboard.CallbackRefused,
}

func (t *teller) audit(e audit.Event) {
	kind, ok := audited[e.Name]
	if !ok {
		kind = switchboard.Kind(e.Name)
	}
	t.add(switchboard.Event{Kind: kind, Provider: e.Provider, Client: e.Client, Detail: e.Reason})
}

// step tells a step of a leg, where it did not go well. What the person
// decided is told by the provider.
func (t *teller) step(o login.Observation) {
	if o.Outcome == providers.OK || o.Outcome == providers.User {
		return
	}
	detail := string(o.Step) + " " + string(o.Outcome)
	if o.Code != "" {
		detail += " " + o.Code
	}
	t.add(switchboard.Event{Kind: switchboard.StepFailed, Provider: o.Provider, Detail: detail})
}

// change tells when a broker finds out that a provider fails, wavers or is back.
// That nothing is wrong at first is no news.
func (t *teller) change(c health.Transition) {
	e := switchboard.Event{Provider: c.Provider, Detail: string(c.Cause)}
	switch {
	case c.To == health.Down:
		e.Kind = switchboard.StateDown
	case c.To == health.Degraded:
		e.Kind = switchboard.StateDegraded
	case c.To == health.Up && c.From != health.Unknown:
		e.Kind = switchboard.StateUp
	default:
		return
	}
	t.add(e)
}

func (t *teller) upstream(e fakeidp.Event) {
	switch e.What {
	case fakeidp.PageShown:
		t.add(switchboard.Event{Kind: switchboard.PageShown, Provider: e.Upstream})
	case fakeidp.Declined:
		t.add(switchboard.Event{Kind: switchboard.PersonDeclined, Provider: e.Upstream})
	case fakeidp.FaultSet:
		t.add(switchboard.Event{Kind: switchboard.FaultSet, Provider: e.Upstream, Detail: e.Detail})
	case fakeidp.FaultCleared:
		t.add(switchboard.Event{Kind: switchboard.FaultCleared, Provider: e.Upstream, Detail: e.Detail})
	}
}

// login tells what the demo website saw: only the comparison, since the broker
// tells the login itself.
func (t *teller) login(l demo.Login) {
	switch {
	case !l.Past:
	case l.Same:
		t.add(switchboard.Event{Kind: switchboard.SamePerson})
	default:
		t.add(switchboard.Event{Kind: switchboard.AnotherPerson})
	}
}
