package account

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/bongsu/bongsu/broker/id"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/providers"
)

// The answers that are facts. Everything else that goes wrong is "could not
// check" and matches neither.
var (
	ErrUnknown  = errors.New("account: nobody has this identity")
	ErrDisabled = errors.New("account: disabled")
	ErrEnded    = errors.New("account: its sessions have ended")
	ErrTaken    = errors.New("account: another account has this identity")
	ErrLinked   = errors.New("account: has this identity already")
	ErrLast     = errors.New("account: this is its last identity")
)

// errDoubt is a session, or an account, of which a peer says what the writer has not
// heard of yet.
var errDoubt = fmt.Errorf("account: which sessions ended is not known here yet: %w", store.ErrUnavailable)

// Records is what the directory needs of the store.
type Records interface {
	AccountByIdentity(ctx context.Context, key store.IdentityKey, minEpoch int64) (store.Account, error)
	Account(ctx context.Context, id string, minEpoch int64) (store.Account, error)
	OpenAccount(ctx context.Context, a store.Account, key store.IdentityKey) error
	FillProfile(ctx context.Context, a store.Account) error
	Links(ctx context.Context, accountID string) ([]store.Link, error)
	LinkIdentityEndSessions(ctx context.Context, l store.Link, epoch int64, at time.Time) (store.Fact, error)
	UnlinkIdentity(ctx context.Context, key store.IdentityKey, accountID string, epoch int64, at time.Time) (store.Fact, error)
}

// Negatives is what is known here to hold no longer, whatever the store says,
// and takes note of more.
type Negatives interface {
	Has(kind store.FactKind, id string) bool
	// EpochInDoubt reports whether sessions of the account ended up to an epoch that
	// nobody here knows yet, and whether the writer does. It is asked before MinEpoch.
	EpochInDoubt(account string) (doubted, stored bool)
	MinEpoch(account string) int64
	Apply(ctx context.Context, f store.Fact) error
}

// Options says what a directory works with. All fields but Now are required.
type Options struct {
	Records   Records
	Negatives Negatives
	Salt      []byte // at least 32 bytes; pairwise subjects derive from it, so it never changes
	Rand      io.Reader
	Now       func() time.Time // default time.Now
}

func (o Options) validate() error {
	if o.Records == nil || o.Negatives == nil || o.Rand == nil {
		return errors.New("account: records, negatives and randomness are required")
	}
	if len(o.Salt) < 32 {
		return errors.New("account: the subject salt is shorter than 32 bytes")
	}
	return nil
}

// Directory finds and opens accounts. It is safe for concurrent use.
type Directory struct {
	records   Records
	negatives Negatives
	salt      []byte
	rand      io.Reader
	now       func() time.Time
}

// New returns a directory.
func New(o Options) (*Directory, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Directory{records: o.Records, negatives: o.Negatives, salt: o.Salt, rand: o.Rand, now: o.Now}, nil
}

// Resolve returns the account of a proven identity. [ErrUnknown]: nobody has
// it. [ErrDisabled]: its account is disabled. Any other error means that it
// could not be looked up, which must never end in a new account.
func (d *Directory) Resolve(ctx context.Context, identity providers.Identity) (store.Account, error) {
	found, err := d.owner(ctx, identity, 0)
	if err == nil {
		found, err = d.caughtUp(ctx, identity, found)
	}
	if err != nil {
		return store.Account{}, err
	}
	if err := d.usable(found); err != nil {
		return found, err
	}
	return d.filled(ctx, found, identity), nil
}

// owner asks whose an identity is, of nobody who knows less of its account than
// epoch. [ErrUnknown].
func (d *Directory) owner(ctx context.Context, identity providers.Identity, epoch int64) (store.Account, error) {
	found, err := d.records.AccountByIdentity(ctx, keyOf(identity), epoch)
	if errors.Is(err, store.ErrNotFound) {
		return store.Account{}, ErrUnknown
	}
	if err != nil {
		return store.Account{}, fmt.Errorf("look up identity: %w", err)
	}
	return found, nil
}

