package health

import (
	"context"
	"log/slog"
	"time"
)

// maxCatchUp is how many seconds a late tick takes in one by one.
const maxCatchUp = 61

// Tick evaluates everything at Now: it takes in the seconds that ended since the
// last one, judges, decides, and publishes what changed. [Board.Run] calls it
// every second; a replay calls it itself.
func (b *Board) Tick() {
	now := b.o.Now()
	b.mu.Lock()
	changes, hurried := b.tick(now)
	message, send := b.publish(now), b.send
	b.mu.Unlock()
	// Nobody is called while the lock is held: whoever listens may ask back.
	if message != nil {
		send(message)
	}
	for _, provider := range hurried {
		b.o.Suspect(provider)
	}
	for _, t := range changes {
		b.o.Logger.LogAttrs(context.Background(), slog.LevelInfo, "provider's state changed",
			slog.String("provider", t.Provider), slog.String("from", t.From.String()), slog.String("to", t.To.String()),
			slog.String("cause", string(t.Cause)), slog.String("step", string(t.Step)))
		b.o.Changed(t)
	}
}

// tick does the work of Tick, and returns what changed and what should be probed.
// The caller holds mu.
func (b *Board) tick(now time.Time) (changes []Transition, hurried []string) {
	b.peers.forget(now)
	polls := b.polls(now)
	b.takeIn(now, polls)
	b.isolate(now, polls)
	for i, w := range b.watches {
		if t, changed := b.settle(now, w, &polls[i]); changed {
			changes = append(changes, t)
		}
		wait := hurryRumour
		if !w.news.over && w.news.since.Equal(now) { // most sites begin to say down
			wait = hurryAgain
		}
		if w.suspect && b.mayHurry(w, now, wait) {
			hurried = append(hurried, w.info.ID)
		}
	}
	b.snapshot.Store(b.picture(now))
	return changes, hurried
}

// takeIn moves every window on to the second that has just ended.
func (b *Board) takeIn(now time.Time, polls []stand) {
	ended := b.second(now) - 1
	missed := ended - b.ticked + 1
	if missed <= 0 {
		return
	}
	b.ticked = ended + 1
	for i, w := range b.watches {
		w.contest(now, polls[i].votes)
		var s sample
		w.stripes.drain(&s)
		w.funnel.mature(ended, &s)
		for range min(missed, maxCatchUp) {
			w.second(now, &s, &polls[i].site, 2*b.rand.Float64()-1)
			s = sample{} // what happened meanwhile is counted once
		}
	}
}

// contest takes note of whether any other site says that the provider is down.
func (w *watch) contest(now time.Time, v votes) {
	switch {
	case v.down == 0:
		w.contested = time.Time{}
	case w.contested.IsZero():
		w.contested = now
	}
	w.backed = v.global(Unknown) == Down
}

// unanswered reports whether another site says "down", and neither a login nor a
// deep probe of ours has shown the contrary since: it may have met what nobody
// here has met yet.
func (w *watch) unanswered(now time.Time) bool {
	return now.Sub(w.contested) >= contestedAsk && !w.workAt.After(w.contested) && !w.probes.deepAt.After(w.contested)
}

// isolate finds out whether this site is cut off from more than a provider.
func (b *Board) isolate(now time.Time, polls []stand) {
	down, known, cutOff := 0, 0, 0
	for i, w := range b.watches {
		local := w.standing(polls[i].site.settled)
		if local.state != Unknown {
			known++
		}
		if local.state == Down {
			down++
			if v := polls[i].votes; v.others() > 0 && v.global(Down) != Down {
				cutOff++
			}
		}
	}
	was := b.isolated
	b.isolated = isolated(b.canariesFail(now), down, known, cutOff) ||
		down >= 2 && down == known && !b.asksCanaries(now) && b.peers.silent(now)
	if was && !b.isolated && !b.canariesFail(now) {
		for _, w := range b.watches {
			w.absolve(now)
		}
	}
}

// absolve forgets what spoke against a provider while the network was at fault.
func (w *watch) absolve(now time.Time) {
	w.window, w.before, w.since, w.phased = window{}, 0, sample{}, 0
	w.gate = gate{since: now, aged: now}
	w.found, w.local = finding{}, finding{}
}

// standing is this site's own state of the provider: this node's evidence, and
// where it has none, what most other nodes of the site found.
func (w *watch) standing(settled finding) finding {
	if w.local.state == Unknown {
		return settled
	}
	return w.local
}

