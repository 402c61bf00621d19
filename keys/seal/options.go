package seal

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/bongsu/bongsu/keys/wrap"
)

const (
	defaultOpensFor = 15 * 24 * time.Hour
	minOpensFor     = time.Hour
	maxOpensFor     = 400 * 24 * time.Hour
)

// Options says how the ring is kept. Store and Wrap are required.
type Options struct {
	Store Store
	Wrap  *wrap.Key // of the cluster key

	// OpensFor is how long a sealed value may live: 1 hour to 400 days, 0 is
	// 15 days. All sites must agree on it.
	OpensFor time.Duration

	Now    func() time.Time // nil is time.Now
	Rand   io.Reader        // for ids and secrets, nil is crypto/rand; nonces never come from it
	Logger *slog.Logger     // nil logs nothing
}

// validate fills in what was left out.
func (o *Options) validate() error {
	if o.Store == nil || o.Wrap == nil {
		return errors.New("seal: a store and a wrapping key are required")
	}
	if o.OpensFor == 0 {
		o.OpensFor = defaultOpensFor
	}
	if o.OpensFor < minOpensFor || o.OpensFor > maxOpensFor {
		return fmt.Errorf("seal: values that open for %v, not between %v and %v", o.OpensFor, minOpensFor, maxOpensFor)
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