// caughtUp asks again whose an identity is, when a replica may have known less of
// its account than this node does: what raised the epoch may have been the end of
// this very link, and a session of the epoch it told would be void at once.
func (d *Directory) caughtUp(ctx context.Context, identity providers.Identity, found store.Account) (store.Account, error) {
	doubted, stored := d.negatives.EpochInDoubt(found.ID)
	newest := d.negatives.MinEpoch(found.ID)
	switch {
	case doubted && !stored:
		return store.Account{}, errDoubt
	case doubted:
		newest = math.MaxInt64
	case found.Epoch >= newest:
		return found, nil
	}
	found, err := d.owner(ctx, identity, newest)
	if err == nil && found.Epoch < d.negatives.MinEpoch(found.ID) {
		// The fact that raised the epoch has not reached the store yet.
		return store.Account{}, fmt.Errorf("read account again: %w", store.ErrUnavailable)
	}
	return found, err
}

// Open makes the account of an identity nobody has, by the person's yes. down
// are the providers that could not be used just then: the account says so, for
// whoever finds out later that the person had one already. When
// another request was faster the account that one made is returned: the same
// identity never has two.
func (d *Directory) Open(ctx context.Context, identity providers.Identity, down ...string) (store.Account, error) {
	opened, err := d.draft(identity)
	if err != nil {
		return store.Account{}, err
	}
	opened.OpenedDuring = strings.Join(down, " ")
	err = d.records.OpenAccount(ctx, opened, keyOf(identity))
	if errors.Is(err, store.ErrConflict) {
		return d.Resolve(ctx, identity)
	}
	if err != nil {
		return store.Account{}, fmt.Errorf("open account: %w", err)
	}
	return opened, nil
}

// Current returns the account that a session of epoch belongs to.
// [ErrUnknown], [ErrDisabled], [ErrEnded]: the session is void. Any other error
// means that it could not be checked.
func (d *Directory) Current(ctx context.Context, accountID string, epoch int64) (store.Account, error) {
	if d.negatives.Has(store.AccountDisabled, accountID) {
		return store.Account{}, ErrDisabled
	}
	doubted, stored := d.negatives.EpochInDoubt(accountID)
	if epoch < d.negatives.MinEpoch(accountID) {
		return store.Account{}, ErrEnded
	}
	least := epoch
	if doubted { // a replica's word is not enough
		least = math.MaxInt64
	}
	found, err := d.records.Account(ctx, accountID, least)
	if errors.Is(err, store.ErrNotFound) {
		return store.Account{}, ErrUnknown
	}
	if err != nil {
		return store.Account{}, fmt.Errorf("read account: %w", err)
	}
	if found.Epoch != epoch {
		return store.Account{}, ErrEnded
	}
	if doubted && !stored {
		return store.Account{}, errDoubt
	}
	return found, d.usable(found)
}

func (d *Directory) usable(a store.Account) error {
	if a.Disabled || d.negatives.Has(store.AccountDisabled, a.ID) {
		return ErrDisabled
	}
	return nil
}

// draft is the account that identity would open.
func (d *Directory) draft(identity providers.Identity) (store.Account, error) {
	accountID, err := id.New(d.rand)
	if err != nil {
		return store.Account{}, err
	}
	seed := make([]byte, 32)
	if _, err := io.ReadFull(d.rand, seed); err != nil {
		return store.Account{}, fmt.Errorf("read randomness: %w", err)
	}
	now := d.now().UTC()
	opened := store.Account{ID: accountID, Seed: seed, Epoch: 1, CreatedAt: now, UpdatedAt: now}
	describe(&opened, identity)
	return opened, nil
}

func keyOf(identity providers.Identity) store.IdentityKey {
	return store.IdentityKey{Provider: identity.Provider, Subject: identity.Subject}
}
