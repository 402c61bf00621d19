package providers

import (
	"context"
	"errors"
	"fmt"
)

// Outcome is what one answer of a provider means for its health. It is decided
// by the body of the answer, never by its HTTP status alone.
type Outcome string

// The outcomes. Only Down, Slow, Partial and Trust speak against the provider.
const (
	OK      Outcome = "ok"
	Down    Outcome = "theirs.down"    // does not answer, or says it cannot
	Slow    Outcome = "theirs.slow"    // a deadline passed
	Partial Outcome = "theirs.partial" // a route or a group of people is affected
	Trust   Outcome = "theirs.trust"   // signature, issuer, certificate or metadata do not hold
	Ours    Outcome = "ours"           // our credentials, redirect URI or quota: page the operator
	User    Outcome = "user"           // the person declined: the provider is alive
	Unknown Outcome = "unknown"        // cannot be told: never counted as ok
)

// Theirs reports whether the outcome speaks against the provider.
func (o Outcome) Theirs() bool {
	return o == Down || o == Slow || o == Partial || o == Trust
}

// The kinds of failure of a leg. Every [*Error] wraps exactly one of them.
var (
	ErrDenied      = errors.New("providers: the person declined")
	ErrUnavailable = errors.New("providers: provider unavailable")
	ErrRejected    = errors.New("providers: our credentials or settings were refused")
	ErrUntrusted   = errors.New("providers: the answer cannot be trusted")
	ErrUnknown     = errors.New("providers: the answer cannot be classified")
)

// Error is a failed step of a leg. Its text holds no code, token, secret or
// personal data and nothing that the provider wrote freely.
type Error struct {
	Provider string // instance id
	Step     Step
	Outcome  Outcome
	Code     string // the provider's own error code, cleaned, or why there was no answer (fetch.Code); may be empty
	Err      error  // what happened underneath, for the log; may be nil
}

// Error implements error.
func (e *Error) Error() string {
	text := fmt.Sprintf("provider %s: %s: %s", e.Provider, e.Step, e.Outcome)
	if e.Code != "" {
		text += " (" + e.Code + ")"
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the kind of the failure and its cause.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.kind()}
	}
	return []error{e.kind(), e.Err}
}

func (e *Error) kind() error {
	switch e.Outcome {
	case User:
		return ErrDenied
	case Down, Slow, Partial:
		return ErrUnavailable
	case Ours:
		return ErrRejected
	case Trust:
		return ErrUntrusted
	default:
		return ErrUnknown
	}
}

// OutcomeOf classifies err where no adapter has: nil is [OK], a passed
// deadline is [Slow], a request that the browser gave up is [Unknown].
func OutcomeOf(err error) Outcome {
	var failed *Error
	switch {
	case err == nil:
		return OK
	case errors.As(err, &failed):
		return failed.Outcome
	case errors.Is(err, context.DeadlineExceeded):
		return Slow
	default:
		return Unknown
	}
}

// CleanCode keeps what is safe to log of an upstream error code: at most 40
// letters, digits, '_' and '-'.
func CleanCode(code string) string {
	clean := make([]byte, 0, 40)
	for i := 0; i < len(code) && len(clean) < 40; i++ {
		switch c := code[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '-':
			clean = append(clean, c)
		}
	}
	return string(clean)
}
