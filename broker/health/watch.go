package health

import (
	"math"
	"sync/atomic"
	"time"

	"github.com/bongsu/bongsu/providers"
)

// watch is all that this node knows about one provider. What logins touch is
// atomic or has a lock of its own; the rest belongs to whoever holds the
// board's lock.
type watch struct {
	info  ProviderInfo
	index int
	name  uint32 // in records

	stripes stripes
	funnel  *funnel
	voices  *voices
	hurried atomic.Int64 // when Suspect was last called, nanoseconds since the board began
	steady  atomic.Bool  // many good calls: a single failure is no news
	ours    atomic.Uint64
	oursAt  atomic.Int64 // when we were last refused for our mistakes, nanoseconds since the board began

	window                window
	usual                 usual
	probes                probes
	gate                  gate
	demand                float64 // logins begun per second while it was up
	shortCalls, shortDues bool    // which window is read
	calm                  int     // seconds without suspicion
	wonder                int     // seconds in which nothing but returns was suspected
	before                trips   // of the second before
	found                 finding // by this site's evidence alone
	suspect               bool
	since                 sample // what was counted since the gate's phase began
	phased                int    // seconds since then
	workAt                time.Time

	backed    bool      // most sites say it is down
	contested time.Time // since when another site says it is down; zero when none does
	news      news
	local     finding // after hysteresis
	said      State   // in our record
	verdict   Verdict
}

func newWatch(info ProviderInfo, index int, now time.Time) *watch {
	w := &watch{info: info, index: index, name: nameOf(info.ID), stripes: newStripes(), funnel: newFunnel(), voices: newVoices()}
	w.calm = -longWindow // who came back soon after a start of ours left before it
	w.gate.since, w.gate.aged = now, now
	w.verdict = Verdict{Provider: info.ID, State: Unknown, Weight: 1, Since: now}
	return w
}

// site is what the other nodes of this site add to our own numbers.
type site struct {
	nodes   int // fresh records
	calls   [lanes][]share
	due     [ages][]share
	passed  bool    // one of them trusts the provider
	settled finding // of most of them that have evidence
}

const (
	// proofFresh is how long a login, or a probe that proves logins, says that
	// the provider is up; sightFresh how long any good answer keeps that alive.
	proofFresh = 10 * time.Minute
	sightFresh = 90 * time.Second
	// contestedFresh is how much older than another site's "down" our proof may
	// be and still stand against it.
	contestedFresh = 30 * time.Second
	// contestedAsk is how long logins may answer another site's "down" before
	// probes are asked to.
	contestedAsk = 2 * time.Second

	habit      = 600 // seconds
	oursFresh  = 5 * time.Minute
	demandTime = 600 // seconds of memory
)

var demandKeep = math.Exp(-1.0 / demandTime)

// second takes in one finished second. site may be nil.
func (w *watch) second(now time.Time, s *sample, peers *site, jitter float64) {
	w.window.push(s)
	w.voices.heard(&w.window.long)
	w.accumulate(s)
	w.learn(s)

	if s.works() {
		w.workAt = now
	}
	r := w.reading(peers)
	failing := r.tests()
	w.found = r.find(failing&w.before, w.info.ProfileOptional)
	w.before = failing
	w.found = w.found.worse(w.probed(now, &r))
	if w.found.state == Unknown {
		w.found.state = w.alive(now)
	}
	w.doubt(now, &r)
	w.steady.Store(r.calls[laneToken].n >= 50 && !w.suspect)

	if w.gate.advance(now, w.found, w.tried(now, peers), jitter) {
		w.since, w.phased, w.before = sample{}, 0, 0
		if w.gate.phase == trial || w.gate.phase == ramp {
			w.window = window{} // what failed then says nothing about now
		}
	}
	w.local = w.gate.state(now, w.found)
}

