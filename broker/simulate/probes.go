package simulate

import (
	"time"

	"github.com/bongsu/bongsu/broker/health/probe"
	"github.com/bongsu/bongsu/providers"
)

// prober asks one provider for a site, at the pace of broker/health/probe: its
// schedule runs on timers, which cannot be turned.
type prober struct {
	shallow, deep time.Time
	suspected     time.Time // probes hurry until
}

func newProber(now time.Time) *prober { return &prober{shallow: now, deep: now} }

// hurry is the board's wish for probes now.
func (p *prober) hurry() { p.suspected = time.Time{}.Add(1) }

// probe lets the first node of every site ask what is due.
func (w *world) probe() {
	for i, members := range w.sites {
		lead := members[0]
		for turn, id := range w.script.Order {
			p := lead.probes[id]
			if w.hurried(members, id) {
				p.suspected = w.now.Add(time.Minute)
				p.shallow, p.deep = earlier(p.shallow, w.now), earlier(p.deep, w.now)
			}
			every, deepEvery := probe.ShallowEvery, probe.DeepEvery*time.Duration(len(w.sites))
			if w.now.Before(p.suspected) || lead.board.Snapshot().Of(id).Suspected {
				every, deepEvery = probe.HurriedEvery, probe.HurriedEvery
			}
			if !w.now.Before(p.shallow) {
				p.shallow = w.now.Add(every)
				w.ask(lead, id, i, providers.LevelMetadata, providers.StepMetadata)
			}
			if !w.now.Before(p.deep) {
				p.deep = w.now.Add(deepEvery + time.Duration(turn)*time.Second)
				w.ask(lead, id, i, providers.LevelToken, providers.StepToken)
			}
		}
	}
}

// hurried reports whether any node of the site wants probes, and forgets that.
func (w *world) hurried(members []*node, id string) bool {
	wanted := false
	for _, n := range members {
		if p := n.probes[id]; !p.suspected.IsZero() && p.suspected.Before(w.script.Start) {
			p.suspected, wanted = time.Time{}, true
		}
	}
	return wanted
}

// ask is one probe. Metadata are a static page: they live as long as anything
// of the provider does.
func (w *world) ask(n *node, id string, site int, level providers.Level, step providers.Step) {
	good := w.things.of(id, site).probe
	if level == providers.LevelMetadata && good > 0 {
		good = 1
	}
	p := providers.Probed{Provider: id, Level: level, Step: step, Outcome: providers.OK, Took: 80 * time.Millisecond}
	if w.random.Float64() >= good {
		p.Outcome, p.Took = providers.Down, 4*time.Second
	}
	n.board.Probed(p)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
