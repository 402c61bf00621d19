package keys

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/bongsu/bongsu/keys/wrap"
)

// LongestWait is how much longer than due a key waits until all sites serve it.
const LongestWait = 7 * 24 * time.Hour

const (
	defaultPublishWindow = 48 * time.Hour
	defaultActiveFor     = 90 * 24 * time.Hour
	defaultRetireFor     = 7 * 24 * time.Hour

	maxSite = 32
)

// Options says what the ring signs for, and how long its keys stand where.
// Issuer, Site, Algorithms, Store and Wrap are required.
type Options struct {
	Issuer     string      // the iss of every token
	Site       string      // 1 to 32 lower-case letters, digits and hyphens
	Algorithms []Algorithm // in use; keys of others are verified with as long as they are public, and no more are made
	Store      Store
	Wrap       *wrap.Key // of the site key

	// SiteIdentities are the identities of the other sites, more than one while
	// a site changes its own; their keys join the key set. If this site is
	// among them, its stored identity must be one of those named. While the ring
	// runs it follows its site to another one, named or not: [Rotation] has
	// asked for that.
	SiteIdentities map[string][]ed25519.PublicKey

	// Withdrawn reports whether a negative fact has ended the key. It is asked
	// about every key that is read; nil withdraws none. [Ring.Withdraw] says
	// the same of one key at once.
	Withdrawn func(keyID string) bool

	// Served reports whether every site is seen to serve the key. It is asked, at
	// most every few seconds and never for a token, before a key that has waited
	// for its window begins to sign beside or after another; while it says no the
	// key before signs on, for at most [LongestWait] more: a site that never
	// answers does not keep keys from changing. What presses asks nobody. nil: the
	// window alone decides.
	Served func(ctx context.Context, keyID string) bool

	PublishWindow time.Duration // in the key set before the first signature; 0 is 48 hours
	ActiveFor     time.Duration // signing; 0 is 90 days
	RetireFor     time.Duration // in the key set after the last signature; 0 is 7 days; longer than any token lives

	Now    func() time.Time // nil is time.Now
	Rand   io.Reader        // nil is crypto/rand
	Logger *slog.Logger     // nil logs nothing

	// GenerateRSA makes RSA keys of 2048 bits; nil is rsa.GenerateKey. It must
	// be safe for concurrent use. Tests hand out keys made once per process.
	GenerateRSA func(rand io.Reader) (*rsa.PrivateKey, error)
}

// validate fills in what was left out.
func (o *Options) validate() error {
	var errs []error
	if o.Issuer == "" || o.Store == nil || o.Wrap == nil {
		errs = append(errs, errors.New("keys: an issuer, a store and a wrapping key are required"))
	}
	if !siteName(o.Site) {
		errs = append(errs, errors.New("keys: a site is named by 1 to 32 lower-case letters, digits and hyphens"))
	}
	if len(o.Algorithms) == 0 {
		errs = append(errs, errors.New("keys: at least one algorithm is required"))
	}
	for _, a := range o.Algorithms {
		if !a.known() {
			errs = append(errs, fmt.Errorf("keys: unknown algorithm %q", string(a)))
		}
	}
	o.Algorithms = slices.Compact(slices.Sorted(slices.Values(o.Algorithms)))
	setDefault(&o.PublishWindow, defaultPublishWindow)
	setDefault(&o.ActiveFor, defaultActiveFor)
	setDefault(&o.RetireFor, defaultRetireFor)
	if o.PublishWindow < 0 || o.RetireFor < 0 || o.ActiveFor <= o.PublishWindow {
		errs = append(errs, errors.New("keys: a key must be active for longer than the publish window, and no time may be negative"))
	}
	if o.Withdrawn == nil {
		o.Withdrawn = func(string) bool { return false }
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
	if o.GenerateRSA == nil {
		o.GenerateRSA = func(rand io.Reader) (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand, rsaBits) }
	}
	return errors.Join(errs...)
}

func (o *Options) policy() policy {
	return policy{
		site: o.Site, algorithms: o.Algorithms,
		publishWindow: o.PublishWindow, activeFor: o.ActiveFor, retireFor: o.RetireFor,
	}
}

func setDefault(d *time.Duration, value time.Duration) {
	if *d == 0 {
		*d = value
	}
}

func siteName(s string) bool {
	if s == "" || len(s) > maxSite {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}
