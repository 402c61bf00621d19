package drill

import (
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Options is what an Engine is made of. Store, Node, Providers, Healthy and
// Incident are required.
type Options struct {
	Store     Store
	Node      string   // names this run of this node and no other: its counts are kept under it; at most 160 bytes
	Providers []string // instance ids, as configured

	// Healthy reports whether a provider is known to work and in use; what is
	// unknown is not healthy.
	Healthy func(provider string) bool
	// Incident names what really is wrong now: a provider that is down, the site
	// itself. Empty: nothing.
	Incident func() string
	// Forbidden reports whether drills are forbidden (the lever); nil: never.
	Forbidden func() bool

	Now        func() time.Time      // nil is time.Now
	Rand       io.Reader             // nil is crypto/rand
	Logger     *slog.Logger          // nil discards
	Registerer prometheus.Registerer // nil registers nothing
}

func (o *Options) validate() error {
	if o.Store == nil || o.Node == "" || len(o.Providers) == 0 || o.Healthy == nil || o.Incident == nil {
		return errors.New("drill: store, node, providers, health and incidents are required")
	}
	if o.Forbidden == nil {
		o.Forbidden = func() bool { return false }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}
