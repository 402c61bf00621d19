package keys

import (
	"cmp"
	"slices"
	"time"
)

// policy is how long keys stand where, for one site.
type policy struct {
	site          string
	algorithms    []Algorithm
	publishWindow time.Duration // least time in the key set before a key signs
	activeFor     time.Duration
	retireFor     time.Duration // a key stays in the key set this long after its last signature
}

// held is a key as the planner sees it.
type held struct {
	Record

	withdrawn bool // a negative fact says so, whatever the record says
	broken    bool // ours, and its private key is of no use
}

// gone reports whether the key has ended. A record without a state is one whose
// manifest could not be believed: only its generation counts.
func (h *held) gone() bool {
	return h.withdrawn || h.State == Removed || h.State == Withdrawn || h.State == ""
}

// public reports whether the key is in the key set.
func (h *held) public() bool {
	return !h.withdrawn && (h.State == Published || h.State == Active || h.State == Retiring)
}

// step is one change of the stored ring.
type step struct {
	algorithm  Algorithm
	generation int64
	keyID      string // "": a new key is to be made
	from       State  // "" for a new key
	to         State
	urgent     bool // nothing signs with the algorithm until it is done
	overdue    bool // it has waited for the other sites long enough
}

// line is the keys of one algorithm at one site, oldest generation first.
type line struct {
	algorithm Algorithm
	keys      []held
	elsewhere bool // another site has keys of the algorithm in the key set
}

// lines sorts out the keys of p's site: those of the algorithms asked for
// first, in their order, then others that are left over.
func lines(all []held, p policy) []line {
	wanted := slices.Clone(p.algorithms)
	for _, h := range all {
		if h.Site == p.site && !slices.Contains(wanted, h.Algorithm) {
			wanted = append(wanted, h.Algorithm)
		}
	}
	result := make([]line, 0, len(wanted))
	for _, a := range wanted {
		l := line{algorithm: a}
		for _, h := range all {
			switch {
			case h.Algorithm != a:
			case h.Site == p.site:
				l.keys = append(l.keys, h)
			case h.public():
				l.elsewhere = true
			}
		}
		slices.SortFunc(l.keys, func(a, b held) int { return cmp.Compare(a.Generation, b.Generation) })
		result = append(result, l)
	}
	return result
}

// signing returns the key to sign with, or nil: the youngest active one. When
// there is none although there must be, the next key signs at once.
func (l *line) signing() *held {
	var next *held
	for i := len(l.keys) - 1; i >= 0; i-- {
		h := &l.keys[i]
		if h.gone() || h.broken {
			continue
		}
		switch h.State {
		case Active:
			return h
		case Published:
			next = h
		}
	}
	if next != nil && l.pressing() {
		return next
	}
	return nil
}

// pressing reports whether a line without an active key may not wait for the
// publish window: websites had tokens of this site and want more, or nobody
// has ever seen a key of this algorithm. The first key of a new site among
// others waits, because websites already hold a key set without it.
func (l *line) pressing() bool {
	return !l.elsewhere || slices.ContainsFunc(l.keys, func(h held) bool { return !h.ActivatedAt.IsZero() })
}

// plan returns what is to be done now, in order; once it is done, plan is to be
// asked again. It is a pure function: every node of a site comes to the same
// plan, and the store lets only one of them carry out each step.
func plan(all []held, now time.Time, p policy) []step {
	var steps []step
	for _, l := range lines(all, p) {
		steps = append(steps, l.ends(now, p)...)
		if slices.Contains(p.algorithms, l.algorithm) {
			steps = append(steps, l.beginnings(now, p)...)
		}
	}
	return steps
}

// ends are the steps by which keys leave.
func (l *line) ends(now time.Time, p policy) []step {
	wanted := slices.Contains(p.algorithms, l.algorithm)
	signing := l.signing()
	var steps []step
	for i := range l.keys {
		h := &l.keys[i]
		if to := h.end(now, p, wanted, signing); to != "" {
			steps = append(steps, step{algorithm: l.algorithm, generation: h.Generation, keyID: h.KeyID, from: h.State, to: to})
		}
	}
	return steps
}

// end returns the state into which a key has to leave, or "".
func (h *held) end(now time.Time, p policy, wanted bool, signing *held) State {
	// Nobody asks for the algorithm any more. A node of an older release may
	// not ask for it yet another does: so only what nobody has rotated for a
	// while goes.
	forgotten := !wanted && passed(now, latest(h.CreatedAt, h.ActivatedAt), p.activeFor+p.retireFor)
	switch {
	case h.State == Removed || h.State == Withdrawn || h.State == "":
		return ""
	case h.withdrawn:
		return Withdrawn
	case h.State == Retiring:
		if passed(now, h.RetiringAt, p.retireFor) {
			return Removed
		}
	case h.State == Active:
		if h.broken || forgotten || (signing != nil && signing.State == Active && signing.Generation > h.Generation) {
			return Retiring
		}
	case h.broken || forgotten: // it has never signed
		return Removed
	}
	return ""
}

// beginnings are the steps by which keys come and begin to sign.
func (l *line) beginnings(now time.Time, p policy) []step {
	var steps []step
	var next, staged *held
	var last int64
	for i := range l.keys {
		h := &l.keys[i]
		last = max(last, h.Generation)
		switch {
		case h.gone() || h.broken:
		case h.State == Staged:
			staged = h
			steps = append(steps, l.advance(h, Published))
		case h.State == Published && next == nil:
			next = h
		}
	}
	signing := l.signing()
	if signing != nil && signing.State == Active {
		if next == nil && staged == nil {
			return append(steps, l.create(last+1, Staged))
		}
		if next != nil && passed(now, signing.ActivatedAt, p.activeFor) && passed(now, next.PublishedAt, p.publishWindow) {
			begin := l.advance(next, Active)
			begin.overdue = passed(now, latest(signing.ActivatedAt.Add(p.activeFor), next.PublishedAt.Add(p.publishWindow)), LongestWait)
			steps = append(steps, begin)
		}
		return steps
	}
	pressing := l.pressing()
	switch {
	case next != nil && (pressing || passed(now, next.PublishedAt, p.publishWindow)):
		begin := l.advance(next, Active)
		begin.overdue = passed(now, next.PublishedAt.Add(p.publishWindow), LongestWait)
		steps = append(steps, begin)
	case next == nil && staged == nil && pressing:
		steps = append(steps, l.create(last+1, Active))
	case next == nil && staged == nil:
		steps = append(steps, l.create(last+1, Staged))
	}
	for i := range steps {
		steps[i].urgent = pressing
	}
	return steps
}

func (l *line) advance(h *held, to State) step {
	return step{algorithm: l.algorithm, generation: h.Generation, keyID: h.KeyID, from: h.State, to: to}
}

func (l *line) create(generation int64, to State) step {
	return step{algorithm: l.algorithm, generation: generation, to: to}
}

// passed reports whether d has passed since t.
func passed(now, t time.Time, d time.Duration) bool { return !now.Before(t.Add(d)) }

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
