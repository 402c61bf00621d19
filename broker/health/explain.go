package health

import (
	"slices"
	"time"

	"github.com/bongsu/bongsu/broker/device"
	"github.com/bongsu/bongsu/providers"
)

// Explanation is every number behind one verdict.
type Explanation struct {
	At       time.Time `json:"at"`
	Site     string    `json:"site"`
	Node     string    `json:"node"`
	Domains  []string  `json:"domains,omitempty"`
	Verdict  Verdict   `json:"verdict"`
	Local    Local     `json:"local"`
	Gate     Gate      `json:"gate"`
	Global   Global    `json:"global"`
	Canaries Canaries  `json:"canaries"`
}

// Local is the evidence of this site.
type Local struct {
	State    State          `json:"state"` // before hysteresis
	Cause    Cause          `json:"cause,omitempty"`
	Step     providers.Step `json:"step,omitempty"`
	Devices  []device.Class `json:"devices,omitempty"`
	Nodes    int            `json:"nodes"`           // of this site, summed
	Ours     uint64         `json:"ours"`            // failures of our own making since the start: page the operator
	Muted    uint64         `json:"muted,omitempty"` // failures since the start that did not count: too many came from one neighbourhood
	Suspects bool           `json:"suspects"`        // something speaks against the provider

	Calls   []Share  `json:"calls"`   // per step of server-to-server calls and refused callbacks
	Returns []Share  `json:"returns"` // per age: starts that did not come back
	Probes  []Streak `json:"probes"`  // per level

	P95     time.Duration `json:"p95"`     // of our calls; zero when there were none
	Started float64       `json:"started"` // logins begun per second at this node, learnt while it was up
}

// Share is one failure share and its bounds.
type Share struct {
	Step   providers.Step `json:"step,omitempty"`
	Device device.Class   `json:"device,omitempty"` // empty: all devices
	Age    time.Duration  `json:"age,omitempty"`    // of returns: the age they are judged at
	Window time.Duration  `json:"window"`
	N      int            `json:"n"`
	Failed int            `json:"failed"`
	Lower  float64        `json:"lower"`  // 99.9 % Wilson lower bound of the share
	Limit  float64        `json:"limit"`  // above which the share trips
	Usual  float64        `json:"usual"`  // the learnt loss; zero for calls
	Enough bool           `json:"enough"` // there are samples enough to judge
	Trips  bool           `json:"trips"`
}

// Streak is how the probes of one level go.
type Streak struct {
	Level   providers.Level   `json:"level"`
	Outcome providers.Outcome `json:"outcome"` // of the latest
	Code    string            `json:"code,omitempty"`
	At      time.Time         `json:"at"`
	Took    time.Duration     `json:"took"`
	Failed  int               `json:"failed"` // failures in a row, counted at most every 4 s
	Good    int               `json:"good"`   // successes in a row
}

// Gate is what hysteresis makes of the local state.
type Gate struct {
	Phase   string        `json:"phase"` // closed, hold, trial, ramp
	Since   time.Time     `json:"since"`
	Until   time.Time     `json:"until"`   // of a hold: when trials begin; of a ramp: its next step
	Hold    time.Duration `json:"hold"`    // how long the latest hold was, jitter included
	Relapse int           `json:"relapse"` // how often it fell again
	Penalty float64       `json:"penalty"` // flap damping: above 2,500 it is given at most a quarter until below 800
	Damped  bool          `json:"damped"`
	Trials  int           `json:"trials"`
	Passed  int           `json:"passed"` // of the trials
	Lower   float64       `json:"lower"`  // 95 % Wilson lower bound of the trials' success
}

// Global is how the sites vote.
type Global struct {
	State State  `json:"state"` // Down, Up or Unknown
	Sites int    `json:"sites"` // with fresh evidence, ours included
	Down  int    `json:"down"`
	Votes []Vote `json:"votes"`
}

// Vote is one site's, by the majority of its nodes with evidence.
type Vote struct {
	Site  string       `json:"site"`
	State State        `json:"state"`
	Nodes []NodeRecord `json:"nodes,omitempty"`
}

// NodeRecord is what one other node last said of the provider.
type NodeRecord struct {
	Node     string         `json:"node"`
	State    State          `json:"state"`
	Step     providers.Step `json:"step,omitempty"`
	Age      time.Duration  `json:"age"` // since it arrived, by our clock
	Starts   int            `json:"starts"`
	Returned int            `json:"returned"`
	Calls    int            `json:"calls"`
	Failed   int            `json:"failed"`
	Probes   int            `json:"probes"`
	ProbesOK int            `json:"probes_ok"`
	P95      time.Duration  `json:"p95"`
	Differs  time.Duration  `json:"differs,omitempty"` // for how long it has disagreed with its site
}

// Canaries is whether this site reaches the network at all.
type Canaries struct {
	Reached int       `json:"reached"`
	Asked   int       `json:"asked"`
	At      time.Time `json:"at"`
	Failing bool      `json:"failing"`
}

