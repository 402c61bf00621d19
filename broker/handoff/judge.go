package handoff

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/bongsu/bongsu/broker/store"
)

// Writer names the store's writer as an arbiter.
const Writer = "writer"

// Claim asks that a handoff be used.
type Claim struct {
	Arbiter string `json:"-"` // "writer" or "site/node"
	ID      string `json:"i"` // of the handoff at its target
	Attempt string `json:"a"` // the same again is the same claim
	Made    int64  `json:"t"` // Unix seconds
	Until   int64  `json:"u"` // after it nobody takes the handoff any more
}

// Judge decides whether a handoff is used for the first time, by the arbiter that
// it names. Errors: [ErrUsed], [ErrUnavailable].
type Judge interface {
	Claim(ctx context.Context, c Claim) error
}

// Assertions is where the writer keeps what was used.
type Assertions interface {
	ClaimAssertion(ctx context.Context, a store.Assertion) error
}

// Arbiters is a [Judge] that has whoever a handoff names decide.
type Arbiters struct {
	Self   string     // this node, "site/node"
	Log    *Log       // decides what names it
	Writer Assertions // decides what names the writer
	// Ask asks another node of this site, by its name as in Self. Errors: [ErrUsed];
	// any other means that it is not known. Nil: no node can be asked.
	Ask func(ctx context.Context, node string, c Claim) error
}

// asking bounds how long a claim may wait for its arbiter.
const asking = 3 * time.Second

// assertedBy stands for a client in the store's table: no client is called so, as
// their ids have no spaces.
const assertedBy = "site handoff"

// Claim implements [Judge].
func (a *Arbiters) Claim(ctx context.Context, c Claim) error {
	ctx, cancel := context.WithTimeout(ctx, asking)
	defer cancel()
	switch {
	case c.Arbiter == a.Self:
		return a.Log.Claim(c)
	case c.Arbiter == Writer:
		return a.write(ctx, c)
	case a.Ask == nil:
		return fmt.Errorf("%w: %s decides, and cannot be asked", ErrUnavailable, c.Arbiter)
	}
	err := a.Ask(ctx, c.Arbiter, c)
	if err == nil || errors.Is(err, ErrUsed) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

func (a *Arbiters) write(ctx context.Context, c Claim) error {
	name := sha256.Sum256([]byte(c.ID))
	err := a.Writer.ClaimAssertion(ctx, store.Assertion{
		ClientID: assertedBy, TokenID: name[:], Attempt: c.Attempt, ExpiresAt: time.Unix(c.Until, 0).Add(skew).UTC(),
	})
	switch {
	case err == nil:
		return nil
	case errors.Is(err, store.ErrUsed):
		return ErrUsed
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}
