package broker

import (
	"context"

	"github.com/bongsu/bongsu/broker/login"
	"github.com/bongsu/bongsu/broker/status"
	"github.com/bongsu/bongsu/providers"
)

// buildStatus builds what everybody may read of this site's board. It holds no
// website's name: a provider instance that belongs to one website is not shown.
func (b *Broker) buildStatus(context.Context) error {
	ways := make([]status.Way, len(b.config.Providers))
	for i, p := range b.config.Providers {
		ways[i] = status.Way{ID: p.ID, Kind: providers.Instance{Kind: p.Kind}.Brand(), Name: p.Name}
	}
	var err error
	b.status, err = status.New(status.Options{
		Look: func() status.View {
			v := status.FromBoard(b.board.Snapshot())
			v.Limits = limitsIn(b.contact.State())
			return v
		},
		Sites: b.siteNames(), Ways: ways, Paused: b.paused,
		Retired:  func(id string) bool { return b.standing(id) == login.Retired },
		Language: b.config.Languages.Default, Pages: b.pages, Now: b.options.Now,
	})
	return err
}
