package broker

import (
	"context"

	"github.com/bongsu/bongsu/broker/status"
	"github.com/bongsu/bongsu/broker/store"
)

// buildStatus builds what everybody may read of this site's board. It holds no
// website's name: a provider instance that belongs to one website is not shown.
func (b *Broker) buildStatus(context.Context) error {
	ways := make([]status.Way, len(b.config.Providers))
	for i, p := range b.config.Providers {
		ways[i] = status.Way{ID: p.ID, Kind: p.Kind, Name: p.Name}
	}
	var err error
	b.status, err = status.New(status.Options{
		Look: func() status.View { return status.FromBoard(b.board.Snapshot()) },
		Ways: ways,
		Paused: func(id string) bool {
			return b.negative.Has(store.ProviderDisabled, id) || b.negative.Has(store.ProviderRetired, id)
		},
		Language: b.config.Languages.Default, Pages: b.pages, Now: b.options.Now,
	})
	return err
}
