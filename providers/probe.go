package providers

import (
	"context"
	"time"
)

// Level is how deep a probe asks. A deeper level proves more and costs the
// provider more.
type Level string

// The levels, cheapest first.
const (
	LevelReach     Level = "reach"     // the name resolves, a connection opens, the certificate is right
	LevelMetadata  Level = "metadata"  // metadata and keys read as they should; says nothing about logins
	LevelAuthorize Level = "authorize" // the login page of our own client is shown
	LevelToken     Level = "token"     // our credentials are accepted and a code that nobody gave is refused
)

// Prober is a provider that can be asked without a person whether it lives. A
// [Provider] that does not implement it is known by its logins alone.
type Prober interface {
	// Levels returns the levels that make sense for this provider, cheapest
	// first. The caller owns the slice.
	Levels() []Level

	// Probe asks once, bounded by the provider's timeout. It sends no person's
	// data and no real code. A level that makes no sense here is [Unknown].
	Probe(ctx context.Context, l Level) Probed
}

// Probed is how one probe went.
type Probed struct {
	Provider string // instance id
	Level    Level
	Step     Step // which step of a login it stands for
	Outcome  Outcome
	Code     string        // the provider's own error code, cleaned; may be empty
	Took     time.Duration // from the question to its answer

	// RetryAfter is set when the provider asked to be left alone (403, 429 or a
	// Retry-After of its own): for how long.
	RetryAfter time.Duration
}
