package admin

import (
	"strconv"
	"time"

	"github.com/bongsu/bongsu/broker/drill"
	"github.com/bongsu/bongsu/broker/store"
)

// shownDrills is how many drills are listed unless somebody asks for another
// number.
const shownDrills = 20

func (h *Handler) startDrill(c *call) (any, error) {
	var r DrillRequest
	if err := c.body(&r); err != nil {
		return nil, err
	}
	if err := c.because(r.Reason); err != nil {
		return nil, err
	}
	if r.Seconds < 0 || r.Seconds > int64(drill.MaxFor/time.Second) {
		r.Seconds = int64(drill.MaxFor/time.Second) + 1 // refused in the drill's own words
	}
	c.object = r.Provider
	started, err := h.o.Drills.Start(c.ctx, drill.Request{
		Provider: r.Provider, Kind: drill.Kind(r.Kind), Share: r.Share, For: time.Duration(r.Seconds) * time.Second,
		IncludeSingle: r.IncludeSingle, By: c.operator, Reason: r.Reason,
	})
	if err != nil {
		return nil, err
	}
	return h.shown(started), nil
}

// stopDrill stops the drill of that id, or the one that runs.
func (h *Handler) stopDrill(c *call) (any, error) {
	id := c.r.PathValue("id")
	if id == "running" {
		running, err := h.running(c)
		if err != nil {
			return nil, err
		}
		id, c.object = running.ID, running.ID
	}
	if err := h.o.Drills.Stop(c.ctx, id, drill.StopOperator); err != nil {
		return nil, err
	}
	return h.report(c, id)
}

func (h *Handler) running(c *call) (store.Drill, error) {
	drills, err := h.o.Drills.List(c.ctx, 1)
	if err != nil {
		return store.Drill{}, err
	}
	if len(drills) == 0 || !h.shown(drills[0]).Running {
		return store.Drill{}, notFound("no drill is running")
	}
	return drills[0], nil
}

func (h *Handler) drills(c *call) (any, error) {
	limit := shownDrills
	if asked := c.r.URL.Query().Get("limit"); asked != "" {
		n, err := strconv.Atoi(asked)
		if err != nil || n < 1 {
			return nil, invalid("limit is a number above 0.")
		}
		limit = n
	}
	drills, err := h.o.Drills.List(c.ctx, limit)
	if err != nil {
		return nil, err
	}
	shown := make([]Drill, len(drills))
	for i, d := range drills {
		shown[i] = h.shown(d)
	}
	return shown, nil
}

// drillReport reports on the drill of that id, or on the latest.
func (h *Handler) drillReport(c *call) (any, error) {
	id := c.r.PathValue("id")
	if id == "latest" {
		drills, err := h.o.Drills.List(c.ctx, 1)
		if err != nil {
			return nil, err
		}
		if len(drills) == 0 {
			return nil, notFound("there was no drill yet; bongsu drill start begins one")
		}
		id = drills[0].ID
	}
	return h.report(c, id)
}

func (h *Handler) report(c *call, id string) (any, error) {
	r, err := h.o.Drills.Report(c.ctx, id)
	if err != nil {
		return nil, err
	}
	return DrillReport{
		Drill: h.shown(r.Drill), Assigned: r.Assigned, FellBack: r.FellBack, Completed: r.Completed, Refused: r.Refused,
		Unfinished: r.Unfinished, Final: r.Final,
	}, nil
}

func (h *Handler) shown(d store.Drill) Drill {
	return Drill{
		ID: d.ID, Provider: d.Provider, Kind: d.Kind, Share: d.Share, IncludeSingle: d.IncludeSingle, By: d.By, Reason: d.Reason,
		StartedAt: d.StartedAt, EndsAt: d.EndsAt, StoppedAt: d.StoppedAt, Stop: d.Stop,
		Running: d.StoppedAt.IsZero() && h.o.Now().Before(d.EndsAt),
	}
}

func (h *Handler) lever(*call) (any, error) {
	return Lever{Engaged: h.o.Negatives.Has(store.DrillsForbidden, store.AllDrills)}, nil
}

// pullLever forbids drills, which stops the one that runs, or allows them again.
// To forbid needs no writer.
func (h *Handler) pullLever(c *call) (any, error) {
	var l Lever
	if err := c.body(&l); err != nil {
		return nil, err
	}
	if err := c.because(l.Reason); err != nil {
		return nil, err
	}
	c.object = "release"
	if l.Engaged {
		c.object = "engage"
		said := h.say(store.DrillsForbidden, store.AllDrills)
		if err := h.o.Negatives.Apply(c.ctx, said); err != nil {
			return nil, err
		}
		h.record(c, []store.Fact{said})
	} else if err := h.lift(c, store.DrillsForbidden, store.AllDrills); err != nil {
		return nil, err
	}
	return h.lever(c)
}