// Explain returns every number behind the verdict on a provider; false when the
// board does not know it.
func (b *Board) Explain(provider string) (Explanation, bool) {
	w := b.byID[provider]
	if w == nil {
		return Explanation{}, false
	}
	now := b.o.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.polls(now)[w.index]
	c := b.canaries
	c.Failing = b.canariesFail(now)
	return Explanation{
		At: now, Site: b.o.Site, Node: b.o.Node, Domains: slices.Clone(w.info.Domains), Verdict: w.verdict,
		Local: w.explain(&s.site), Gate: w.explainGate(now, &s.site), Global: b.explainGlobal(now, w, &s), Canaries: c,
	}, true
}

func (w *watch) explain(peers *site) Local {
	r := w.reading(peers)
	calls, dues := w.windows()
	l := Local{
		State: w.found.state, Cause: w.found.cause, Step: w.found.step, Devices: w.found.devices.classes(),
		Nodes: 1 + peers.nodes, Ours: w.ours.Load(), Muted: w.voices.muted.Load(), Suspects: w.suspect,
		P95: calls.p95(), Started: w.demand,
	}
	for lane, step := range laneSteps {
		s := Share{Step: step, Window: w.span(calls), Limit: callsLimit}
		l.Calls = append(l.Calls, s.of(r.calls[lane], callsEnough))
		for dev, class := range deviceClasses {
			if s.Device = class; r.callsBy[lane][dev].failed > 0 {
				l.Calls = append(l.Calls, s.of(r.callsBy[lane][dev], callsEnough))
			}
		}
	}
	for age, limit := range ageLimits {
		s := Share{Step: providers.StepAuthorize, Age: limit, Window: w.span(dues), Usual: mean(age, dues, w.usual.of), Limit: r.limit[age]}
		l.Returns = append(l.Returns, s.of(r.due[age], lossEnough))
		for dev, class := range deviceClasses {
			s.Device, s.Usual, s.Limit = class, w.usual.of(age, dev), r.limitBy[age][dev]
			if r.dueBy[age][dev].n > 0 {
				l.Returns = append(l.Returns, s.of(r.dueBy[age][dev], lossEnough))
			}
		}
	}
	for i := range w.probes.levels {
		if p := &w.probes.levels[i]; !p.at.IsZero() {
			l.Probes = append(l.Probes, Streak{
				Level: levelNames[i], Outcome: p.last.Outcome, Code: p.last.Code, At: p.at, Took: p.last.Took,
				Failed: p.failed.count, Good: p.good,
			})
		}
	}
	return l
}

// span is how long a window is.
func (w *watch) span(s *sample) time.Duration {
	if s == &w.window.short {
		return shortWindow * time.Second
	}
	return longWindow * time.Second
}

func (s Share) of(counted share, enough int) Share {
	s.N, s.Failed, s.Lower = counted.n, counted.failed, counted.lower(z999)
	s.Enough = counted.n >= enough
	s.Trips = counted.exceeds(s.Limit, enough, z999)
	return s
}

func (w *watch) explainGate(now time.Time, peers *site) Gate {
	g, t := &w.gate, w.tried(now, peers)
	e := Gate{
		Phase: phaseTexts[g.phase], Since: g.since, Until: g.until, Hold: g.length,
		Relapse: g.relapse, Penalty: g.penalty, Damped: g.damped,
	}
	counted := t.calls
	if g.fell.by == byReturns {
		counted = t.due
	}
	e.Trials, e.Passed, e.Lower = counted.n, counted.n-counted.failed, counted.success()
	return e
}

func (b *Board) explainGlobal(now time.Time, w *watch, s *stand) Global {
	local := w.standing(s.site.settled).state
	all := s.votes
	if local != Unknown {
		all = all.with(local)
	}
	g := Global{State: s.votes.global(local), Sites: all.others(), Down: all.down}
	for i, site := range b.sites {
		v := Vote{Site: site, State: s.polls[i].state()}
		if i == 0 {
			v.State = local
		}
		for _, h := range b.peers.sorted() {
			if e := h.about[w.index]; h.site == site && e != nil && h.fresh(now) {
				v.Nodes = append(v.Nodes, e.explain(h, w.index, now))
			}
		}
		g.Votes = append(g.Votes, v)
	}
	return g
}

func (e *entry) explain(h *held, index int, now time.Time) NodeRecord {
	n := NodeRecord{
		Node: h.node, State: e.state, Step: wireSteps[e.step], Age: now.Sub(h.arrived),
		Starts: e.due[1].n, Returned: e.due[1].n - e.due[1].failed,
		Probes: int(e.probes), ProbesOK: int(e.probesOK), P95: unpackP95(e.p95),
	}
	for _, c := range e.calls {
		n.Calls += c.n
		n.Failed += c.failed
	}
	if !h.differs[index].IsZero() {
		n.Differs = now.Sub(h.differs[index])
	}
	return n
}
