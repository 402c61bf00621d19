package health

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Bounds of what is kept of other nodes, and for how long.
const (
	maxNodes     = 256
	maxSiteNodes = 64

	recordFresh = 30 * time.Second // by our clock since the record with the highest number arrived
	recordKept  = 10 * time.Minute // its number is remembered: nothing older is believed

	// issuedWithin bounds how far from our clock a node's first record may have
	// been issued. See DESIGN.md: it is the only place where clocks of two
	// machines meet, it is minutes wide, and past it a record is no news rather
	// than bad news.
	issuedWithin = 5 * time.Minute

	differsLong = 2 * time.Minute
)

type nodeName struct{ site, node string }

// held is the latest record of one node.
type held struct {
	record

	message []byte // signed, as it came
	arrived time.Time
	about   []*entry    // by the board's index of providers; nil where it says nothing
	differs []time.Time // per provider, since when it disagrees with its site
	warned  bool        // the log knows
}

func (h *held) fresh(now time.Time) bool { return now.Sub(h.arrived) <= recordFresh }

// peers are the latest records of all other nodes.
type peers struct {
	held  map[nodeName]*held
	index map[uint32]int  // the board's index of a provider by its name in records
	own   string          // this site
	far   map[string]bool // other sites that were ever heard; there are as many as are configured
}

var (
	errOld  = errors.New("health: record is not newer")
	errLate = fmt.Errorf("%w: issued too long ago for a first contact", ErrRecord)
	errFull = fmt.Errorf("%w: too many nodes", ErrRecord)
)

// known tells whether a record brings nothing: its number is below the one that
// is held, or it is the same record.
func (p *peers) known(r *record, message []byte) bool {
	h := p.held[nodeName{r.site, r.node}]
	if h == nil {
		return false
	}
	switch c := r.compare(&h.record); {
	case c != 0:
		return c < 0
	default:
		// A node that signs two records under one number is broken. Everybody
		// keeps the same one, whichever came first.
		return bytes.Compare(message, h.message) <= 0
	}
}

// merge keeps the record if it is newer than what is held of its node. Merging
// is commutative, associative and idempotent. It reports whether the node now
// says another state of any provider than before.
func (p *peers) merge(r record, message []byte, now time.Time) (turned bool, err error) {
	name := nodeName{r.site, r.node}
	old := p.held[name]
	h := &held{record: r, message: bytes.Clone(message), arrived: now}
	switch {
	case p.known(&r, message):
		return false, errOld
	case old != nil:
		if r.compare(&old.record) == 0 {
			h.arrived = old.arrived // only a growing number prolongs a record's life
		}
		h.differs, h.warned = old.differs, old.warned
	default:
		if away := now.Sub(time.Unix(int64(r.issued), 0)); away > issuedWithin || away < -issuedWithin {
			return false, errLate
		}
		if len(p.held) >= maxNodes || p.nodes(r.site) >= maxSiteNodes {
			return false, errFull
		}
	}
	if r.site != p.own {
		p.far[r.site] = true
	}
	h.about = make([]*entry, len(p.index))
	for i := range h.entries {
		if at, ok := p.index[h.entries[i].name]; ok {
			h.about[at] = &h.entries[i]
		}
	}
	if h.differs == nil {
		h.differs = make([]time.Time, len(p.index))
	}
	p.held[name] = h
	return h.turns(old, now), nil
}

func (h *held) turns(old *held, now time.Time) bool {
	for i, e := range h.about {
		before, after := Unknown, Unknown
		if old != nil && old.fresh(now) && old.about[i] != nil {
			before = old.about[i].state
		}
		if e != nil {
			after = e.state
		}
		if before != after {
			return true
		}
	}
	return false
}

// silent tells whether other sites were heard once and none is heard now.
func (p *peers) silent(now time.Time) bool {
	for name, h := range p.held {
		if name.site != p.own && h.fresh(now) {
			return false
		}
	}
	return len(p.far) > 0
}

func (p *peers) nodes(site string) int {
	n := 0
	for name := range p.held {
		if name.site == site {
			n++
		}
	}
	return n
}

// forget drops what nobody has prolonged for so long that a record of that age
// would not be believed at first contact either.
func (p *peers) forget(now time.Time) {
	maps.DeleteFunc(p.held, func(_ nodeName, h *held) bool { return now.Sub(h.arrived) > recordKept })
}

// sorted returns what is held, by site and node.
func (p *peers) sorted() []*held {
	return slices.SortedFunc(maps.Values(p.held), func(a, b *held) int {
		return cmp.Or(cmp.Compare(a.site, b.site), cmp.Compare(a.node, b.node))
	})
}

// poll is how the nodes of one site stand on one provider.
type poll struct {
	states  [Down + 1]int
	step    uint8
	devices deviceSet
}

func (p *poll) add(e *entry) {
	p.states[e.state]++
	if e.state >= Degraded {
		p.step, p.devices = e.step, p.devices|e.devices
	}
}

// evidence is how many of the nodes know anything.
func (p *poll) evidence() int { return p.states[Up] + p.states[Degraded] + p.states[Down] }

// state is what most nodes with evidence hold.
func (p *poll) state() State {
	known := p.evidence()
	switch {
	case known == 0:
		return Unknown
	case p.states[Down]*2 > known:
		return Down
	case (p.states[Down]+p.states[Degraded])*2 > known:
		return Degraded
	}
	return Up
}

func (p *poll) finding() finding {
	f := finding{state: p.state(), by: byCalls}
	if f.state >= Degraded {
		f.step, f.devices = wireSteps[p.step], p.devices
		f.cause = CauseProvider
		if f.state == Degraded {
			f.cause = CausePartial
		}
	}
	return f
}

// sum adds what a node of our own site counted about a provider.
func (s *site) sum(e *entry) {
	for g, c := range e.calls {
		s.calls[groupLanes[g]] = append(s.calls[groupLanes[g]], c)
	}
	for age, d := range e.due {
		s.due[age] = append(s.due[age], d)
	}
	s.passed = s.passed || e.state == Up || e.state == Degraded
}

// median sorts of.
func median(of []int) int {
	slices.Sort(of)
	return of[len(of)/2]
}