// doubt takes note of what speaks against the provider without being enough.
func (w *watch) doubt(now time.Time, r *reading) {
	grave := r.failing() || w.found.state >= Degraded || w.probes.failing(now, 1) >= 0 || w.gate.phase == trial
	losing := r.losing()
	w.suspect = grave || losing
	if w.suspect || w.gate.phase != closed {
		w.calm = 0
	} else {
		w.calm++
	}
	if losing && !grave && w.gate.phase == closed {
		w.wonder++
	} else {
		w.wonder = 0
	}
}

// accumulate adds to what the gate's phase has shown so far. Starts that come
// of age soon after it began are those of the phase before.
func (w *watch) accumulate(s *sample) {
	for i, n := range s {
		w.since[i] += n
	}
	if w.phased++; w.phased <= trialMatures {
		clear(w.since[cellDue : cellDue+ages*devices*2])
	}
}

// works tells whether anybody was logged in during the sample.
func (s *sample) works() bool {
	for _, lane := range [...]int{laneToken, laneUserinfo} {
		for dev := range devices {
			if c := s.at(callCell(lane, dev)); c.n > c.failed {
				return true
			}
		}
	}
	return false
}

// learn lets the minute that ended a minute ago say what is usual, if nothing
// was suspected since. A loss that has grown but trips nothing, with calls and
// probes good for ten minutes, is people's new habit: else it would never be
// learnt.
func (w *watch) learn(s *sample) {
	if w.calm >= longWindow || w.wonder >= habit {
		w.usual.learn(&w.window.gone)
	}
	if w.gate.phase == closed && !w.suspect {
		w.demand = w.demand*demandKeep + float64(s[cellBegun])*(1-demandKeep)
	}
}

// reading is what there is to judge: in the short window where the site is busy
// enough, else in the long one.
func (w *watch) reading(peers *site) reading {
	var r reading
	logins := max(w.window.long.lane(laneToken).n, int(w.window.long[cellBegun]))
	starts := 0
	for dev := range devices {
		starts += w.window.long.at(dueCell(0, dev)).n
	}
	if peers != nil { // records tell what was counted in windows like ours
		logins *= 1 + peers.nodes
		starts *= 1 + peers.nodes
	}
	w.shortCalls, w.shortDues = logins >= busyRate*longWindow, starts >= busyRate*longWindow
	calls, dues := w.windows()
	r.read(calls, dues, &w.usual)
	if peers != nil && peers.nodes > 0 {
		r.shared = true
		for lane := range lanes {
			r.calls[lane] = pool(r.calls[lane], peers.calls[lane], callsLimit, r.calls[lane])
		}
		for age := range ages {
			r.due[age] = pool(r.due[age], peers.due[age], r.limit[age], share{})
		}
	}
	return r
}

// windows are the windows that are read, for our calls and for starts.
func (w *watch) windows() (calls, dues *sample) {
	calls, dues = &w.window.long, &w.window.long
	if w.shortCalls {
		calls = &w.window.short
	}
	if w.shortDues {
		dues = &w.window.short
	}
	return calls, dues
}

// probed is what our probes say by themselves. Failures of one level are no
// outage while people log in, nor are those of a shallow one while a deep one
// succeeds.
func (w *watch) probed(now time.Time, r *reading) finding {
	need := probesDown
	if w.backed {
		need--
	}
	level := w.probes.failing(now, need)
	if level < 0 {
		if late := w.probes.late(); late >= 0 {
			return finding{Degraded, CauseSlow, w.probes.levels[late].last.Step, 0, byProbes}
		}
		if w.probes.ours() {
			return finding{Degraded, CauseOurs, providers.StepToken, 0, byProbes}
		}
		return finding{}
	}
	s := &w.probes.levels[level]
	f := finding{Down, CauseProvider, s.last.Step, 0, byProbes}
	if s.last.Outcome == providers.Slow || s.last.Outcome == providers.OK {
		f.cause = CauseSlow
	}
	shallow := level < levelAuthorize && w.probes.deepAt.After(s.failed.first)
	if shallow || w.worksSince(s.failed.first, r) {
		f.state, f.cause = Degraded, CausePartial
	}
	return f
}

