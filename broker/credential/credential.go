package credential

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bongsu/bongsu/broker/follow"
	"github.com/bongsu/bongsu/broker/id"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/keys/wrap"
)

// How often the store is asked, and how long one answer may take.
const (
	poll         = time.Second
	answerWithin = 2 * time.Second
)

// MaxSecret bounds a secret in bytes.
const MaxSecret = 2 << 10

// The errors of what operators order.
var (
	ErrNoSecret = errors.New("credential: the provider takes no secret")          // it signs one for each use
	ErrNotSet   = errors.New("credential: no secret was set for the provider")    // the configuration's is used
	ErrSame     = errors.New("credential: this secret is the one that is in use") // nothing would change
)

// Store keeps wrapped secrets.
type Store interface {
	ProviderSecrets(ctx context.Context) ([]store.ProviderSecret, error)
	ReplaceProviderSecret(ctx context.Context, s store.ProviderSecret, standing string) error
	DropFormerSecret(ctx context.Context, provider, standing string) error
	ForgetProviderSecret(ctx context.Context, provider, standing string) error
}

// Options is what a Set is made of. Store and Wrap are required.
type Options struct {
	Store  Store
	Wrap   *wrap.Key        // the cluster's
	Now    func() time.Time // nil is time.Now
	Logger *slog.Logger     // nil discards
}

// Instance is a provider whose secret may be set.
type Instance struct {
	ID         string // provider instance id
	Issuer     string
	ClientID   string
	Configured string // its secret in the configuration; may be empty
}

// Standing is which secrets of a provider are in use.
type Standing struct {
	Stored bool // one was set; otherwise it is the configuration's
	Former bool // the one before is used where the new one is refused
	By     string
	At     time.Time
}

// held are the opened secrets of one provider.
type held struct {
	record  store.ProviderSecret
	secrets []string // newest first
}

// Set is all secrets that were set, as of the latest answer of the store. It is
// safe for concurrent use.
type Set struct {
	o      Options
	stored atomic.Pointer[map[string]held]

	mu        sync.RWMutex
	instances map[string]Instance

	reading sync.Mutex // one answer after another
}

// New returns a set that knows of nothing yet.
func New(o Options) (*Set, error) {
	if o.Store == nil || o.Wrap == nil {
		return nil, errors.New("credential: store and key are required")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Set{o: o, instances: map[string]Instance{}}
	s.stored.Store(&map[string]held{})
	return s, nil
}

// Add names a provider whose secret may be set.
func (s *Set) Add(i Instance) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.instances[i.ID] = i
}

func (s *Set) instance(provider string) (Instance, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	i, ok := s.instances[provider]
	return i, ok
}

// Secrets returns what to prove ourselves with to a provider, the newest first.
// The caller owns the slice.
func (s *Set) Secrets(provider string) []string {
	i, ok := s.instance(provider)
	if !ok {
		return nil
	}
	if kept, ok := s.kept(i); ok {
		return append([]string(nil), kept.secrets...)
	}
	return []string{i.Configured}
}

// kept returns what was set for an instance. What was set for another client is
// not for this one.
func (s *Set) kept(i Instance) (held, bool) {
	kept, ok := (*s.stored.Load())[i.ID]
	return kept, ok && kept.record.Issuer == i.Issuer && kept.record.ClientID == i.ClientID
}

// Standing tells which secrets are in use.
func (s *Set) Standing(provider string) Standing {
	i, ok := s.instance(provider)
	if !ok {
		return Standing{}
	}
	kept, ok := s.kept(i)
	if !ok {
		return Standing{}
	}
	return Standing{Stored: true, Former: len(kept.secrets) > 1, By: kept.record.By, At: kept.record.At}
}

