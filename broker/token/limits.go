package token

import (
	"context"
	"time"

	"github.com/bongsu/bongsu/broker/client"
)

// unlimited lets everybody ask as often as they like.
type unlimited struct{}

// Attempt implements [Limits].
func (unlimited) Attempt(context.Context, string) time.Duration { return 0 }

// Failed implements [Limits].
func (unlimited) Failed(context.Context, string) {}

// Enter implements [Limits].
func (unlimited) Enter(context.Context, *client.Client) time.Duration { return 0 }
