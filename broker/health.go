package broker

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/bongsu/bongsu/broker/oauth"
)

// livez answers while the process runs.
func (b *Broker) livez(w http.ResponseWriter, _ *http.Request) error { return okay(w) }

// readyz answers whether a login could succeed here: this site has keys that
// sign, which one that has just joined may not have yet, and the store takes
// writes, and this node is not about to stop. It never asks a provider or a peer.
func (b *Broker) readyz(w http.ResponseWriter, r *http.Request) error {
	if b.draining.Load() {
		return oauth.TemporarilyUnavailable("The node is about to stop.")
	}
	if err := b.signing.Ready(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), time.Second)
	defer cancel()
	if err := b.store.Ping(ctx); err != nil {
		return err
	}
	return okay(w)
}

func okay(w http.ResponseWriter) error {
	w.Header().Set("Cache-Control", "no-store")
	if _, err := fmt.Fprintln(w, "ok"); err != nil {
		return fmt.Errorf("write answer: %w", err)
	}
	return nil
}