// settle makes the verdict on one provider.
func (b *Board) settle(now time.Time, w *watch, s *stand) (Transition, bool) {
	local := w.standing(s.site.settled)
	down := s.votes.global(local.state) == Down
	v := view{
		local: local, phase: w.gate.phase, weight: w.gate.weight(w.crowd(&s.site)),
		votes: s.votes, isolated: b.isolated,
		alone:   s.site.settled.state == Up && s.polls[0].evidence() >= 2,
		failing: w.probes.failing(now, 1) >= 0,
		sighted: !w.probes.okAt.IsZero() && now.Sub(w.probes.okAt) <= sightFresh,
		awaited: w.news.advance(now, down && local.state < Degraded, func(since time.Time) bool {
			return w.probes.answered(since) || w.workAt.After(since)
		}),
	}
	state, cause, weight := decide(v)
	w.said = w.saying(now, b.isolated)
	w.suspect = w.suspect || v.awaited || s.votes.down > 0 && (local.state != Up || w.unanswered(now))
	before := w.verdict
	w.verdict = Verdict{
		Provider: w.info.ID, State: state, Cause: cause, Weight: weight,
		Trial:     state == Down && cause == CauseTrial,
		Suspected: w.suspect,
		Ours:      w.refusedLately(now.Sub(b.began)),
		Since:     before.Since, Checked: w.checked(),
	}
	if state >= Degraded {
		w.verdict.Step, w.verdict.Devices = local.step, local.devices.classes()
	}
	if state == before.State {
		return Transition{}, false
	}
	w.verdict.Since = now
	return Transition{Provider: w.info.ID, From: before.State, To: state, Cause: cause, Step: w.verdict.Step, At: now}, true
}

// saying is the state in our record: our own evidence, and nothing when our
// network or our settings are at fault.
func (w *watch) saying(now time.Time, isolated bool) State {
	switch {
	case isolated && w.local.state == Down:
		return Unknown
	case w.local.cause == CauseOurs:
		return w.alive(now)
	}
	return w.local.state
}

func (w *watch) checked() time.Time {
	latest := w.workAt
	for i := range w.probes.levels {
		if at := w.probes.levels[i].at; at.After(latest) {
			latest = at
		}
	}
	return latest
}

// stand is how everybody else stands on one provider.
type stand struct {
	site  site
	polls []poll // by the board's index of sites
	votes votes
}

// polls asks all unexpired records.
func (b *Board) polls(now time.Time) []stand {
	stands := make([]stand, len(b.watches))
	polls := make([]poll, len(b.watches)*len(b.sites))
	for i := range stands {
		stands[i].polls = polls[i*len(b.sites) : (i+1)*len(b.sites)]
	}
	fresh := make(map[string]int, len(b.sites))
	for i, site := range b.sites {
		fresh[site] = i
	}
	for _, h := range b.peers.held {
		at, known := fresh[h.site]
		if !known || !h.fresh(now) {
			continue
		}
		for i, e := range h.about {
			if at == 0 {
				stands[i].site.nodes++
			}
			if e == nil {
				continue
			}
			stands[i].polls[at].add(e)
			if at == 0 {
				stands[i].site.sum(e)
			}
		}
	}
	for i := range stands {
		s := &stands[i]
		s.site.settled = s.polls[0].finding()
		for at := 1; at < len(b.sites); at++ {
			if state := s.polls[at].state(); state != Unknown {
				s.votes = s.votes.with(state)
			}
		}
	}
	b.disagree(now, stands, fresh)
	return stands
}

// disagree finds nodes that for long have held another state than most of their
// site: one of them is broken, or lies.
func (b *Board) disagree(now time.Time, stands []stand, index map[string]int) {
	nodes := 0
	for _, h := range b.peers.held {
		odd := false
		for i, e := range h.about {
			s := &stands[i].polls[index[h.site]]
			if !h.fresh(now) || e == nil || s.evidence() < 3 || e.state == Unknown || (e.state == Down) == (s.state() == Down) {
				h.differs[i] = time.Time{}
				continue
			}
			if h.differs[i].IsZero() {
				h.differs[i] = now
			}
			odd = odd || now.Sub(h.differs[i]) >= differsLong
		}
		if odd && !h.warned {
			b.o.Logger.LogAttrs(context.Background(), slog.LevelWarn, "a node disagrees with its site for two minutes",
				slog.String("site", h.site), slog.String("node", h.node))
		}
		h.warned = odd
		if odd {
			nodes++
		}
	}
	b.metrics.differs.Store(int64(nodes))
}

// canariesFail tells whether our network is at fault, by our own canaries or,
// where this node asks none, by those of other nodes of the site.
func (b *Board) canariesFail(now time.Time) bool {
	if b.canaries.fresh(now) {
		return b.canaries.Failing
	}
	for name, h := range b.peers.held {
		if name.site == b.o.Site && h.fresh(now) && h.asked > 0 {
			return h.cut()
		}
	}
	return false
}

// asksCanaries tells whether anybody at this site asks canaries.
func (b *Board) asksCanaries(now time.Time) bool {
	if b.canaries.fresh(now) {
		return true
	}
	for name, h := range b.peers.held {
		if name.site == b.o.Site && h.fresh(now) && h.asked > 0 {
			return true
		}
	}
	return false
}

const canariesFresh = 90 * time.Second

func (c Canaries) fresh(now time.Time) bool {
	return c.Asked > 0 && now.Sub(c.At) <= canariesFresh
}

// cut tells whether a node's canaries fail.
func (r *record) cut() bool { return r.asked > 0 && r.reached*3 < r.asked }
