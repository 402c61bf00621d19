package simulate

import (
	"slices"
	"time"

	"github.com/bongsu/bongsu/broker/health"
)

// tally counts what becomes of everybody.
type tally struct {
	script *Script
	report *Report
	hour   *Hour
	since  time.Duration

	failing   map[string][]time.Time     // by provider, by site: since when it fails and nobody has said so
	returning map[string][]time.Time     // since when it works again and has not all its logins back
	recovered map[string][]time.Duration // when it last began to work again; 0: it always did
	was       map[string][]condition
	herds     map[string]*Herd
	second_   map[string]int // legs begun in this second
}

func newTally(s *Script) *tally {
	t := &tally{
		script: s, report: &Report{Name: s.Name, Start: s.Start, For: s.For},
		failing: map[string][]time.Time{}, returning: map[string][]time.Time{}, recovered: map[string][]time.Duration{}, was: map[string][]condition{},
		herds: map[string]*Herd{}, second_: map[string]int{},
	}
	for _, id := range s.Order {
		t.failing[id] = make([]time.Time, len(s.Sites))
		t.returning[id] = make([]time.Time, len(s.Sites))
		t.recovered[id] = make([]time.Duration, len(s.Sites))
		t.was[id] = slices.Repeat([]condition{well}, len(s.Sites))
		t.herds[id] = &Herd{Provider: id, Ceiling: s.Providers[id].Ceiling}
	}
	t.nextHour(0)
	return t
}

func (t *tally) nextHour(at time.Duration) {
	t.report.Hours = append(t.report.Hours, Hour{At: at})
	t.hour = &t.report.Hours[len(t.report.Hours)-1]
}

// counts is the outcome of logins, of the whole and of this hour.
func (t *tally) counts(add func(*Counts)) {
	add(&t.report.Counts)
	add(&t.hour.Counts)
}

func (t *tally) begun(n int)               { t.counts(func(c *Counts) { c.Logins += n }) }
func (t *tally) left(n int)                { t.counts(func(c *Counts) { c.Left += n }) }
func (t *tally) entered(way string, n int) { t.second_[way] += n }

func (t *tally) turned(way string, n int) {
	t.herds[way].TurnedAway += n
	t.counts(func(c *Counts) { c.TurnedAway += n })
}

// chose notes who was moved off a provider that works.
func (t *tally) chose(w *world, site, group int, r route, n int) {
	usual := t.script.Groups[group].Ways[0]
	if r.ways[0] != usual && w.things.of(usual, site).works() {
		t.counts(func(c *Counts) { c.WronglyMoved += n })
	}
}

// completed notes logins that ended well, and how.
func (t *tally) completed(w *world, c crowd, n int) {
	usual := t.script.Groups[c.group].Ways[0]
	t.counts(func(counts *Counts) {
		counts.Completed += n
		switch {
		case c.way() == usual:
		case w.things.of(usual, c.node.site).works():
		case c.tries == 0:
			counts.SavedAtOnce += n
		case c.tries == 1:
			counts.SavedByOneClick += n
		default:
			counts.SavedByMore += n
		}
	})
}

// gaveUp notes people who leave, by whether a way that they did not try works.
func (t *tally) gaveUp(w *world, c crowd, n int) {
	tried := c.route.ways[:min(c.at+1, len(c.route.ways))]
	works := slices.ContainsFunc(t.script.Groups[c.group].Ways, func(way string) bool {
		return !slices.Contains(tried, way) && !w.things.of(way, c.node.site).fails()
	})
	t.counts(func(counts *Counts) {
		if works {
			counts.GaveUp += n
		} else {
			counts.Stranded += n
		}
	})
}

// memory is how old what a board judges by may be: who has not come back a
// minute after a start, of the starts of a minute.
const memory = 2 * time.Minute

// changed notes that a node's board says something else of a provider. A fall is
// late, and not false, as long as the last who failed are among those it is about.
func (t *tally) changed(site int, change health.Transition) {
	if change.To != health.Down || !t.was[change.Provider][site].works() {
		return
	}
	if at := t.recovered[change.Provider][site]; at > 0 && t.since-at < memory {
		t.report.LateTrips++
		return
	}
	t.report.FalseTrips++
}

// second ends a second: what the sites have found out, and how many went where.
func (t *tally) second(w *world) {
	t.since = w.now.Sub(t.script.Start)
	for _, id := range t.script.Order {
		for site := range t.script.Sites {
			t.watch(w, id, site)
		}
		h := t.herds[id]
		n := t.second_[id]
		t.second_[id] = 0
		if t.was[id][0].works() && !t.anyFailing(id) {
			h.Usual = max(h.Usual, n)
		}
		h.Peak = max(h.Peak, n)
	}
	if t.since%time.Hour == 0 && t.since < t.script.For {
		t.nextHour(t.since)
	}
}

// anyFailing reports whether another provider than id fails anywhere.
func (t *tally) anyFailing(id string) bool {
	for other, at := range t.was {
		if other != id && slices.ContainsFunc(at, func(c condition) bool { return !c.works() }) {
			return true
		}
	}
	return false
}

// watch compares what a provider does at a site with what the site says of it.
func (t *tally) watch(w *world, id string, site int) {
	now, was := w.things.of(id, site), t.was[id][site]
	t.was[id][site] = now
	verdict := w.sites[site][0].board.Snapshot().Of(id)
	name := t.script.Sites[site].Name
	if now.fails() && !was.fails() {
		t.failing[id][site] = w.now
		t.returning[id][site] = time.Time{}
	}
	if now.works() && !was.works() {
		t.recovered[id][site] = t.since
		if began := t.failing[id][site]; !began.IsZero() {
			t.report.Detections = append(t.report.Detections, Detection{Provider: id, Site: name, At: began.Sub(t.script.Start), Missed: true})
		}
		t.failing[id][site] = time.Time{}
		if verdict.State != health.Up {
			t.returning[id][site] = w.now
		}
	}
	if began := t.failing[id][site]; !began.IsZero() && verdict.State == health.Down {
		t.report.Detections = append(t.report.Detections, Detection{Provider: id, Site: name, At: began.Sub(t.script.Start), After: w.now.Sub(began)})
		t.failing[id][site] = time.Time{}
	}
	if began := t.returning[id][site]; !began.IsZero() && verdict.State == health.Up && verdict.Weight == 1 {
		t.report.Returns = append(t.report.Returns, Return{Provider: id, Site: name, At: began.Sub(t.script.Start), After: w.now.Sub(began)})
		t.returning[id][site] = time.Time{}
	}
}
