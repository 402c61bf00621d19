package broker

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/bongsu/bongsu/broker/contact"
	"github.com/bongsu/bongsu/broker/oauth"
	"github.com/bongsu/bongsu/broker/store"
)

// livez answers while the process runs.
func (b *Broker) livez(w http.ResponseWriter, _ *http.Request) error { return okay(w) }

// Of /readyz: modeHeader names the mode that a node is ready in, modeParam the one
// that a balancer asks for.
const (
	modeHeader = "X-Bongsu-Mode"
	modeParam  = "mode"
)

// readyz answers whether a login could succeed here: this site has keys that
// sign, which one that has just joined may not have yet, what is left of the
// databases lets the people of one website log in at least, everything that no
// longer holds was read, and this node is not about to stop. It never asks a
// provider or a peer; in the first two seconds of a node at most it waits for what
// peers were asked when it started. What is lacking all the same is named below the
// ok: what people cannot do without the writer, or a provider whose id was migrated.
//
// With a mode it answers whether a login could succeed here as in that mode or a
// better one: a balancer prefers sites by it, and takes none away.
func (b *Broker) readyz(w http.ResponseWriter, r *http.Request) error {
	least, err := modeAsked(r)
	if err != nil {
		return err
	}
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
	state, err := b.serves(r.Context())
	w.Header().Set(modeHeader, state.Mode.String())
	if err != nil {
		return err
	}
	// Alone a node goes on by what it has kept, and serves says whether it may.
	if state.Mode != contact.Alone && b.negative.ReadAt().IsZero() {
		return fmt.Errorf("what no longer holds has not been read yet: %w", store.ErrUnavailable)
	}
	if state.Mode > least {
		return oauth.TemporarilyUnavailable("The node is in mode " + state.Mode.String() + ".")
	}
	var but []string
	if state.Mode != contact.Full {
		but = []string{"contact " + state.Mode.String() + ": " + state.Means()}
	}
	return okay(w, append(but, b.shortcomings()...)...)
}

// modeAsked is the mode that a balancer asks for; none asks for any.
func modeAsked(r *http.Request) (contact.Mode, error) {
	asked := r.URL.Query()[modeParam]
	if len(asked) == 0 {
		return contact.Alone, nil
	}
	for _, mode := range contact.Modes {
		if len(asked) == 1 && mode.String() == asked[0] {
			return mode, nil
		}
	}
	return 0, oauth.InvalidRequest("mode is none of " + fmt.Sprint(contact.Modes) + ".")
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
