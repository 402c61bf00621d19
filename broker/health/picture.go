package health

import "time"

// picture is what the board holds now. The caller holds mu, or nobody else knows
// the board yet.
func (b *Board) picture(now time.Time) *Snapshot {
	s := &Snapshot{
		At: now, Site: b.o.Site, Isolated: b.isolated,
		verdicts: make(map[string]Verdict, len(b.watches)),
		order:    make([]string, len(b.watches)),
		sites:    make([]SiteView, len(b.sites)),
		cells:    make(map[string][]Cell, len(b.watches)),
	}
	index := make(map[string]int, len(b.sites))
	for i, name := range b.sites {
		s.sites[i], index[name] = SiteView{Site: name}, i
	}
	polls := make([]poll, len(b.watches)*len(b.sites))
	for _, h := range b.peers.held {
		at := index[h.site]
		s.sites[at].see(h, now)
		if !h.fresh(now) {
			continue
		}
		for i, e := range h.about {
			if e != nil {
				polls[i*len(b.sites)+at].add(e)
			}
		}
	}
	s.sites[0].Own, s.sites[0].Heard, s.sites[0].Isolated = true, now, b.isolated
	s.sites[0].Nodes++
	for i, w := range b.watches {
		s.order[i], s.verdicts[w.info.ID] = w.info.ID, w.verdict
		s.cells[w.info.ID] = w.row(now, s.sites, polls[i*len(b.sites):(i+1)*len(b.sites)])
	}
	return s
}

// see takes note of a record of one of the site's nodes.
func (v *SiteView) see(h *held, now time.Time) {
	if h.arrived.After(v.Heard) {
		v.Heard = h.arrived
	}
	if h.fresh(now) {
		v.Nodes++
		v.Isolated = v.Isolated || h.cut()
	}
}

// row is what each site says of the provider.
func (w *watch) row(now time.Time, sites []SiteView, polls []poll) []Cell {
	cells := make([]Cell, len(sites))
	for i, site := range sites {
		f, nodes := polls[i].finding(), polls[i].evidence()
		if i == 0 {
			f = w.standing(f)
			if w.local.state != Unknown {
				nodes++
			}
		}
		cells[i] = Cell{Site: site.Site, State: f.state, Nodes: nodes, Stale: !site.Own && site.Nodes == 0 && !site.Heard.IsZero()}
		if f.state >= Degraded {
			cells[i].Step, cells[i].Devices = f.step, f.devices.classes()
		}
		if !site.Own && !site.Heard.IsZero() {
			cells[i].Age = now.Sub(site.Heard)
		}
	}
	return cells
}
