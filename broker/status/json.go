package status

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/bongsu/bongsu/broker/web"
)

// Schema is the version of /status.json. Fields may be added within a version;
// what is there keeps its meaning. Readers must take a state they do not know
// for "unknown".
const Schema = 1

// Report is /status.json.
type Report struct {
	Schema int `json:"schema"`
	// Made is the minute in which it was made: an answer older than a few
	// minutes says nothing about now.
	Made time.Time `json:"made"`
	Site string    `json:"site"` // that made it
	// State is "fine", "partly", "slow", "some", "hard", "unknown" or "stale",
	// as the heading of the page says it.
	State string `json:"state"`
	// Limits is "accounts" while nobody can open an account or change how they log
	// in, "websites" while most websites cannot be logged in to, and else absent.
	Limits    string           `json:"limits,omitempty"`
	Providers []ReportProvider `json:"providers"`
	Sites     []ReportSite     `json:"sites"`
	Incidents []ReportIncident `json:"incidents"` // the latest first
}

// ReportProvider is one provider.
type ReportProvider struct {
	ID   string `json:"id"`
	Kind string `json:"kind"`
	Name string `json:"name,omitempty"` // where the operator gave it one
	// State is "up", "slow", "down", "paused" or "unknown", for a login that
	// begins at the site that made the report.
	State State            `json:"state"`
	Sites map[string]State `json:"sites"` // as each site sees it
}

// ReportSite is one site.
type ReportSite struct {
	Name string `json:"name"`
	// Heard tells whether its news is fresh; if not, its states are unknown.
	Heard bool `json:"heard"`
}

// ReportIncident is a trouble seen since the reporting node started.
type ReportIncident struct {
	Provider  string     `json:"provider"`
	Kind      string     `json:"kind"` // "down" or "slow"
	Detected  time.Time  `json:"detected"`
	Confirmed *time.Time `json:"confirmed,omitempty"`
	Recovered *time.Time `json:"recovered,omitempty"` // absent while it goes on
	Sites     []string   `json:"sites,omitempty"`     // that confirmed it
}

func (s *Status) report(now time.Time, v View, verdict web.StatusVerdict) Report {
	r := Report{
		Schema: Schema, Made: now.UTC().Truncate(time.Minute), Site: v.Site, State: string(verdict), Limits: string(v.Limits),
		Providers: []ReportProvider{}, Sites: []ReportSite{}, Incidents: []ReportIncident{},
	}
	for _, site := range v.Sites {
		r.Sites = append(r.Sites, ReportSite{Name: site.Name, Heard: site.Heard})
	}
	for _, p := range v.Providers {
		way := s.way(p.ID)
		one := ReportProvider{ID: p.ID, Kind: way.Kind, Name: way.Name, State: p.State, Sites: make(map[string]State, len(v.Sites))}
		for i, site := range v.Sites {
			one.Sites[site.Name] = v.seen(p, i)
		}
		r.Providers = append(r.Providers, one)
	}
	for _, one := range s.log.Incidents() {
		kind := "down"
		if one.Slow {
			kind = "slow"
		}
		r.Incidents = append(r.Incidents, ReportIncident{
			Provider: one.Provider, Kind: kind, Detected: one.Detected.UTC().Truncate(time.Second),
			Confirmed: moment(one.Confirmed), Recovered: moment(one.Recovered), Sites: one.Sites,
		})
	}
	return r
}

// moment is a time to the second, or nothing.
func moment(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	at = at.UTC().Truncate(time.Second)
	return &at
}

func jsonDocument(r Report) (*document, error) {
	body, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode status: %w", err)
	}
	header := make(http.Header)
	header.Set("Content-Type", "application/json")
	header.Set("Access-Control-Allow-Origin", "*")
	header.Set("Access-Control-Expose-Headers", "Age, Date, ETag")
	return newDocument(header, append(body, '\n'))
}
