package broker

import (
	"context"
	"errors"
	"fmt"

	"github.com/bongsu/bongsu/broker/admin"
	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/broker/credential"
	"github.com/bongsu/bongsu/broker/fingerprint"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/catalog"
)

// settle makes sure that every id stands for what it stood for before: subjects
// belong to one app at one upstream, and under another the same subject may be
// somebody else. Then it reads the secrets that operators set.
func (b *Broker) settle(ctx context.Context) error {
	var own []store.Fingerprint
	standing := b.snapshot.Fingerprints(b.store)
	for i, p := range b.providers {
		found := b.fingerprint(p)
		stands, err := standing.KeepFingerprint(ctx, found)
		switch {
		case errors.Is(err, store.ErrConflict):
			return fingerprint.Renamed(stands, found)
		case err != nil:
			return fmt.Errorf("provider %s: whether it is what it was could not be checked: %w", found.Provider, err)
		case !stands.Same(found):
			return fingerprint.Another(stands, found)
		}
		own = append(own, found)
		if configured := b.config.Providers[i]; !signs(configured) {
			b.secrets.Add(credential.Instance{
				ID: found.Provider, Issuer: found.Issuer, ClientID: found.ClientID, Configured: configured.ClientSecret,
			})
		}
	}
	if err := b.secrets.Read(ctx); err != nil {
		return fmt.Errorf("secrets of providers: %w", err)
	}
	var err error
	b.instances, err = fingerprint.New(fingerprint.Options{Store: standing, Own: own, Logger: b.logger})
	return err
}

// foreign reports whether an id stands for something else by now than this node
// was built with: an operator had it migrated.
func (b *Broker) foreign(provider string) bool {
	_, foreign := b.instances.Foreign(provider)
	return foreign
}

// admissible reports why this node could not be started with the providers of
// another configuration; nil: it could. Providers change at a restart alone, so
// nobody would notice before that.
func (b *Broker) admissible(ctx context.Context, next *config.Config) error {
	found := make([]store.Fingerprint, len(next.Providers))
	for i, p := range next.Providers {
		built, err := catalog.New(catalogOptions(p, b.outgoing, b))
		if err != nil {
			return fmt.Errorf("provider %s: %w", p.ID, err)
		}
		found[i] = b.fingerprint(built)
	}
	return b.instances.Check(ctx, found)
}

// signs reports whether a provider has no secret, but a key that signs one.
func signs(p config.Provider) bool { return len(p.PrivateKey) > 0 }

func (b *Broker) fingerprint(p providers.Provider) store.Fingerprint {
	i := p.Instance()
	return store.Fingerprint{Provider: i.ID, Kind: i.Kind, Issuer: i.Issuer, ClientID: i.ClientID, At: b.options.Now().UTC()}
}

// changing are the options of a provider whose secret may change while it runs.
func (b *Broker) changing(p config.Provider) catalog.Options {
	o := catalogOptions(p, b.outgoing, b)
	if !signs(p) {
		o.Secrets = func() []string { return b.secrets.Secrets(p.ID) }
	}
	return o
}

// trial is a provider as operators see it, who may ask it.
func (b *Broker) trial(i int) admin.Trial {
	p := b.config.Providers[i]
	t := admin.Trial{Fingerprint: b.fingerprint(b.providers[i])}
	t.Prober, _ = b.providers[i].(providers.Prober)
	if signs(p) {
		return t
	}
	t.With = func(secret string) (providers.Prober, error) {
		o := catalogOptions(p, b.outgoing, b)
		o.ClientSecret = secret
		built, err := catalog.New(o)
		if err != nil {
			return nil, err
		}
		prober, ok := built.(providers.Prober)
		if !ok {
			return nil, fmt.Errorf("%T cannot be asked", built)
		}
		return prober, nil
	}
	return t
}