// worksSince tells whether people still log in: what this node saw before our
// probes began to fail, at a moment, says nothing against them. When the other
// nodes' logins were is not known, so all of theirs count.
func (w *watch) worksSince(began time.Time, r *reading) bool {
	if w.workAt.Sub(began) >= time.Second { // all of a second in which people logged in
		return r.works()
	}
	calls, _ := w.windows()
	all, own := r.calls[laneToken], calls.lane(laneToken)
	return share{all.n - own.n, all.failed - own.failed}.works()
}

// alive says whether there is proof, fresh enough, that logins work.
func (w *watch) alive(now time.Time) State {
	proof, sight := w.workAt, w.probes.okAt
	if w.probes.deepAt.After(proof) {
		proof = w.probes.deepAt
	}
	if proof.After(sight) {
		sight = proof
	}
	switch {
	case proof.IsZero() || now.Sub(proof) > proofFresh || now.Sub(sight) > sightFresh:
		return Unknown
	case !w.contested.IsZero() && w.contested.Sub(proof) > contestedFresh:
		return Unknown
	}
	return Up
}

// tried is what came of the phase so far.
func (w *watch) tried(now time.Time, peers *site) tried {
	if w.gate.phase != hold && w.gate.phase != trial {
		return tried{}
	}
	t := tried{
		usual:   mean(0, &w.since, w.usual.of),
		good:    w.probes.goodSince(w.gate.since),
		failing: w.probes.failing(now, 1) >= 0,
		quiet:   w.demand*trialShare(w.crowd(peers)) < float64(trialEnough)/trialPatience.Seconds(),
		passed:  w.gate.phase == trial && peers != nil && peers.passed,
	}
	for lane := range lanes {
		if lane == laneUserinfo && w.info.ProfileOptional {
			continue
		}
		var all share
		for dev := range devices {
			all = all.add(w.since.at(callCell(lane, dev)))
		}
		if all.n > 0 && (t.calls.n == 0 || all.part() > t.calls.part()) {
			t.calls = all
		}
	}
	if t.calls.failed == 0 {
		t.calls = w.since.lane(laneToken)
	}
	for dev := range devices {
		t.due = t.due.add(w.since.at(dueCell(0, dev)))
	}
	return t
}

// crowd is how many logins begin by the provider per second at the whole site
// when all is well, as far as this node can tell.
func (w *watch) crowd(peers *site) float64 {
	if peers == nil {
		return w.demand
	}
	return w.demand * float64(1+peers.nodes)
}

// lane is one lane over all devices.
func (s *sample) lane(lane int) share {
	var all share
	for dev := range devices {
		all = all.add(s.at(callCell(lane, dev)))
	}
	return all
}

// pool adds what other nodes of the site counted to our own. With three nodes or
// more, none counts for more than twice the median, and failures count against
// the provider only if most nodes see them: otherwise what is left is alone, which
// is a node's own for calls, and nothing for returns, of which no node sees all.
func pool(own share, others []share, limit float64, alone share) share {
	var room [maxSiteNodes + 1]int
	counts := room[:0]
	for i := -1; i < len(others); i++ {
		if s := nth(own, others, i); s.n > 0 {
			counts = append(counts, s.n)
		}
	}
	most := math.MaxInt
	if len(counts) >= 3 {
		most = 2 * median(counts)
	}
	var sum share
	leaning, nodes := 0, len(counts)
	for i := -1; i < len(others); i++ {
		s := nth(own, others, i)
		if s.n == 0 {
			continue
		}
		if s.n > most {
			s = share{most, int(math.Round(s.part() * float64(most)))}
		}
		sum = sum.add(s)
		if s.part() > limit {
			leaning++
		}
	}
	if nodes >= 3 && leaning*2 <= nodes && sum.part() > limit {
		return alone
	}
	return sum
}

// nth is the i-th of others, and own before the first of them.
func nth(own share, others []share, i int) share {
	if i < 0 {
		return own
	}
	return others[i]
}

// refusedLately tells whether we were refused for our own mistakes a short while
// before at, a time since the board began.
func (w *watch) refusedLately(at time.Duration) bool {
	last := w.oursAt.Load()
	return last != 0 && at-time.Duration(last) <= oursFresh
}
