package openid

import (
	"context"
	"errors"
	"time"
)

// Pin is the last good metadata of one provider: what is believed about it
// until an operator says otherwise. It holds no secret.
type Pin struct {
	Provider    string    `json:"provider"` // instance id
	Issuer      string    `json:"issuer"`
	ClientID    string    `json:"client_id"`
	Endpoints   Endpoints `json:"endpoints"`    // as published
	AuthMethods []string  `json:"auth_methods"` // as published; how the token endpoint may be told who we are
	Algorithms  []string  `json:"algorithms"`   // as published; what is believed is configured
	ResponseIss bool      `json:"response_iss"` // responses carry iss (RFC 9207)
	At          time.Time `json:"at"`           // when it was found good
}

// Pins keeps pins beyond the life of a process. Implementations are safe for
// concurrent use.
type Pins interface {
	// Pin returns the pin of a provider and whether there is one. An error
	// means that it could not be told.
	Pin(ctx context.Context, provider string) (Pin, bool, error)

	// KeepPin keeps the first pin of a provider and returns the one that
	// stands: another node may have been faster.
	KeepPin(ctx context.Context, pin Pin) (Pin, error)

	// ReplacePin keeps a pin in place of whatever stood; an operator wanted it.
	ReplacePin(ctx context.Context, pin Pin) error
}

// ErrNothingPending is returned by [Provider.Adopt] when the provider publishes
// what is pinned.
var ErrNothingPending = errors.New("openid: nothing waits for an operator")
