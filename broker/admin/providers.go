package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/bongsu/bongsu/broker/store"
)

// spread is within what time every site obeys a fact that the store has (R).
// Until then a node that has not heard may still give sessions.
const spread = 5 * time.Second

// recordWithin is how long an answer waits for the store to have a fact that
// this node obeys already.
const recordWithin = 2 * time.Second

// provider returns the provider that an order or a question is about.
func (h *Handler) provider(c *call) (Provider, error) {
	id := c.r.PathValue("provider")
	i := slices.IndexFunc(h.o.Providers, func(p Provider) bool { return p.ID == id })
	if i < 0 {
		return Provider{}, notFound(fmt.Sprintf("no provider is called %q; bongsu provider list names them", id))
	}
	return h.o.Providers[i], nil
}

func (h *Handler) standing(provider string) Standing {
	switch {
	case h.o.Negatives.Has(store.ProviderRetired, provider):
		return Retired
	case h.o.Negatives.Has(store.ProviderDisabled, provider):
		return Disabled
	}
	return InUse
}

// foreign returns what the id stands for where this node has other settings.
func (p Provider) foreign() (store.Fingerprint, bool) {
	if p.Foreign == nil {
		return store.Fingerprint{}, false
	}
	return p.Foreign()
}

// notForeign refuses what this node would do with settings of before.
func notForeign(p Provider) error {
	f, foreign := p.foreign()
	if !foreign {
		return nil
	}
	return &Problem{
		Title: "It is so already, or something else is in the way.", Status: http.StatusConflict, Code: CodeConflict,
		Detail: fmt.Sprintf("%s stands for %s, client %s at %s by now, and this node has other settings: restart it with the new ones, or ask another node",
			p.ID, f.Kind, f.ClientID, f.Issuer),
	}
}

// order reads an order about a provider.
func (h *Handler) order(c *call) (Provider, Order, error) {
	p, err := h.provider(c)
	if err != nil {
		return Provider{}, Order{}, err
	}
	var o Order
	if err := c.body(&o); err != nil {
		return Provider{}, Order{}, err
	}
	return p, o, c.because(o.Reason)
}

func (h *Handler) providers(c *call) (any, error) {
	return h.states(c.ctx), nil
}

// states is what operators say about all providers. Without the store it lacks
// the declared outages, nothing else.
func (h *Handler) states(ctx context.Context) []ProviderState {
	ctx, cancel := context.WithTimeout(ctx, recordWithin)
	defer cancel()
	standing := map[string]*Outage{}
	if outages, err := h.o.Outages.Outages(ctx, h.o.Now()); err == nil {
		for _, o := range outages {
			standing[o.Provider] = declared(o)
		}
	}
	states := make([]ProviderState, 0, len(h.o.Providers))
	for _, p := range h.o.Providers {
		state := ProviderState{
			ID: p.ID, Kind: p.Kind, Name: p.Name, Domains: p.Domains, Standing: h.standing(p.ID), Outage: standing[p.ID],
		}
		if p.Metadata != nil {
			if changed, waits := p.Metadata.Pending(); waits {
				state.Pending = changed
			}
		}
		if f, foreign := p.foreign(); foreign {
			state.Foreign = &Stands{Kind: f.Kind, Issuer: f.Issuer, ClientID: f.ClientID}
		}
		states = append(states, state)
	}
	return states
}

func (h *Handler) disable(c *call) (any, error) {
	p, o, err := h.order(c)
	if err != nil {
		return nil, err
	}
	if err := h.notTheLast(p, o); err != nil {
		return nil, err
	}
	facts := []store.Fact{h.say(store.ProviderDisabled, p.ID)}
	if o.EndSessions {
		facts = append(facts, h.void(p.ID))
	}
	return h.done(c, p, facts...)
}

func (h *Handler) retire(c *call) (any, error) {
	p, o, err := h.order(c)
	if err != nil {
		return nil, err
	}
	if err := h.notTheLast(p, o); err != nil {
		return nil, err
	}
	return h.done(c, p, h.say(store.ProviderRetired, p.ID))
}

// notTheLast is check P02: without any provider nobody could log in.
func (h *Handler) notTheLast(p Provider, o Order) error {
	if o.Force || slices.ContainsFunc(h.o.Providers, func(other Provider) bool {
		return other.ID != p.ID && h.standing(other.ID) == InUse
	}) {
		return nil
	}
	return refusedBy("P02", "no other provider would be in use, and nobody could log in", "--force")
}

