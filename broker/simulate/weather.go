package simulate

import (
	"slices"
	"time"
)

// condition is how one provider does at one site: the shares of phases.
type condition struct {
	login, token, probe float64
}

// well is a good day.
var well = condition{login: 1, token: 1, probe: 1}

// works reports whether a login by the provider succeeds there as on a good day.
func (c condition) works() bool { return c.login*c.token >= 0.99 }

// fails reports whether most logins by the provider fail there.
func (c condition) fails() bool { return c.login*c.token < 0.5 }

// weather is what the providers do at each site now, as the script says.
type weather struct {
	script *Script
	next   int
	at     map[string][]condition // by provider, by site
}

func newWeather(s *Script) *weather {
	w := &weather{script: s, at: map[string][]condition{}}
	for id := range s.Providers {
		w.at[id] = slices.Repeat([]condition{well}, len(s.Sites))
	}
	return w
}

// turn moves on to what holds at a time since the start.
func (w *weather) turn(since time.Duration) {
	for ; w.next < len(w.script.Phases) && w.script.Phases[w.next].At <= since; w.next++ {
		p := w.script.Phases[w.next]
		for i, site := range w.script.Sites {
			if len(p.Sites) == 0 || slices.Contains(p.Sites, site.Name) {
				w.at[p.Provider][i] = condition{login: p.Login, token: p.Token, probe: p.Probe}
			}
		}
	}
}

func (w *weather) of(provider string, site int) condition { return w.at[provider][site] }
