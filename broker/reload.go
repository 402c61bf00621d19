package broker

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/bongsu/bongsu/broker/admin"
	"github.com/bongsu/bongsu/broker/config"
)

// Reload reads the configuration again and takes over, at once and without a
// restart, what a running node can: the clients of the file, limits, operators,
// providers' ceilings, the keys of gossip and the log's level. What is different beside
// that is named and waits for a restart. If anything is wrong, the error says what, and all stays as it was:
// so it is with providers that a restart would not start with.
//
// Requests under way end by what they began with. Only one reload runs at a time.
func (b *Broker) Reload(ctx context.Context, read func() (*config.Config, error)) (config.Change, error) {
	b.reloading.Lock()
	defer b.reloading.Unlock()
	next, err := read()
	var change config.Change
	if err == nil {
		change, err = b.takeOver(ctx, next)
	}
	b.metrics.reloaded(err == nil, b.options.Now())
	if err != nil {
		b.logger.LogAttrs(ctx, slog.LevelError, "the configuration stays as it was",
			slog.String("event", "config.reload_rejected"), slog.Any("error", err))
		return config.Change{}, err
	}
	b.logger.LogAttrs(ctx, slog.LevelInfo, "the configuration was read again",
		slog.String("event", "config.reloaded"), slog.Any("changed", change.Now), slog.Any("restart", change.Restart))
	return change, nil
}

// takeOver makes everything new first, so that nothing is left half done.
func (b *Broker) takeOver(ctx context.Context, next *config.Config) (config.Change, error) {
	if err := next.Follows(b.config); err != nil {
		return config.Change{}, err
	}
	if next.OtherProviders(b.taken) {
		if err := b.admissible(ctx, next); err != nil {
			return config.Change{}, err
		}
	}
	if err := b.admitsGossipKeys(next.Gossip); err != nil {
		return config.Change{}, err
	}
	allowed, err := newLimits(next.Limits, b.options.Now, b.limits.Load())
	if err != nil {
		return config.Change{}, err
	}
	swapCeilings, err := b.ceilings.Prepare(next.Ceilings())
	if err != nil {
		return config.Change{}, err
	}
	if err := b.clients.SetFile(next.Clients); err != nil { // all or nothing, and the last that can fail
		return config.Change{}, fmt.Errorf("clients: %w", err)
	}
	b.limits.Store(allowed)
	swapCeilings()
	b.desk.SetOperators(operators(next))
	b.holdGossipKeys(ctx, next.Gossip)
	if b.options.OnReload != nil {
		b.options.OnReload(next)
	}
	change := next.Since(b.config, b.taken)
	b.taken = next
	return change, nil
}

func operators(cfg *config.Config) []admin.Operator {
	known := make([]admin.Operator, len(cfg.Operators))
	for i, o := range cfg.Operators {
		known[i] = admin.Operator{Name: o.Name, SecretHashes: o.SecretHashes}
	}
	return known
}

// reloaded notes how the last reload went.
func (m *metrics) reloaded(well bool, at time.Time) {
	m.reloadWell.Set(one(well))
	if well {
		m.reloadAt.Set(float64(at.Unix()))
	}
}
