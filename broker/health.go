package broker

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/bongsu/bongsu/broker/oauth"
	"github.com/bongsu/bongsu/broker/store"
)

// livez answers while the process runs.
func (b *Broker) livez(w http.ResponseWriter, _ *http.Request) error { return okay(w) }

// readyz answers whether a login could succeed here: this site has keys that
// sign, which one that has just joined may not have yet, the store takes writes, or
// a replica of it answers and this node decides about its codes itself, everything
// that no longer holds was read, and this node is not about to stop. It never asks a
// provider or a peer; in the first two seconds of a node at most it waits for what
// peers were asked when it started. What is lacking all the same is named below the
// ok: what people cannot do without the writer, or a provider whose id was migrated.
func (b *Broker) readyz(w http.ResponseWriter, r *http.Request) error {
	if b.draining.Load() {
		return oauth.TemporarilyUnavailable("The node is about to stop.")
	}
	if !b.isCaughtUp() {
		return oauth.TemporarilyUnavailable("The node asks what was ended while it was away.")
	}
	if b.contradicted.Load() {
		return errContradicted
	}
	if err := b.signing.Ready(); err != nil {
		return err
	}
	but, err := b.storeServes(r.Context())
	if err != nil {
		return err
	}
	if b.negative.ReadAt().IsZero() {
		return fmt.Errorf("what no longer holds has not been read yet: %w", store.ErrUnavailable)
	}
	return okay(w, append(but, b.shortcomings()...)...)
}

// shortcomings are what a node that is ready lacks all the same, in words.
func (b *Broker) shortcomings() []string {
	var lacks []string
	for _, p := range b.config.Providers {
		if b.foreign(p.ID) {
			lacks = append(lacks, "provider "+p.ID+": its id stands for other settings than this node's; no login begins or ends by it here before a restart with the new ones")
		}
	}
	return lacks
}

func okay(w http.ResponseWriter, but ...string) error {
	w.Header().Set("Cache-Control", "no-store")
	if _, err := fmt.Fprintln(w, strings.Join(append([]string{"ok"}, but...), "\n")); err != nil {
		return fmt.Errorf("write answer: %w", err)
	}
	return nil
}
