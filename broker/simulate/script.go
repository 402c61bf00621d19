package simulate

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"time"

	"go.yaml.in/yaml/v4"
)

// The bounds of a script.
const (
	maxScript    = 1 << 20 // bytes
	maxFor       = 7 * 24 * time.Hour
	maxSites     = 16
	maxNodes     = 8 // of a site
	maxProviders = 24
	maxGroups    = 64
	maxPhases    = 256
	maxPeople    = 10_000_000_000
)

// Script is an outage, and the people it meets.
type Script struct {
	Name  string        `yaml:"name"`
	About string        `yaml:"about"` // where the facts come from
	Start time.Time     `yaml:"start"`
	For   time.Duration `yaml:"for"` // at most a week

	People       float64   `yaml:"people"`         // accounts
	LoginsPerDay float64   `yaml:"logins_per_day"` // of one person, on average
	Hours        []float64 `yaml:"hours"`          // 24 weights: how the day's logins spread, by the hour of Start's zone
	// Marked is the share of logins from browsers that came in by the provider
	// before; only what they meet in the browser is evidence.
	Marked float64 `yaml:"marked"`

	Sites     []Site              `yaml:"sites"`
	Providers map[string]Provider `yaml:"providers"` // by id, as the script calls them
	Order     []string            `yaml:"order"`     // of the menu: provider ids
	Groups    []Group             `yaml:"groups"`    // shares add up to 1
	Phases    []Phase             `yaml:"phases"`    // in order of time
	Patience  Patience            `yaml:"patience"`
}

// Site is one place, and its share of the logins.
type Site struct {
	Name  string  `yaml:"name"`
	Share float64 `yaml:"share"` // above 0; shares add up to 1
	Nodes int     `yaml:"nodes"` // 1 to 8
}

// Provider is an upstream on a good day.
type Provider struct {
	Ceiling float64       `yaml:"ceiling"` // logins a second that all nodes together may begin; 0: no ceiling
	Return  float64       `yaml:"return"`  // share of people sent there that come back
	Away    time.Duration `yaml:"away"`    // how long they are gone, median
}

// Group is people who can come in by the same ways.
type Group struct {
	Ways  []string `yaml:"ways"` // linked, the one they use first
	Share float64  `yaml:"share"`
}

// Phase is what a provider does from a moment on, until its next phase.
type Phase struct {
	At       time.Duration `yaml:"at"` // since the start
	Provider string        `yaml:"provider"`
	// Login, Token and Probe are the shares, 0 to 1, in which a person at its
	// page comes back, a token call of theirs succeeds, and a probe of ours does.
	Login float64  `yaml:"login"`
	Token float64  `yaml:"token"`
	Probe float64  `yaml:"probe"`
	Sites []string `yaml:"sites"` // for these alone; empty: everywhere
	Note  string   `yaml:"note"`
}

// Patience is what people do when a way does not work.
type Patience struct {
	Back  float64       `yaml:"back"`  // share that presses Back on a page that does not answer
	After time.Duration `yaml:"after"` // … after so long
	Again float64       `yaml:"again"` // share of those back at the menu that takes another way of theirs
}

// ErrScript is wrapped by everything that is wrong with a script.
var ErrScript = errors.New("simulate: script")

// Read reads a script in YAML, at most 1 MiB, with every key known. The error
// wraps [ErrScript] and names everything that is wrong.
func Read(r io.Reader) (*Script, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxScript+1))
	if err != nil {
		return nil, fmt.Errorf("read script: %w", err)
	}
	if len(text) > maxScript {
		return nil, fmt.Errorf("%w: larger than %d bytes", ErrScript, maxScript)
	}
	var s Script
	if err := yaml.Load(text, &s, yaml.WithKnownFields()); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrScript, err)
	}
	if err := s.validate(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrScript, err)
	}
	return &s, nil
}

