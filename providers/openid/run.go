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
	retryFirst      = 5 * time.Second
	retryLast       = 5 * time.Minute
	keyCheck        = 30 * time.Second
)

// Run discovers the provider's endpoints if they are not configured, looks for
// changes every hour, and keeps the keys young, so that no person waits for
// either. It returns when ctx ends.
func (p *Provider) Run(ctx context.Context) {
	var due time.Time // when to discover next
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

// Discover reads the provider's metadata now and adopts it if it holds. It
// refuses, and keeps what was good before, when the document names another
// issuer or an endpoint that may not be connected to, or when an endpoint moved
// to another host: a restart adopts that, a document alone does not. Errors
// wrap [providers.ErrUnavailable] or [providers.ErrUntrusted].
func (p *Provider) Discover(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.discoverLocked(ctx)
}

func (p *Provider) discoverLocked(ctx context.Context) error {
	found, err := p.discover(ctx, p.known.Load())
	if err != nil {
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
	p.failed = nil
	p.known.Store(found)
	return nil
}

// metadata returns what is known of the provider, and asks it if that is
// nothing.
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
	if err := p.discoverLocked(ctx); err != nil {
		return nil, err
	}
	return p.known.Load(), nil
}
