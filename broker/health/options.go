package health

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// ErrOptions is wrapped by every error about [Options].
var ErrOptions = errors.New("health: options")

// Bounds of what a board is made of.
const (
	maxProviders = 64 // judged here; a record carries as many as fit, the most newsworthy first
	maxSites     = 32
	maxName      = 63 // bytes of a site's or a node's name
)

// ProviderInfo is what the board must know of a configured provider.
type ProviderInfo struct {
	ID      string   // instance id
	Domains []string // failure domains, for whoever explains a verdict

	// ProfileOptional is set when an identity is proven without the userinfo
	// endpoint (OpenID Connect): its failing degrades the provider and is not
	// the end of its logins.
	ProfileOptional bool
}

// Options is what a [Board] is made of.
type Options struct {
	Site  string   // this site's name
	Node  string   // this node's name, unique in its site, the same after a restart
	Sites []string // all configured sites, this one included; empty is this one alone

	Providers []ProviderInfo // at most 64

	// Sign signs a record by the site's identity and Verify checks what another
	// site signed; both bind the purpose. Without Sign nothing is published,
	// without Verify nothing of others is believed.
	Sign   func(message []byte) ([]byte, error)
	Verify func(site string, message, signature []byte) bool

	// Incarnation grows with every start of this node: milliseconds at start,
	// kept on disk by whoever can. Zero is the clock's milliseconds.
	Incarnation uint64

	Now        func() time.Time      // nil is time.Now; its monotonic reading is used
	Logger     *slog.Logger          // nil discards
	Registerer prometheus.Registerer // nil registers nothing

	// Suspect is told that a provider should be probed now. It must not block,
	// logins wait for it; it is called at most once a second per provider, from
	// any goroutine.
	Suspect func(provider string)
	// Changed is told of every change of a provider's state here, in order,
	// at the end of Tick. It must be quick and must not call Tick.
	Changed func(Transition)
}

func (o Options) validate() error {
	for _, name := range append([]string{o.Site, o.Node}, o.Sites...) {
		if name == "" || len(name) > maxName {
			return fmt.Errorf("%w: %q is no name of 1 to %d bytes", ErrOptions, name, maxName)
		}
	}
	if len(o.Sites) > maxSites {
		return fmt.Errorf("%w: %d sites, at most %d are possible", ErrOptions, len(o.Sites), maxSites)
	}
	if len(o.Sites) > 0 && !slices.Contains(o.Sites, o.Site) {
		return fmt.Errorf("%w: this site, %q, is not among the sites", ErrOptions, o.Site)
	}
	if len(o.Providers) > maxProviders {
		return fmt.Errorf("%w: %d providers, at most %d are possible", ErrOptions, len(o.Providers), maxProviders)
	}
	seen := make(map[uint32]string)
	for _, p := range o.Providers {
		if p.ID == "" {
			return fmt.Errorf("%w: a provider without id", ErrOptions)
		}
		if other, taken := seen[nameOf(p.ID)]; taken {
			return fmt.Errorf("%w: providers %q and %q look alike in a record: rename one", ErrOptions, p.ID, other)
		}
		seen[nameOf(p.ID)] = p.ID
	}
	return nil
}