func (s *Script) validate() error {
	var wrong []error
	add := func(bad bool, format string, args ...any) {
		if bad {
			wrong = append(wrong, fmt.Errorf(format, args...))
		}
	}
	add(s.Name == "", "it has no name")
	add(s.Start.IsZero(), "start is missing")
	add(s.For <= 0 || s.For > maxFor, "for is not above 0 and up to %v", maxFor)
	add(!(s.People > 0 && s.People <= maxPeople), "people is not above 0 and up to %v", float64(maxPeople))
	add(!(s.LoginsPerDay > 0 && s.LoginsPerDay <= 100), "logins_per_day is not above 0 and up to 100")
	add(len(s.Hours) != 24, "hours has %d weights, want 24", len(s.Hours))
	add(!isShare(s.Marked), "marked is no share")
	add(slices.ContainsFunc(s.Hours, func(w float64) bool { return !(w >= 0 && w <= 1000) }) || sum(s.Hours) <= 0, "hours are not weights")
	wrong = append(wrong, s.validateSites(), s.validateProviders(), s.validateGroups(), s.validatePhases())
	p := s.Patience
	add(!isShare(p.Back) || !isShare(p.Again) || p.After < 0 || p.After > time.Hour, "patience is not made of shares and at most an hour")
	return errors.Join(wrong...)
}

func (s *Script) validateSites() error {
	if len(s.Sites) == 0 || len(s.Sites) > maxSites {
		return fmt.Errorf("%d sites, want 1 to %d", len(s.Sites), maxSites)
	}
	shares := make([]float64, len(s.Sites))
	names := map[string]bool{}
	for i, site := range s.Sites {
		if site.Name == "" || names[site.Name] || site.Nodes < 1 || site.Nodes > maxNodes || !(site.Share > 0) {
			return fmt.Errorf("site %q needs a name of its own, a share above 0 and 1 to %d nodes", site.Name, maxNodes)
		}
		names[site.Name], shares[i] = true, site.Share
	}
	return whole("sites", shares)
}

func (s *Script) validateProviders() error {
	if len(s.Providers) == 0 || len(s.Providers) > maxProviders {
		return fmt.Errorf("%d providers, want 1 to %d", len(s.Providers), maxProviders)
	}
	for id, p := range s.Providers {
		if id == "" || !(p.Ceiling >= 0) || math.IsInf(p.Ceiling, 0) || !isShare(p.Return) || p.Away <= 0 || p.Away > time.Hour {
			return fmt.Errorf("provider %q: return is a share, away above 0 and at most an hour, ceiling not negative", id)
		}
	}
	order := slices.Sorted(slices.Values(s.Order))
	if !slices.Equal(order, slices.Sorted(maps.Keys(s.Providers))) {
		return errors.New("order does not name every provider once")
	}
	return nil
}

func (s *Script) validateGroups() error {
	if len(s.Groups) == 0 || len(s.Groups) > maxGroups {
		return fmt.Errorf("%d groups, want 1 to %d", len(s.Groups), maxGroups)
	}
	shares := make([]float64, len(s.Groups))
	for i, g := range s.Groups {
		shares[i] = g.Share
		if len(g.Ways) == 0 || len(g.Ways) > maxProviders || !isShare(g.Share) {
			return fmt.Errorf("group %d needs ways and a share", i+1)
		}
		for _, way := range g.Ways {
			if _, ok := s.Providers[way]; !ok {
				return fmt.Errorf("group %d: there is no provider %q", i+1, way)
			}
		}
	}
	return whole("groups", shares)
}

func (s *Script) validatePhases() error {
	if len(s.Phases) > maxPhases {
		return fmt.Errorf("%d phases, at most %d", len(s.Phases), maxPhases)
	}
	last := time.Duration(0)
	for i, p := range s.Phases {
		_, known := s.Providers[p.Provider]
		switch {
		case !known:
			return fmt.Errorf("phase %d: there is no provider %q", i+1, p.Provider)
		case p.At < last || p.At > s.For:
			return fmt.Errorf("phase %d: at %v is before the phase above, or after the end", i+1, p.At)
		case !isShare(p.Login) || !isShare(p.Token) || !isShare(p.Probe):
			return fmt.Errorf("phase %d: login, token and probe are shares", i+1)
		}
		for _, site := range p.Sites {
			if !slices.ContainsFunc(s.Sites, func(known Site) bool { return known.Name == site }) {
				return fmt.Errorf("phase %d: there is no site %q", i+1, site)
			}
		}
		last = p.At
	}
	return nil
}

func isShare(v float64) bool { return v >= 0 && v <= 1 }

func whole(what string, shares []float64) error {
	if math.Abs(sum(shares)-1) > 1e-6 {
		return fmt.Errorf("the shares of %s add up to %.6f, not to 1", what, sum(shares))
	}
	return nil
}

func sum(all []float64) (total float64) {
	for _, v := range all {
		total += v
	}
	return total
}
