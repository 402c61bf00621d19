package store

import (
	"context"
	"time"
)

// LogoutState is how far telling a website has come.
type LogoutState string

// The states of a [Logout]. All but the first are final.
const (
	LogoutTrying    LogoutState = "trying"    // it is told again when NextAt has come
	LogoutDelivered LogoutState = "delivered" // it said that it ended the session
	LogoutRefused   LogoutState = "refused"   // it said that it would not
	LogoutUnreached LogoutState = "unreached" // it never answered, and nobody tries any more
)

// The bounds of logouts.
const (
	MaxCause   = 384 // of what a logout is about, in bytes; not empty
	MaxLogouts = 200 // of one batch
)

// Logout is that one website is told of the end of a session of its. Cause,
// ClientID and SID name it.
type Logout struct {
	Cause     string // which fact it is told about
	ClientID  string
	SID       string // empty: the website is told about all sessions of the subject
	AccountID string
	Subject   string // as the website knows the account; empty: nobody knows any more
	State     LogoutState
	Attempts  int       // begun so far
	NextAt    time.Time // when it is told again; while an attempt runs, when that one is taken for lost
	CreatedAt time.Time
	ChangedAt time.Time // when State or Attempts last changed
	ExpiresAt time.Time // after it the row may be purged
}

// Logouts is the queue of websites that are told that a session has ended.
type Logouts interface {
	// AddLogouts stores at most [MaxLogouts] logouts, all or none. One whose
	// name is taken is left as it stands.
	AddLogouts(ctx context.Context, batch []Logout) error

	// LogoutsOf returns at most 1000 logouts of a cause, by client, as the
	// writer knows them.
	LogoutsOf(ctx context.Context, cause string) ([]Logout, error)

	// TakeLogouts begins an attempt for at most limit logouts whose time has
	// come, the longest waiting first, and returns them: nobody else is given
	// them before until. Attempts and NextAt are those of the attempt. After
	// [ErrUnavailable] some may have been taken: they wait until then.
	TakeLogouts(ctx context.Context, at, until time.Time, limit int) ([]Logout, error)

	// SettleLogout ends the attempt l.Attempts with l.State, l.NextAt and
	// l.ChangedAt. Repeating it changes nothing. ErrConflict: another attempt
	// has begun since, or ended with something else. ErrNotFound.
	SettleLogout(ctx context.Context, l Logout) error

	// LogoutFeed returns the revision up to which the facts of the feed have
	// led to logouts, as the writer knows it.
	LogoutFeed(ctx context.Context) (int64, error)

	// AdvanceLogoutFeed raises that revision to at least revision.
	AdvanceLogoutFeed(ctx context.Context, revision int64) error

	// PurgeLogouts deletes at most limit logouts that expired before at, and
	// returns how many went.
	PurgeLogouts(ctx context.Context, at time.Time, limit int) (int, error)
}

// Assertion is one JWT that a client authenticated with (RFC 7523).
type Assertion struct {
	ClientID  string
	TokenID   []byte    // SHA-256 of its jti
	Attempt   string    // names who claims it: a repeated claim with it is the same claim
	ExpiresAt time.Time // after it nobody takes the assertion any more
}

// Assertions is the arbiter of assertions: each is taken once.
type Assertions interface {
	// ClaimAssertion takes an assertion in one statement. Of any number of
	// racing calls exactly one succeeds; a second call with the same Attempt is
	// the first again. ErrUsed: it was taken before. After ErrUnavailable it may
	// be taken or not; a call with the same Attempt settles it.
	ClaimAssertion(ctx context.Context, a Assertion) error

	// PurgeAssertions deletes at most limit assertions that expired before at,
	// and returns how many went.
	PurgeAssertions(ctx context.Context, at time.Time, limit int) (int, error)
}
