package account

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bongsu/bongsu/broker/store"
)

// Personal is what of the store a person changes about their own account.
type Personal interface {
	KeepLanguage(ctx context.Context, accountID, language string) error
	DeleteAccount(ctx context.Context, id string, epoch int64, at time.Time) (store.Fact, error)
}

// EndSessions ends all sessions of account a, as it was read, and what they gave:
// here before it returns, and everywhere within R. It needs no writer. The fact
// is what websites are told about. An error means that it is not on disk.
func (d *Directory) EndSessions(ctx context.Context, a store.Account) (store.Fact, error) {
	epoch := max(a.Epoch, d.negatives.MinEpoch(a.ID)) + 1
	said := store.Fact{Kind: store.AccountEpoch, ID: a.ID, Epoch: epoch, At: d.now().UTC()}
	if err := d.negatives.Apply(ctx, said); err != nil {
		return store.Fact{}, fmt.Errorf("end sessions: %w", err)
	}
	return said, nil
}

// Delete deletes account a, as it was read: what is known of the person goes, and
// every session ends. Only the writer can. [ErrEnded]: its sessions ended since
// it was read, or it was deleted before. Any other error means that nobody knows
// whether it is gone; doing it again settles it.
func (d *Directory) Delete(ctx context.Context, from Personal, a store.Account) (store.Fact, error) {
	said, err := from.DeleteAccount(ctx, a.ID, a.Epoch, d.now().UTC())
	if errors.Is(err, store.ErrNotFound) {
		return store.Fact{}, ErrEnded
	}
	if err != nil {
		return store.Fact{}, fmt.Errorf("delete account: %w", err)
	}
	_ = d.negatives.Apply(ctx, said) // the store has it: obeyed all the same, logged where it happened
	return said, nil
}