func (h *Handler) enable(c *call) (any, error) {
	p, o, err := h.order(c)
	if err != nil {
		return nil, err
	}
	kinds := []store.FactKind{store.ProviderDisabled}
	if h.standing(p.ID) == Retired {
		if !o.Retired {
			return nil, refusedBy("P03", p.ID+" was retired for good", "--retired")
		}
		kinds = append(kinds, store.ProviderRetired)
	}
	for _, kind := range kinds {
		if err := h.lift(c, kind, p.ID); err != nil {
			return nil, err
		}
	}
	return Done{Provider: p.ID, Standing: h.standing(p.ID), Recorded: true}, nil
}

func (h *Handler) distrust(c *call) (any, error) {
	p, o, err := h.order(c)
	if err != nil {
		return nil, err
	}
	if o.KeyID == "" || len(o.KeyID) > maxReason {
		return nil, invalid("key_id names the key: 1 to 255 bytes.")
	}
	id := store.DistrustedKey(p.ID, o.KeyID)
	c.object = p.ID + " " + o.KeyID
	if o.Undo {
		if err := h.lift(c, store.UpstreamKeyDistrusted, id); err != nil {
			return nil, err
		}
		return Done{Provider: p.ID, Standing: h.standing(p.ID), Recorded: true}, nil
	}
	return h.done(c, p, h.say(store.UpstreamKeyDistrusted, id), h.void(p.ID))
}

func (h *Handler) adopt(c *call) (any, error) {
	p, _, err := h.order(c)
	if err != nil {
		return nil, err
	}
	if p.Metadata == nil {
		return nil, notFound(p.ID + " publishes nothing that could change")
	}
	switch err := p.Metadata.Adopt(c.ctx); {
	case errors.Is(err, ErrNothingWaits):
		return nil, &Problem{
			Title: "Nothing waits to be adopted.", Status: http.StatusConflict, Code: CodeConflict,
			Detail: "nothing of " + p.ID + " waits to be adopted at this node",
		}
	case err != nil:
		return nil, fmt.Errorf("adopt metadata: %w", err)
	}
	return Done{Provider: p.ID, Standing: h.standing(p.ID), Recorded: true}, nil
}

// say is a fact of one of the kinds about providers, said now. Its epoch is
// above that of every lifting known here, and above those of the past that are
// not.
func (h *Handler) say(kind store.FactKind, id string) store.Fact {
	now := h.o.Now().UTC()
	return store.Fact{Kind: kind, ID: id, Epoch: max(h.o.Negatives.Epoch(kind, id), now.UnixMicro()), At: now}
}

// void ends the sessions that a provider gave, those included that a node gives
// before it has heard.
func (h *Handler) void(provider string) store.Fact {
	now := h.o.Now().UTC()
	return store.Fact{Kind: store.ProviderSessionsEnded, ID: provider, Epoch: now.Add(spread).Unix(), At: now}
}

// done makes facts obeyed here and on disk, and then tries to have them in the
// store: that it cannot be reached is no error.
func (h *Handler) done(c *call, p Provider, facts ...store.Fact) (any, error) {
	for _, f := range facts {
		if err := h.o.Negatives.Apply(c.ctx, f); err != nil {
			return nil, fmt.Errorf("apply %s: %w", f.Kind, err)
		}
	}
	recorded := h.record(c, facts)
	return Done{Provider: p.ID, Standing: h.standing(p.ID), Recorded: recorded}, nil
}

func (h *Handler) record(c *call, facts []store.Fact) bool {
	ctx, cancel := context.WithTimeout(c.ctx, recordWithin)
	defer cancel()
	for _, f := range facts {
		if !h.entered(ctx, f) {
			return false // the set goes on trying
		}
	}
	return true
}

// entered reports whether the store has f. It may hold an earlier undoing that
// this node has not heard of, by a clock that is ahead of this one: then f is
// said once more, above it, because an operator has just said it.
func (h *Handler) entered(ctx context.Context, f store.Fact) bool {
	for range 2 {
		stands, err := h.o.Facts.RecordFact(ctx, f)
		if err == nil {
			err = h.o.Negatives.Apply(ctx, stands)
		}
		if err != nil || !stands.Lifted {
			return err == nil
		}
		f = h.say(f.Kind, f.ID)
		if err := h.o.Negatives.Apply(ctx, f); err != nil {
			return false
		}
	}
	return false
}

// lift undoes a fact at the store's writer, and here.
func (h *Handler) lift(c *call, kind store.FactKind, id string) error {
	lifted, err := h.o.Facts.LiftFact(c.ctx, kind, id, h.o.Now().UTC())
	if err != nil {
		return fmt.Errorf("lift %s: %w", kind, err)
	}
	if err := h.o.Negatives.Apply(c.ctx, lifted); err != nil {
		return fmt.Errorf("apply %s: %w", kind, err)
	}
	return nil
}
