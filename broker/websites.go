package broker

import (
	"context"
	"crypto/rand"
	"slices"

	"github.com/bongsu/bongsu/broker/assertion"
	"github.com/bongsu/bongsu/broker/backchannel"
	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/habit"
	"github.com/bongsu/bongsu/broker/oauth"
)

// buildWebsites builds what tells websites that a session has ended.
func (b *Broker) buildWebsites(context.Context) error {
	var err error
	b.websites, err = backchannel.New(backchannel.Options{
		Issuer: b.config.Issuer.String(), Store: b.store, Clients: b.clients, Subjects: b.accounts, Keys: b.signing,
		HTTP: b.outgoing.HTTP(), Rand: rand.Reader, Revision: b.negative.Revision, Told: b.habits.Told,
		Registerer: b.metrics.registry, Logger: b.logger, Now: b.options.Now,
	})
	if err != nil {
		return err
	}
	b.onClose("wait for websites that are told", b.websites.Close)
	return nil
}

// asked notes how a website builds its requests.
func (b *Broker) asked(c *client.Client, r *oauth.AuthorizationRequest) {
	noted := habit.Request{PKCE: r.Challenge != "", State: r.State != "", Nonce: r.Nonce != "", Scopes: r.Scope}
	if slices.Contains(c.RedirectURIs, r.RedirectURI) {
		noted.RedirectURI = r.RedirectURI
	}
	b.habits.Asked(c.ID, noted)
}

// assertions builds what proves websites that sign for themselves.
func (b *Broker) assertions() (*assertion.Verifier, error) {
	issuer := b.config.Issuer.String()
	return assertion.New(assertion.Options{
		Issuer: issuer, TokenEndpoint: issuer + "/token", Store: b.store, HTTP: b.outgoing.HTTP(), Rand: rand.Reader, Now: b.options.Now,
	})
}
