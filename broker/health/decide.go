package health

import "time"

// news is what the board makes of most sites saying "down": this site's own
// probe is asked, and until it has answered the provider yields some of its
// logins. Nothing that peers say alone does more, or lasts longer.
type news struct {
	since time.Time // when most sites began to say so; zero when they do not
	last  time.Time // when the provider last yielded for it
	over  bool
}

const (
	answerWithin = 5 * time.Second
	newsRest     = time.Minute // peers that change their minds cannot keep a provider yielding
)

// advance tells whether an answer is awaited at now. answered reports whether
// our own probes or logins showed since a moment that the provider lives.
func (n *news) advance(now time.Time, down bool, answered func(since time.Time) bool) bool {
	if !down {
		n.since = time.Time{}
		return false
	}
	if n.since.IsZero() {
		n.since = now
		n.over = !n.last.IsZero() && now.Sub(n.last) < newsRest
		if !n.over {
			n.last = now
		}
	}
	n.over = n.over || now.Sub(n.since) >= answerWithin || answered(n.since)
	return !n.over
}

// votes is how the other sites stand on one provider, one vote each; those
// without fresh evidence have none.
type votes struct{ up, down int }

// global is what more than half of the sites with evidence hold, our own
// included, where at least two must agree that it is down.
func (v votes) global(local State) State {
	if local != Unknown {
		v = v.with(local)
	}
	switch {
	case v.down >= 2 && v.down*2 > v.up+v.down:
		return Down
	case v.up > 0:
		return Up
	}
	return Unknown
}

func (v votes) with(s State) votes {
	if s == Down {
		v.down++
	} else {
		v.up++
	}
	return v
}

func (v votes) others() int { return v.up + v.down }

// view is all that a verdict depends on.
type view struct {
	local    finding // after hysteresis
	phase    phase
	weight   float64 // what the phase allows
	votes    votes
	isolated bool
	alone    bool // it works for most other nodes of this site
	awaited  bool // most sites say down, our own answer is awaited
	failing  bool // our own latest probe failed
	sighted  bool // a shallow probe of ours succeeds
}

const (
	weightPeers      = 0.25 // most sites say down, we know nothing
	weightPeersAgree = 0.50 // most sites say down, we say up
)

// decide is the table of verdicts: this site's own state against the others'.
func decide(v view) (State, Cause, float64) {
	switch v.local.state {
	case Down:
		switch {
		case v.isolated: // every way fails alike: the configured order is as good as any
			return Unknown, CauseIsolated, 1
		case v.phase == trial:
			return Down, CauseTrial, v.weight
		case v.alone || v.votes.others() > 0 && v.votes.global(Down) != Down:
			return Down, CauseCutOff, shareHeld
		default:
			return Down, v.local.cause, shareHeld
		}
	case Degraded:
		return Degraded, v.local.cause, min(v.weight, shareDegraded)
	case Up:
		if v.awaited {
			return Up, CausePeers, min(v.weight, weightPeersAgree)
		}
		return Up, CauseNone, v.weight
	case Unknown:
	}
	down := v.votes.global(Unknown) == Down
	switch {
	case down && v.failing: // no longer their word alone
		return Degraded, CausePeers, weightPeers
	case v.awaited:
		return Unknown, CausePeers, weightPeers
	case v.sighted && v.votes.up > 0 && !down:
		return Up, CauseNone, v.weight
	}
	return Unknown, CauseNone, v.weight
}

// isolated tells whether the trouble is this site's own network: the canaries
// fail too, and so does more than one provider, or all that are known, or one
// that works from elsewhere.
func isolated(canariesFail bool, down, known, cutOff int) bool {
	return canariesFail && down > 0 && (down >= 2 || down == known || cutOff > 0)
}
