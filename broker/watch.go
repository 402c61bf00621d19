package broker

import (
	"context"

	"github.com/bongsu/bongsu/broker/audit"
	"github.com/bongsu/bongsu/broker/ceiling"
	"github.com/bongsu/bongsu/broker/health"
	"github.com/bongsu/bongsu/broker/login"
)

// newsHealth is the purpose that the site's identity signs health records for.
const newsHealth = "health record"

// openBoard builds what this site knows of its providers. It asks nobody.
func (b *Broker) openBoard(context.Context) error {
	watched := make([]health.ProviderInfo, len(b.config.Providers))
	for i, p := range b.config.Providers {
		watched[i] = health.ProviderInfo{ID: p.ID, Domains: p.Domains, ProfileOptional: profileOptional(p.Kind)}
	}
	board, err := health.New(health.Options{
		Site: b.config.Site, Node: b.node(), Sites: b.siteNames(), Providers: watched,
		Sign: func(message []byte) ([]byte, error) { return b.signing.SignNews(newsHealth, message) },
		Verify: func(site string, message, signature []byte) bool {
			return b.signing.VerifyNews(site, newsHealth, message, signature)
		},
		Now: b.options.Now, Logger: b.logger, Registerer: b.metrics.registry, Suspect: b.suspect, Changed: b.changed,
	})
	if err != nil {
		return err
	}
	b.board = board
	return nil
}

// profileOptional reports whether an identity of that kind of provider is proven
// by an ID token, so that a login can do without the profile.
func profileOptional(kind string) bool {
	switch kind {
	case "naver", "oauth2":
		return false
	}
	return true
}

// buildCeilings bounds what the operator knows the providers to bear.
func (b *Broker) buildCeilings(context.Context) error {
	var err error
	b.ceilings, err = ceiling.New(b.config.Ceilings(), b.options.Now)
	return err
}

// Observe implements [login.Observer].
func (b *Broker) Observe(_ context.Context, o login.Observation) {
	if !o.Drill { // what a drill makes fail says nothing about a provider
		b.metrics.step(o.Provider, string(o.Step), string(o.Outcome), o.Took)
	}
	b.board.Observe(health.Observation{
		Provider: o.Provider, Step: o.Step, Outcome: o.Outcome, Took: o.Took, Device: o.Device,
		Marked: o.Marked, Browser: o.Browser, Prefix: o.Prefix, Started: o.Began, Drill: o.Drill,
	})
	if b.options.OnStep != nil {
		b.options.OnStep(o)
	}
}

// recorded counts what an audit event tells, and passes it on.
func (b *Broker) recorded(e audit.Event) {
	if e.Name == audit.LoginRefused {
		b.metrics.refused.WithLabelValues(e.Reason).Inc() // an error code of ours
	}
	if e.Name == audit.LoginCompleted {
		b.coverage.Note(e.Client, e.Account)
	}
	b.history.Note(e)
	if b.options.OnEvent != nil {
		b.options.OnEvent(e)
	}
}

// changed tells what the board holds of a provider from now on.
func (b *Broker) changed(t health.Transition) {
	b.metrics.changed(t)
	if b.options.OnChange != nil {
		b.options.OnChange(t)
	}
}
