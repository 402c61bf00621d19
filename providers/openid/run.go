package openid

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/bongsu/bongsu/providers"
)

// How often the background looks.
const (
	metadataRefresh = time.Hour
	pinRefresh      = time.Minute // whether an operator adopted something at another node
	retryFirst      = 5 * time.Second
	retryLast       = 5 * time.Minute
	keyCheck        = 30 * time.Second
)

// Run discovers the provider's endpoints if they are not configured, looks for
// changes every hour, and keeps the keys young, so that no person waits for
// either. It returns when ctx ends.
func (p *Provider) Run(ctx context.Context) {
	var due time.Time // when to discover next
	var pins time.Time
	wait := retryFirst
	for ctx.Err() == nil {
		now := p.o.Now()
		if !p.o.Endpoints.complete() && !now.Before(due) {
			if err := p.Discover(ctx); err != nil {
				p.warn(ctx, "metadata", err)
				due, wait = now.Add(wait), min(2*wait, retryLast)
			} else {
				due, wait = now.Add(metadataRefresh), retryFirst
			}
		}
		if !now.Before(pins) {
			pins = now.Add(pinRefresh)
			if err := p.reconsider(ctx); err != nil {
				p.warn(ctx, "pinned metadata", err)
			}
		}
		if m := p.known.Load(); m != nil {
			if err := m.keys.refresh(ctx); err != nil {
				p.warn(ctx, "keys", err)
			}
		}
		pause := keyCheck
		if left := due.Sub(p.o.Now()); left > 0 && left < pause {
			pause = left
		}
		if !sleep(ctx, pause) {
			return
		}
	}
}

// sleep waits for about d, so that nodes do not ask in step, and says false if
// ctx ended.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d + rand.N(d/8+1))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// warn says that what could not be read anew. What was good before stays, keys
// for as long as [KeyLife].
func (p *Provider) warn(ctx context.Context, what string, err error) {
	if ctx.Err() != nil {
		return
	}
	p.o.Logger.WarnContext(ctx, "provider not refreshed",
		slog.String("provider", p.o.Instance.ID),
		slog.String("what", what),
		slog.Bool("discovered", p.known.Load() != nil),
		slog.String("error", err.Error()))
}

// reconsider looks for the pin in the store, as it is there now.
func (p *Provider) reconsider(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.recall(ctx); err != nil {
		return nil //nolint:nilerr // it was said already
	}
	return p.reread(ctx)
}

// Discover reads the provider's metadata now. The first that holds is pinned and
// used. It refuses, and keeps what was good before, when the document names
// another issuer or an endpoint that may not be connected to, or when it leads
// elsewhere than the pin: an operator adopts that ([Provider.Adopt]), a document
// alone does not. Errors wrap [providers.ErrUnavailable],
// [providers.ErrUntrusted] or, when the store cannot say what is pinned,
// [providers.ErrUnknown].
func (p *Provider) Discover(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.discoverLocked(ctx)
}

func (p *Provider) discoverLocked(ctx context.Context) error {
	err := p.discover(ctx)
	if err == nil {
		p.failed = nil
		return nil
	}
	if failed := (*providers.Error)(nil); errors.As(err, &failed) {
		whole := *failed
		whole.Provider, whole.Step = p.o.Instance.ID, providers.StepAuthorize
		err = &whole
	}
	if ctx.Err() == nil {
		p.tried, p.failed = p.o.Now(), err
	}
	return err
}

func (p *Provider) discover(ctx context.Context) error {
	if err := p.recall(ctx); err != nil {
		return err
	}
	bound, cancel := context.WithTimeout(ctx, p.o.Timeout)
	defer cancel()
	d, _, err := p.read(bound, "")
	if err != nil {
		return err
	}
	return p.take(ctx, d)
}

// metadata returns what is known of the provider, by this process or by its
// pin, and asks it if that is nothing.
func (p *Provider) metadata(ctx context.Context) (*metadata, error) {
	if m := p.known.Load(); m != nil {
		return m, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if m := p.known.Load(); m != nil {
		return m, nil // another leg was faster
	}
	if p.failed != nil && p.o.Now().Sub(p.tried) < discoveryFailure {
		return nil, p.failed
	}
	if err := p.recall(ctx); err != nil {
		p.tried, p.failed = p.o.Now(), err
		return nil, err
	}
	if m := p.known.Load(); m != nil {
		return m, nil // pinned: nobody is asked
	}
	if err := p.discoverLocked(ctx); err != nil {
		return nil, err
	}
	return p.known.Load(), nil
}
