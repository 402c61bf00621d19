package health

import (
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
	Nodes    int            `json:"nodes"`    // of this site, summed
	Ours     uint64         `json:"ours"`     // failures of our own making since the start: page the operator
	Suspects bool           `json:"suspects"` // something speaks against the provider

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
