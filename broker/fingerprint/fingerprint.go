package fingerprint

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bongsu/bongsu/broker/follow"
	"github.com/bongsu/bongsu/broker/store"
)

// How often the store is asked, and how long one answer may take.
const (
	poll         = time.Second
	answerWithin = 2 * time.Second
)

// ErrForeign is a provider that is not what its id stands for.
var ErrForeign = errors.New("this is another instance")

// Store tells what ids stand for.
type Store interface {
	Fingerprints(ctx context.Context) ([]store.Fingerprint, error)
}

// Options is what a Watch is made of. Store is required.
type Options struct {
	Store  Store
	Own    []store.Fingerprint // what this node was built with
	Logger *slog.Logger        // nil discards
}

// Watch is what the ids of this node's providers stand for, as of the latest
// answer of the store. It is safe for concurrent use.
type Watch struct {
	o       Options
	foreign atomic.Pointer[map[string]store.Fingerprint] // by provider: what it stands for instead
	reading sync.Mutex                                   // one answer after another
}

// New returns a watch to which every id stands for what this node has.
func New(o Options) (*Watch, error) {
	if o.Store == nil {
		return nil, errors.New("fingerprint: store is required")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	w := &Watch{o: o}
	w.foreign.Store(&map[string]store.Fingerprint{})
	return w, nil
}

// Foreign returns what an id stands for where that is something else than this
// node was built with.
func (w *Watch) Foreign(provider string) (store.Fingerprint, bool) {
	f, ok := (*w.foreign.Load())[provider]
	return f, ok
}

// Read asks the store now. While it does not answer what it said last stands.
func (w *Watch) Read(ctx context.Context) error {
	w.reading.Lock()
	defer w.reading.Unlock()
	standing, err := w.standing(ctx)
	if err != nil {
		return err
	}
	before, now := *w.foreign.Load(), map[string]store.Fingerprint{}
	for _, own := range w.o.Own {
		f, ok := standing[own.Provider]
		if ok && !f.Same(own) {
			now[own.Provider] = f
		}
		if _, was := before[own.Provider]; was != (ok && !f.Same(own)) {
			w.tell(ctx, own, f, !was)
		}
	}
	w.foreign.Store(&now)
	return nil
}

func (w *Watch) standing(ctx context.Context) (map[string]store.Fingerprint, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	kept, err := w.o.Store.Fingerprints(ctx)
	if err != nil {
		return nil, err
	}
	standing := make(map[string]store.Fingerprint, len(kept))
	for _, f := range kept {
		standing[f.Provider] = f
	}
	return standing, nil
}

func (w *Watch) tell(ctx context.Context, own, stands store.Fingerprint, foreign bool) {
	if !foreign {
		w.o.Logger.LogAttrs(ctx, slog.LevelInfo, "a provider stands for this node's settings again",
			slog.String("event", "provider.settings_current"), slog.String("provider", own.Provider))
		return
	}
	w.o.Logger.LogAttrs(ctx, slog.LevelError, "a provider stands for other settings than this node's: no login begins or ends by it here; restart this node with the new ones",
		slog.String("event", "provider.settings_stale"), slog.String("provider", own.Provider),
		slog.String("kind", stands.Kind), slog.String("issuer", stands.Issuer), slog.String("client_id", stands.ClientID),
		slog.String("own_kind", own.Kind), slog.String("own_issuer", own.Issuer), slog.String("own_client_id", own.ClientID))
}

// Check reports why a node could not start with such providers; nil: it could.
// It keeps nothing. [ErrForeign]; any other error means that it could not be
// checked.
func (w *Watch) Check(ctx context.Context, next []store.Fingerprint) error {
	standing, err := w.standing(ctx)
	if err != nil {
		return fmt.Errorf("whether the providers are what they were could not be checked: %w", err)
	}
	for _, f := range next {
		if stands, ok := standing[f.Provider]; ok {
			if !stands.Same(f) {
				return Another(stands, f)
			}
			continue
		}
		for _, other := range standing {
			if other.Issuer == f.Issuer && other.ClientID == f.ClientID {
				return Renamed(other, f)
			}
		}
	}
	return nil
}

// Another is the error of an id that is to stand for something else.
func Another(stands, found store.Fingerprint) error {
	return fmt.Errorf("provider %s: %w: it was %s, client %q at %s, and is %s, client %q at %s; its people would be others (bongsu provider migrate %s)",
		found.Provider, ErrForeign, stands.Kind, stands.ClientID, stands.Issuer, found.Kind, found.ClientID, found.Issuer, found.Provider)
}

// Renamed is the error of a client that stands under another id.
func Renamed(stands, found store.Fingerprint) error {
	return fmt.Errorf("provider %s: %w: %s is the same client at the same issuer; give it that id again, or all its people would be strangers",
		found.Provider, ErrForeign, stands.Provider)
}

// Run asks the store every second, until ctx ends.
func (w *Watch) Run(ctx context.Context) {
	follow.Every(ctx, poll, w.o.Logger, "fingerprints of providers", w.Read)
}
