package health

import (
	"time"

	"github.com/bongsu/bongsu/broker/device"
	"github.com/bongsu/bongsu/providers"
)

// Snapshot is what the board held at one moment. It never changes; reading it
// takes no lock.
type Snapshot struct {
	At       time.Time
	Site     string // whose view it is
	Isolated bool   // much fails here, the canaries too: this site is cut off

	verdicts map[string]Verdict
	order    []string // providers as configured
	sites    []SiteView
	cells    map[string][]Cell // by provider, in the order of sites
}

// Of returns the verdict on a provider. One that the board does not know is
// Unknown with all its weight.
func (s *Snapshot) Of(provider string) Verdict {
	if v, ok := s.verdicts[provider]; ok {
		return v
	}
	return Verdict{Provider: provider, State: Unknown, Weight: 1}
}

// Verdicts returns all verdicts in the order of configuration. The caller owns
// the slice.
func (s *Snapshot) Verdicts() []Verdict {
	all := make([]Verdict, len(s.order))
	for i, id := range s.order {
		all[i] = s.verdicts[id]
	}
	return all
}

// SiteView is what is known of a site as a whole.
type SiteView struct {
	Site     string    `json:"site"`
	Own      bool      `json:"own,omitempty"`
	Nodes    int       `json:"nodes"`    // with a record that has not expired, this one included
	Heard    time.Time `json:"heard"`    // by our clock, when the latest record arrived; zero when none did
	Isolated bool      `json:"isolated"` // its own canaries fail
}

// Sites returns the configured sites, this one first, the others by name. The
// caller must not change the slice.
func (s *Snapshot) Sites() []SiteView { return s.sites }

// Contact tells whether records of more than half of the configured sites, our
// own included, are unexpired.
func (s *Snapshot) Contact() bool {
	heard := 0
	for _, site := range s.sites {
		if site.Own || site.Nodes > 0 {
			heard++
		}
	}
	return heard*2 > len(s.sites)
}

// Cell is what one site says of one provider.
type Cell struct {
	Site    string         `json:"site"`
	State   State          `json:"state"` // Unknown when nothing is known or what was known is stale
	Step    providers.Step `json:"step,omitempty"`
	Devices []device.Class `json:"devices,omitempty"`
	Nodes   int            `json:"nodes"` // nodes with evidence
	Age     time.Duration  `json:"age"`   // since the site was last heard, at Snapshot.At; zero for our own
	Stale   bool           `json:"stale"` // it spoke once and is no longer heard
}

// Row is what all sites say of one provider.
type Row struct {
	Provider string  `json:"provider"`
	Verdict  Verdict `json:"verdict"` // this site's
	Cells    []Cell  `json:"cells"`   // in the order of [Snapshot.Sites]
}

// Matrix returns provider × site in the order of configuration. The caller owns
// the slice of rows, not what is in them.
func (s *Snapshot) Matrix() []Row {
	rows := make([]Row, len(s.order))
	for i, id := range s.order {
		rows[i] = Row{Provider: id, Verdict: s.verdicts[id], Cells: s.cells[id]}
	}
	return rows
}

// View returns a snapshot that says what it is given, as a board that sees no
// other site would: for policy that is tried without a board.
func View(at time.Time, site string, verdicts ...Verdict) *Snapshot {
	s := &Snapshot{At: at, Site: site, verdicts: make(map[string]Verdict, len(verdicts)), sites: []SiteView{{Site: site, Own: true, Nodes: 1}}}
	for _, v := range verdicts {
		s.verdicts[v.Provider] = v
		s.order = append(s.order, v.Provider)
	}
	return s
}

// ViewOf is [View] of a board that sees other sites too: sites has this one first,
// and each row a cell for each of them.
func ViewOf(at time.Time, sites []SiteView, rows ...Row) *Snapshot {
	s := &Snapshot{At: at, Site: sites[0].Site, verdicts: make(map[string]Verdict, len(rows)), sites: sites, cells: make(map[string][]Cell, len(rows))}
	for _, r := range rows {
		s.verdicts[r.Provider], s.cells[r.Provider] = r.Verdict, r.Cells
		s.order = append(s.order, r.Provider)
	}
	return s
}
