package store

import (
	"context"
	"time"
)

// The bounds of what a grant keeps for its refresh tokens, in bytes.
const (
	MaxFamilyKey = 256  // of a wrapped key
	MaxResources = 2048 // of a grant's resources, joined by spaces
)

// Family is what a grant keeps for its refresh tokens, which are not stored:
// token number n is a MAC of (grant, n) by the family's key, so that the next
// one can be told by whoever has the key.
type Family struct {
	Key     []byte    // 32 random bytes, wrapped for this grant; nil: the grant gives no refresh tokens
	Count   int64     // the number of the one token that is good now; the first is 1
	Attempt string    // of the rotation that made it so; empty: the claim of the code did
	UsedAt  time.Time // when that was
	EndedAt time.Time // since when no token of it is good any more; zero while one is
}

// Rotation is the use of one refresh token.
type Rotation struct {
	GrantID string
	Count   int64         // the number of the token that is used
	Attempt string        // names this use: a repeated rotation with it is the same rotation
	At      time.Time     // of the use
	Idle    time.Duration // a family unused for so long is gone
	Grace   time.Duration // for how long after it was used a token gives its successor again, that being unused; 0: never
	// Spares leaves a family alone whose token was used before: whoever asks looks
	// first whether that use was an earlier one of this website's that nobody answered.
	Spares bool
}

// Refreshes uses refresh tokens.
type Refreshes interface {
	// RefreshFamily returns a grant and its account, as GrantedAccount does. A
	// replica whose family counts less than minCount lags behind and is not
	// believed. ErrNotFound also for a grant without a family.
	RefreshFamily(ctx context.Context, grantID string, minCount int64) (Grant, Account, error)

	// RotateRefresh uses token number r.Count: one compare-and-set makes
	// r.Count+1 the good one. Of any number of racing calls for one token one
	// does, and so does a second call with the same r.Attempt. Whoever comes
	// after it within r.Grace, while r.Count+1 is unused, has graced true, and
	// the same successor. ErrReplayed: the token was used before; the family has
	// ended with this call at the latest, unless r.Spares. ErrUsed: the family had ended before,
	// and this was its last good token. ErrNotFound: the writer knows no such
	// family, or it lay unused for r.Idle, or its grant has expired. After
	// ErrUnavailable the token may be used or not; a call with the same
	// r.Attempt settles it.
	RotateRefresh(ctx context.Context, r Rotation) (graced bool, err error)
}
