package probe

import (
	"slices"
	"time"

	"github.com/bongsu/bongsu/providers"
)

// never is far enough away to be woken by nothing but a hurry.
const never = 24 * time.Hour

// pace decides when one provider is asked what. It is not safe for concurrent
// use and reads no clock.
type pace struct {
	levels []providers.Level // allowed, cheapest first
	lead   func() bool
	turn   func(time.Time) bool

	shallow time.Time // when connection and metadata are due
	deep    time.Time // when the interval of the deep probes comes that was not looked at yet

	suspect   *suspicion // nil while healthy
	trusted   time.Time  // when the last suspicion ended
	sent      []time.Time
	asked     map[providers.Level]time.Time // when each level was last asked
	silent    time.Time                     // the provider wants to be left alone until then
	slower    int                           // how often the pace is halved
	unrefused int                           // probes since the last refusal
}

// suspicion is what is known since a provider was suspected.
type suspicion struct {
	began   time.Time
	failing time.Time // of the first failure of those now running; zero when the last answers were good
	failed  bool      // there was one: what failed is to prove itself
	atOnce  bool      // the first round is still to come
	next    time.Time
	last    map[providers.Level]providers.Outcome
	deepest time.Time // when the deepest level was last asked
	good    int       // moments at which all was good, in a row
	counted time.Time // the latest of them
}

func newPace(levels []providers.Level, lead func() bool, turn func(time.Time) bool, now time.Time) *pace {
	first := now.Add(about(time.Second)) // nothing deep before: what it needs to know stands in the metadata
	return &pace{levels: levels, lead: lead, turn: turn, shallow: first, deep: first, asked: map[providers.Level]time.Time{}}
}

// isDeep reports whether a level costs the provider more than a document. Where
// there is no document to read, the login page stands in: a connection alone
// would not show that nobody answers.
func (p *pace) isDeep(l providers.Level) bool {
	return l == providers.LevelToken || l == providers.LevelAuthorize && slices.Contains(p.levels, providers.LevelMetadata)
}

// due returns the levels to ask now, all at once if together is set, and
// otherwise how long to wait before looking again.
func (p *pace) due(now time.Time) (levels []providers.Level, together bool, wait time.Duration) {
	if len(p.levels) == 0 {
		return nil, false, never
	}
	if left := p.silent.Sub(now); left > 0 {
		return nil, false, left
	}
	if left := p.full(now); left > 0 {
		return nil, false, left
	}
	if p.suspect != nil {
		return p.dueSuspected(now)
	}
	return p.dueHealthy(now)
}

// full returns how long the provider has had enough probes for, and forgets
// those that are a minute old.
func (p *pace) full(now time.Time) time.Duration {
	p.sent = slices.DeleteFunc(p.sent, func(at time.Time) bool { return now.Sub(at) >= time.Minute })
	if allowed := p.allowed(); len(p.sent) >= allowed {
		return p.sent[len(p.sent)-allowed].Add(time.Minute).Sub(now)
	}
	return 0
}

func (p *pace) allowed() int { return max(1, PerMinute>>p.slower) }

func (p *pace) dueHealthy(now time.Time) ([]providers.Level, bool, time.Duration) {
	var levels []providers.Level
	if !now.Before(p.shallow) {
		first := !p.deep.After(p.shallow) && p.sent == nil // a process that has just begun asks everything once
		p.shallow = now.Add(about(ShallowEvery << p.slower))
		if p.lead() {
			levels = p.some(func(l providers.Level) bool { return first || !p.isDeep(l) })
		}
		if first {
			p.deep = p.nextInterval(now)
		}
	}
	if !now.Before(p.deep) {
		p.deep = p.nextInterval(now)
		if p.lead() && p.turn(now) {
			levels = append(levels, p.some(p.isDeep)...)
		}
	}
	if len(levels) == 0 {
		return nil, false, min(p.shallow.Sub(now), p.deep.Sub(now))
	}
	return p.take(levels, now), false, 0
}

// nextInterval returns a moment early in the next interval of the deep probes.
// A halved pace leaves intervals out.
func (p *pace) nextInterval(now time.Time) time.Time {
	start := now.Truncate(DeepEvery).Add(DeepEvery << p.slower)
	return start.Add(about(DeepEvery / 8))
}

func (p *pace) some(wanted func(providers.Level) bool) []providers.Level {
	var levels []providers.Level
	for _, l := range p.levels {
		if wanted(l) {
			levels = append(levels, l)
		}
	}
	return levels
}

// dueSuspected asks everything once and then one level at a time. A node that
// does not lead leaves the rest to the one that does.
func (p *pace) dueSuspected(now time.Time) ([]providers.Level, bool, time.Duration) {
	s := p.suspect
	if s.atOnce {
		s.atOnce = false
		s.next = p.afterLast(now)
		levels := p.some(func(l providers.Level) bool { _, asked := s.last[l]; return !asked })
		if room := p.allowed() - len(p.sent); len(levels) > room {
			levels = levels[len(levels)-room:]
		}
		if len(levels) > 0 {
			return p.take(levels, now), true, 0
		}
	}
	if !p.lead() {
		p.trust(now)
		return nil, false, min(p.shallow.Sub(now), p.deep.Sub(now))
	}
	if left := s.next.Sub(now); left > 0 {
		return nil, false, left
	}
	every := HurriedEvery
	if !s.failing.IsZero() && now.Sub(s.failing) >= settled {
		every = SettledEvery
	}
	s.next = now.Add(about(every << p.slower))
	return p.take([]providers.Level{p.suspected(now)}, now), false, 0
}

