package status

import (
	"slices"

	"github.com/bongsu/bongsu/broker/web"
)

// judge is the one sentence above everything. A provider works for the public
// when it works somewhere: a login that fails at one site goes on at another.
func judge(v View) web.StatusVerdict {
	counts := make(map[State]int)
	hurt := false
	for _, p := range v.Providers {
		state := v.overall(p)
		counts[state]++
		hurt = hurt || state == Down || len(v.sitesSeeing(p, Down)) > 0
	}
	known := len(v.Providers) - counts[Unknown] - counts[Paused]
	switch {
	case known == 0 && counts[Unknown] == 0:
		return web.StatusHard // nothing is left on
	case known == 0:
		return web.StatusUnknown
	case counts[Down] == known:
		return web.StatusHard
	case hurt:
		return web.StatusSome
	case counts[Slow] > 0:
		return web.StatusSlow
	case counts[Unknown] > 0, len(v.silent()) > 0:
		return web.StatusPartly
	default:
		return web.StatusFine
	}
}

// overall is how a provider is for the public: our own verdict where there is
// one, unless that speaks of our own path alone; then the best that any site
// says which is heard.
func (v View) overall(p Provider) State {
	switch p.State {
	case Paused, Up, Slow:
		return p.State
	case Down:
		if !p.CutOff {
			return Down
		}
	}
	for _, state := range []State{Up, Slow, Down} {
		if len(v.sitesSeeing(p, state)) > 0 {
			return state
		}
	}
	if p.State == Down {
		return Down
	}
	return Unknown
}

// read reads the table aloud: first whether a row or a column is the trouble,
// then what else needs saying. The order never depends on a map.
func read(v View, name func(id string) web.Way) []web.StatusReading {
	troubled := v.troubledSites()
	var providers, alone, slow, unsteady, paused []web.Way
	var paths []web.StatusReading
	for _, p := range v.Providers {
		way := name(p.ID)
		down, works := v.sitesSeeing(p, Down), v.sitesSeeing(p, Up, Slow)
		down = slices.DeleteFunc(down, func(site string) bool { return slices.Contains(troubled, site) })
		switch {
		case p.State == Paused:
			paused = append(paused, way)
		case len(down) > 0 && len(works) > 0:
			paths = append(paths, web.StatusReading{Kind: web.ReadingPath, Ways: []web.Way{way}, Sites: down})
		case len(v.Sites) == 1 && len(down) > 0:
			alone = append(alone, way)
		case len(down) > 0, v.overall(p) == Down && len(troubled) == 0:
			providers = append(providers, way)
		case v.overall(p) == Slow && p.Unsteady:
			unsteady = append(unsteady, way)
		case v.overall(p) == Slow:
			slow = append(slow, way)
		}
	}
	var readings []web.StatusReading
	add := func(kind web.StatusReadingKind, ways []web.Way, sites []string) {
		if len(ways)+len(sites) > 0 {
			readings = append(readings, web.StatusReading{Kind: kind, Ways: ways, Sites: sites})
		}
	}
	add(web.ReadingProvider, providers, nil)
	if v.worksHere() {
		add(web.ReadingAlone, alone, nil)
	} else {
		add(web.ReadingPlain, alone, nil)
	}
	add(web.ReadingSite, nil, troubled)
	readings = append(readings, paths...)
	add(web.ReadingSlow, slow, nil)
	add(web.ReadingUnsteady, unsteady, nil)
	add(web.ReadingPaused, paused, nil)
	add(web.ReadingSilent, nil, v.silent())
	if len(readings) == 0 {
		return []web.StatusReading{v.quiet(name)}
	}
	return readings
}

// worksHere tells whether anything is seen to work at all.
func (v View) worksHere() bool {
	return slices.ContainsFunc(v.Providers, func(p Provider) bool { return len(v.sitesSeeing(p, Up, Slow)) > 0 })
}

// quiet reads a table without any trouble in it.
func (v View) quiet(name func(id string) web.Way) web.StatusReading {
	var unknown []web.Way
	for _, p := range v.Providers {
		if v.overall(p) == Unknown {
			unknown = append(unknown, name(p.ID))
		}
	}
	switch len(unknown) {
	case 0:
		return web.StatusReading{Kind: web.ReadingFine}
	case len(v.Providers):
		return web.StatusReading{Kind: web.ReadingUnknown}
	}
	return web.StatusReading{Kind: web.ReadingPartly, Ways: unknown}
}

// troubledSites are the columns that are the trouble: sites that say so of
// themselves, and those at which all of several providers fail that work
// somewhere else.
func (v View) troubledSites() []string {
	var names []string
	for i, site := range v.Sites {
		if !site.Heard {
			continue
		}
		down, only := 0, true
		for _, p := range v.Providers {
			switch v.seen(p, i) {
			case Down:
				down++
				only = only && len(v.sitesSeeing(p, Up, Slow)) > 0
			case Up, Slow:
				only = false
			}
		}
		if site.Isolated || down > 1 && only {
			names = append(names, site.Name)
		}
	}
	return names
}
