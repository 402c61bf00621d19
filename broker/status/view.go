package status

import (
	"slices"
	"time"

	"github.com/bongsu/bongsu/broker/health"
	"github.com/bongsu/bongsu/broker/web"
)

// State is how a provider is, as the public is told.
type State string

// The states. Anything else counts as Unknown, which is never shown as working.
const (
	Up      State = "up"
	Slow    State = "slow" // slow, failing for some, or coming back
	Down    State = "down"
	Unknown State = "unknown"
	Paused  State = "paused" // an operator switched it off
)

// View is what a site holds at one moment.
type View struct {
	At        time.Time // of the last evaluation
	Site      string    // whose view it is
	Sites     []Site    // as configured, this one included
	Limits    web.StatusLimits
	Providers []Provider
}

// Site is one column.
type Site struct {
	Name string
	// Heard tells whether its news is fresh. Cells of one that is not are unknown.
	Heard    bool
	Isolated bool // it reaches nothing: its own network is the trouble
}

// Provider is one row.
type Provider struct {
	ID     string
	State  State // this site's verdict, peers weighed in
	CutOff bool  // Down means: from this site only
	// Unsteady is of a Slow one: it fails for some or is only just back, and is
	// not late.
	Unsteady bool
	Since    time.Time
	Seen     []State // by each of View.Sites, in their order
}

// FromBoard puts a board's snapshot into a view.
func FromBoard(s *health.Snapshot) View {
	v := View{At: s.At, Site: s.Site}
	for _, site := range s.Sites() {
		v.Sites = append(v.Sites, Site{
			Name: site.Site, Heard: site.Own || site.Nodes > 0,
			Isolated: site.Isolated || site.Own && s.Isolated,
		})
	}
	for _, row := range s.Matrix() {
		p := Provider{
			ID: row.Provider, State: stateOf(row.Verdict.State), Since: row.Verdict.Since,
			CutOff:   row.Verdict.Cause == health.CauseCutOff || row.Verdict.Cause == health.CauseIsolated,
			Unsteady: row.Verdict.State == health.Degraded && row.Verdict.Cause != health.CauseSlow,
		}
		for _, cell := range row.Cells {
			seen := stateOf(cell.State)
			if cell.Stale {
				seen = Unknown
			}
			p.Seen = append(p.Seen, seen)
		}
		v.Providers = append(v.Providers, p)
	}
	return v
}

func stateOf(s health.State) State {
	switch s {
	case health.Up:
		return Up
	case health.Degraded:
		return Slow
	case health.Down:
		return Down
	}
	return Unknown
}

// arranged is the view with its columns in the order of names; columns that are
// not named keep their order behind those that are. So the page is the same at
// every site, though each board puts its own site first.
func (v View) arranged(names []string) View {
	order := make([]int, len(v.Sites))
	for i := range order {
		order[i] = i
	}
	place := func(i int) int {
		if at := slices.Index(names, v.Sites[i].Name); at >= 0 {
			return at
		}
		return len(names)
	}
	slices.SortStableFunc(order, func(a, b int) int { return place(a) - place(b) })
	sites := v.Sites
	v.Sites = make([]Site, len(order))
	for to, from := range order {
		v.Sites[to] = sites[from]
	}
	rows := v.Providers
	v.Providers = make([]Provider, len(rows))
	for i, p := range rows {
		seen := make([]State, len(order))
		for to, from := range order {
			seen[to] = Unknown
			if from < len(p.Seen) {
				seen[to] = p.Seen[from]
			}
		}
		p.Seen = seen
		v.Providers[i] = p
	}
	return v
}

// seen is what site i says of p, if it is heard. What an operator paused is
// paused everywhere.
func (v View) seen(p Provider, i int) State {
	if p.State == Paused {
		return Paused
	}
	if i >= len(p.Seen) || !v.Sites[i].Heard {
		return Unknown
	}
	return p.Seen[i]
}

// sitesSeeing are the names of the heard sites that see p in one of states.
func (v View) sitesSeeing(p Provider, states ...State) []string {
	var names []string
	for i, site := range v.Sites {
		if site.Heard && slices.Contains(states, v.seen(p, i)) {
			names = append(names, site.Name)
		}
	}
	return names
}

// silent are the names of the sites that are not heard.
func (v View) silent() []string {
	var names []string
	for _, site := range v.Sites {
		if !site.Heard {
			names = append(names, site.Name)
		}
	}
	return names
}