// Read asks the store now. While it does not answer what it said last stands.
func (s *Set) Read(ctx context.Context) error {
	s.reading.Lock()
	defer s.reading.Unlock()
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	records, err := s.o.Store.ProviderSecrets(ctx)
	if err != nil {
		return err
	}
	before, fresh := *s.stored.Load(), make(map[string]held, len(records))
	for _, r := range records {
		if known, ok := before[r.Provider]; ok && known.record.ID == r.ID && len(known.record.Former) == len(r.Former) {
			fresh[r.Provider] = known
			continue
		}
		opened, err := s.open(r)
		if err != nil {
			s.o.Logger.ErrorContext(ctx, "a provider's secret does not open: the configuration's is used",
				slog.String("event", "provider.secret_closed"), slog.String("provider", r.Provider))
			continue
		}
		fresh[r.Provider] = opened
	}
	s.stored.Store(&fresh)
	return nil
}

func (s *Set) open(r store.ProviderSecret) (held, error) {
	opened := held{record: r}
	for _, wrapped := range [][]byte{r.Wrapped, r.Former} {
		if len(wrapped) == 0 {
			continue
		}
		secret, err := s.o.Wrap.Unwrap(purpose(r.Provider, r.Issuer, r.ClientID), wrapped)
		if err != nil {
			return held{}, err
		}
		opened.secrets = append(opened.secrets, string(secret))
	}
	return opened, nil
}

// purpose binds a secret to the instance that it is for.
func purpose(provider, issuer, clientID string) string {
	return fmt.Sprintf("provider secret %q %q %q", provider, issuer, clientID)
}

// Run asks the store every second, until ctx ends.
func (s *Set) Run(ctx context.Context) {
	follow.Every(ctx, poll, s.o.Logger, "secrets of providers", s.Read)
}

// Replace stores a secret that was found good; the one in use so far is kept
// beside it. It is in use here when Replace returns. [ErrNoSecret], [ErrSame],
// [store.ErrConflict]: somebody else set one just now; [store.ErrUnavailable].
func (s *Set) Replace(ctx context.Context, provider, secret, by string) error {
	i, ok := s.instance(provider)
	if !ok {
		return ErrNoSecret
	}
	standing, former, err := s.current(ctx, i)
	if err != nil {
		return err
	}
	if former == secret {
		return ErrSame
	}
	name, err := id.New(rand.Reader)
	if err != nil {
		return err
	}
	record := store.ProviderSecret{Provider: provider, ID: name, Issuer: i.Issuer, ClientID: i.ClientID, By: by, At: s.o.Now().UTC()}
	if record.Wrapped, err = s.o.Wrap.Wrap(purpose(provider, i.Issuer, i.ClientID), []byte(secret)); err != nil {
		return err
	}
	if former != "" {
		if record.Former, err = s.o.Wrap.Wrap(purpose(provider, i.Issuer, i.ClientID), []byte(former)); err != nil {
			return err
		}
	}
	if err := s.o.Store.ReplaceProviderSecret(ctx, record, standing); err != nil {
		return err
	}
	return s.Read(ctx)
}

// current reads what stands: the name of the row, whomever it is for, and the
// secret in use.
func (s *Set) current(ctx context.Context, i Instance) (standing, secret string, err error) {
	if err := s.Read(ctx); err != nil {
		return "", "", err
	}
	standing = (*s.stored.Load())[i.ID].record.ID
	if kept, ok := s.kept(i); ok {
		return standing, kept.secrets[0], nil
	}
	return standing, i.Configured, nil
}

// Drop forgets the secret before the one in use. [ErrNoSecret], [ErrNotSet].
func (s *Set) Drop(ctx context.Context, provider string) error {
	return s.change(ctx, provider, s.o.Store.DropFormerSecret)
}

// Forget forgets what was set: the configuration's secret is used again.
// [ErrNoSecret], [ErrNotSet].
func (s *Set) Forget(ctx context.Context, provider string) error {
	return s.change(ctx, provider, s.o.Store.ForgetProviderSecret)
}

func (s *Set) change(ctx context.Context, provider string, do func(ctx context.Context, provider, standing string) error) error {
	i, ok := s.instance(provider)
	if !ok {
		return ErrNoSecret
	}
	if err := s.Read(ctx); err != nil {
		return err
	}
	kept, ok := s.kept(i)
	if !ok {
		return ErrNotSet
	}
	if err := do(ctx, provider, kept.record.ID); err != nil {
		return err
	}
	return s.Read(ctx)
}
