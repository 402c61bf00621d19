package status

import (
	"slices"
	"sync"
	"time"
)

// Bounds of a [Log].
const (
	maxIncidents = 20               // kept; the oldest that is over goes first
	settle       = 60 * time.Second // a provider must work this long before an incident is over
)

// Incident is a trouble with one provider, seen since the log began.
type Incident struct {
	Provider string
	Slow     bool // slow all along, never down
	// Detected is the first sign, at any site. Confirmed is when more than half
	// of the sites that know anything agreed with this site's verdict, and
	// Sites are those. Recovered is when it last became well. Zero is not yet.
	Detected, Confirmed, Recovered time.Time
	Sites                          []string
}

// Log is what was seen of providers since it began, in memory and bounded. It
// is safe for concurrent use.
type Log struct {
	mu        sync.Mutex
	incidents []Incident           // the earliest first
	well      map[string]time.Time // since when a provider with an open incident works
}

// NewLog returns a log without incidents.
func NewLog() *Log { return &Log{well: make(map[string]time.Time)} }

// Look takes note of a view. Views must come in the order of their times.
// Looking at the same view twice changes nothing.
func (l *Log) Look(v View) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range v.Providers {
		down := v.sitesSeeing(p, Down)
		hurt := p.State == Down || len(down) > 0
		open := l.open(p.ID)
		switch {
		case hurt || v.overall(p) == Slow:
			if open == nil {
				open = l.begin(Incident{Provider: p.ID, Slow: !hurt, Detected: v.At})
			}
			delete(l.well, p.ID)
			open.see(v, p, hurt, down)
		case open != nil:
			l.mend(open, v, p)
		}
	}
}

// see adds what a view in which the trouble goes on tells of it.
func (i *Incident) see(v View, p Provider, hurt bool, down []string) {
	if hurt && i.Slow {
		i.Slow, i.Confirmed, i.Sites = false, time.Time{}, nil
	}
	if !i.Confirmed.IsZero() {
		return
	}
	agree, state := down, Down
	if !hurt {
		agree, state = v.sitesSeeing(p, Slow), Slow
	}
	know := len(v.sitesSeeing(p, Up, Slow, Down))
	if p.State == state && 2*len(agree) > know {
		i.Confirmed, i.Sites = v.At, agree
	}
}

// mend ends an incident once its provider has worked for a while. What nobody
// knows is not mended, and what an operator paused neither.
func (l *Log) mend(open *Incident, v View, p Provider) {
	if v.overall(p) != Up {
		delete(l.well, p.ID)
		return
	}
	since, ok := l.well[p.ID]
	if !ok {
		since = v.At
		l.well[p.ID] = since
	}
	if v.At.Sub(since) >= settle {
		open.Recovered = since
		delete(l.well, p.ID)
	}
}

// open finds the incident of a provider that goes on, if there is one.
func (l *Log) open(provider string) *Incident {
	for i := range l.incidents {
		if one := &l.incidents[i]; one.Provider == provider && one.Recovered.IsZero() {
			return one
		}
	}
	return nil
}

// begin adds an incident and forgets the earliest that is over when there are
// too many; those that go on are as many as providers, and stay.
func (l *Log) begin(one Incident) *Incident {
	if len(l.incidents) >= maxIncidents {
		over := slices.IndexFunc(l.incidents, func(i Incident) bool { return !i.Recovered.IsZero() })
		if over >= 0 {
			l.incidents = slices.Delete(l.incidents, over, over+1)
		}
	}
	l.incidents = append(l.incidents, one)
	return &l.incidents[len(l.incidents)-1]
}

// Incidents returns what was seen, the latest first. The caller owns the slice.
func (l *Log) Incidents() []Incident {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := slices.Clone(l.incidents)
	slices.Reverse(all)
	return all
}
