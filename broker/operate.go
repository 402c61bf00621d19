package broker

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bongsu/bongsu/broker/admin"
	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/broker/coverage"
	"github.com/bongsu/bongsu/broker/drill"
	"github.com/bongsu/bongsu/broker/health"
	"github.com/bongsu/bongsu/broker/history"
	"github.com/bongsu/bongsu/broker/login"
	"github.com/bongsu/bongsu/broker/outage"
	"github.com/bongsu/bongsu/broker/roster"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/openid"
)

// buildOperations builds what operators' orders have an effect on.
func (b *Broker) buildOperations(ctx context.Context) error {
	var err error
	b.outages, err = outage.New(outage.Options{Store: b.snapshot.Outages(b.store), Now: b.options.Now, Logger: b.logger})
	if err != nil {
		return err
	}
	_ = b.outages.Read(ctx) // without it sessions live as long as usual; its own Run reports it
	ways := make([]coverage.Provider, len(b.config.Providers))
	ids := make([]string, len(b.config.Providers))
	for i, p := range b.config.Providers {
		ways[i], ids[i] = coverage.Provider{ID: p.ID, Domains: domains(p.ID, p.Domains), OnlyFor: p.OnlyFor}, p.ID
	}
	b.coverage, err = coverage.New(coverage.Options{
		Store: b.store, Providers: ways, Clients: b.covered, Out: b.paused, Lead: b.leads,
		Now: b.options.Now, Logger: b.logger, Registerer: b.metrics.registry,
	})
	if err != nil {
		return err
	}
	var run [4]byte
	if _, err := rand.Read(run[:]); err != nil {
		return fmt.Errorf("read randomness: %w", err)
	}
	b.drills, err = drill.New(drill.Options{
		Store: b.store, Node: b.config.Site + "/" + b.node() + "/" + hex.EncodeToString(run[:]), Providers: ids,
		Healthy: b.healthy, Incident: b.incident,
		Forbidden: func() bool { return b.negative.Has(store.DrillsForbidden, store.AllDrills) },
		Now:       b.options.Now, Logger: b.logger, Registerer: b.metrics.registry,
	})
	return err
}

// covered are the clients that coverage is counted of.
func (b *Broker) covered() []coverage.Client {
	known := b.clients.All()
	websites := make([]coverage.Client, len(known))
	for i, c := range known {
		websites[i] = coverage.Client{ID: c.ID, Providers: c.Providers}
	}
	return websites
}

// domains is what a provider shares its fate with: itself, if nobody says.
func domains(id string, configured []string) []string {
	if len(configured) == 0 {
		return []string{id}
	}
	return configured
}

// buildDesk builds what takes operators' orders.
func (b *Broker) buildDesk(context.Context) error {
	ways := make([]admin.Provider, len(b.config.Providers))
	for i, p := range b.config.Providers {
		instance := b.providers[i].Instance()
		ways[i] = admin.Provider{
			ID: p.ID, Kind: instance.Kind, Name: instance.Name, Domains: domains(p.ID, p.Domains), Metadata: metadataOf(b.providers[i]),
			Trial: b.trial(i), Foreign: func() (store.Fingerprint, bool) { return b.instances.Foreign(p.ID) },
		}
	}
	var err error
	b.desk, err = admin.New(admin.Options{
		Site: b.config.Site, Node: b.node(), Operators: operators(b.config), Providers: ways, Board: b.board, Contact: b.contact.State,
		Negatives: b.negative, Facts: b.store, Outages: b.store, Coverage: b.coverage, Drills: b.drills, Audit: b.audit,
		Reread: b.outages.Read, Instances: b.store, Credentials: b.secrets, Now: b.options.Now,
		Websites: admin.Websites{
			Store: b.store, Directory: b.clients, Roster: b.roster, Check: b.config.Client, Filed: b.filed,
			Issuer: b.config.Issuer.String(), Seen: b.habits.Of, Callbacks: b.callbacks,
			Parse: func(entry []byte) (id string, document []byte, err error) {
				return config.ReadRegistration("registration", entry)
			},
		},
		People: admin.People{
			Accounts: b.store, Subject: b.accounts.Subject,
			SessionLife: b.config.Sessions.Lifetime + b.config.Sessions.OutageCeiling,
		},
	})
	return err
}

// callbacks are what the consoles of the providers that a client may use must list.
func (b *Broker) callbacks(id string) (all []admin.ProviderCallbacks) {
	for _, p := range b.config.Providers {
		if p.OnlyFor == nil || slices.Contains(p.OnlyFor, id) {
			all = append(all, admin.ProviderCallbacks{Provider: p.ID, Callbacks: b.config.Callbacks(p.ID)})
		}
	}
	return all
}

// filed returns a client's entry in the configuration file, and where it stands.
func (b *Broker) filed(id string) (document []byte, where string) {
	b.reloading.Lock()
	defer b.reloading.Unlock()
	return b.taken.Written(id)
}

