package health

import (
	"slices"
	"time"

	"github.com/bongsu/bongsu/providers"
)

// The levels of probes, cheapest first.
const (
	levelReach = iota
	levelMetadata
	levelAuthorize
	levelToken
	levels
)

var levelNames = [levels]providers.Level{
	providers.LevelReach, providers.LevelMetadata, providers.LevelAuthorize, providers.LevelToken,
}

const (
	probesDown = 3               // failures in a row that need no statistics
	probesGood = 3               // successes in a row that end a quiet site's trial
	probeGap   = 4 * time.Second // answers closer together count as one: 5 s apart, less what clocks and queues shift
	probeFresh = 30 * time.Second
)

// run counts answers of one sort in a row.
type run struct {
	count   int
	counted time.Time // when the latest was counted
	first   time.Time
}

func (r *run) add(now time.Time) {
	if r.count == 0 {
		r.first = now
	}
	if r.count == 0 || now.Sub(r.counted) >= probeGap {
		r.count++
		r.counted = now
	}
}

// streak is how the probes of one level go.
type streak struct {
	last   providers.Probed
	at     time.Time
	failed run // theirs, in a row
	good   int // ok, in a row
	late   run // ok, but felt, in a row
	ours   run
}

// probes is what our own probes of a provider found.
type probes struct {
	levels [levels]streak
	dark   run  // failures of whatever level, with no success of any between
	good   run  // successes of levels that prove logins, with no failure of any between
	deep   bool // the provider can be probed deeply
	recent [15]probeMark
	next   int
	okAt   time.Time // the latest success of any level
	deepAt time.Time // the latest success of a level that proves logins
}

type probeMark struct {
	at time.Time
	ok bool
}

// failed tells whether an answer speaks against the provider: so does one that
// nobody would have waited for.
func failed(p providers.Probed) bool {
	return p.Outcome.Theirs() || p.Outcome == providers.OK && p.Took > patience
}

func (p *probes) note(x providers.Probed, now time.Time) {
	level := slices.Index(levelNames[:], x.Level)
	if level < 0 || x.Outcome == providers.User {
		return
	}
	s := &p.levels[level]
	s.last, s.at = x, now
	if level >= levelAuthorize && !p.deep {
		p.deep, p.good = true, run{} // what shallow levels proved is worth less from now on
	}
	proves := level >= levelAuthorize || !p.deep
	switch {
	case failed(x):
		if proves {
			p.good = run{}
		}
		s.failed.add(now)
		p.dark.add(now)
		s.good, s.late, s.ours = 0, run{}, run{}
		p.mark(now, false)
	case x.Outcome == providers.OK:
		s.good++
		if proves {
			p.good.add(now)
		}
		if x.Took > lateness {
			s.late.add(now)
		} else {
			s.late = run{}
		}
		s.failed, s.ours, p.dark = run{}, run{}, run{}
		p.okAt = now
		if level >= levelAuthorize {
			p.deepAt = now
		}
		p.mark(now, true)
	case x.Outcome == providers.Ours:
		// It answered, but what it would do for us cannot be told.
		s.ours.add(now)
		s.failed, p.dark = run{}, run{}
	}
}

func (p *probes) mark(now time.Time, ok bool) {
	p.recent[p.next] = probeMark{now, ok}
	p.next = (p.next + 1) % len(p.recent)
}

// lastMinute is how many probes were answered, and how many of them well.
func (p *probes) lastMinute(now time.Time) (asked, ok int) {
	for _, m := range p.recent {
		if !m.at.IsZero() && now.Sub(m.at) <= time.Minute {
			asked++
			if m.ok {
				ok++
			}
		}
	}
	return asked, ok
}

// failing returns the deepest level of which at least n probes in a row failed,
// the latest of them not long ago, or -1. When all levels fail, n of whatever
// level are enough.
func (p *probes) failing(now time.Time, n int) int {
	deepest := -1
	for i := range p.levels {
		s := &p.levels[i]
		enough := s.failed.count >= n || s.failed.count > 0 && p.dark.count >= n
		if enough && now.Sub(s.at) <= 4*probeFresh {
			deepest = i
		}
	}
	return deepest
}

// goodSince returns how many good probes in a row, of levels that prove logins,
// were counted since a moment: deep ones wherever the provider has such.
func (p *probes) goodSince(since time.Time) int {
	for i := range p.levels {
		if (i >= levelAuthorize || !p.deep) && p.levels[i].failed.count > 0 {
			return 0
		}
	}
	switch {
	case p.good.count == 0 || p.good.counted.Before(since):
		return 0
	case p.good.first.Before(since):
		// The run began earlier: its part since then, at most one each gap.
		return min(p.good.count, int(p.good.counted.Sub(since)/probeGap)+1)
	}
	return p.good.count
}

// late tells whether a level answers too late to be pleasant, three times in a row.
func (p *probes) late() int {
	for i := levels - 1; i >= levelAuthorize; i-- {
		if p.levels[i].late.count >= probesDown {
			return i
		}
	}
	return -1
}

// ours tells whether the latest probes were refused for our own mistakes.
func (p *probes) ours() bool {
	return slices.ContainsFunc(p.levels[:], func(s streak) bool { return s.ours.count >= probesDown })
}

// answered tells whether any probe was answered since a moment in a way that
// the provider lives.
func (p *probes) answered(since time.Time) bool {
	return slices.ContainsFunc(p.levels[:], func(s streak) bool {
		return !s.at.Before(since) && s.last.Outcome != providers.Unknown && !failed(s.last)
	})
}
