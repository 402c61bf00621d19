package admin

import (
	"fmt"
	"time"

	"github.com/bongsu/bongsu/broker/store"
)

// maxOutage bounds a declared outage. A longer one is declared again.
const maxOutage = 7 * 24 * time.Hour

func (h *Handler) health(c *call) (any, error) {
	s := h.o.Board.Snapshot()
	return Health{
		Site: h.o.Site, Node: h.o.Node, At: s.At, Isolated: s.Isolated, Contact: s.Contact(), Sites: s.Sites(), Rows: s.Matrix(),
		Standing: h.states(c.ctx), Mode: h.mode(),
	}, nil
}

func (h *Handler) mode() Mode {
	s := h.o.Contact()
	return Mode{Name: s.Mode.String(), Stale: s.Stale, Since: s.Since, Means: s.Means()}
}

func (h *Handler) explain(c *call) (any, error) {
	p, err := h.provider(c)
	if err != nil {
		return nil, err
	}
	e, ok := h.o.Board.Explain(p.ID)
	if !ok {
		return nil, notFound("the board knows nothing of " + p.ID)
	}
	return e, nil
}

func (h *Handler) declare(c *call) (any, error) {
	p, err := h.provider(c)
	if err != nil {
		return nil, err
	}
	var d Declaration
	if err := c.body(&d); err != nil {
		return nil, err
	}
	if err := c.because(d.Reason); err != nil {
		return nil, err
	}
	if d.Seconds < 1 || d.Seconds > int64(maxOutage/time.Second) {
		return nil, invalid("An outage is declared for 1 second to 7 days.")
	}
	now := h.o.Now().UTC()
	o := store.Outage{
		Provider: p.ID, DeclaredAt: now, Until: now.Add(time.Duration(d.Seconds) * time.Second), By: c.operator, Reason: d.Reason,
	}
	if err := h.o.Outages.DeclareOutage(c.ctx, o); err != nil {
		return nil, fmt.Errorf("declare outage: %w", err)
	}
	_ = h.o.Reread(c.ctx) // it is read again within a second anyway
	return declared(o), nil
}

func (h *Handler) endOutage(c *call) (any, error) {
	p, err := h.provider(c)
	if err != nil {
		return nil, err
	}
	if err := h.o.Outages.EndOutage(c.ctx, p.ID, h.o.Now().UTC()); err != nil {
		return nil, fmt.Errorf("end outage: %w", err)
	}
	_ = h.o.Reread(c.ctx) // it is read again within a second anyway
	return Done{Provider: p.ID, Standing: h.standing(p.ID), Recorded: true}, nil
}

func declared(o store.Outage) *Outage {
	return &Outage{Provider: o.Provider, DeclaredAt: o.DeclaredAt, Until: o.Until, By: o.By, Reason: o.Reason}
}