// standing is what operators say about a provider. Right after its word was said
// to be worth nothing, what it says is void all the same: it is off for that
// long, so that no login ends in a session that is none. One whose id stands for
// other settings than this node's is off at this node until it is restarted.
func (b *Broker) standing(provider string) login.Standing {
	switch {
	case b.negative.Has(store.ProviderRetired, provider):
		return login.Retired
	case b.negative.Has(store.ProviderDisabled, provider), b.foreign(provider),
		b.options.Now().Unix() <= b.negative.Epoch(store.ProviderSessionsEnded, provider):
		return login.SwitchedOff
	}
	return login.InUse
}

// healthy reports whether a provider is known to work and in use.
func (b *Broker) healthy(provider string) bool {
	return !b.paused(provider) && b.board.Snapshot().Of(provider).State == health.Up
}

// incident names what really is wrong now; empty: nothing.
func (b *Broker) incident() string {
	now := b.board.Snapshot()
	if now.Isolated {
		return "site " + b.config.Site + " is cut off"
	}
	for _, v := range now.Verdicts() {
		if v.State == health.Down && !b.paused(v.Provider) {
			return v.Provider + " is down"
		}
	}
	return ""
}

// practised returns the providers as logins meet them: those that take part in a
// drill meet a drill.
func (b *Broker) practised() []providers.Provider {
	wrapped := make([]providers.Provider, len(b.providers))
	for i, p := range b.providers {
		wrapped[i] = b.drills.Wrap(p)
	}
	return wrapped
}

// distrusted reports whether an operator took trust away from a provider's key.
func (b *Broker) distrusted(provider, keyID string) bool {
	return b.negative.Has(store.UpstreamKeyDistrusted, store.DistrustedKey(provider, keyID))
}

// purgeActivity forgets who was here so long ago that nobody counts it.
func (b *Broker) purgeActivity(ctx context.Context, now time.Time, limit int) (int, error) {
	return b.store.PurgeActivity(ctx, now.Unix()/(24*60*60)-coverage.ActiveFor, limit)
}

// purgeSecretUses forgets secrets that nobody has used for longer than anybody asks.
func (b *Broker) purgeSecretUses(ctx context.Context, now time.Time, limit int) (int, error) {
	return b.store.PurgeSecretUses(ctx, roster.HourOf(now.Add(-roster.KeptFor)), limit)
}

// purgeEvents forgets what happened to accounts long ago.
func (b *Broker) purgeEvents(ctx context.Context, now time.Time, limit int) (int, error) {
	return b.store.PurgeEvents(ctx, now.Add(-history.KeptFor), limit)
}

// metadataOf is what a provider says about itself; nil where nothing could change.
func metadataOf(p providers.Provider) admin.Metadata {
	published, ok := p.(interface {
		Pending() (openid.Endpoints, bool)
		Adopt(ctx context.Context) error
	})
	if !ok {
		return nil
	}
	return metadata{published.Pending, published.Adopt}
}

// metadata is a provider's metadata as operators see it.
type metadata struct {
	pending func() (openid.Endpoints, bool)
	adopt   func(ctx context.Context) error
}

// Pending implements [admin.Metadata].
func (m metadata) Pending() (any, bool) { return m.pending() }

// Adopt implements [admin.Metadata].
func (m metadata) Adopt(ctx context.Context) error {
	err := m.adopt(ctx)
	if errors.Is(err, openid.ErrNothingPending) {
		return admin.ErrNothingWaits
	}
	return err
}

// pins keeps the metadata of providers in the store.
type pins struct{ store store.Pins }

// Pin implements [openid.Pins].
func (p pins) Pin(ctx context.Context, provider string) (openid.Pin, bool, error) {
	kept, err := p.store.Pin(ctx, provider)
	if errors.Is(err, store.ErrNotFound) {
		return openid.Pin{}, false, nil
	}
	if err != nil {
		return openid.Pin{}, false, err
	}
	pin, err := readPin(kept)
	return pin, err == nil, err
}

// KeepPin implements [openid.Pins].
func (p pins) KeepPin(ctx context.Context, pin openid.Pin) (openid.Pin, error) {
	record, err := writePin(pin)
	if err != nil {
		return openid.Pin{}, err
	}
	kept, err := p.store.KeepPin(ctx, record)
	if err != nil {
		return openid.Pin{}, err
	}
	return readPin(kept)
}

// ReplacePin implements [openid.Pins].
func (p pins) ReplacePin(ctx context.Context, pin openid.Pin) error {
	record, err := writePin(pin)
	if err != nil {
		return err
	}
	return p.store.ReplacePin(ctx, record)
}

func writePin(pin openid.Pin) (store.Pin, error) {
	document, err := json.Marshal(pin)
	if err != nil {
		return store.Pin{}, fmt.Errorf("encode pin: %w", err)
	}
	return store.Pin{Provider: pin.Provider, Issuer: pin.Issuer, ClientID: pin.ClientID, Document: document, At: pin.At}, nil
}

func readPin(kept store.Pin) (openid.Pin, error) {
	var pin openid.Pin
	if err := json.Unmarshal(kept.Document, &pin); err != nil {
		return openid.Pin{}, fmt.Errorf("decode pin: %w", err)
	}
	return pin, nil
}
