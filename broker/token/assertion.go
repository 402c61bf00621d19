package token

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/bongsu/bongsu/broker/assertion"
	"github.com/bongsu/bongsu/broker/audit"
	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/oauth"
)

// Assertions proves clients by what they have signed.
type Assertions interface {
	// Verify returns nil for an assertion that known has signed for us and that
	// nobody has used. [assertion.ErrRefused]: it is none. Any other error means
	// that it could not be checked.
	Verify(ctx context.Context, known *client.Client, assertion string) error
}

// proveAssertion proves a client by private_key_jwt (OpenID Connect Core 9).
func (e *Endpoint) proveAssertion(ctx context.Context, known *client.Client, signed string) error {
	if e.Assertions == nil {
		return oauth.InvalidClient("Client assertions are not taken here.")
	}
	err := e.Assertions.Verify(ctx, known, signed)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, assertion.ErrRefused):
		e.Audit.Record(ctx, audit.Event{Name: audit.ClientRefused, Client: known.ID, Reason: "assertion"})
		_, why, _ := strings.Cut(err.Error(), ": refused: ")
		return oauth.InvalidClient("client_assertion is not taken: " + why + ".").With(err)
	}
	return fmt.Errorf("check client assertion: %w", err)
}
