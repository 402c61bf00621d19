package account

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/providers"
)

// Links returns the identities of an account, oldest first. An error means that
// they could not be read.
func (d *Directory) Links(ctx context.Context, accountID string) ([]store.Link, error) {
	links, err := d.records.Links(ctx, accountID)
	if err != nil {
		return nil, fmt.Errorf("read links: %w", err)
	}
	return links, nil
}

// Link gives account a, as it was read, another identity and ends all its
// sessions, here at once and everywhere within R. The caller has both
// identities freshly proven and the person's yes. It returns the account as it
// is now. [ErrTaken]: another account has the identity; that one is returned,
// for the event log alone. [ErrLinked]: a has it already, and nothing changed.
// [ErrEnded]: a's sessions ended since it was read. Any other error means that
// nobody knows whether the link was made.
func (d *Directory) Link(ctx context.Context, a store.Account, identity providers.Identity) (store.Account, error) {
	now := d.now().UTC()
	link := store.Link{IdentityKey: keyOf(identity), AccountID: a.ID, CreatedAt: now}
	said, err := d.records.LinkIdentityEndSessions(ctx, link, a.Epoch, now)
	switch {
	case errors.Is(err, store.ErrConflict):
		return d.conflict(ctx, a, link.IdentityKey)
	case errors.Is(err, store.ErrNotFound):
		return store.Account{}, ErrEnded
	case err != nil:
		return store.Account{}, fmt.Errorf("link identity: %w", err)
	}
	return d.ended(ctx, a, said), nil
}

// conflict finds out whose the identity is. That was the writer's word, and no
// replica's epoch is high enough to speak for it.
func (d *Directory) conflict(ctx context.Context, a store.Account, key store.IdentityKey) (store.Account, error) {
	owner, err := d.records.AccountByIdentity(ctx, key, math.MaxInt64)
	switch {
	case errors.Is(err, store.ErrNotFound): // unlinked in between: nothing is known for long
		return store.Account{}, fmt.Errorf("link identity: %w", store.ErrUnavailable)
	case err != nil:
		return store.Account{}, fmt.Errorf("look up owner: %w", err)
	case owner.ID == a.ID:
		return owner, ErrLinked
	}
	return owner, ErrTaken
}

// Unlink takes an identity from account a, as it was read, and ends all its
// sessions like [Directory.Link]. [ErrLast]: it is the only one. [ErrUnknown]:
// a does not have it, or a's sessions ended since it was read. Any other error
// means that nobody knows whether it is gone.
func (d *Directory) Unlink(ctx context.Context, a store.Account, key store.IdentityKey) (store.Account, error) {
	said, err := d.records.UnlinkIdentity(ctx, key, a.ID, a.Epoch, d.now().UTC())
	switch {
	case errors.Is(err, store.ErrLast):
		return store.Account{}, ErrLast
	case errors.Is(err, store.ErrNotFound):
		return store.Account{}, ErrUnknown
	case err != nil:
		return store.Account{}, fmt.Errorf("unlink identity: %w", err)
	}
	return d.ended(ctx, a, said), nil
}

// ended takes note that the sessions of a ended. The store has the fact: where
// the log here cannot keep it, it is obeyed all the same and read again from
// the feed.
func (d *Directory) ended(ctx context.Context, a store.Account, said store.Fact) store.Account {
	_ = d.negatives.Apply(ctx, said) // logged where it happened
	a.Epoch = said.Epoch
	return a
}
