package broker

import (
	"context"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bongsu/bongsu/broker/health"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/providers/openid"
)

// gauges tell at every scrape what the board holds then: nothing has to be kept
// in step with it.
type gauges struct {
	b *Broker

	state, weight, cutOff, paused, pending *prometheus.Desc
	isolated, heard, age                   *prometheus.Desc
}

// registerGauges adds what is read of the board to the metrics.
func (b *Broker) registerGauges(context.Context) error {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	err := b.metrics.registry.Register(&gauges{
		b:        b,
		state:    desc("bongsu_provider_state", "1 for the state this node holds of a provider, 0 for the others.", "provider", "state"),
		weight:   desc("bongsu_provider_weight", "Share of logins in which a provider keeps its place on the menu.", "provider"),
		cutOff:   desc("bongsu_provider_cut_off", "1 while a provider fails from this site and works from others.", "provider"),
		paused:   desc("bongsu_provider_paused", "1 while an operator has switched a provider off, or its id stands for other settings than this node's.", "provider"),
		pending:  desc("bongsu_provider_metadata_pending", "1 while a provider's changed metadata waits for an operator.", "provider"),
		isolated: desc("bongsu_site_isolated", "1 while this site reaches nothing: its own network is the trouble."),
		heard:    desc("bongsu_site_heard", "1 while this node holds a record of a configured site that has not expired.", "site"),
		age:      desc("bongsu_gossip_message_age_seconds", "How long ago the latest record of another site arrived; absent before the first.", "site"),
	})
	if err != nil {
		return fmt.Errorf("register metrics: %w", err)
	}
	return nil
}

// Describe implements [prometheus.Collector].
func (g *gauges) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{g.state, g.weight, g.cutOff, g.paused, g.pending, g.isolated, g.heard, g.age} {
		to <- d
	}
}

// Collect implements [prometheus.Collector].
func (g *gauges) Collect(to chan<- prometheus.Metric) {
	tell := func(d *prometheus.Desc, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	snapshot := g.b.board.Snapshot()
	for _, p := range g.b.config.Providers {
		verdict := snapshot.Of(p.ID)
		for _, state := range []health.State{health.Unknown, health.Up, health.Degraded, health.Down} {
			tell(g.state, one(verdict.State == state), p.ID, state.String())
		}
		tell(g.weight, verdict.Weight, p.ID)
		tell(g.cutOff, one(verdict.Cause == health.CauseCutOff), p.ID)
		tell(g.paused, one(g.b.paused(p.ID)), p.ID)
	}
	for _, p := range g.b.providers {
		if changing, ok := p.(interface {
			Pending() (openid.Endpoints, bool)
		}); ok {
			_, pending := changing.Pending()
			tell(g.pending, one(pending), p.Instance().ID)
		}
	}
	tell(g.isolated, one(snapshot.Isolated))
	for _, site := range snapshot.Sites() {
		tell(g.heard, one(site.Own || site.Nodes > 0), site.Site)
		if !site.Own && !site.Heard.IsZero() {
			tell(g.age, g.b.options.Now().Sub(site.Heard).Seconds(), site.Site)
		}
	}
}

func one(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// paused reports whether an operator has switched a provider off, or this node's
// settings are not those that its id stands for.
func (b *Broker) paused(id string) bool {
	return b.negative.Has(store.ProviderDisabled, id) || b.negative.Has(store.ProviderRetired, id) || b.foreign(id)
}