// suspected returns the level that is asked next: the deepest that fails,
// because its recovery proves most; else one that was not asked yet, one that was
// good so long ago that it says nothing about now, one where the trouble is ours,
// or the deepest that was good. One that cannot be told is not insisted on,
// and the deepest is never forgotten: a front door that fails says nothing about
// what lies behind it, nor does what lies behind it about the door.
func (p *pace) suspected(now time.Time) providers.Level {
	if now.Sub(p.suspect.deepest) >= deepAtLeast {
		return p.levels[len(p.levels)-1]
	}
	for _, wanted := range []func(l providers.Level, outcome providers.Outcome, asked bool) bool{
		func(_ providers.Level, outcome providers.Outcome, _ bool) bool { return outcome.Theirs() },
		func(_ providers.Level, _ providers.Outcome, asked bool) bool { return !asked },
		func(l providers.Level, outcome providers.Outcome, _ bool) bool {
			return outcome == providers.OK && p.neglected(l, now)
		},
		func(_ providers.Level, outcome providers.Outcome, _ bool) bool { return outcome == providers.Ours },
		func(_ providers.Level, outcome providers.Outcome, _ bool) bool { return outcome == providers.OK },
	} {
		for _, l := range slices.Backward(p.levels) {
			if outcome, asked := p.suspect.last[l]; wanted(l, outcome, asked) {
				return l
			}
		}
	}
	return p.levels[len(p.levels)-1]
}

// neglected tells whether a level was not asked for so long that it has to be,
// though it was good. Suspicions can follow each other without an end, in which
// nothing is asked by the clock.
func (p *pace) neglected(l providers.Level, now time.Time) bool {
	most := shallowNeglected
	if p.isDeep(l) {
		most = deepNeglected
	}
	return !p.suspect.failed && now.Sub(p.asked[l]) >= most
}

func (p *pace) take(levels []providers.Level, now time.Time) []providers.Level {
	for _, l := range levels {
		p.sent = append(p.sent, now)
		p.asked[l] = now
		if p.suspect != nil && l == p.levels[len(p.levels)-1] {
			p.suspect.deepest = now
		}
	}
	return levels
}

// hurry makes the provider suspect. One that is already is not asked more often,
// and one that was a moment ago goes on where that ended.
func (p *pace) hurry(now time.Time) {
	if p.suspect != nil {
		return
	}
	p.suspect = &suspicion{began: now, last: map[providers.Level]providers.Outcome{}}
	if p.trusted.IsZero() || now.Sub(p.trusted) >= ShallowEvery {
		p.suspect.atOnce = true
		return
	}
	p.suspect.next = p.afterLast(now)
	for _, l := range p.levels {
		p.suspect.last[l] = providers.OK
	}
}

// afterLast returns when a probe is due that follows the last one hurriedly.
func (p *pace) afterLast(now time.Time) time.Time {
	if n := len(p.sent); n > 0 {
		return p.sent[n-1].Add(about(HurriedEvery << p.slower))
	}
	return now
}

// trust ends a suspicion.
func (p *pace) trust(now time.Time) {
	p.suspect, p.trusted = nil, now
	p.shallow = now.Add(about(ShallowEvery << p.slower))
	p.deep = p.nextInterval(now)
}

// told takes an answer. A provider that fails is suspect from now on.
func (p *pace) told(answer providers.Probed, now time.Time) {
	p.minded(answer, now)
	if answer.Outcome.Theirs() && p.suspect == nil {
		p.suspect = &suspicion{began: now, atOnce: true, last: map[providers.Level]providers.Outcome{}}
		p.suspect.next = p.afterLast(now) // the others are asked now
	}
	s := p.suspect
	if s == nil {
		return
	}
	s.last[answer.Level] = answer.Outcome
	for _, outcome := range s.last {
		if outcome.Theirs() {
			s.good, s.failed = 0, true
			if s.failing.IsZero() {
				s.failing = now
			}
			return
		}
	}
	if !s.failing.IsZero() {
		s.failing, s.began = time.Time{}, now
		s.next = p.afterLast(now)
	}
	if answer.Outcome == providers.OK && now.Sub(s.counted) >= HurriedEvery*4/5 {
		s.good, s.counted = s.good+1, now
	}
	if s.good >= enough || now.Sub(s.began) >= settled {
		p.trust(now)
	}
}

// minded keeps away from a provider that refuses probes. One that fails and asks
// for time gets it as soon as it was asked often enough to be sure: a quiet site
// would otherwise not know for all that time.
func (p *pace) minded(answer providers.Probed, now time.Time) {
	if answer.Outcome.Theirs() && answer.RetryAfter > 0 && p.failingFor(now) < 2*HurriedEvery {
		return
	}
	if answer.RetryAfter <= 0 {
		if p.unrefused++; p.unrefused >= calm && p.slower > 0 {
			p.unrefused = 0
			p.slower--
		}
		return
	}
	p.unrefused = 0
	p.slower = min(p.slower+1, maxSlower)
	if until := now.Add(min(answer.RetryAfter, maxSilence)); until.After(p.silent) {
		p.silent = until
	}
}

// failingFor is how long the failures that are known have lasted.
func (p *pace) failingFor(now time.Time) time.Duration {
	if p.suspect == nil || p.suspect.failing.IsZero() {
		return 0
	}
	return now.Sub(p.suspect.failing)
}
