package broker

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/bongsu/bongsu/broker/arbiter"
	"github.com/bongsu/bongsu/broker/audit"
	"github.com/bongsu/bongsu/broker/peer"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/broker/token"
)

// openArbiter opens this node's claim log, and has other nodes ask it. Without a data directory it keeps
// none: then it names no arbiter but the writer.
func (b *Broker) openArbiter(ctx context.Context) error {
	b.arbiter = &arbiter.Node{Name: b.config.Site + "/" + b.node(), Replayed: b.revokeClaimed}
	if b.wire != nil {
		b.arbiter.Forward = b.wire
	}
	if b.config.DataDir == "" {
		return nil
	}
	log, err := arbiter.OpenLog(ctx, arbiter.LogOptions{
		Path: filepath.Join(b.config.DataDir, "claims.log"), Now: b.options.Now, Logger: b.logger,
	})
	if err != nil {
		return err
	}
	b.onClose("close claim log", log.Close)
	b.arbiter.Log = log
	b.shipper, err = arbiter.NewShipper(arbiter.ShipOptions{
		Log: log, Writer: b.store, Taken: b.shipped, Refused: b.refusedByStore, Logger: b.logger, Registerer: b.metrics.registry,
	})
	if err != nil {
		return err
	}
	// Any node may ask: it opens the same codes and gives the same tokens.
	b.wire.Handle(arbiter.AskClaim, func(ctx context.Context, _ peer.Node, body []byte) ([]byte, error) {
		return b.arbiter.AnswerClaim(ctx, body)
	})
	b.wire.Handle(arbiter.AskGrant, func(ctx context.Context, _ peer.Node, body []byte) ([]byte, error) {
		return b.arbiter.AnswerGrant(ctx, body)
	})
	return nil
}

// arbiterNow is who decides about a code that is made now.
func (b *Broker) arbiterNow() token.Arbiter {
	if b.arbiter.Log == nil || !b.writerLost() {
		return token.Writer
	}
	return token.Arbiter(b.arbiter.Name)
}

// writerLost reports whether nobody here knows a writer.
func (b *Broker) writerLost() bool { return !b.contact.Writer() }

// revokeClaimed ends what a grant of the claim log gave.
func (b *Broker) revokeClaimed(ctx context.Context, g store.Grant) error {
	fact := store.Fact{Kind: store.GrantRevoked, ID: g.ID, At: b.options.Now().UTC(), Until: g.ExpiresAt}
	if err := b.negative.Apply(ctx, fact); err != nil {
		return fmt.Errorf("revoke claimed grant: %w", err)
	}
	return nil
}

// refusedByStore revokes a grant of the claim log that the store will not take:
// the login gave another code, of another arbiter, and that was redeemed too.
func (b *Broker) refusedByStore(ctx context.Context, g store.Grant, why error) error {
	b.audit.Record(ctx, audit.Event{
		Name: audit.GrantRefused, Client: g.ClientID, Account: g.AccountID, Login: g.LoginID, Reason: refusalOf(why),
	})
	return b.revokeClaimed(ctx, g)
}

func refusalOf(why error) string {
	switch {
	case errors.Is(why, store.ErrReplayed):
		return "replayed"
	case errors.Is(why, store.ErrUsed):
		return "used"
	}
	return "invalid"
}

// shipped tells the website of a grant that ended before the store had heard of
// it: whoever looked there who was to be told has missed it.
func (b *Broker) shipped(ctx context.Context, g store.Grant) {
	if b.negative.Has(store.GrantRevoked, g.ID) || b.negative.Has(store.SessionEnded, g.SID) ||
		b.negative.Has(store.AccountDisabled, g.AccountID) || g.Epoch < b.negative.MinEpoch(g.AccountID) {
		b.websites.Begin(ctx, store.Fact{Kind: store.GrantRevoked, ID: g.ID, At: b.options.Now().UTC(), Until: g.ExpiresAt})
	}
}

// ship sends what is claimed here to the store, once it answers.
func (b *Broker) ship(ctx context.Context) {
	if b.shipper != nil {
		b.shipper.Run(ctx)
	}
}
