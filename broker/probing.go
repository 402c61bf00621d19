package broker

import (
	"context"

	"github.com/bongsu/bongsu/broker/health/probe"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/providers"
)

// buildProbes arranges that providers are asked whether they live. It asks
// nobody yet.
func (b *Broker) buildProbes(context.Context) error {
	levels := map[string][]providers.Level{}
	for _, p := range b.config.Providers {
		switch {
		case !b.config.Health.Probes:
			levels[p.ID] = []providers.Level{}
		case p.Probes != nil:
			levels[p.ID] = levelsOf(p.Probes)
		}
	}
	schedule, err := probe.New(probe.Options{
		Providers: b.providers, Levels: levels, Board: b.board,
		Retired: func(provider string) bool {
			return b.negative.Has(store.ProviderRetired, provider) || b.foreign(provider) // it would ask for a client of before
		},
		Lead: b.leads, Turn: probe.InTurn(b.config.Site, b.livingSites),
		Canaries: b.config.Health.Canaries, Fetch: b.outgoing,
		Now: b.options.Now, Logger: b.logger,
	})
	if err != nil {
		return err
	}
	b.probes = schedule
	return nil
}

func levelsOf(names []string) []providers.Level {
	levels := make([]providers.Level, len(names))
	for i, name := range names {
		levels[i] = providers.Level(name)
	}
	return levels
}

// suspect has a provider asked now, once there is somebody to ask it.
func (b *Broker) suspect(provider string) {
	if b.probes != nil {
		b.probes.Hurry(provider)
	}
}
